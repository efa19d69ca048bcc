"""Stages: who is given what, what can be at work at once, and what several of them need."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from glovebox.api.experiment import Experiment
from glovebox.api.stages import Stage
from glovebox.desired.plan import desired_objects
from glovebox.desired.refusals import inputs_nobody_reads, variables_collide
from glovebox.desired.run import run_of, stage_jobs
from glovebox.desired.run_environment import colliding_stages, run_environment, worker_environment
from glovebox.desired.run_resources import why_run_never_fits
from glovebox.desired.stage_files import key_of
from glovebox.desired.stage_order import before, canonical, most_at_once
from glovebox.errors import Refused
from golden.cases import inputs_from

Json = dict[str, Any]


def stage(name: str, *needs: str, **changes: Any) -> Stage:
    return Stage.model_validate(declared(name, *needs, **changes))


def declared(name: str, *needs: str, **changes: Any) -> Json:
    return {"name": name, "needs": list(needs), "image": "trainer", "command": ["work"], **changes}


@pytest.mark.parametrize(
    ("named", "role", "given", "why"),
    [
        ((), "train", True, "what is not to test with is everybody's"),
        ((), "validation", True, "likewise"),
        ((), "reference", True, "likewise"),
        ((), None, True, "features are no data"),
        ((), "test", False, "test data are given to nobody by default"),
        ((), "holdout", False, "likewise"),
        (("data",), "test", True, "it is named"),
        (("data",), "train", True, "it is named"),
        (("other",), "train", False, "what is named is all there is"),
        (("other",), None, False, "features too"),
    ],
)
def test_who_is_given_what(
    named: tuple[str, ...], role: str | None, why: str, *, given: bool
) -> None:
    assert stage("fit", inputs=named).reads("data", role) is given, why


CHAIN = (stage("a"), stage("b", "a"), stage("c", "b"))
DIAMOND = (stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c"))
APART = (stage("a"), stage("b"), stage("c"))


@pytest.mark.parametrize(
    ("stages", "amounts", "most", "why"),
    [
        ((), {}, 0, "nothing runs"),
        (CHAIN, {"a": 2, "b": 5, "c": 3}, 5, "one after the other"),
        (APART, {"a": 2, "b": 5, "c": 3}, 10, "all at once"),
        (DIAMOND, {"a": 4, "b": 3, "c": 2, "d": 1}, 5, "the two in the middle"),
        (DIAMOND, {"a": 9, "b": 3, "c": 2, "d": 1}, 9, "the first alone is more"),
        (
            (*CHAIN, stage("d", "a")),
            {"a": 1, "b": 1, "c": 4, "d": 4},
            8,
            "c waits for b, d does not",
        ),
    ],
)
def test_what_can_be_at_work_at_once(
    stages: tuple[Stage, ...], amounts: dict[str, int], most: int, why: str
) -> None:
    assert most_at_once(stages, lambda each: Decimal(amounts[each.name])) == most, why


def test_what_a_stage_waits_for_is_waited_for_by_those_that_need_it() -> None:
    assert before(DIAMOND)["d"] == {"a", "b", "c"}
    assert before(DIAMOND)["c"] == {"a"}


def test_one_order_has_each_stage_after_those_that_it_needs() -> None:
    """What goes on longest is last, however it is called and wherever it stands."""
    named = (stage("z"), stage("b"), stage("a", "z"), stage("y", "a"), stage("c"))
    assert [each.name for each in canonical(named)] == ["b", "c", "z", "a", "y"]
    assert canonical(named[::-1][:1] + named[:-1]) == canonical(named)


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ([declared("a", "b"), declared("b")], "stand before it"),
        ([declared("a", "a")], "stand before it"),
        ([declared("a", "gone")], "stand before it"),
        ([declared("a", workers=65)], "less than or equal to 64"),
        ([declared("a", workers=64, retries=1), declared("b")], "at most 128"),
        ([declared("a", failOnExitCodes=[0])], "greater than or equal to 1"),
        ([declared(name) for name in "abcdefghi"], "at most 8"),
    ],
)
def test_what_the_api_server_refuses_the_operator_does_not_read(
    stages: list[Json], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        inputs_from({"kind": "Experiment", "spec": {"stages": stages}})


def several(*stages: Json) -> Experiment:
    return inputs_from({"kind": "Experiment", "spec": {"stages": list(stages)}}).experiment


def test_what_runs_at_once_has_to_fit_and_what_waits_does_not_count_twice() -> None:
    profile = inputs_from().profile
    asks = {"resources": {"cpu": "1500m"}}
    chained = several(declared("a", **asks), declared("b", "a", **asks))
    assert why_run_never_fits(chained, profile, fetches=False) is None
    beside = several(declared("a", **asks), declared("b", **asks))
    why = why_run_never_fits(beside, profile, fetches=False)
    assert why is not None
    assert why.startswith(
        "the pods of the stages that can run at the same time need 3 of requests.cpu"
    )
    assert "let stages wait for each other (`needs`)" in why
    workers = several(declared("a", workers=2, **asks))
    assert why_run_never_fits(workers, profile, fetches=False) is not None


def test_workers_find_each_other_and_a_single_one_looks_for_nobody() -> None:
    assert worker_environment(stage("fit")) == []
    names = {
        each["name"]: each.get("value") for each in worker_environment(stage("fit", workers=3))
    }
    assert names == {
        "GLOVEBOX_LEADER": "glovebox-run-fit-0-0.glovebox-run",
        "GLOVEBOX_WORKER": None,
        "GLOVEBOX_WORKERS": "3",
    }


def test_each_worker_is_tried_as_often_as_asked_and_told_how_often_it_was() -> None:
    inputs = inputs_from(
        {
            "kind": "Experiment",
            "spec": {
                "stages": [declared("fit", workers=3, retries=2, failOnExitCodes=[77, 3])],
            },
        }
    )
    ((declared_stage, spec),) = stage_jobs(inputs, "sha256:" + "0" * 64)
    assert declared_stage.attempts == 9
    assert (spec["backoffLimit"], spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (
        6,
        2,
        0,
    )
    # The first that fits counts: who is evicted may end with any code.
    first, *_, last = spec["podFailurePolicy"]["rules"]
    assert first["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert last == {
        "action": "FailJob",
        "onExitCodes": {"containerName": "run", "operator": "In", "values": [3, 77]},
    }
    told = {
        each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in spec["template"]["spec"]["containers"][0]["env"]
        if "valueFrom" in each
    }
    assert told == {
        "GLOVEBOX_ATTEMPT": "metadata.annotations['batch.kubernetes.io/job-index-failure-count']",
        "GLOVEBOX_INTERRUPTIONS": (
            "metadata.annotations['batch.kubernetes.io/job-index-ignored-failure-count']"
        ),
        "GLOVEBOX_WORKER": "metadata.annotations['batch.kubernetes.io/job-completion-index']",
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_no_autoscaler_moves_a_run_to_save_a_node(workers: int) -> None:
    stages = [declared("fit", workers=workers)]
    inputs = inputs_from({"kind": "Experiment", "spec": {"stages": stages}})
    run = run_of(inputs, stage_jobs(inputs, "sha256:" + "0" * 64))
    assert run is not None
    spec = run["spec"]
    if run["kind"] == "JobSet":
        spec = spec["replicatedJobs"][0]["template"]["spec"]
    assert spec["template"]["metadata"]["annotations"] == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }


def test_a_delivery_that_came_to_nothing_costs_no_retry_and_what_is_refused_ends_the_run() -> None:
    inputs = inputs_from({"kind": "Experiment", "spec": {"stages": [declared("fit")]}})
    ((_, spec),) = stage_jobs(inputs, "sha256:" + "0" * 64)
    rules = spec["podFailurePolicy"]["rules"]
    assert [
        (rule["action"], rule["onExitCodes"]["containerName"], rule["onExitCodes"]["values"])
        for rule in rules
        if "onExitCodes" in rule
    ] == [("Ignore", "fetch", [74, 75]), ("FailJob", "fetch", [42, 64])]


def test_checkpoints_lie_below_what_a_stage_writes() -> None:
    """So its session reaches them, and the seal lists them."""
    one = inputs_from({"kind": "Experiment", "spec": {"stages": [declared("fit")]}})
    two = inputs_from(
        {"kind": "Experiment", "spec": {"stages": [declared("fit"), declared("score", "fit")]}}
    )
    for inputs in (one, two):
        for each in inputs.experiment.spec.stages:
            said = {entry["name"]: entry["value"] for entry in run_environment(inputs, each)}
            own = said["GLOVEBOX_ARTIFACTS_URI"]
            assert said["GLOVEBOX_CHECKPOINTS_URI"] == f"{own}checkpoints/"


def test_a_stage_finds_the_results_of_those_that_it_needs_and_of_no_other() -> None:
    inputs = inputs_from(
        {
            "kind": "Experiment",
            "spec": {
                "stages": [declared("fit-it"), declared("other"), declared("score", "fit-it")]
            },
        }
    )
    own = {
        each.name: {
            entry["name"]: entry["value"].rpartition("/5f0c1f9e")[2].partition("/")[2]
            for entry in run_environment(inputs, each)
            if entry["name"].endswith("_ARTIFACTS_URI") or entry["name"] == "GLOVEBOX_ARTIFACTS_URI"
        }
        for each in inputs.experiment.spec.stages
    }
    assert own["fit-it"] == {"GLOVEBOX_ARTIFACTS_URI": "fit-it/"}
    assert own["score"] == {
        "GLOVEBOX_ARTIFACTS_URI": "score/",
        "GLOVEBOX_STAGE_FIT_IT_ARTIFACTS_URI": "fit-it/",
    }


@pytest.mark.parametrize(
    ("stages", "file", "key", "why"),
    [
        (APART, "session.json", "a.session.json", "its own session"),
        (APART, "primary.credentials", "a.primary.credentials", "its own session for inputs"),
        (APART, "primary.pem", "primary.pem", "authorities are the same for all, and long"),
        (APART[:1], "session.json", "session.json", "there is no other"),
    ],
)
def test_what_is_a_stages_own_has_a_key_of_its_own(
    stages: tuple[Stage, ...], file: str, key: str, why: str
) -> None:
    assert key_of(stages, stages[0], file) == key, why


def test_names_that_become_one_variable_are_found() -> None:
    assert colliding_stages((stage("a-b"), stage("a--b"), stage("c"))) == ["a--b", "a-b"]
    assert colliding_stages((stage("a"), stage("b"))) == []


def test_stages_that_become_one_variable_are_refused_with_their_names() -> None:
    case: Any = SimpleNamespace(experiment=several(declared("a-b"), declared("a--b")))
    with pytest.raises(Refused, match="the stages a--b, a-b would become one and the same") as said:
        variables_collide(case)
    assert said.value.message.endswith("give them names that differ in more than dashes")


def test_the_check_of_unread_inputs_is_one_of_those_that_refuse() -> None:
    from glovebox.desired import refusals  # noqa: PLC0415 - its table is what counts

    assert inputs_nobody_reads in refusals.CHECKS


def test_pods_of_every_stage_bear_the_beginning_of_the_digest_that_is_recorded() -> None:
    declared_stages = [declared("train"), declared("evaluate", "train")]
    plan = desired_objects(inputs_from({"kind": "Experiment", "spec": {"stages": declared_stages}}))
    assert plan.run is not None
    templates = [job["template"]["spec"]["template"] for job in plan.run["spec"]["replicatedJobs"]]

    beginnings = [each["metadata"]["labels"]["glovebox.dev/digest"] for each in templates]
    assert len(beginnings) == 2
    assert all(plan.digest.startswith(f"sha256:{each}") and len(each) == 12 for each in beginnings)
