"""Data of one team lent to another by an AccessGrant: on a real API server and a real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from glovebox import names
from support.cluster import Cluster
from support.operator_process import BREAK_GLASS, GLOVEBOX, Operator, Team, experiment_spec
from support.run_credentials import session_in
from support.waiting import eventually

pytestmark = pytest.mark.usefixtures("platform")
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
SECRET = names.INPUTS_CREDENTIALS_SECRET


@pytest.fixture
def owner(cluster: Cluster) -> Team:
    """A team with a pinned dataset, which the platform lets it lend."""
    owner = Team(cluster, f"owner-{uuid4().hex[:6]}")
    # Of their own, because equal bytes are one content, whoever has them.
    rows = f"rows of {owner.name}".encode()
    bucket = owner.bucket({"train/a": rows, "other/b": b"other rows"}, store="")
    entry = {"namespaces": [owner.name], "sources": [{"bucket": bucket, "prefix": "train/"}]}
    change = [{"op": "add", "path": "/spec/access/-", "value": {**entry, "lend": True}}]
    owner.api.patch(owner.path("ObjectStore", "primary"), change, kind="json")
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    owner.declare("DatasetPin", "rows", {"storeRef": {"name": "primary"}, "source": source})
    owner.expect("DatasetPin", "rows")
    return owner


def apply_grant(owner: Team, team: Team, name: str = "loan", **changes: Any) -> None:
    """Declare a grant as a person does."""
    spec = {
        "pinRef": {"name": "rows"},
        "namespaces": [team.name],
        "roles": ["train"],
        "expireTime": "2099-01-01T00:00:00Z",
        "reason": "a test",
        **changes,
    }
    grant = {
        "apiVersion": GLOVEBOX,
        "kind": "AccessGrant",
        "metadata": {"name": name, "namespace": owner.name},
        "spec": {field: value for field, value in spec.items() if value is not None},
    }
    owner.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(grant))


def borrow(owner: Team, team: Team, name: str, **changes: Any) -> None:
    reference = {"name": "rows", "namespace": owner.name}
    inputs = {"datasets": [{"name": "rows", "pinRef": reference, "role": "train"}]}
    spec = experiment_spec("standard", "primary", inputs=inputs, **changes)
    team.declare("Experiment", name, spec)


def secret_of(team: Team, name: str) -> Any:
    namespace = team.read("Experiment", name)["status"]["namespace"]
    return team.api.find(f"/api/v1/namespaces/{namespace}/secrets/{SECRET}")


@pytest.mark.timeout(180)
def test_a_grant_lends_exactly_what_is_pinned_once_and_its_end_ends_credentials(
    cluster: Cluster, team: Team, owner: Team
) -> None:
    borrow(owner, team, "first", run=RUN)
    team.expect("Experiment", "first", status="False", reason="NotGranted")
    apply_grant(owner, team)
    made = team.expect("Experiment", "first")
    (entry,) = made["status"]["inputs"]
    assert entry["pinRef"] == f"{owner.name}/rows"
    (grant,) = entry["grants"]
    assert (grant["grantRef"], grant["use"]) == (f"{owner.name}/loan", 1)
    assert team.condition("Experiment", "first", "InputsGranted")["status"] == "True"

    eventually(lambda: secret_of(team, "first"), what="the credentials are there")
    namespace = made["status"]["namespace"]
    s3 = cluster.store.client(session=session_in(team, namespace, SECRET, "primary.credentials"))
    bucket = f"{owner.name}-data"
    assert (
        s3.get_object(Bucket=bucket, Key="train/a")["Body"].read()
        == f"rows of {owner.name}".encode()
    )
    with pytest.raises(ClientError, match=r"AccessDenied|Forbidden"):
        s3.get_object(Bucket=bucket, Key="other/b")

    # The record lies in the store, by whatever the status says.
    used = owner.expect("AccessGrant", "loan", reason="GrantUsedUp")
    assert used["status"]["uses"][0]["uid"] == made["metadata"]["uid"]
    columns = cluster.kubectl("get", "accessgrant", "loan", "-n", owner.name).stdout
    assert columns.splitlines()[0].split()[:5] == ["NAME", "READY", "REASON", "USED", "USES"]
    borrow(owner, team, "second")
    told = team.expect("Experiment", "second", status="False", reason="GrantUsedUp")
    assert "by Experiment 'first' at " in json.dumps(told["status"]["conditions"])

    cluster.kubectl(
        "patch", "accessgrant", "loan", "-n", owner.name, "--type=merge",
        '--patch={"spec":{"revoked":true}}',
    )  # fmt: skip
    eventually(lambda: secret_of(team, "first") is None, what="they are gone", timeout=60)
    team.expect("Experiment", "first", "InputsGranted", status="False", reason="GrantRevoked")
    events = team.api.list(f"/apis/events.k8s.io/v1/namespaces/{team.name}/events")
    assert "GrantRevoked" in {event["reason"] for event in events}
    assert team.condition("Experiment", "first", "Ready")["status"] == "True"


def test_a_grant_that_is_made_again_and_an_operator_that_was_killed_give_no_use_back(
    cluster: Cluster, team: Team, owner: Team, operator: Operator
) -> None:
    apply_grant(owner, team)
    borrow(owner, team, "first")
    uid = team.expect("Experiment", "first")["metadata"]["uid"]
    team.api.delete(team.path("Experiment", "first"))
    eventually(lambda: team.api.find(team.path("Experiment", "first")) is None, what="it is gone")
    cluster.kubectl("delete", "accessgrant", "loan", "-n", owner.name, "--timeout=60s")
    operator.kill()
    operator.start()
    apply_grant(owner, team)
    again = owner.expect("AccessGrant", "loan", reason="GrantUsedUp")
    assert [each["uid"] for each in again["status"]["uses"]] == [uid]
    borrow(owner, team, "second")
    team.expect("Experiment", "second", status="False", reason="GrantUsedUp")


def test_what_the_platform_does_not_let_lend_stays_where_it_is(
    cluster: Cluster, team: Team
) -> None:
    owner = Team(cluster, f"owner-{uuid4().hex[:6]}")
    bucket = owner.bucket({"train/a": b"rows"})
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    owner.declare("DatasetPin", "rows", {"storeRef": {"name": "primary"}, "source": source})
    owner.expect("DatasetPin", "rows")
    apply_grant(owner, team)
    owner.expect("AccessGrant", "loan", status="False", reason="StoreNotLending")
    borrow(owner, team, "first")
    team.expect("Experiment", "first", status="False", reason="GrantNotReady")


def test_definitions_are_lent_with_the_data_that_they_are_made_from(
    team: Team, owner: Team
) -> None:
    late = {"name": "late", "recipe": {"expression": "delay > 15"}, "dtype": "bool"}
    rows = {"name": "rows", "pinRef": {"name": "rows"}}
    spec = {"schemaVersion": "1", "inputs": [rows], "features": [{**late, "inputs": ["rows"]}]}
    owner.declare("FeatureSetPin", "late", spec)
    root = owner.expect("FeatureSetPin", "late")["status"]["digest"]
    reference = {"name": "late", "namespace": owner.name}
    inputs = {"features": [{"name": "late", "pinRef": reference}]}
    purpose = {"description": "a test", "owner": team.name}
    wanted = experiment_spec("standard", "primary", inputs=inputs, purpose=purpose)
    team.declare("Experiment", "first", wanted)
    refused = team.expect("Experiment", "first", status="False", reason="NotGranted")
    assert "role `features`" in json.dumps(refused["status"]["conditions"])
    named = {"featureSetRef": {"name": "late"}, "storeRef": {"name": "primary"}}
    lent = {"pinRef": None, **named, "roles": ["features"], "tickets": ["DS-7"]}
    apply_grant(owner, team, "late", **lent)
    eventually(
        lambda: "other tickets" in str(team.condition("Experiment", "first", "Ready")),
        what="it is told that the grant is for another purpose",
    )
    team.api.patch(
        team.path("Experiment", "first"), {"spec": {"purpose": {**purpose, "ticket": "DS-7"}}}
    )
    team.expect("Experiment", "first", status="False", reason="FeatureInputsMissing")
    # With its data as well, each by a grant of its own.
    apply_grant(owner, team)
    data = {"name": "rows", "role": "train", "pinRef": {**reference, "name": "rows"}}
    wanted["inputs"] = {**inputs, "datasets": [data]}
    wanted["purpose"] = {**purpose, "ticket": "DS-7"}
    team.declare("Experiment", "second", wanted)
    made = team.expect("Experiment", "second")
    entries = {each["name"]: each for each in made["status"]["inputs"]}
    assert entries["late"]["digest"] == root
    assert [each["grants"][0]["use"] for each in entries.values()] == [1, 1]
    used = owner.expect("AccessGrant", "late", reason="GrantUsedUp")
    assert used["status"]["uses"][0]["uid"] == made["metadata"]["uid"]
    namespace = made["status"]["namespace"]
    plan = f"/api/v1/namespaces/{namespace}/configmaps/{names.INPUTS_CONFIG_MAP}"
    assert "delay > 15" in json.dumps(team.api.get(plan)["data"])
    # Whoever is bound to them keeps them there.
    held = owner.read("FeatureSetPin", "late")["metadata"]["finalizers"]
    assert names.FINALIZER_IN_USE in held


def test_a_review_shows_who_can_read_what(cluster: Cluster, team: Team, owner: Team) -> None:
    apply_grant(owner, team)
    borrow(owner, team, "first")
    team.expect("Experiment", "first")
    owner.expect("AccessGrant", "loan", reason="GrantUsedUp")
    root = owner.read("DatasetPin", "rows")["status"]["digest"]
    kubeconfig = str(cluster.kubeconfig_for("reviewer", ["system:masters"]))

    def review(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "glovebox.cli", "access-review", root, *arguments],
            env={**os.environ, "KUBECONFIG": kubeconfig},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    shown = review("--output", "json")
    assert shown.returncode == 0, shown.stderr
    found = {each["namespace"]: each for each in json.loads(shown.stdout)}
    assert found[owner.name]["through"] == f"DatasetPin {owner.name}/rows"
    lent = found[team.name]
    assert lent["through"] == f"AccessGrant {owner.name}/loan"
    assert lent["state"] == "GrantUsedUp (1 of 1 used)"
    assert lent["last_used"]
    table = review("--namespace", owner.name)
    assert f"AccessGrant {owner.name}/loan" in table.stdout
    told = owner.read("DatasetPin", "rows")["status"]["usedBy"]
    assert told == {"experiments": "1", "names": [f"{team.name}/first"]}


def test_two_that_race_for_one_use_and_one_gets_it(team: Team, owner: Team) -> None:
    apply_grant(owner, team)
    owner.expect("AccessGrant", "loan")
    everybody = [f"racer-{number}" for number in range(6)]
    for name in everybody:
        borrow(owner, team, name)

    def decided() -> dict[str, str] | None:
        found = {name: team.condition("Experiment", name, "Ready") for name in everybody}
        reasons = {name: str(each.get("reason", "")) for name, each in found.items()}
        done = all(each in {"Provisioned", "GrantUsedUp"} for each in reasons.values())
        return reasons if done else None

    reasons = eventually(decided, what="all are decided", timeout=60)
    assert sorted(reasons.values()) == ["GrantUsedUp"] * 5 + ["Provisioned"]


def test_nobody_but_the_operator_writes_uses_or_lets_a_grant_go(
    cluster: Cluster, team: Team, owner: Team
) -> None:
    apply_grant(owner, team)
    owner.expect("AccessGrant", "loan")
    where = ("accessgrant", "loan", "-n", owner.name, "--type=merge")
    for patch, more, said in (
        ('{"status":{"used":0,"uses":[]}}', ["--subresource=status"], "may write `status`"),
        ('{"metadata":{"finalizers":null}}', [], "may take off the finalizer"),
    ):
        for groups in (["system:masters"], ["system:masters", BREAK_GLASS]):
            answer = cluster.kubectl(
                "patch", *where, f"--patch={patch}", *more, "--dry-run=server",
                user="mallory", groups=groups, check=False,
            )  # fmt: skip
            is_admitted = BREAK_GLASS in groups
            assert (answer.returncode == 0) is is_admitted, answer.stderr
            assert is_admitted or said in answer.stderr
