"""Datasets by users, experiments by state, ends that are not written: counted by each change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from glovebox.metrics.facts import PIN_ENDS
from glovebox.metrics.lineage import LineageCollector, LineageMetrics, Waiting
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import USERS, StateTally, users_class

Json = dict[str, Any]


def pin(content: str, **spec: Any) -> Json:
    return {
        "kind": "DatasetPin",
        "metadata": {"name": "p", "namespace": "team", "generation": 1},
        "spec": spec,
        "status": {"digest": content},
    }


def experiment(*contents: str, **status: Any) -> Json:
    inputs = [{"name": f"i{n}", "kind": "DatasetPin", "digest": c} for n, c in enumerate(contents)]
    return {
        "kind": "Experiment",
        "metadata": {"name": "x", "namespace": "team", "generation": 1},
        "spec": {},
        "status": {"inputs": inputs, **status},
    }


def scrape(tally: StateTally[int], *, tells_lineage: bool = True) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(
        StateCollector(
            tally,
            queues=dict,
            reflectors=dict,
            sweeps=dict,
            drifting=list,
            tells_lineage=tells_lineage,
        )
    )
    return registry


@pytest.mark.parametrize(
    ("users", "expected"),
    [(0, "0"), (1, "1"), (2, "2-5"), (5, "2-5"), (6, "6-20"), (101, "101+"), (10**6, "101+")],
)
def test_users_fall_into_few_classes(users: int, expected: str) -> None:
    assert users_class(users) == expected


def test_two_pins_over_the_same_bytes_are_one_dataset_with_the_users_of_both() -> None:
    tally: StateTally[int] = StateTally()
    tally.upsert(1, pin("a"))
    tally.upsert(2, pin("a"))
    assert tally.datasets["0"] == 1
    tally.upsert(3, experiment("a"))
    tally.upsert(4, experiment("a", "b"))
    assert (tally.datasets["0"], tally.datasets["1"], tally.datasets["2-5"]) == (0, 1, 1)
    tally.delete(3)
    tally.delete(4)
    assert (tally.datasets["0"], tally.datasets["1"], tally.datasets["2-5"]) == (1, 0, 0)
    tally.delete(1)
    tally.delete(2)
    assert sum(tally.datasets.values()) == 0


_OBJECTS = st.one_of(
    st.sampled_from("abc").map(pin),
    st.lists(st.sampled_from("abc"), max_size=3).map(lambda each: experiment(*each)),
)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | _OBJECTS), max_size=30))
def test_however_it_came_to_be_the_count_is_that_of_what_is_there(
    changes: list[tuple[int, Json | None]],
) -> None:
    tally: StateTally[int] = StateTally()
    there: dict[int, Json] = {}
    for key, obj in changes:
        if obj is None:
            tally.delete(key)
            there.pop(key, None)
        else:
            tally.upsert(key, obj)
            there[key] = obj
    users: dict[str, int] = {}
    for obj in there.values():
        if obj["kind"] == "DatasetPin":
            users.setdefault(obj["status"]["digest"], 0)
        for content in {entry["digest"] for entry in obj["status"].get("inputs", ())}:
            users[content] = users.get(content, 0) + 1
    expected = dict.fromkeys(USERS, 0)
    for count in users.values():
        expected[users_class(count)] += 1
    assert {name: tally.datasets[name] for name in USERS} == expected


def test_a_sealed_experiment_whose_end_is_not_written_is_counted_where_lineage_is_told() -> None:
    tally: StateTally[int] = StateTally()
    start, end = {"type": "START"}, {"type": "FAIL"}
    tally.upsert(1, experiment(seal={"uri": "u"}, lineage={"events": [start]}, state="Sealed"))
    tally.upsert(2, experiment(seal={"uri": "u"}, lineage={"events": [start, end]}, state="Sealed"))
    tally.upsert(3, experiment(lineage={"events": [start]}, state="Open"))
    name = "glovebox_lineage_unwritten_experiments"
    assert scrape(tally).get_sample_value(name) == 1
    assert scrape(tally, tells_lineage=False).get_sample_value(name) is None
    assert scrape(tally).get_sample_value("glovebox_experiments", {"state": "Sealed"}) == 2


def test_what_waits_is_shown_for_each_destination_and_no_time_where_nothing_does() -> None:
    registry = CollectorRegistry()
    LineageMetrics(registry, ["a", "b"])
    waiting = {"a": Waiting(3, 17.0, is_up=False), "b": Waiting(0, None, is_up=True)}
    registry.register(LineageCollector(lambda: waiting))

    def value(name: str, destination: str, **more: str) -> float | None:
        labels = {"destination": destination, **more}
        return registry.get_sample_value(f"glovebox_lineage_{name}", labels)

    assert value("outbox_events", "a") == 3
    assert value("outbox_oldest_timestamp_seconds", "a") == 17.0
    assert value("outbox_oldest_timestamp_seconds", "b") is None
    assert (value("destination_up", "a"), value("destination_up", "b")) == (0, 1)
    assert value("deliveries_total", "b", result="refused") == 0
    assert value("dead_letters_total", "b", reason="size") == 0


def test_definitions_are_counted_by_whether_they_go_out_of_use() -> None:
    tally: StateTally[int] = StateTally()

    def pin(key: int, *conditions: dict[str, str]) -> None:
        metadata = {"name": f"v{key}", "namespace": "team", "generation": 1}
        obj = {
            "kind": "FeatureSetPin",
            "metadata": metadata,
            "status": {"conditions": list(conditions)},
        }
        tally.upsert(key, obj)

    def retiring(status: str, reason: str) -> dict[str, str]:
        return {"type": "Retiring", "status": status, "reason": reason}

    def counted(state: str) -> float | None:
        return scrape(tally).get_sample_value("glovebox_feature_sets", {"state": state})

    pin(1)
    pin(2, retiring("False", "Current"))
    pin(3, retiring("True", "Deprecated"))
    pin(4, retiring("True", "Expired"))
    states = ("Unknown", "Current", "Deprecated", "Expired", "ExpiresSoon", "ToBeDeprecated")
    assert [counted(state) for state in states] == [1, 1, 1, 1, 0, 0]
    pin(2, retiring("True", "ExpiresSoon"))
    tally.delete(4)
    assert [counted(state) for state in states] == [1, 0, 1, 0, 1, 0]


def test_pins_are_counted_by_whether_they_may_be_kept_and_used_for_long() -> None:
    tally: StateTally[int] = StateTally()
    kept = {"retention": {"why": "w", "untilTime": "2030-01-01T00:00:00Z"}}
    used = {"validity": {"notAfterTime": "2030-01-01T00:00:00Z"}}

    def seen(key: int, spec: Json, reason: str = "") -> None:
        obj = pin(str(key), **spec)
        if reason:
            obj["status"]["conditions"] = [
                {"type": "Retiring", "status": "True", "reason": reason},
            ]
        tally.upsert(key, obj)

    def counted() -> dict[str, float]:
        found = {
            state: scrape(tally).get_sample_value("glovebox_pins_by_end", {"state": state})
            for state in PIN_ENDS
        }
        assert None not in found.values()
        return {state: value for state, value in found.items() if value}

    seen(1, {})
    seen(2, {"retention": {"why": "without an end"}})
    seen(3, kept)
    seen(4, kept, "RetentionEndsSoon")
    seen(5, kept, "RetentionEnded")
    seen(6, used, "Expired")
    assert counted() == {
        "None": 2,
        "Unknown": 1,
        "RetentionEndsSoon": 1,
        "RetentionEnded": 1,
        "Expired": 1,
    }
    seen(4, kept, "RetentionEnded")
    tally.delete(5)
    seen(3, kept, "ReasonOfANewerVersion")
    assert counted() == {"None": 2, "Unknown": 1, "RetentionEnded": 1, "Expired": 1}
