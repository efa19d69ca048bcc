"""Nothing ends unsealed or open, on the real API server and store."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.api import Api, path_of
from support.cluster import Cluster
from support.examples import one_stage
from support.kubelet import end_pod, run_pod
from support.operator_process import Operator, Team, experiment_spec
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
ENDS_SECONDS = 120


def began(team: Team, name: str, *, run: bool = True, policy: str = "Freeze") -> dict[str, Any]:
    """Declare an Experiment, wait for its pod, and let it have written something."""
    spec = experiment_spec("standard", "primary", lifecycle={"deletionPolicy": policy})
    team.declare("Experiment", name, spec | ({"stages": one_stage(RUN)} if run else {}))
    made = team.expect("Experiment", name)
    if run:
        run_pod(team.api, made["status"]["namespace"])
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    team.cluster.store.client().put_object(Bucket=bucket, Key=f"{prefix}early.bin", Body=b"early")
    return made


def statement(cluster: Cluster, made: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the seal of an Experiment says, or None without one."""
    bucket = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)[0]
    key = f".glovebox/seals/{made['metadata']['uid']}/attestation.dsse.json"
    try:
        body = cluster.store.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError:
        return None
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(body)["payload"]))
    return found


def names_in(sealed: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in sealed["subject"] if "name" in entry}


def outcome_of(sealed: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = sealed["predicate"]["runDetails"]["byproducts"][0]["annotations"]
    return found


def space(team: Team, made: dict[str, Any]) -> dict[str, Any] | None:
    return team.api.find(path_of("v1", "namespaces", name=made["status"]["namespace"]))


def strip(team: Team, rogue: Api, name: str) -> None:
    """Take the finalizer off under break-glass, and wait until the Experiment is gone."""
    path = team.path("Experiment", name)
    team.api.delete(path)
    rogue.patch(path, {"metadata": {"finalizers": None}})
    eventually(lambda: team.api.find(path) is None or None, what="the Experiment is gone")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("policy", ["Freeze", "Delete"])
def test_what_a_lost_experiment_wrote_is_sealed_and_its_policy_is_applied(
    cluster: Cluster, team: Team, rogue: Api, operator: Operator, policy: str
) -> None:
    made = began(team, "lost", policy=policy)
    operator.kill()
    try:
        strip(team, rogue, "lost")
    finally:
        operator.start()
    sealed = eventually(lambda: statement(cluster, made), what="it is sealed", timeout=ENDS_SECONDS)
    assert names_in(sealed) == {"early.bin"}
    assert (outcome_of(sealed)["outcome"], outcome_of(sealed)["reason"]) == ("Failed", "Orphaned")

    def ended() -> bool | None:
        live = space(team, made)
        if policy == "Delete":
            return live is None or None
        assert live is not None
        return live["metadata"]["labels"]["glovebox.dev/state"] == "Retained" or None

    eventually(ended, what="its namespace ended as its policy says", timeout=ENDS_SECONDS)
    live = space(team, made)
    if live is not None:
        assert "glovebox.dev/orphaned-time" not in live["metadata"]["annotations"]
        assert team.api.list(path_of("v1", "pods", namespace=live["metadata"]["name"])) == []
    assert statement(cluster, made) == sealed, "once"


@pytest.mark.timeout(240)
def test_what_was_written_before_a_namespace_was_recreated_is_in_the_seal(
    cluster: Cluster, team: Team, rogue: Api
) -> None:
    made = began(team, "remade", run=False)
    former = made["status"]["namespaceUid"]
    rogue.delete(path_of("v1", "namespaces", name=made["status"]["namespace"]))

    def stands_again() -> bool | None:
        status = team.read("Experiment", "remade")["status"]
        latch = status.get("provisioned") or {}
        return status.get("namespaceUid") not in {None, former} and (
            latch.get("namespaceUid") == status["namespaceUid"] or None
        )

    eventually(stands_again, what="the namespace is complete again", timeout=ENDS_SECONDS)
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    cluster.store.client().put_object(Bucket=bucket, Key=f"{prefix}late.bin", Body=b"late")
    path = team.path("Experiment", "remade")
    team.api.patch(path, {"spec": {"lifecycle": {"desired": "Sealed"}}})
    team.expect("Experiment", "remade", "Sealed", timeout=ENDS_SECONDS)
    sealed = statement(cluster, made)
    assert sealed is not None
    assert names_in(sealed) == {"early.bin", "late.bin"}


@pytest.mark.timeout(240)
def test_a_suspended_experiment_is_kept_isolated_and_its_run_is_recorded_and_sealed(
    team: Team, rogue: Api
) -> None:
    made = began(team, "held")
    path, namespace = team.path("Experiment", "held"), made["status"]["namespace"]
    pod = run_pod(team.api, namespace)
    team.api.patch(path, {"spec": {"suspend": True}})
    policy = path_of(
        "networking.k8s.io/v1",
        "networkpolicies",
        namespace=namespace,
        name="glovebox-default-deny",
    )
    before = team.api.get(policy)["metadata"]["uid"]
    rogue.delete(policy)

    def restored() -> bool | None:
        live = team.api.find(policy)
        return (live is not None and live["metadata"]["uid"] != before) or None

    eventually(restored, what="isolation is repaired", timeout=60)
    end_pod(team.api, pod, 0)
    team.expect("Experiment", "held", "Sealed", timeout=ENDS_SECONDS)
    assert team.read("Experiment", "held")["status"]["run"]["outcome"] == "Succeeded"


@pytest.mark.timeout(240)
def test_a_suspended_experiment_that_is_deleted_is_sealed_and_closed(
    cluster: Cluster, team: Team
) -> None:
    made = began(team, "dropped")
    path = team.path("Experiment", "dropped")
    team.api.patch(path, {"spec": {"suspend": True}})
    team.api.delete(path)
    eventually(
        lambda: team.api.find(path) is None or None,
        what="the Experiment is gone",
        timeout=ENDS_SECONDS,
    )
    sealed, live = statement(cluster, made), space(team, made)
    assert sealed is not None
    assert names_in(sealed) == {"early.bin"}
    assert outcome_of(sealed)["reason"] == "Abandoned"
    assert live is not None
    assert live["metadata"]["labels"]["glovebox.dev/state"] == "Retained"


def test_a_suspended_run_starts_when_the_suspension_ends(team: Team) -> None:
    spec = experiment_spec("standard", "primary", run=RUN, suspend=True)
    team.declare("Experiment", "later", spec)
    waits = team.expect("Experiment", "later", status="False", reason="Suspended")
    assert "digest" not in waits["status"]
    path = team.path("Experiment", "later")
    team.api.patch(path, {"spec": {"suspend": False}})
    made = team.expect("Experiment", "later")
    run_pod(team.api, made["status"]["namespace"])
