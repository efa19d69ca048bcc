"""Running counts equal a count from scratch, whatever came and went."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.metrics.earliest import Earliest
from glovebox.metrics.facts import read_facts
from glovebox.metrics.tally import StateTally

_TIMES = (None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "not a time")


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """Any custom resource as far as it is counted."""
    answers = st.sampled_from(("True", "False", "Unknown"))
    conditions = [
        {"type": name, "status": draw(answers), "reason": "R"}
        for name in ("Ready", "Stalled", "Isolated", "DriftDetected")
        if draw(st.booleans())
    ]
    status = {
        "observedGeneration": draw(st.integers(1, 2)),
        "conditions": conditions,
        "artifacts": {"credentialsExpireTime": draw(st.sampled_from(_TIMES))},
        "listedTime": draw(st.sampled_from(_TIMES)),
        "provenance": draw(st.sampled_from((None, {"level": "Basic"}, {"level": "Newer"}))),
    }
    return {
        "kind": draw(st.sampled_from(("Experiment", "DatasetPin", "ObjectStore"))),
        "metadata": {"name": "x", "namespace": "team", "generation": 1},
        **({"status": status} if draw(st.booleans()) else {}),
    }


@given(st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), objects()))))
def test_the_counts_are_those_of_what_is_there(
    changes: list[tuple[int, dict[str, Any] | None]],
) -> None:
    tally: StateTally[int] = StateTally()
    there: dict[int, dict[str, Any]] = {}
    for key, obj in changes:
        if obj is None:
            tally.delete(key)
            there.pop(key, None)
        else:
            tally.upsert(key, obj)
            there[key] = obj
    again: StateTally[int] = StateTally()
    for key, obj in there.items():
        again.upsert(key, obj)
    for name in ("results", "unobserved", "isolated", "provenance"):
        assert +getattr(tally, name) == +getattr(again, name)
    assert tally.mismatches == again.mismatches
    assert sorted(tally.unhealthy(9)) == sorted(again.unhealthy(9))
    facts = [read_facts(obj) for obj in there.values()]
    assert tally.expiries.first() == min(
        (one.expires for one in facts if one.expires is not None), default=None
    )
    assert tally.checks.first() == min(
        (one.checked for one in facts if one.checked is not None), default=None
    )
    assert sum(tally.results.values()) == len(there)


def test_the_earliest_time_is_found_again_after_it_is_gone() -> None:
    times: Earliest[str] = Earliest()
    for key, time in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
        times.put(key, time)
    assert times.first() == 1.0
    times.put("b", None)
    assert times.first() == 2.0
    times.put("c", 5.0)
    assert times.first() == 3.0
    times.put("a", None)
    times.put("c", None)
    assert times.first() is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param({}, "Pending", id="nothing was said of it yet"),
        pytest.param(
            {"conditions": [{"type": "Ready", "status": "False", "reason": "PinNotFound"}]},
            "PinNotFound",
            id="the reason of Ready",
        ),
    ],
)
def test_an_unhealthy_object_is_shown_with_its_reason(status: dict[str, Any], reason: str) -> None:
    metadata = {"name": "x", "namespace": "team", "generation": 1}
    facts = read_facts({"kind": "Experiment", "metadata": metadata, "status": status})
    assert facts.unhealthy == ("Experiment", "team", "x", reason)
