"""What cannot be changed any more, by whichever way one tries; and what stays free.

No operator runs: the API server alone refuses.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.api.conftest import TEAM, object_path
from glovebox.api.experiment import FROZEN_FIELDS, ExperimentSpec
from support.api import ApiError
from support.examples import REFUSALS, flights, merged

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.api import Api, Json
    from support.cluster import Cluster

DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "c" * 64
IMAGE = "registry.example/flights/trainer@sha256:" + "b" * 64
PIN_STAYS = (
    "is immutable: a pin identifies exact content. Create a new pin with the changed spec, and name"
    " this pin in its `spec.supersedes`"
)
SPLIT_STAYS = (
    "is immutable: a split identifies which rows are tested on. Create a new SplitPin with the"
    " changed spec"
)
FIELD_STAYS = (
    "must stay as it is: the snapshot is taken (`status.digest` is set), and this field is part of"
    " the experiment's identity. Create a new Experiment with the changed value"
)

# For each frozen field a change of its value; the example that is changed has a run.
CHANGES: dict[str, Any] = {
    "profile": "larger",
    "code": {"repository": "https://git.example/flights", "commit": "2" * 40},
    "inputs": {
        "datasets": [{"name": "train", "pinRef": {"name": "flights-2013-all"}, "role": "train"}]
    },
    "images": [{"name": "trainer", "reference": IMAGE}],
    "config": {"seeds": {"python": 8}},
    "network": {
        "egress": [
            {"name": "more", "cidr": "203.0.113.8/32", "ports": [{"port": 443, "protocol": "TCP"}]}
        ]
    },
    "resources": {"quota": {"requests.cpu": "3"}},
    "stages": [{"name": "train", "image": "trainer", "command": ["python"], "retries": 2}],
    "artifacts": {"retention": {"days": 2}},
}


def by_update(api: Api, path: str, field: str, value: Any) -> None:
    """Replace the whole object."""
    current = api.get(path)
    api.replace(path, merged(current, {"spec": {field: value}}))


def by_merge_patch(api: Api, path: str, field: str, value: Any) -> None:
    """Send a JSON merge patch."""
    api.patch(path, {"spec": {field: value}})


def by_json_patch(api: Api, path: str, field: str, value: Any) -> None:
    """Send a JSON patch that sets the field, whether it was there or not."""
    target = merged(api.get(path)["spec"].get(field), value)
    api.patch(path, [{"op": "add", "path": f"/spec/{field}", "value": target}], kind="json")


def by_forced_apply(api: Api, path: str, field: str, value: Any) -> None:
    """Apply from the server's side and take the fields over by force."""
    current = api.get(path)
    spec = merged(current["spec"], {field: value})
    body = {
        "apiVersion": current["apiVersion"],
        "kind": current["kind"],
        "metadata": {"name": current["metadata"]["name"]},
        "spec": spec,
    }
    api.patch(path, body, kind="apply", fieldManager="rival", force="true")


WAYS = [by_update, by_merge_patch, by_json_patch, by_forced_apply]


@pytest.fixture
def frozen(crds: Cluster, make: Callable[..., Json]) -> str:
    """The path of an Experiment whose snapshot is taken."""
    code = {"repository": "https://git.example/flights", "commit": "1" * 40}
    stages = [{"name": "train", "image": "trainer", "command": ["python"], "retries": 1}]
    made = make("Experiment", "frozen", {"spec": {"stages": stages, "code": code}})
    path = object_path("Experiment", made["metadata"]["name"])
    status = {"digest": DIGEST, "namespace": "gbx-a", "platform": "{}", "observedGeneration": 1}
    crds.api.patch(f"{path}/status", {"status": status})
    return path


def test_the_table_of_changes_knows_every_frozen_field() -> None:
    assert set(CHANGES) == set(FROZEN_FIELDS)


def test_every_field_of_the_spec_is_either_frozen_or_said_to_be_free() -> None:
    free, once = {"purpose", "lifecycle", "suspend", "conclusion"}, {"adopts"}

    assert set(ExperimentSpec.model_fields) == set(FROZEN_FIELDS) | free | once


@pytest.mark.parametrize("adopts", ["another", None], ids=["another", "none any more"])
def test_what_an_experiment_takes_over_is_said_once(
    crds: Cluster, make: Callable[..., Json], adopts: str | None
) -> None:
    path = object_path("Experiment", make("Experiment", "heir", {})["metadata"]["name"])
    crds.api.patch(path, {"spec": {"adopts": "former"}})
    crds.api.patch(path, {"spec": {"purpose": {"ticket": "FLT-1"}}})

    with pytest.raises(
        ApiError, match=r"spec\.adopts: Forbidden: must stay as it is once it is set"
    ):
        crds.api.patch(path, {"spec": {"adopts": adopts}})


def test_an_experiment_that_is_bound_takes_nothing_over(crds: Cluster, frozen: str) -> None:
    with pytest.raises(
        ApiError, match=r"spec\.adopts: Forbidden: must stay as it is once it is set"
    ):
        crds.api.patch(frozen, {"spec": {"adopts": "former"}})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", CHANGES)
def test_a_frozen_field_cannot_be_changed(
    crds: Cluster, frozen: str, field: str, way: Callable[..., None]
) -> None:
    before = crds.api.get(frozen)

    with pytest.raises(ApiError) as refusal:
        way(crds.api, frozen, field, CHANGES[field])

    assert refusal.value.code == 422
    assert f"spec.{field}: Forbidden: {FIELD_STAYS}" in refusal.value.message
    assert crds.api.get(frozen) == before


@pytest.mark.parametrize("field", [name for name, optional in FROZEN_FIELDS.items() if optional])
def test_a_frozen_field_cannot_be_removed_to_be_added_anew(
    crds: Cluster, frozen: str, field: str
) -> None:
    with pytest.raises(ApiError, match=rf"spec\.{field}: Forbidden: must stay as it is"):
        crds.api.patch(frozen, [{"op": "remove", "path": f"/spec/{field}"}], kind="json")
    with pytest.raises(ApiError, match=rf"spec\.{field}: Forbidden: must stay as it is"):
        crds.api.patch(frozen, {"spec": {field: None}})


@pytest.mark.parametrize("field", [name for name, optional in FROZEN_FIELDS.items() if optional])
def test_a_frozen_field_cannot_be_added_where_there_was_none(
    crds: Cluster, make: Callable[..., Json], field: str
) -> None:
    absent = {name: None for name, optional in FROZEN_FIELDS.items() if optional}
    path = object_path(
        "Experiment", make("Experiment", "bare", {"spec": absent})["metadata"]["name"]
    )
    crds.api.patch(f"{path}/status", {"status": {"digest": DIGEST}})

    with pytest.raises(ApiError, match=rf"spec\.{field}: Forbidden: must stay as it is"):
        crds.api.patch(path, {"spec": {field: CHANGES[field]}})


def test_the_order_of_named_lists_is_no_change(crds: Cluster, frozen: str) -> None:
    datasets = crds.api.get(frozen)["spec"]["inputs"]["datasets"]

    crds.api.patch(frozen, {"spec": {"inputs": {"datasets": datasets[::-1]}}})


def test_life_cycle_fields_stay_free(crds: Cluster, frozen: str) -> None:
    free = {
        "lifecycle": {"desired": "Frozen", "deletionPolicy": "Retain"},
        "suspend": True,
        "purpose": {"description": "Kept for the paper", "ticket": "FLT-143"},
    }

    after = crds.api.patch(frozen, {"metadata": {"labels": {"kept": "yes"}}, "spec": free})

    assert merged(after["spec"], free) == after["spec"]
    assert after["status"]["digest"] == DIGEST


@pytest.mark.parametrize("field", CHANGES)
def test_before_the_snapshot_everything_is_free(
    crds: Cluster, make: Callable[..., Json], field: str
) -> None:
    stage = {"name": "train", "image": "trainer", "command": ["python"], "retries": 1}
    made = make("Experiment", "open", {"spec": {"stages": [stage]}})
    path = object_path("Experiment", made["metadata"]["name"])
    crds.api.patch(f"{path}/status", {"status": {"digest": "", "observedGeneration": 1}})

    crds.api.patch(path, {"spec": {field: CHANGES[field]}})


@pytest.mark.parametrize(
    ("status", "field"),
    [
        pytest.param({"digest": OTHER_DIGEST}, "digest", id="another digest"),
        pytest.param({"digest": None}, "digest", id="digest removed"),
        pytest.param({"digest": ""}, "digest", id="digest emptied"),
        pytest.param({"namespace": "gbx-b"}, "namespace", id="another namespace"),
        pytest.param({"namespace": None}, "namespace", id="namespace removed"),
        pytest.param(
            {"platform": '{"profile": {}}'}, "platform", id="other settings of the platform"
        ),
        pytest.param({"platform": None}, "platform", id="settings of the platform removed"),
        pytest.param(None, "digest", id="whole status removed"),
    ],
)
def test_digest_namespace_and_platform_are_set_once(
    crds: Cluster, frozen: str, status: Any, field: str
) -> None:
    with pytest.raises(
        ApiError, match=rf"status\.{field}: Forbidden: must stay as it is once it is set"
    ):
        crds.api.patch(f"{frozen}/status", {"status": status})


SEAL = {
    "uri": "s3://results/.glovebox/seals/team/delay/0b6d4f3e/",
    "attestationVersion": "v1",
    "manifestDigest": DIGEST,
    "objects": 3,
    "bytes": 42,
    "sealedTime": "2030-01-01T00:00:00Z",
}


@pytest.fixture
def sealed(crds: Cluster, frozen: str) -> str:
    """The path of an Experiment whose results are sealed."""
    crds.api.patch(f"{frozen}/status", {"status": {"seal": SEAL}})
    return frozen


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"seal": {"attestationVersion": "v2"}}, id="another statement"),
        pytest.param({"seal": {"manifestDigest": OTHER_DIGEST}}, id="another list"),
        pytest.param({"seal": {"findings": ["lost an input"]}}, id="further findings"),
        pytest.param({"seal": None}, id="seal removed, to make another"),
    ],
)
def test_a_seal_is_made_once(crds: Cluster, sealed: str, status: Any) -> None:
    with pytest.raises(
        ApiError, match=r"status\.seal: Forbidden: must stay as it is once it is set"
    ):
        crds.api.patch(f"{sealed}/status", {"status": status})
    assert crds.api.get(sealed)["status"]["seal"] == SEAL


def test_a_seal_cannot_go_with_the_whole_status(crds: Cluster, sealed: str) -> None:
    bare = {key: value for key, value in crds.api.get(sealed).items() if key != "status"}
    with pytest.raises(ApiError, match=r"status\.seal: Forbidden"):
        crds.api.replace(f"{sealed}/status", bare)


def test_what_is_sealed_cannot_become_frozen(crds: Cluster, sealed: str) -> None:
    refusal = (
        r"spec\.lifecycle\.desired: Forbidden: cannot become `Frozen`: the experiment is sealed"
    )
    with pytest.raises(ApiError, match=refusal):
        crds.api.patch(sealed, {"spec": {"lifecycle": {"desired": "Frozen"}}})


def test_what_is_closed_for_its_seal_cannot_become_frozen(crds: Cluster, frozen: str) -> None:
    crds.api.patch(f"{frozen}/status", {"status": {"state": "Sealed"}})
    with pytest.raises(ApiError, match=r"spec\.lifecycle\.desired: Forbidden: cannot become"):
        crds.api.patch(frozen, {"spec": {"lifecycle": {"desired": "Frozen"}}})


@pytest.mark.parametrize("lifecycle", [{"desired": "Active"}, {"desired": "Frozen"}, None])
def test_a_seal_that_was_asked_for_is_not_taken_back(
    crds: Cluster, frozen: str, lifecycle: Any
) -> None:
    crds.api.patch(frozen, {"spec": {"lifecycle": {"desired": "Sealed"}}})
    with pytest.raises(
        ApiError, match=r"spec\.lifecycle\.desired: Forbidden: must stay `Sealed`: .* Create a new"
    ):
        crds.api.patch(frozen, {"spec": {"lifecycle": lifecycle}})
    crds.api.patch(frozen, {"spec": {"lifecycle": {"deletionPolicy": "Retain"}}})


@pytest.mark.parametrize("desired", ["Active", "Sealed"])
def test_what_is_sealed_may_say_so(crds: Cluster, sealed: str, desired: str) -> None:
    crds.api.patch(sealed, {"spec": {"lifecycle": {"desired": desired}}})


def test_before_the_seal_it_can_be_frozen(crds: Cluster, frozen: str) -> None:
    crds.api.patch(frozen, {"spec": {"lifecycle": {"desired": "Frozen"}}})


def test_a_status_beside_the_spec_is_not_written(crds: Cluster, frozen: str) -> None:
    crds.api.patch(
        frozen, {"spec": {"suspend": True}, "status": {"digest": None, "namespace": None}}
    )

    assert crds.api.get(frozen)["status"]["digest"] == DIGEST


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        pytest.param(
            "DatasetPin", "source", {"prefix": {"prefix": "2013/"}}, id="source of a DatasetPin"
        ),
        pytest.param("DatasetPin", "description", "Better words", id="description of a DatasetPin"),
        pytest.param("DatasetPin", "digest", DIGEST, id="digest added to a DatasetPin"),
        pytest.param(
            "DatasetPin",
            "verification",
            {"listIntervalSeconds": 86400},
            id="interval of a DatasetPin",
        ),
        pytest.param(
            "SplitPin",
            "parts",
            [{"name": "train", "role": "train"}, {"name": "tuning", "role": "test"}],
            id="roles of a SplitPin",
        ),
        pytest.param("SplitPin", "description", "Better words", id="description of a SplitPin"),
        pytest.param("FeatureSetPin", "schemaVersion", "1.0.1", id="version of a FeatureSetPin"),
        pytest.param(
            "FeatureSetPin",
            "validity",
            {"notAfterTime": "2030-01-01T00:00:00Z"},
            id="validity added to a FeatureSetPin",
        ),
    ],
)
def test_a_pin_cannot_be_changed(
    crds: Cluster,
    make: Callable[..., Json],
    kind: str,
    field: str,
    value: Any,
    way: Callable[..., None],
) -> None:
    path = object_path(kind, make(kind, "stays")["metadata"]["name"])

    with pytest.raises(ApiError) as refusal:
        way(crds.api, path, field, value)

    assert refusal.value.code == 422
    stays = SPLIT_STAYS if kind == "SplitPin" else PIN_STAYS
    assert refusal.value.message.endswith(f"spec: Forbidden: {stays}")


def test_a_field_of_a_pin_cannot_be_removed(crds: Cluster, make: Callable[..., Json]) -> None:
    path = object_path("DatasetPin", make("DatasetPin", "stays")["metadata"]["name"])

    with pytest.raises(ApiError, match="spec: Forbidden: is immutable"):
        crds.api.patch(path, [{"op": "remove", "path": "/spec/provenance"}], kind="json")


def test_labels_and_status_of_a_pin_stay_free(crds: Cluster, make: Callable[..., Json]) -> None:
    path = object_path("DatasetPin", make("DatasetPin", "stays")["metadata"]["name"])

    crds.api.patch(path, {"metadata": {"labels": {"kept": "yes"}}})
    crds.api.patch(f"{path}/status", {"status": {"digest": DIGEST, "objects": 9}})


def test_kubectl_shows_the_cure_for_a_changed_pin(crds: Cluster, make: Callable[..., Json]) -> None:
    make("DatasetPin", flights("DatasetPin")["metadata"]["name"])

    answer = crds.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        str(REFUSALS / "mutable-pin.yaml"),
        check=False,
    )

    assert (
        answer.stderr.strip()
        == f'The DatasetPin "flights-2013-train" is invalid: spec: Forbidden: {PIN_STAYS}'
    )


def test_kubectl_shows_the_cure_for_a_frozen_field(crds: Cluster, frozen: str) -> None:
    name = frozen.rpartition("/")[2]
    patch = json.dumps({"spec": {"config": {"seeds": {"python": 8}}}})

    answer = crds.kubectl(
        "patch",
        "experiment",
        name,
        "--namespace",
        TEAM,
        "--type=merge",
        "--patch",
        patch,
        check=False,
    )

    assert (
        answer.stderr.strip()
        == f'The Experiment "{name}" is invalid: spec.config: Forbidden: {FIELD_STAYS}'
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("namespaces", ["team-flights", "lab"]),
        ("roles", ["holdout", "train"]),
        ("expireTime", "2099-01-01T00:00:00Z"),
        ("uses", 2),
        ("reason", "a better one"),
        ("pinRef", {"name": "another"}),
        ("tickets", ["DS-7"]),
        ("overlap", {"withRoles": ["train"], "of": ["Objects"]}),
    ],
)
def test_what_was_granted_cannot_be_changed(
    crds: Cluster,
    make: Callable[..., Json],
    field: str,
    value: Any,
    way: Callable[..., None],
) -> None:
    path = object_path("AccessGrant", make("AccessGrant", "stays")["metadata"]["name"])

    with pytest.raises(ApiError) as refusal:
        way(crds.api, path, field, value)

    assert "is immutable, but for `revoked`" in str(refusal.value)
    assert "another name" in str(refusal.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_grant_is_revoked_once_and_for_all(
    crds: Cluster, make: Callable[..., Json], way: Callable[..., None]
) -> None:
    path = object_path("AccessGrant", make("AccessGrant", "taken-back")["metadata"]["name"])
    way(crds.api, path, "revoked", value=True)

    with pytest.raises(ApiError) as refusal:
        way(crds.api, path, "revoked", value=False)

    assert "cannot be taken back: create another AccessGrant" in str(refusal.value)
    assert crds.api.get(path)["spec"]["revoked"] is True
