"""What of the platform's settings is bound, what is identity, and how a later edit is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.desired.accelerators import used_accelerators
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import desired_objects
from glovebox.desired.platform import (
    identity,
    profile_changes,
    read_platform,
    render_platform,
    store_changes,
)
from golden.cases import Case, discover, inputs_from


def bound(inputs: ExperimentInputs) -> ExperimentInputs:
    """Return the inputs with the platform as it is read back from what was recorded."""
    asked = inputs.experiment.spec.network
    text = render_platform(
        inputs.profile,
        inputs.store,
        inputs.input_stores,
        asked.services,
        uses_proxy=asked.use_proxy,
    )
    platform = read_platform(text)
    return dataclasses.replace(
        inputs,
        profile=platform.profile,
        store=platform.store,
        input_stores=platform.input_stores,
    )


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_the_same_objects_come_from_what_was_recorded(case: Case) -> None:
    inputs = case.inputs()
    recorded, live = desired_objects(bound(inputs)), desired_objects(inputs)
    assert dataclasses.replace(recorded, probe=None) == dataclasses.replace(live, probe=None)
    jobs = [plan.probe.job() if plan.probe is not None else None for plan in (recorded, live)]
    assert jobs[0] == jobs[1]


def test_what_is_kept_of_a_profile_is_never_that_of_another_one() -> None:
    """Objects that are gone leave their identity to new ones: a thousand, each dropped at once."""
    inputs = inputs_from()
    spec = inputs.profile.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    for days in range(1, 1001):
        retention = {"minimumDays": days, "defaultDays": days, "maximumDays": days}
        profile = IsolationProfile.model_validate(
            {"metadata": {"name": "standard"}, "spec": {**spec, "retention": retention}}
        )
        platform = read_platform(render_platform(profile, inputs.store, ()))
        assert platform.profile.spec.retention.default_days == days
        changed = "retention" in profile_changes(inputs.profile, profile)
        assert changed is (days != inputs.profile.spec.retention.default_days)


def test_what_is_recorded_reads_back_to_the_same_record() -> None:
    inputs = bound(inputs_from())
    again = bound(inputs)
    assert (again.profile, again.store, again.input_stores) == (
        inputs.profile,
        inputs.store,
        inputs.input_stores,
    )


TRACKING: dict[str, Any] = {
    "name": "tracking",
    "namespace": "mlflow",
    "podLabels": {"app": "mlflow"},
    "ports": [{"port": 5000}],
}
REGISTRY = {**TRACKING, "name": "registry", "ports": [{"port": 8080}]}


@pytest.mark.parametrize(
    ("now", "changes", "why"),
    [
        ([TRACKING, REGISTRY], (), "as it was"),
        ([REGISTRY, TRACKING], (), "in another order"),
        ([TRACKING], (), "what was not asked for is not offered any more"),
        ([{**TRACKING, "ports": [{"port": 5000}, {"port": 5001}]}], ("network",), "other ports"),
        ([{**TRACKING, "podLabels": {"app": "other"}}], ("network",), "other pods"),
        ([REGISTRY], ("network",), "it is not offered any more"),
    ],
)
def test_an_edit_of_the_services_that_are_offered(
    now: list[dict[str, Any]], changes: tuple[str, ...], why: str
) -> None:
    asks = {"kind": "Experiment", "spec": {"network": {"services": ["tracking"]}}}
    offers = {"kind": "IsolationProfile", "spec": {"network": {"services": [TRACKING, REGISTRY]}}}
    inputs = inputs_from(asks, offers)
    recorded = bound(inputs).profile
    assert [service.name for service in recorded.spec.network.services] == ["tracking"]
    after = profile(network={"services": now})
    assert profile_changes(recorded, after) == changes, why
    stores = (inputs.store,)
    was, is_now = (identity(each, stores, ["tracking"]) for each in (inputs.profile, after))
    assert (was == is_now) is not bool(changes), why
    assert identity(recorded, stores) == was, "as the snapshot is checked"


def profile(**spec: Any) -> IsolationProfile:
    return inputs_from({"kind": "IsolationProfile", "spec": spec}).profile


@pytest.mark.parametrize(
    ("spec", "changes", "is_identity", "why"),
    [
        ({"podSecurity": "Baseline"}, ("podSecurity",), True, "other pods are admitted"),
        ({"limits": {"maxCpu": "4"}}, ("limits",), True, "containers get something else"),
        ({"retention": {"defaultDays": 30}}, ("retention",), True, "results are kept shorter"),
        ({"drift": [{"kind": "LimitRange", "policy": "Alert"}]}, ("drift",), False, "operation"),
        ({"probe": {"schedule": "Never"}}, ("probe",), False, "operation"),
        ({"credentials": {"durationSeconds": 900}}, ("credentials",), False, "operation"),
        ({"access": {"podEntry": "Allowed"}}, ("access",), True, "what is typed there counts"),
        ({"access": {"podEntry": "Refused"}}, (), False, "as where there was no choice"),
        ({"limits": {"defaultMemory": "524288Ki"}}, (), False, "the same amount"),
        ({"scheduling": {"nodeSelector": {"pool": "ml"}}}, ("scheduling",), True, "other nodes"),
        ({"scheduling": {"nodeSelector": {}, "tolerations": []}}, (), False, "as if unsaid"),
        (
            {"accelerators": [{"resource": "nvidia.com/gpu", "maximum": 4}]},
            (),
            False,
            "an offer of which this one has nothing",
        ),
        ({"queue": {"clusterQueue": "gpus"}}, ("queue",), True, "a run waits for its turn"),
        ({"environment": "Production"}, ("environment",), True, "other data are let in"),
        ({"data": {"regions": ["x"]}}, ("data",), True, "what was asked of the data"),
        ({"data": {"provenance": "None", "licenses": {}}}, (), False, "as where nothing is asked"),
        ({"imagePullSecrets": [{"name": "r"}]}, ("imagePullSecrets",), True, "what pulls images"),
        ({"imagePullSecrets": []}, (), False, "as where there was no choice"),
        ({"network": {"dns": {"ports": [5353]}}}, ("network",), True, "other routes"),
        ({"network": {"dns": {"addresses": ["169.254.20.10"]}}}, ("network",), True, "likewise"),
        ({"network": {"dns": {"ports": [53], "addresses": []}}}, (), False, "as it always was"),
        ({"network": {"services": [TRACKING]}}, (), False, "an offer that nobody asked for"),
        ({"description": "other words"}, (), False, "words for those who choose"),
        ({"images": [{"repository": "elsewhere.example"}]}, (), False, "an offer to new ones"),
    ],
)
def test_an_edit_of_a_profile(
    spec: dict[str, Any],
    changes: tuple[str, ...],
    is_identity: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    before, after = inputs_from(), profile(**spec)
    recorded = bound(before).profile
    assert profile_changes(recorded, after) == changes, why
    stores = (before.store,)
    used = [used_accelerators(before.experiment, each) for each in (before.profile, after)]
    same = identity(before.profile, stores, (), used[0]) == identity(after, stores, (), used[1])
    assert same is not is_identity, why


GPU: dict[str, Any] = {
    "resource": "nvidia.com/gpu",
    "maximum": 4,
    "tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "pool", "value": "ml"}],
}


@pytest.mark.parametrize(
    ("offers", "changes", "why"),
    [
        ([GPU], (), "nothing was edited"),
        ([{**GPU, "maximum": 8}], (), "more for others"),
        ([{**GPU, "maximum": 1}], (), "less for others"),
        ([GPU, {"resource": "example.com/fpga", "maximum": 1}], (), "another one for others"),
        ([{**GPU, "tolerations": GPU["tolerations"][::-1]}], (), "a set"),
        ([{**GPU, "tolerations": []}], ("accelerators",), "the run would not reach its node"),
        ([{**GPU, "deviceClass": "gpu"}], ("accelerators",), "the quota would have other names"),
        ([], ("accelerators",), "no longer offered"),
    ],
)
def test_an_edit_of_accelerators_of_which_an_experiment_has_some(
    offers: list[dict[str, Any]], changes: tuple[str, ...], why: str
) -> None:
    asking = {"kind": "Experiment", "spec": {"stages": {0: {"resources": {"nvidia.com/gpu": 2}}}}}
    before = inputs_from(asking, {"kind": "IsolationProfile", "spec": {"accelerators": [GPU]}})
    used = used_accelerators(before.experiment, before.profile)
    assert [(each.resource, pieces) for each, pieces in used] == [("nvidia.com/gpu", 2)]
    recorded = read_platform(render_platform(before.profile, before.store, (), None, used)).profile
    after = profile(accelerators=offers)
    assert profile_changes(recorded, after) == changes, why
    stores = (before.store,)
    given = [(each, 2) for each in after.spec.accelerators if each.resource == GPU["resource"]]
    same = identity(recorded, stores) == identity(after, stores, (), given)
    assert same is not bool(changes), why


def test_more_accelerators_than_there_are_can_still_be_written_down_and_read() -> None:
    """The gate refuses them, which comes after that."""
    inputs = inputs_from(
        {"kind": "Experiment", "spec": {"stages": {0: {"resources": {"nvidia.com/gpu": "1E"}}}}},
        {"kind": "IsolationProfile", "spec": {"accelerators": [GPU]}},
    )
    used = used_accelerators(inputs.experiment, inputs.profile)
    read = read_platform(render_platform(inputs.profile, inputs.store, (), None, used))
    assert [each.maximum for each in read.profile.spec.accelerators] == [4]


MLFLOW: dict[str, Any] = {
    "name": "tracking",
    "namespace": "ml-secrets",
    "secretName": "mlflow",
    "teams": ["flights"],
}
CLOUD: dict[str, Any] = {"name": "cloud", "namespace": "$(team)", "secretName": "gcp"}


@pytest.mark.parametrize(
    ("now", "changes", "why"),
    [
        ([CLOUD, MLFLOW], (), "in another order"),
        ([MLFLOW], (), "what was not asked for is not offered any more"),
        ([{**MLFLOW, "teams": ["*"]}], (), "to whom else it is offered"),
        ([{**MLFLOW, "secretName": "other"}], ("secrets",), "another Secret"),
        ([{**MLFLOW, "namespace": "other"}], ("secrets",), "from another place"),
        ([CLOUD], ("secrets",), "it is not offered any more"),
    ],
)
def test_an_edit_of_the_secrets_that_are_offered(
    now: list[dict[str, Any]], changes: tuple[str, ...], why: str
) -> None:
    before = profile(secrets=[MLFLOW, CLOUD])
    stores = (inputs_from().store,)
    given = {"tracking": "u/7"}
    read = read_platform(render_platform(before, stores[0], (), (), (), given))
    assert [each.name for each in read.profile.spec.secrets] == ["tracking"]
    assert read.secrets == given
    after = profile(secrets=now)
    assert profile_changes(read.profile, after) == changes, why
    was, is_now = (identity(each, stores, (), (), given) for each in (before, after))
    assert (was == is_now) is not bool(changes), why
    assert identity(read.profile, stores, secrets=read.secrets) == was, "as the snapshot is checked"
    assert identity(before, stores, (), (), {"tracking": "u/8"}) != was, "another version"
    assert "secrets" not in identity(before, stores, (), (), {}), "nobody asks"


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        ({"endpoint": "https://192.0.2.99:8333"}, ("endpoint", "stsEndpoint")),
        ({"artifacts": {"bucket": "elsewhere"}}, ("bucket",)),
        ({"region": "eu-west-1"}, ("region",)),
        ({"encryption": {"type": "SSE-KMS", "keyId": "team-key"}}, ("encryption",)),
        ({"sourceKeyIds": ["team-key"]}, ()),
        ({"verifyIntervalSeconds": 3600}, ()),
    ],
)
def test_an_edit_of_a_store(spec: dict[str, Any], changes: tuple[str, ...]) -> None:
    before = inputs_from()
    after = inputs_from({"kind": "ObjectStore", "spec": spec}).store
    assert store_changes(before.store, after) == changes


def test_quantities_in_another_spelling_are_no_change() -> None:
    other = [{"resource": "requests.cpu", "default": "1000m", "maximum": "8"}]
    same = [{"resource": "requests.cpu", "default": "1", "maximum": "4"}]
    assert profile_changes(profile(quota=same), profile(quota=other)) == ()
