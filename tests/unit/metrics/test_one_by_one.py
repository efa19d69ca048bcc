"""Series that bear an Experiment's name: bounded, slow to change, and of what is known."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from glovebox.kube.resources import Key
from glovebox.metrics.one_by_one import MOST_INPUTS
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally

Json = dict[str, Any]
EXAMPLE: Json = yaml.safe_load(
    (Path(__file__).parents[1] / "report" / "experiment.yaml").read_text(encoding="utf-8")
)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
MOST = 100
# What one Experiment with everything has, as the value of the chart says.
SOME = 40


def named(name: str, hour: int = 0, *, sealed: bool = True) -> Json:
    """Return the example under another name, declared in some hour."""
    made = copy.copy(EXAMPLE)
    created = f"{BEGIN + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
    made["metadata"] = EXAMPLE["metadata"] | {"name": name, "creationTimestamp": created}
    made["status"] = EXAMPLE["status"] | {"seal": EXAMPLE["status"]["seal"] if sealed else None}
    return made


def scrape(tally: StateTally[Key], most: int = MOST) -> list[Any]:
    """Return the samples that bear the name of an Experiment."""
    registry = CollectorRegistry()
    registry.register(
        StateCollector(
            tally,
            queues=dict,
            reflectors=dict,
            sweeps=dict,
            drifting=list,
            most_experiments=most,
        )
    )
    text = generate_latest(registry).decode()
    families = text_string_to_metric_families(text)
    return [
        each
        for family in families
        for each in family.samples
        if each.name.startswith("glovebox_experiment_")
        or each.name.endswith("experiments_left_out")
    ]


def tally_of(*objects: Json) -> StateTally[Key]:
    tally: StateTally[Key] = StateTally()
    for each in objects:
        tally.upsert(Key.of(each), each)
    return tally


def shown(tally: StateTally[Key], most: int = MOST) -> list[str]:
    """Return which Experiments have series, in their order."""
    samples = scrape(tally, most)
    return [each.labels["name"] for each in samples if each.name == "glovebox_experiment_info"]


def test_of_ten_thousand_experiments_a_hundred_have_series_and_the_rest_is_counted() -> None:
    objects = [named(f"e{number:05}", number) for number in range(10_000)]
    samples = scrape(tally_of(*objects))
    each = Counter(sample.labels.get("name", "") for sample in samples)
    assert each.pop("") == 1
    assert set(each) == {f"e{number:05}" for number in range(9_900, 10_000)}
    assert max(each.values()) <= SOME
    (left,) = (sample for sample in samples if sample.name == "glovebox_experiments_left_out")
    assert left.value == 9_900


def test_none_have_series_where_that_is_set() -> None:
    samples = scrape(tally_of(named("a")), most=0)
    assert [(each.name, each.value) for each in samples] == [("glovebox_experiments_left_out", 1)]


def test_what_is_at_work_goes_before_what_is_sealed_and_the_newest_first() -> None:
    tally = tally_of(
        named("old-and-sealed", 1),
        named("new-and-sealed", 9),
        named("old", 2, sealed=False),
        named("new", 3, sealed=False),
    )
    assert shown(tally) == ["new", "old", "new-and-sealed", "old-and-sealed"]
    assert shown(tally, 2) == ["new", "old"]


def test_a_change_moves_none_but_that_of_the_seal() -> None:
    tally = tally_of(named("a", 1, sealed=False), named("b", 2, sealed=False))
    moved = named("a", 1, sealed=False)
    moved["status"] = moved["status"] | {"run": {"attempts": 7}}
    tally.upsert(Key.of(moved), moved)
    assert shown(tally) == ["b", "a"]
    attempts = [each.value for each in scrape(tally) if each.name == "glovebox_experiment_attempts"]
    assert attempts == [1, 7], "what is shown is the newest that is known"
    sealed = named("b", 2)
    tally.upsert(Key.of(sealed), sealed)
    assert shown(tally) == ["a", "b"]


def test_what_is_deleted_or_declared_again_leaves_nothing() -> None:
    first = named("a", 1)
    tally = tally_of(first, named("b", 2))
    again = named("a", 3)
    tally.upsert(Key.of(again), again)
    assert shown(tally) == ["a", "b"]
    tally.delete(Key.of(first))
    tally.delete(Key.of(first))
    assert shown(tally) == ["b"]
    tally.delete(Key("Experiment", "team-flights", "b"))
    assert [(each.name, each.value) for each in scrape(tally)] == [
        ("glovebox_experiments_left_out", 0)
    ]


def test_pins_of_the_same_name_are_no_experiments() -> None:
    pin = {"kind": "DatasetPin", "metadata": {"name": "delays", "namespace": "team-flights"}}
    tally = tally_of(EXAMPLE, pin)
    tally.delete(Key.of(pin))
    assert shown(tally) == ["delays"]


def test_inputs_beyond_the_first_have_no_series() -> None:
    made = named("a")
    entry = made["status"]["inputs"][0]
    many = [entry | {"name": f"i{number}"} for number in range(MOST_INPUTS + 9)]
    made["status"] = made["status"] | {"inputs": many}
    inputs = [
        each.labels["input"]
        for each in scrape(tally_of(made))
        if each.name == "glovebox_experiment_input_bytes"
    ]
    assert inputs == [f"i{number}" for number in range(MOST_INPUTS)]


def values(obj: Json) -> dict[str, Any]:
    """Return what is shown of one Experiment, by the metric and what distinguishes its series."""
    who = {"name", "resource_namespace"}
    return {
        " ".join(
            [each.name.removeprefix("glovebox_experiment_")]
            + [value for label, value in sorted(each.labels.items()) if label not in who]
        ): each.value
        for each in scrape(tally_of(obj))
    }


def test_what_the_status_says_is_shown() -> None:
    found = values(EXAMPLE)
    moment = datetime(2026, 3, 1, 12, 14, 2, tzinfo=UTC).timestamp()
    assert found["step_timestamp_seconds Sealed"] == moment
    assert {
        "info sha256:e270a4cf9cd6 standard gbx-team-flights-delays-et34uq5rr5": 1,
        "condition NoDrift False DriftDetected": 1,
        "input_bytes sha256:222222222222 final DatasetPin final-months data holdout": 1604333,
        "input_bytes sha256:333333333333 weather FeatureSetPin weather-v2 team-flights features": 0,
        "leakage Measured SharedObjects": 1,
        "leakage Unknown TargetInFeatures": 0,
        "attempts": 1,
        "drift_repairs": 3,
        "drift_outstanding": 0,
        "tenant_pods": 1,
        "lineage_events": 1,
        "sealed_versions": 12,
        "sealed_bytes": 91234567,
        "seal_findings": 1,
    }.items() <= found.items()


def test_what_differs_still_is_outstanding() -> None:
    made = copy.deepcopy(EXAMPLE)
    del made["status"]["drift"]["outstanding"]["untilTime"]
    assert values(made)["drift_outstanding"] == 7


@pytest.mark.parametrize("status", [None, {}, {"conditions": []}])
def test_of_what_was_just_declared_only_that_is_shown(status: Json | None) -> None:
    made = {**EXAMPLE, "status": status}
    names = {each.partition(" ")[0] for each, value in values(made).items() if value}
    assert names == {"info", "step_timestamp_seconds"}
    assert [each for each in values(made) if each.startswith("seal")] == []
