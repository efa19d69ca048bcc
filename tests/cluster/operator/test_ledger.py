"""The ledger on a real API server and store: a whole life is told, witnessed, dated, verified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.signing_keys import PRIVATE
from glovebox.evidence.signer import new_key_pair
from support.api import Api, ApiError, path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import IMAGE, Team, experiment_spec, store_spec
from support.run_credentials import write_artifact
from support.timestamp_authority import Authority, needs_openssl
from support.told_ledgers import LIFE
from support.waiting import eventually

OWN = "glovebox-system"
STORE = "ledgered"
WHERE = f"s3://glovebox-{STORE}/acme"
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


def glovebox(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", *arguments],
        env={**os.environ, **cluster.store.access.variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    cluster.said.append((f"glovebox {' '.join(arguments)}", done.stdout + done.stderr))
    return done


def begin_ledger(cluster: Cluster, platform: Team, name: str, folder: Path) -> Path:
    """Declare a store with a ledger that is written; return the policy of who verifies it."""
    store, bucket, key = platform.path("ObjectStore", name), f"glovebox-{name}", f"key-of-{name}"
    platform.declare("ObjectStore", name, store_spec(cluster, bucket))
    platform.expect("ObjectStore", name, timeout=60)
    pair = new_key_pair()
    (folder / "log.pem").write_text(pair.private)
    origin = ("--origin", f"ledger.example.com/{name}")
    where = ("ledger", "init", f"s3://{bucket}/acme")
    made = glovebox(cluster, *where, "--key", str(folder / "log.pem"), *origin)
    assert made.returncode == 0, made.stderr
    cluster.api.create(
        path_of("v1", "secrets", namespace=OWN),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": key, "namespace": OWN},
            "stringData": {PRIVATE: pair.private},
        },
    )
    spec = {"organisation": "acme", "keySecretRef": {"name": key}}
    cluster.api.patch(store, {"spec": {"ledger": spec}})
    platform.expect("ObjectStore", name, "LedgerWritten", timeout=60)
    found = folder / "policy.txt"
    found.write_text(f"{made.stdout.splitlines()[0]}\nquorum none\n")
    return found


@pytest.fixture(scope="module")
def policy(cluster: Cluster, platform: Team, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a ledger that is written; the policy of who verifies it."""
    return begin_ledger(cluster, platform, STORE, tmp_path_factory.mktemp("ledger"))


@pytest.mark.timeout(300)
def test_a_life_is_told_from_binding_to_deletion_and_glovebox_verifies_it(
    cluster: Cluster, team: Team, policy: Path
) -> None:
    team.declare("Experiment", "told", experiment_spec("standard", "ledgered", run=RUN))
    made = team.expect("Experiment", "told")
    pod = run_pod(team.api, made["status"]["namespace"])
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, pod, 0)
    sealed = team.expect("Experiment", "told", "Sealed", timeout=60)
    recorded = sealed["status"]["ledger"]["entries"]
    assert [each["kind"] for each in recorded] == list(LIFE[:-1])
    team.api.delete(team.path("Experiment", "told"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "told")) is None,
        what="the Experiment is gone",
        timeout=60,
    )

    keys = team.read("ObjectStore", "ledgered")["status"]["ledger"]["entries"]

    def signed() -> dict[str, Any] | None:
        store = team.read("ObjectStore", "ledgered")
        found: dict[str, Any] = store["status"].get("ledger") or {}
        return found if found.get("size") == len(LIFE) + len(keys) else None

    head = eventually(signed, what="the newest head is signed", timeout=60)
    assert {each["kind"] for each in head["anchors"]} == {"Bucket", "Status"}
    shown = glovebox(cluster, "ledger", "show", WHERE, "--output", "json")
    assert shown.returncode == 0, shown.stderr
    entries = [json.loads(line)["entry"] for line in shown.stdout.splitlines()]
    told = [entry for entry in entries if entry["subject"]["kind"] == "Experiment"]
    assert [entry["kind"] for entry in told] == list(LIFE)
    assert {entry["subject"]["uid"] for entry in told} == {made["metadata"]["uid"]}
    # The key that signed was told of before.
    key = sealed["status"]["seal"]["keyId"]
    (current,) = [
        entry
        for entry in entries
        if entry["subject"]["digest"] == f"sha256:{key}" and entry["details"]["change"] == "current"
    ]
    assert current["index"] in {each["index"] for each in keys}
    assert current["index"] < recorded[-1]["index"]
    verified = glovebox(
        cluster, "ledger", "verify", WHERE, "--policy", str(policy), "--seals", "--objects"
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # And whoever looks at the seal alone finds its entry.
    published = path_of("v1", "configmaps", namespace=OWN, name="glovebox-signing-keys")
    trusted = policy.with_name("keys.json")
    trusted.write_text(cluster.api.get(published)["data"]["keys.json"])
    seal = ("verify", sealed["status"]["seal"]["uri"], "--key", str(trusted), "--output", "json")
    ledgered = glovebox(cluster, *seal, "--ledger", WHERE, "--policy", str(policy))
    assert ledgered.returncode == 0, ledgered.stdout + ledgered.stderr
    (index,) = [entry["index"] for entry in told if entry["kind"] == "sealed"]
    assert json.loads(ledgered.stdout)["ledger"]["index"] == index


def shown_of(cluster: Cluster, uid: str) -> list[dict[str, Any]]:
    """Return the entries about an Experiment, as `glovebox ledger show` prints them."""
    shown = glovebox(cluster, "ledger", "show", WHERE, "--output", "json")
    assert shown.returncode == 0, shown.stderr
    entries = [json.loads(line)["entry"] for line in shown.stdout.splitlines()]
    return [entry for entry in entries if entry["subject"]["uid"] == uid]


def _deletes(team: Team, rogue: Api, made: dict[str, Any]) -> str:
    """Delete the namespace under an Experiment, let it be created again; return the lost UID."""
    lost: str = made["status"]["namespaceUid"]
    rogue.delete(path_of("v1", "namespaces", name=made["status"]["namespace"]))

    def again() -> bool:
        status = team.read("Experiment", "glass")["status"]
        return status.get("namespaceUid") not in {None, lost}

    eventually(again, what="its namespace was created again", timeout=60)
    return lost


@pytest.mark.timeout(300)
def test_what_the_guards_let_a_break_glass_group_alone_do_is_told_once(
    cluster: Cluster, team: Team, rogue: Api, policy: Path
) -> None:
    team.declare("Experiment", "glass", experiment_spec("standard", "ledgered"))
    made = team.expect("Experiment", "glass")
    uid = made["metadata"]["uid"]
    path = team.path("Experiment", "glass")
    with pytest.raises(ApiError, match="may"):
        cluster.api_as("erin", ["system:masters"]).patch(path, {"metadata": {"finalizers": None}})
    lost = _deletes(team, rogue, made)

    def told() -> list[dict[str, str]]:
        entries = shown_of(cluster, uid)
        return [entry["details"] for entry in entries if entry["kind"] == "break-glass"]

    eventually(told, what="the lost namespace is told", timeout=60)
    team.expect("Experiment", "glass")
    team.api.delete(path)
    rogue.patch(path, {"metadata": {"finalizers": None}})
    eventually(lambda: "deleted" in _kinds(cluster, uid), what="its loss is told", timeout=60)
    assert told() == [
        {"what": "NamespaceDeleted", "namespaceUid": lost, "writer": "unknown"},
        {"what": "ExperimentLost", "writer": "unknown"},
    ]
    assert _kinds(cluster, uid)[-3:] == ["break-glass", "sealed", "deleted"]
    lines = glovebox(cluster, "ledger", "show", WHERE).stdout
    assert f"Experiment {uid}  what=ExperimentLost  writer=unknown" in lines
    verified = glovebox(cluster, "ledger", "verify", WHERE, "--policy", str(policy))
    assert verified.returncode == 0, verified.stdout + verified.stderr


def pod_beside(image: str) -> dict[str, Any]:
    """Return a pod that Pod Security admits, which the guards let nobody start beside a run."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "main", "image": image, "securityContext": security}
    own = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "containers": [container],
        "securityContext": own,
        "automountServiceAccountToken": False,
        "serviceAccountName": names.RUNNER_SERVICE_ACCOUNT,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "beside"}, "spec": spec}


@pytest.mark.timeout(300)
def test_a_pod_that_a_break_glass_group_starts_beside_a_run_is_told_and_named_in_the_status(
    cluster: Cluster, team: Team, rogue: Api, policy: Path
) -> None:
    del policy
    team.declare("Experiment", "beside", experiment_spec("standard", "ledgered", run=RUN))
    made = team.expect("Experiment", "beside")
    namespace, uid = made["status"]["namespace"], made["metadata"]["uid"]
    own = run_pod(team.api, namespace)
    path = path_of("v1", "pods", namespace=namespace)
    with pytest.raises(ApiError, match="glovebox-run-alone"):
        cluster.api_as("erin", ["system:masters"]).create(path, pod_beside(IMAGE))
    theirs = rogue.create(path, pod_beside(IMAGE))
    end_pod(team.api, own, 0)
    sealed = team.expect("Experiment", "beside", "Sealed", timeout=90)
    entries = [each for each in shown_of(cluster, uid) if each["kind"] == "break-glass"]
    assert [each["details"] for each in entries] == [
        {"what": "PodsBesideRun", "pods": "1", "writer": "unknown"}
    ]
    assert entries[0]["time"] == theirs["metadata"]["creationTimestamp"]
    assert [each["name"] for each in sealed["status"]["tenantPods"]["pods"]] == ["beside"]


def _kinds(cluster: Cluster, uid: str) -> list[str]:
    return [entry["kind"] for entry in shown_of(cluster, uid)]


# -- who else learns of its heads

NAME = "witness.example.com/w1"


class Witness:
    """`glovebox witness` as a process of its own."""

    def __init__(self, folder: Path, policy: Path) -> None:
        self.folder, self.policy = folder, policy
        self.key = self.url = ""
        (folder / "witness.pem").write_text(new_key_pair().private)

    @contextmanager
    def running(self, port: int = 0) -> Iterator[None]:
        files = f"--key {self.folder}/witness.pem --policy {self.policy} --state {self.folder}/seen"
        command = f"-u -m glovebox.cli witness --name {NAME} {files} --port {port}"
        with subprocess.Popen(
            [sys.executable, *command.split()],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        ) as process:
            try:
                assert process.stdout is not None
                self.key = process.stdout.readline().split()[-1]
                self.url = process.stdout.readline().split()[-1].removesuffix("/add-checkpoint")
                yield
            finally:
                process.terminate()

    @property
    def spec(self) -> dict[str, str]:
        return {"name": "w1", "key": self.key, "url": self.url}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def ledger(platform: Team) -> dict[str, Any]:
    return dict(platform.read("ObjectStore", STORE)["status"].get("ledger") or {})


def knows(platform: Team, kind: str) -> int:
    anchors = ledger(platform).get("anchors") or ()
    return next((each["lastSize"] for each in anchors if each["kind"] == kind), 0)


def declare(platform: Team, **changes: Any) -> None:
    """Change who is to know the heads."""
    platform.api.patch(platform.path("ObjectStore", STORE), {"spec": {"ledger": changes}})


@needs_openssl
@pytest.mark.timeout(300)
def test_heads_are_witnessed_and_dated_and_glovebox_demands_it(
    cluster: Cluster, platform: Team, policy: Path, authority: Authority, tmp_path: Path
) -> None:
    witness = Witness(tmp_path, policy)
    with witness.running(), authority.serving() as url:
        declare(
            platform,
            witnesses=[witness.spec],
            timestamps={"url": url, "caBundle": authority.root.read_text(), "intervalSeconds": 60},
        )
        platform.expect("ObjectStore", STORE, "LedgerAnchored", timeout=60)
        size = ledger(platform)["size"]
        assert (knows(platform, "Witness"), knows(platform, "Timestamp")) == (size, size)
        strict = tmp_path / "strict.txt"
        log = policy.read_text().splitlines()[0]
        strict.write_text(f"{log}\nwitness w1 {witness.key}\nquorum w1\n")
        roots = ("--timestamp-roots", str(authority.root))
        verified = glovebox(cluster, "ledger", "verify", WHERE, "--policy", str(strict), *roots)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "witness w1 saw it on" in verified.stdout
        assert f"1 timestamp; size {size} was known on" in verified.stdout
    stranger = Authority(tmp_path / "stranger")
    roots = ("--timestamp-roots", str(stranger.root))
    found = glovebox(cluster, "ledger", "verify", WHERE, "--policy", str(strict), *roots)
    assert (found.returncode, "TimestampInvalid" in found.stdout) == (1, True)

    # Taken out of the spec: nothing is said of them any more.
    declare(platform, witnesses=None, timestamps=None)

    def forgotten() -> bool:
        status = platform.read("ObjectStore", STORE)["status"]
        kinds = {each["kind"] for each in status["ledger"]["anchors"]}
        types = {each["type"] for each in status["conditions"]}
        return kinds == {"Bucket", "Status"} and "LedgerAnchored" not in types

    eventually(forgotten, what="the status says nothing of them", timeout=60)


@needs_openssl
@pytest.mark.timeout(300)
def test_who_refuses_is_told_and_the_ledger_is_written_all_the_same(
    platform: Team, policy: Path, authority: Authority, tmp_path: Path
) -> None:
    witness = Witness(tmp_path, policy)
    with witness.running():
        # The witness's place is taken by somebody with another key.
        (tmp_path / "other").mkdir()
        other = Witness(tmp_path / "other", policy)
        with other.running():
            pass
        declare(platform, witnesses=[{**witness.spec, "key": other.key}], timestamps=None)
        platform.expect("ObjectStore", STORE, "LedgerAnchored", "False", "LedgerNotWitnessed")
        message = platform.condition("ObjectStore", STORE, "LedgerAnchored")["message"]
        assert NAME in message
        assert platform.condition("ObjectStore", STORE, "LedgerWritten")["status"] == "True"
        assert platform.condition("ObjectStore", STORE, "Ready")["status"] == "True"
        # The right key: asked at once, since it is somebody else.
        declare(platform, witnesses=[witness.spec])
        platform.expect("ObjectStore", STORE, "LedgerAnchored", timeout=60)
    # Somebody else answers in the authority's place, rightly but for the signature.
    authority.answer = Authority(tmp_path / "stranger").respond
    with authority.serving() as url:
        declare(platform, timestamps={"url": url, "caBundle": authority.root.read_text()})
        platform.expect("ObjectStore", STORE, "LedgerAnchored", "False", "LedgerNotTimestamped")
        assert platform.condition("ObjectStore", STORE, "LedgerWritten")["status"] == "True"
