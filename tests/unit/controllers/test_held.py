"""Who keeps a resource from going is said at the same cost for three and for thousands."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.controllers.in_use import InUse
from glovebox.controllers.ports import Ports
from glovebox.controllers.reconcile import _held_by, _holders
from glovebox.kube.resources import Key
from glovebox.names import FINALIZER_IN_USE

HELD = {"metadata": {"finalizers": [FINALIZER_IN_USE]}}
FREE: dict[str, Any] = {"metadata": {"finalizers": []}}


class Crowd(AbstractSet[Key]):
    """Many users, which notice how many of them are looked at."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.looked = 0

    def __contains__(self, key: object) -> bool:
        raise NotImplementedError

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Key]:
        for one in range(self.number):
            self.looked += 1
            yield Key("Experiment", "team", f"e{one}")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, ""),
        (1, "in use by 1, among them Experiment/team/e0"),
        (10_000, "in use by more than 1000, among them Experiment/team/e0,"),
    ],
)
def test_some_are_named_and_not_all_are_looked_at(number: int, words: str) -> None:
    crowd = Crowd(number)
    said = _held_by(InUse(number, HELD, written=False), crowd)
    assert said.startswith(words)
    assert bool(said) is bool(number)
    assert crowd.looked <= 3


def test_of_what_is_to_stay_users_are_counted_and_none_is_looked_at() -> None:
    crowd, key = Crowd(10_000), Key("IsolationProfile", "", "standard")
    ports = cast("Ports", SimpleNamespace(resources=SimpleNamespace(users_of=lambda _: crowd)))

    assert len(_holders(ports, key, FREE)) == 10_000
    assert crowd.looked == 0


def test_what_bears_no_finalizer_is_held_by_nobody() -> None:
    assert _held_by(InUse(3, FREE, written=False), Crowd(3)) == ""


def test_users_that_only_the_live_list_knows_are_counted_without_a_name() -> None:
    assert _held_by(InUse(2, HELD, written=False), Crowd(0)) == "in use by 2"


def test_users_are_named_in_one_order() -> None:
    """Else each look has new words, and each is a write."""
    users = [Key("Experiment", "team", name) for name in "abc"]
    said = {_held_by(InUse(3, HELD, written=False), each) for each in (users, users[::-1])}
    assert len(said) == 1
