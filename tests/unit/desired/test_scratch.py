"""Scratch that is a volume of a class: of whom, how large, and what it counts for."""

from __future__ import annotations

from typing import Any, Final

import pytest

from glovebox.api import reasons
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import desired_objects
from glovebox.desired.platform import profile_changes
from glovebox.desired.profile_defects import check_profile
from glovebox.desired.run_resources import why_run_never_fits
from glovebox.errors import Refused
from golden.cases import inputs_from

Json = dict[str, Any]
STORAGE: Final = {"resource": "requests.storage", "default": "100Gi", "maximum": "1Ti"}
FAST: Final = {"scratch": {"storageClassName": "fast"}}


def inputs(
    *stages: Json, asks: Json | None = None, run: Json = FAST, **spec: Any
) -> ExperimentInputs:
    program = {"image": "trainer", "command": ["work"]}
    declared = [program | each for each in stages or ({"name": "fit", "scratch": "100Gi"},)]
    resources = {"resources": {"quota": asks or {}}}
    return inputs_from(
        {"kind": "Experiment", "spec": {"stages": declared, **resources}},
        {"kind": "IsolationProfile", "spec": {"quota": [STORAGE], "run": run} | spec},
    )


def pod(found: ExperimentInputs) -> Json:
    run = desired_objects(found).run
    assert run is not None
    spec: Json = run["spec"]["template"]["spec"]
    return spec


def tmp(found: ExperimentInputs) -> Json:
    volume: Json
    (volume,) = [each for each in pod(found)["volumes"] if each["name"] == "tmp"]
    return volume


def why(found: ExperimentInputs) -> str | None:
    return why_run_never_fits(found.experiment, found.profile, fetches=False)


def test_the_volume_is_the_pods_own_and_the_disk_of_the_node_is_spared() -> None:
    found = inputs()
    claim = tmp(found)["ephemeral"]["volumeClaimTemplate"]["spec"]
    (container,) = pod(found)["containers"]

    assert claim["storageClassName"] == "fast"
    assert claim["resources"] == {"requests": {"storage": "100Gi"}}
    # The profile's default, and the inputs on top: what is left is the log.
    assert container["resources"] == pod(inputs({"name": "fit"}))["containers"][0]["resources"]
    assert pod(found)["securityContext"]["fsGroup"] == container["securityContext"]["runAsUser"]


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("a stage that asks for none", inputs({"name": "fit"})),
        ("a profile that has no class", inputs(run={}, limits={"maxEphemeralStorage": "1Ti"})),
    ],
)
def test_else_it_is_local_disk(reason: str, found: ExperimentInputs) -> None:
    assert tmp(found) == {"name": "tmp", "emptyDir": {}}, reason
    assert "fsGroup" not in pod(found)["securityContext"], reason


def test_where_the_cluster_chooses_the_users_it_chooses_the_group() -> None:
    found = inputs(userIds="OfNamespace")
    assert "ephemeral" in tmp(found)
    assert "fsGroup" not in pod(found)["securityContext"]


def test_the_class_is_of_the_digest_and_an_edit_is_named() -> None:
    one, other = inputs(), inputs(run={"scratch": {"storageClassName": "slow"}})
    assert desired_objects(one).digest != desired_objects(other).digest
    assert profile_changes(one.profile, other.profile) == ("run",)


@pytest.mark.parametrize(
    ("asked", "resource"),
    [
        pytest.param({"scratch": "7Ei"}, "requests.storage", id="volumes"),
        pytest.param({"resources": {"memory": "7Ei"}}, "requests.memory", id="memory"),
    ],
)
def test_more_than_anybody_counts_is_refused_with_the_resource(asked: Json, resource: str) -> None:
    memory = {"resource": "requests.memory", "default": "8191Pi", "maximum": "8191Pi"}
    stage, asks = {"name": "a", "workers": 2} | asked, {"requests.memory": "8191Pi"}
    said = why(inputs(stage, asks=asks, quota=[STORAGE, memory]))
    assert said is not None
    assert "need 9223372036854775807" in said
    assert said.endswith(f"choose a profile that offers more {resource}")


@pytest.mark.parametrize(
    ("reason", "stages", "needs"),
    [
        ("a stage alone", [{"name": "a", "scratch": "101Gi"}], "1 of them"),
        ("an attempt that failed keeps its own", [{"name": "a", "retries": 1}], "2 of them"),
        ("each worker has one", [{"name": "a", "workers": 2}], "2 of them"),
        ("one that has ended keeps its own", [{"name": "a"}, {"name": "b"}], "2 of them"),
    ],
)
def test_more_than_the_quota_has_is_refused_with_the_cure(
    reason: str, stages: list[Json], needs: str
) -> None:
    chained = [
        {"scratch": "60Gi", "needs": [before["name"] for before in stages[:number]]} | stage
        for number, stage in enumerate(stages)
    ]
    said = why(inputs(*chained))

    assert said is not None, reason
    assert said.startswith("spec.stages[a].scratch"), reason
    assert needs in said, reason
    assert "more than the 100Gi of requests.storage that this experiment's quota has" in said
    assert "in spec.resources.quota['requests.storage'] (at most 1Ti)" in said, reason


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("all that the quota has", inputs()),
        (
            "it asks for more",
            inputs({"name": "a", "scratch": "1Ti"}, asks={STORAGE["resource"]: "1Ti"}),
        ),
        (
            "local disk is counted elsewhere",
            inputs(
                {"name": "a", "scratch": "5Gi", "retries": 3},
                run={},
                asks={STORAGE["resource"]: "0"},
            ),
        ),
    ],
)
def test_what_fits_is_taken(reason: str, found: ExperimentInputs) -> None:
    assert why(found) is None, reason


def test_a_profile_that_offers_no_storage_has_none_for_scratch() -> None:
    pods = {"resource": "pods", "default": "20", "maximum": "20"}
    with pytest.raises(Refused) as refusal:
        check_profile(inputs(quota=[pods]).profile)
    assert refusal.value.reason == reasons.PROFILE_INVALID
    assert "spec.run.scratch gives volumes that are counted in requests.storage" in str(
        refusal.value
    )
