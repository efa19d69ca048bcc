"""A fight is slowed down, forgotten when it ends, and never leaves isolation open for long."""

from __future__ import annotations

import pytest

from glovebox.apply.fights import Fights
from glovebox.apply.managed import MANAGED
from glovebox.kube.objects import ObjectKey

POLICY = ObjectKey("NetworkPolicy", "gbx-x", "glovebox-default-deny")
ACCOUNT = ObjectKey("ServiceAccount", "gbx-x", "run")


class Clocked:
    """Fights with a clock of their own."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.fights = Fights(lambda: self.now)

    def pause(self, key: ObjectKey) -> float:
        return self.fights.pause(MANAGED[key.kind], key)

    def repaired(self, key: ObjectKey, times: int) -> float:
        for _ in range(times):
            self.fights.note(key)
        return self.pause(key)


@pytest.mark.parametrize(
    ("repairs", "seconds"),
    [(0, 0.0), (4, 0.0), (5, 1.0), (6, 2.0), (8, 8.0), (12, 120.0), (2_000, 120.0)],
    ids=str,
)
def test_what_somebody_keeps_changing_is_repaired_more_rarely(repairs: int, seconds: float) -> None:
    assert Clocked().repaired(ACCOUNT, repairs) == seconds


@pytest.mark.parametrize("repairs", [5, 6, 12, 2_000])
def test_what_isolates_is_left_alone_for_a_second_at_most(repairs: int) -> None:
    assert Clocked().repaired(POLICY, repairs) == 1.0


def test_a_pause_counts_from_the_last_repair_and_a_fight_that_ended_is_forgotten() -> None:
    clocked = Clocked()
    assert clocked.repaired(ACCOUNT, 8) == 8.0
    clocked.now += 5.0
    assert clocked.pause(ACCOUNT) == 3.0
    clocked.now += 5.0
    assert clocked.pause(ACCOUNT) == 0.0
    clocked.now += 171.0  # none of them is in the window any more
    assert clocked.repaired(ACCOUNT, 4) == 0.0, "those of before count no more"


def test_each_object_and_each_namespace_is_counted_for_itself() -> None:
    clocked = Clocked()
    clocked.repaired(ACCOUNT, 8)
    assert clocked.pause(POLICY) == 0.0
    clocked.fights.forget("gbx-x")
    assert clocked.pause(ACCOUNT) == 0.0
