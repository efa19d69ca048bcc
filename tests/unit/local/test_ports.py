"""Ports: different, free, and not where the kernel takes outgoing connections from."""

from __future__ import annotations

import random
import socket

import pytest

from glovebox_local.errors import LocalError
from glovebox_local.ports import LOOPBACK, choose_ports, is_free


def test_every_name_gets_a_port_of_its_own() -> None:
    names = [f"port-{number}" for number in range(40)]
    chosen = choose_ports(names, chooser=random.Random(1))  # noqa: S311 - repeatable, and no secret
    assert list(chosen) == names
    assert len(set(chosen.values())) == len(names)


def test_ports_lie_below_the_range_of_outgoing_connections() -> None:
    chosen = choose_ports(["a", "b", "c"], chooser=random.Random(2), ceiling=12_000)  # noqa: S311 - as above
    assert all(10_240 <= port < 12_000 for port in chosen.values())


def test_a_port_that_somebody_listens_on_is_not_chosen() -> None:
    with socket.socket() as neighbour:
        neighbour.bind((LOOPBACK, 0))
        neighbour.listen()
        taken = neighbour.getsockname()[1]

        class Stubborn:
            def sample(self, population: object, k: int) -> list[int]:
                del population, k
                return [taken, free]

        free = choose_ports(["free"])["free"]
        assert not is_free(taken)
        assert choose_ports(["mine"], chooser=Stubborn()) == {"mine": free}


def test_too_few_free_ports_are_an_error_that_says_so() -> None:
    class Empty:
        def sample(self, population: object, k: int) -> list[int]:
            del population, k
            return []

    with pytest.raises(LocalError, match="fewer than 1"):
        choose_ports(["mine"], chooser=Empty())
