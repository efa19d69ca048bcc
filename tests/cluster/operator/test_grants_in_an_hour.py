"""The ledger is told of so many grants of one namespace within an hour; what the others see."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from cluster.operator.test_ledger import begin_ledger, glovebox
from support.cluster import Cluster
from support.operator_process import Team, experiment_spec
from support.waiting import eventually

STORE = "lending"
# Of one namespace, as docs/reference/ledger.md says.
MANY = 60


@pytest.fixture(scope="module")
def owner(cluster: Cluster, platform: Team, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """Who lends a pinned dataset, in a store with a ledger."""
    begin_ledger(cluster, platform, STORE, tmp_path_factory.mktemp("lending"))
    owner = Team(cluster, f"owner-{uuid4().hex[:6]}")
    bucket = owner.bucket({"train/a": f"rows of {owner.name}".encode()}, store="")
    entry = {"namespaces": [owner.name], "sources": [{"bucket": bucket}], "lend": True}
    change = [{"op": "add", "path": "/spec/access/-", "value": entry}]
    owner.api.patch(owner.path("ObjectStore", STORE), change, kind="json")
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    owner.declare("DatasetPin", "rows", {"storeRef": {"name": STORE}, "source": source})
    owner.expect("DatasetPin", "rows")
    return owner


def grant(owner: Team, name: str, reader: str, **what: Any) -> None:
    spec = {
        "namespaces": [reader],
        "roles": ["train"],
        "expireTime": "2099-01-01T00:00:00Z",
        "reason": "a test",
        **(what or {"pinRef": {"name": "rows"}}),
    }
    owner.declare("AccessGrant", name, spec)


def waits(team: Team, kind: str, name: str, reason: str, said: str) -> bool:
    """Whether something is not Ready for that reason, in these words."""
    ready = team.condition(kind, name, "Ready")
    assert (ready.get("status"), ready.get("reason")) == ("False", reason)
    assert said in ready["message"]
    return True


@pytest.mark.timeout(240)
def test_a_grant_after_so_many_of_its_namespace_waits_says_so_and_lets_nobody_in(
    cluster: Cluster, owner: Team, team: Team
) -> None:
    for number in range(MANY):
        grant(owner, f"loan-{number}", "somebody-else")

    def all_granted() -> bool:
        found = owner.api.list(owner.path("AccessGrant"))
        said = [each for obj in found for each in obj.get("status", {}).get("conditions", ())]
        reasons = [each["reason"] for each in said if each["type"] == "Ready"]
        assert reasons == ["Granted"] * MANY
        return True

    eventually(all_granted, what="so many are granted", timeout=120)

    # One of them is taken back, which is told, and makes no room: the entries are there for years.
    owner.api.delete(owner.path("AccessGrant", "loan-0"))
    gone = owner.path("AccessGrant", "loan-0")
    eventually(lambda: owner.api.find(gone) is None, what="it is gone")
    grant(owner, "late", team.name)
    reference = {"name": "rows", "namespace": owner.name}
    inputs = {"datasets": [{"name": "rows", "pinRef": reference, "role": "train"}]}
    team.declare("Experiment", "reader", experiment_spec("standard", "primary", inputs=inputs))
    said = f"{MANY} grants of namespace {owner.name} were written into the ledger within an hour"
    eventually(
        lambda: waits(owner, "AccessGrant", "late", "LedgerPending", said),
        what="who granted it reads why",
    )
    whose = f"AccessGrant '{owner.name}/late' is not ready: {said}"
    eventually(
        lambda: waits(team, "Experiment", "reader", "GrantNotReady", whose),
        what="who wants to read reads why",
    )
    columns = cluster.kubectl("get", "accessgrant", "late", "-n", owner.name).stdout
    assert columns.splitlines()[1].split()[:3] == ["late", "False", "LedgerPending"]

    # No other namespace waits for that.
    root = owner.read("DatasetPin", "rows")["status"]["digest"]
    grant(team, "own", team.name, contentRoot=root, storeRef={"name": STORE})
    team.expect("AccessGrant", "own", reason="Granted")
    made = team.read("Experiment", "reader")["status"]
    assert not {"namespace", "digest"} & made.keys()
    shown = glovebox(cluster, "ledger", "show", f"s3://glovebox-{STORE}/acme", "--output", "json")
    entries = [json.loads(line)["entry"] for line in shown.stdout.splitlines()]
    kinds = Counter(each["kind"] for each in entries if each["subject"]["kind"] == "AccessGrant")
    assert kinds == {"granted": MANY + 1, "grant-revoked": 1}
    team.api.delete(team.path("Experiment", "reader"))
