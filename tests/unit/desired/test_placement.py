"""Where pods go: what the profile says, of whom, and in one order."""

from __future__ import annotations

from typing import Any, Final

import pytest

from glovebox import names
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.placement import placement
from glovebox.desired.plan import desired_objects
from glovebox.desired.platform import profile_changes, render_platform
from golden.cases import inputs_from

Json = dict[str, Any]
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
ML: Final = {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["ml", "gpu"]}]}
BIG: Final = {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["63"]}]}
NODES: Final = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [ML, BIG]}}}
RACK: Final = {"podAffinity": {REQUIRED: [{"topologyKey": "rack"}, {"topologyKey": "hall"}]}}
SPREAD: Final = [{"topologyKey": "zone", "maxSkew": 2}, {"topologyKey": "host"}]
SCHEDULING: Final = {"affinity": NODES | RACK, "topologySpreadConstraints": SPREAD}


def placed(scheduling: Json | None, *stages: Json) -> ExperimentInputs:
    program = {"image": "trainer", "command": ["work"]}
    declared = [program | each for each in stages or ({"name": "fit", "workers": 2},)]
    return inputs_from(
        {"kind": "Experiment", "spec": {"stages": declared}},
        {"kind": "IsolationProfile", "spec": {"scheduling": scheduling} if scheduling else {}},
        {"kind": "Resolved", "platformImage": f"registry.example/glovebox@sha256:{'2' * 64}"},
    )


def of_stage(inputs: ExperimentInputs, number: int = 0) -> Json:
    return placement(inputs.profile, (), inputs.experiment.spec.stages[number])


def test_rules_between_workers_are_for_a_stage_that_has_several() -> None:
    inputs = placed(SCHEDULING, {"name": "fit", "workers": 2}, {"name": "score"})
    pods = {"matchLabels": {names.LABEL_STAGE: "fit"}}

    fit, score = of_stage(inputs), of_stage(inputs, 1)

    assert [each["topologyKey"] for each in fit["topologySpreadConstraints"]] == ["host", "zone"]
    assert all(each["labelSelector"] == pods for each in fit["topologySpreadConstraints"])
    assert fit["affinity"]["podAffinity"] == {
        REQUIRED: [
            {"topologyKey": "hall", "labelSelector": pods},
            {"topologyKey": "rack", "labelSelector": pods},
        ]
    }
    assert score == {"affinity": {"nodeAffinity": fit["affinity"]["nodeAffinity"]}}


def test_the_isolation_check_is_on_the_nodes_that_runs_are_on() -> None:
    inputs = placed(SCHEDULING)
    probe = desired_objects(inputs).probe
    assert probe is not None

    pod = probe.job()["spec"]["template"]["spec"]

    assert pod["affinity"] == {"nodeAffinity": of_stage(inputs)["affinity"]["nodeAffinity"]}
    assert "topologySpreadConstraints" not in pod


@pytest.mark.parametrize(
    ("reason", "scheduling"),
    [
        ("terms", {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [BIG, ML]}}}}),
        (
            "values",
            {
                "affinity": {
                    "nodeAffinity": {
                        REQUIRED: {
                            "nodeSelectorTerms": [
                                {
                                    "matchExpressions": [
                                        {"key": "pool", "operator": "In", "values": ["gpu", "ml"]}
                                    ]
                                },
                                BIG,
                            ]
                        }
                    }
                }
            },
        ),
    ],
)
def test_an_order_that_means_nothing_makes_no_other_experiment(
    reason: str, scheduling: Json
) -> None:
    one, other = placed({"affinity": NODES}), placed(scheduling)
    assert desired_objects(one).digest == desired_objects(other).digest, reason
    assert desired_objects(one).run == desired_objects(other).run, reason


def test_spread_in_another_order_is_the_same() -> None:
    one = placed({"topologySpreadConstraints": SPREAD})
    other = placed({"topologySpreadConstraints": SPREAD[::-1]})
    assert desired_objects(one).digest == desired_objects(other).digest
    assert desired_objects(one).run == desired_objects(other).run


@pytest.mark.parametrize(
    ("reason", "scheduling"),
    [
        ("an affinity that says nothing", {"affinity": {}}),
        ("nor in its parts", {"affinity": {"nodeAffinity": {}, "podAffinity": {PREFERRED: []}}}),
    ],
)
def test_what_says_nothing_changes_no_digest(reason: str, scheduling: Json) -> None:
    one, other = placed(None), placed(scheduling)
    assert desired_objects(one).digest == desired_objects(other).digest, reason
    assert of_stage(other) == {}, reason


@pytest.mark.parametrize(
    ("reason", "scheduling"),
    [
        ("nodes", {"affinity": NODES}),
        ("workers together", {"affinity": RACK}),
        ("workers apart", {"topologySpreadConstraints": SPREAD}),
    ],
)
def test_another_placement_is_another_experiment_and_is_named(
    reason: str, scheduling: Json
) -> None:
    bound, now = placed(None), placed(scheduling)
    assert desired_objects(bound).digest != desired_objects(now).digest, reason
    assert profile_changes(bound.profile, now.profile) == ("scheduling",), reason
    texts = {render_platform(each.profile, each.store, ()) for each in (bound, now)}
    assert len(texts) == 2, reason
