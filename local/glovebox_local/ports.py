"""Free ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOPBACK = "127.0.0.1"
_LOWEST = 10_240
_TRIES_PER_PORT = 200
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class _Chooser(Protocol):
    def sample(self, population: Sequence[int], k: int) -> list[int]: ...


def is_free(port: int) -> bool:
    """Tell whether a program could listen on that loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the programs themselves do: a connection in TIME_WAIT keeps nobody from listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_ports(
    names: Iterable[str], *, chooser: _Chooser | None = None, ceiling: int | None = None
) -> dict[str, int]:
    """Choose a different free port for each name.

    Below the range that the kernel takes outgoing ports from: a port that is free now would else be
    some client's the moment after. At random, so that two environments that start at once hardly
    meet.

    Args:
        names: What the ports are for; the keys of the result.
        chooser: Source of randomness.
        ceiling: First port not to choose; the start of the kernel's range for outgoing connections
            by default.

    Raises:
        LocalError: Not enough free ports were found.
    """
    wanted = list(names)
    population = range(_LOWEST, ceiling or _first_ephemeral_port())
    candidates = (chooser or random.SystemRandom()).sample(
        population, k=min(len(population), len(wanted) * _TRIES_PER_PORT)
    )
    free = (port for port in candidates if is_free(port))
    chosen = dict(zip(wanted, free, strict=False))
    if len(chosen) < len(wanted):
        raise LocalError(
            "Choosing ports",
            f"fewer than {len(wanted)} of {len(candidates)} ports tried on {LOOPBACK} are free",
        )
    return chosen


def _first_ephemeral_port() -> int:
    first = int(_EPHEMERAL_RANGE.read_text().split()[0]) if _EPHEMERAL_RANGE.exists() else 32_768
    # A machine may have widened that range to nearly everything; then there is no better place than
    # any.
    return first if first > _LOWEST + 4_096 else 65_536
