"""Events of a run follow from the status, fit the spec's schemas, and are the same each time."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from glovebox.lineage.events import events_of, outstanding, run_id
from support.lineage import (
    CONTENT,
    DIGEST,
    ENDED,
    LIST,
    PIN,
    SEAL,
    STARTED,
    UID,
    begun,
    experiment,
    over,
    problems_of,
)

Json = dict[str, Any]


def told(obj: Json, *, unsealed: bool = False) -> list[Json]:
    return [orjson.loads(event.body) for event in events_of(obj, "glovebox", unsealed=unsealed)]


def types(obj: Json, *, unsealed: bool = False) -> list[str]:
    return [event["eventType"] for event in told(obj, unsealed=unsealed)]


@pytest.mark.parametrize(
    ("obj", "expected", "why"),
    [
        (experiment(digest=""), [], "nothing is bound"),
        (experiment(), [], "no run, and no seal"),
        (experiment(run={"attempts": 1}), [], "the Job is not recorded"),
        (experiment(run=begun()), ["START"], "it goes on"),
        (experiment(run=over()), ["START"], "its results are not sealed yet"),
        (experiment(run=over(), seal=True), ["START", "COMPLETE"], "sealed"),
        (experiment(run=over("Failed", "RunFailed"), seal=True), ["START", "FAIL"], "failed"),
        (experiment(run=over("Failed", "RunLost"), seal=True), ["START", "FAIL"], "lost"),
        (experiment(run=over("Failed", "RunStopped"), seal=True), ["START", "ABORT"], "stopped"),
        (experiment(run=over("Failed", "Abandoned"), seal=True), ["START", "ABORT"], "deleted"),
        (experiment(seal=True), ["START", "COMPLETE"], "work by hand, sealed"),
        (experiment(run=over(), seal=True, adopts=UID), [], "it is another Experiment's run"),
    ],
)
def test_what_happened_is_told_and_nothing_else(obj: Json, expected: list[str], why: str) -> None:
    assert types(obj) == expected, why


@pytest.mark.parametrize(
    "obj",
    [
        experiment(run=over(), seal=True),
        experiment(run=over("Failed", "RunFailed", exitCode=3), seal=True),
        experiment(run=over("Failed", "RunStopped"), seal=True),
        experiment(run=over(), seal=True, inputs=[]),
        experiment(seal=True),
    ],
)
def test_every_event_and_every_facet_fits_the_schemas(obj: Json) -> None:
    assert [problem for event in told(obj) for problem in problems_of(event)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run", "runId"), 7),
        (("eventType",), "DONE"),
        (("job", "facets", "jobType", "processingType"), None),
        (("outputs", 0, "facets", "version", "datasetVersion"), 3),
        (("run", "facets", "glovebox_experiment", "digest"), "sha256:short"),
    ],
)
def test_the_schemas_do_refuse(path: tuple[str | int, ...], value: Any) -> None:
    event: Any = told(experiment(run=over(), seal=True))[1]
    at = event
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    assert problems_of(event)


def test_a_facet_under_another_name_than_the_specs_is_found() -> None:
    event = told(experiment(run=over(), seal=True))[1]
    event["job"]["facets"]["documentations"] = event["job"]["facets"].pop("documentation")
    assert problems_of(event)


def test_both_events_have_all_inputs_and_the_end_has_the_outputs() -> None:
    start, end = told(experiment(run=over(), seal=True))
    assert start["inputs"] == end["inputs"]
    assert [(each["namespace"], each["name"]) for each in end["inputs"]] == [
        ("s3://data", "flights/2013"),
        ("glovebox", "shared.few"),
        ("glovebox", "team-a.hourly"),
    ]
    assert start["outputs"] == []
    (output,) = end["outputs"]
    assert (output["namespace"], output["name"]) == ("s3://artifacts", f"team-a/churn/{UID}")
    assert (start["eventTime"], end["eventTime"]) == (STARTED, ENDED)
    assert start["run"]["runId"] == end["run"]["runId"] == run_id(UID)
    assert start["job"]["name"] == end["job"]["name"] == "team-a.churn"


def test_the_version_of_a_dataset_is_its_pin_root_and_our_facet_has_every_digest() -> None:
    _, end = told(experiment(run=over(), seal=True))
    facets = end["inputs"][0]["facets"]
    assert facets["version"]["datasetVersion"] == PIN
    assert facets["glovebox_pin"]["contentRoot"] == CONTENT
    assert end["run"]["facets"]["glovebox_experiment"]["digest"] == DIGEST
    assert end["outputs"][0]["facets"]["version"]["datasetVersion"] == LIST
    assert end["outputs"][0]["facets"]["glovebox_seal"]["uri"] == SEAL["uri"]


def test_results_without_inputs_are_said_to_come_of_none() -> None:
    _, end = told(experiment(run=over(), seal=True, inputs=[]))
    (entry,) = end["job"]["facets"]["lineage"]["entries"]
    assert entry["inputs"] == []


def test_results_are_said_to_come_of_exactly_their_inputs() -> None:
    _, end = told(experiment(run=over(), seal=True))
    (entry,) = end["job"]["facets"]["lineage"]["entries"]
    assert [(each["namespace"], each["name"]) for each in entry["inputs"]] == [
        (each["namespace"], each["name"]) for each in end["inputs"]
    ]


def test_the_bytes_are_the_same_each_time_whatever_else_the_status_becomes() -> None:
    once = experiment(run=over(), seal=True)
    later = experiment(run=over(), seal=True, drift={"repairs": 9}, conditions=[{"type": "Ready"}])
    again = events_of(later, "glovebox")
    assert [each.digest for each in events_of(once, "glovebox")] == [each.digest for each in again]
    begin = events_of(experiment(run=begun()), "glovebox")
    assert begin[0].body == again[0].body


def test_the_namespace_that_was_recorded_counts() -> None:
    obj = experiment(run=over(), seal=True, lineage={"namespace": "before", "events": []})
    assert {event["job"]["namespace"] for event in told(obj)} == {"before"}


def test_what_is_recorded_is_not_told_again_and_a_run_ends_once() -> None:
    entry = {"type": "START", "digest": DIGEST}
    obj = experiment(run=over(), seal=True, lineage={"namespace": "glovebox", "events": [entry]})
    assert [event.type for event in outstanding(obj, "glovebox")] == ["COMPLETE"]
    obj["status"]["lineage"]["events"].append({"type": "ABORT", "digest": DIGEST})
    assert outstanding(obj, "glovebox") == ()


def test_the_end_of_what_cannot_be_sealed_is_told_without_outputs() -> None:
    obj = experiment(run=over("Failed", "Abandoned"))
    assert types(obj) == ["START"]
    assert types(obj, unsealed=True) == ["START", "ABORT"]
    assert told(obj, unsealed=True)[1]["outputs"] == []


def test_no_word_of_a_program_and_no_name_of_a_person_is_told() -> None:
    obj = experiment(run=over("Failed", "RunFailed", message="password is hunter2"), seal=True)
    bodies = b"".join(event.body for event in events_of(obj, "glovebox"))
    assert b"hunter2" not in bodies
    assert b"Ada" not in bodies
    assert b"does weather help" in bodies


def test_attempts_have_ids_of_their_own() -> None:
    _, end = told(experiment(run=over(), seal=True))
    attempts = end["run"]["facets"]["glovebox_experiment"]["attempts"]
    assert [each["pod"] for each in attempts] == ["glovebox-run-a", "glovebox-run-b"]
    ids = {end["run"]["runId"], *(each["runId"] for each in attempts)}
    assert len(ids) == 3
