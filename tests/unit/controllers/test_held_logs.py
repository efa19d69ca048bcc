"""What may be held of logs: bounded for each store and each Experiment, whatever the others do."""

from __future__ import annotations

from glovebox.controllers.held_logs import (
    EXPERIMENT_MOST,
    STORE_MOST,
    HeldLog,
    HeldLogs,
    Place,
)
from glovebox.kube.resources import Key

MIB = 1 << 20


def log(store: str = "primary", size: int = MIB) -> HeldLog:
    return HeldLog(store, b"x" * size, 0, truncated=False, final=True)


def place(experiment: str, number: int = 0) -> Place:
    return Place(Key("Experiment", "team", experiment), f"pod-{number}", "run")


def filled() -> HeldLogs:
    """Return a store's part that is full."""
    held = HeldLogs()
    for number in range(STORE_MOST // MIB):
        assert held.hold(place(f"e{number}"), log())
    return held


def test_a_store_that_takes_no_logs_costs_those_of_another_nothing() -> None:
    held = filled()
    assert not held.hold(place("one-more"), log())
    assert held.hold(place("elsewhere"), log("secondary"))


def test_one_experiment_does_not_take_all_of_its_store_s_part() -> None:
    held = HeldLogs()
    taken = [held.hold(place("greedy", number), log()) for number in range(STORE_MOST // MIB)]
    assert sum(taken) == EXPERIMENT_MOST // MIB < len(taken)
    assert held.hold(place("another"), log())


def test_empty_logs_have_a_bound_as_well() -> None:
    held = HeldLogs()
    taken = [held.hold(place("e", number), log(size=0)) for number in range(3000)]
    assert 0 < sum(taken) < len(taken)


def test_what_is_let_go_makes_room() -> None:
    held = filled()
    held.drop(place("e0"))
    assert held.get(place("e0")) is None
    assert held.hold(place("one-more"), log())
    held.forget(place("one-more").experiment)
    assert held.get(place("one-more")) is None
    assert held.hold(place("the-next"), log())


def test_what_is_held_stays_as_it_is() -> None:
    held = filled()
    assert held.hold(place("e0"), log(size=1))
    assert held.get(place("e0")) == log()
