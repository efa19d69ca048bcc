"""The run and the seal on a real API server, Job controller and store; the kubelet is played."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from glovebox.evidence.artifacts import Artifact
from glovebox.evidence.keys import encode_bundle
from glovebox.evidence.verification import verify_evidence
from glovebox.status.text import format_time
from support.api import Api
from support.cluster import Cluster
from support.kubelet import RUN_JOB, end_pod, run_pod, write_status
from support.leaks import SecretsInPlay, find_leaks
from support.no_leaks import outputs_of
from support.operator_process import BREAK_GLASS, PLATFORM_IMAGE, Operator, Team, experiment_spec
from support.run_credentials import session_in, write_artifact
from support.sealed_evidence import evidence, verified
from support.trust import published_keys
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


def job_of(team: Team, namespace: str) -> dict[str, Any] | None:
    return team.api.find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{RUN_JOB}")


def started(team: Team, name: str, **changes: Any) -> dict[str, Any]:
    """Declare an Experiment with a run, wait until its Job is there, and return the Experiment."""
    team.declare(
        "Experiment",
        name,
        experiment_spec("standard", "primary", run=RUN | changes.pop("run", {}), **changes),
    )
    team.expect("Experiment", name)

    def look() -> dict[str, Any] | None:
        made = team.read("Experiment", name)
        return made if (made["status"].get("run") or {}).get("jobUid") else None

    return eventually(look, what="the run was started and recorded")


def other_key() -> str:
    """Return a public key under which nothing was ever signed."""
    return (
        Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def test_a_run_that_succeeds_ends_sealed_with_evidence_that_verifies(
    cluster: Cluster, team: Team
) -> None:
    made = started(team, "good")
    namespace = made["status"]["namespace"]
    write_artifact(team, made, "model.bin", b"weights")
    write_artifact(team, made, "metrics.json", b'{"auc": 0.8}')
    end_pod(team.api, run_pod(team.api, namespace), 0)
    sealed = team.expect("Experiment", "good", "Sealed")
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    assert team.condition("Experiment", "good", "Succeeded")["status"] == "True"
    assert team.condition("Experiment", "good", "Ready")["status"] == "True"
    assert sealed["status"]["seal"]["objects"] == 2
    assert "findings" not in sealed["status"]["seal"]

    report = verified(cluster, sealed)
    assert report.findings == []
    assert {artifact.key.rpartition("/")[2] for artifact in report.artifacts} == {
        "model.bin",
        "metrics.json",
    }
    assert all(
        artifact.lock_mode == "Compliance" and artifact.retain_until_time
        for artifact in report.artifacts
    )


def test_nothing_starts_and_nothing_is_writable_after_the_seal(team: Team) -> None:
    made = started(team, "closed")
    namespace = made["status"]["namespace"]
    end_pod(team.api, run_pod(team.api, namespace), 0)
    team.expect("Experiment", "closed", "Sealed")
    assert (
        team.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]["glovebox.dev/state"]
        == "Sealed"
    )
    secrets = [
        item["metadata"]["name"]
        for item in team.api.list(f"/api/v1/namespaces/{namespace}/secrets")
    ]
    assert secrets == []
    run = job_of(team, namespace)
    assert run is not None, "the run stays for its logs"
    late = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "late", "namespace": namespace},
        "spec": {"template": {"spec": run["spec"]["template"]["spec"]}},
    }
    # As those whom no other guard keeps from starting something beside a run.
    refused = team.cluster.kubectl(
        "create",
        "--dry-run=server",
        "--filename=-",
        stdin=json.dumps(late),
        groups=("system:masters", BREAK_GLASS),
        user="gus",
        check=False,
    )
    assert "is Sealed" in refused.stderr, refused.stderr
    frozen = team.cluster.kubectl(
        "patch",
        "experiment/closed",
        "-n",
        team.name,
        "--type=merge",
        '-p={"spec":{"lifecycle":{"desired":"Frozen"}}}',
        check=False,
    )
    assert "is sealed, which is permanent" in frozen.stderr


def test_a_run_that_fails_says_why_and_is_sealed_all_the_same(team: Team) -> None:
    made = started(team, "bad")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 3, message="loss is NaN")
    failed = team.expect("Experiment", "bad", "Sealed")
    assert failed["status"]["run"]["exitCode"] == 3
    succeeded = team.condition("Experiment", "bad", "Succeeded")
    assert (succeeded["status"], succeeded["reason"]) == ("False", "RunFailed")
    assert "exit code 3" in succeeded["message"]
    assert "loss is NaN" in succeeded["message"]
    assert team.condition("Experiment", "bad", "Stalled")["status"] == "True"


def test_an_exit_code_that_no_retry_cures_ends_the_run_at_once(team: Team) -> None:
    made = started(team, "hopeless", run={"retries": 2, "failOnExitCodes": [77]})
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 77, message="no such column")
    failed = team.expect("Experiment", "hopeless", "Sealed")
    assert (failed["status"]["run"]["attempts"], failed["status"]["run"]["exitCode"]) == (1, 77)
    assert "no such column" in team.condition("Experiment", "hopeless", "Succeeded")["message"]


def test_a_pod_that_was_evicted_is_tried_again_whatever_code_its_program_ends_with(
    team: Team,
) -> None:
    made = started(team, "evicted", run={"failOnExitCodes": [77]})
    namespace = made["status"]["namespace"]
    first = run_pod(team.api, namespace)
    evicted = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        # The controller takes one back that is older than two minutes, or of no time at all.
        "lastTransitionTime": format_time(datetime.now(UTC)),
    }
    write_status(team.api, first, {"conditions": [evicted]})
    end_pod(team.api, first, 77)
    second = run_pod(team.api, namespace)
    counted = second["metadata"]["annotations"]
    assert counted["batch.kubernetes.io/job-index-ignored-failure-count"] == "1"
    end_pod(team.api, second, 0)
    run = team.expect("Experiment", "evicted", "Sealed")["status"]["run"]
    assert (run["outcome"], run["attempts"]) == ("Succeeded", 2)


def test_a_run_that_says_its_session_with_its_last_words_shows_it_to_nobody(
    cluster: Cluster, team: Team, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = started(team, "talker")
    namespace = made["status"]["namespace"]
    session = session_in(team, namespace)
    # The kubelet takes the end of a log: it may begin in the middle of a key.
    said = f"{session['SecretAccessKey'][8:]}\nsigned with {session['SessionToken']}\nExpiredToken"
    end_pod(team.api, run_pod(team.api, namespace), 3, message=said)
    team.expect("Experiment", "talker", "Sealed")
    message = team.condition("Experiment", "talker", "Succeeded")["message"]
    assert message.endswith("(Error): [redacted] signed with [redacted] ExpiredToken")
    secrets = SecretsInPlay()
    for name in ("SecretAccessKey", "SessionToken"):
        secrets.add(name, session[name])
    logs = tmp_path_factory.getbasetemp()
    assert not find_leaks(secrets, outputs_of(cluster, logs, lambda: {"/metrics": operator.page()}))


@pytest.mark.slow
def test_a_failed_attempt_is_retried_as_often_as_asked(team: Team) -> None:
    made = started(team, "again", run={"retries": 1})
    namespace = made["status"]["namespace"]
    first = run_pod(team.api, namespace)
    end_pod(team.api, first, 1)
    second = run_pod(team.api, namespace)
    counted = [
        pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"]
        for pod in (first, second)
    ]
    assert counted == ["0", "1"], "what GLOVEBOX_ATTEMPT is made of"
    end_pod(team.api, second, 0)
    sealed = team.expect("Experiment", "again", "Sealed", timeout=60)
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    assert sealed["status"]["run"]["attempts"] == 2


def test_a_run_whose_job_is_taken_away_is_lost_and_never_started_again(
    cluster: Cluster, team: Team
) -> None:
    made = started(team, "taken")
    namespace = made["status"]["namespace"]
    breaker = cluster.api_as("breaker", ["system:masters", "glovebox:break-glass"])
    breaker.delete(
        f"/apis/batch/v1/namespaces/{namespace}/jobs/{RUN_JOB}?propagationPolicy=Background"
    )
    lost = team.expect("Experiment", "taken", "Sealed")
    assert lost["status"]["run"]["reason"] == "RunLost"
    assert job_of(team, namespace) is None


@pytest.mark.slow
def test_the_operator_s_death_at_any_moment_leaves_one_run_and_one_seal(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    made = started(team, "survivor")
    namespace = made["status"]["namespace"]
    job = job_of(team, namespace)
    assert job is not None
    write_artifact(team, made, "model.bin", b"weights")
    operator.kill()
    end_pod(team.api, run_pod(team.api, namespace), 0)
    operator.start()
    # Killed again in the middle of closing and sealing, at whatever step it has come to.
    eventually(
        lambda: (team.read("Experiment", "survivor")["status"].get("run") or {}).get("outcome"),
        what="the end is recorded",
    )
    operator.kill()
    operator.start()
    sealed = team.expect("Experiment", "survivor", "Sealed")
    again = job_of(team, namespace)
    assert again is not None
    assert again["metadata"]["uid"] == job["metadata"]["uid"] == sealed["status"]["run"]["jobUid"]
    statements = [name for name in evidence(cluster, sealed) if name == "attestation.dsse.json"]
    bucket, folder = sealed["status"]["seal"]["uri"].removeprefix("s3://").split("/", 1)
    versions = cluster.store.client().list_object_versions(
        Bucket=bucket, Prefix=f"{folder}attestation"
    )["Versions"]
    assert (len(statements), len(versions)) == (1, 1)


def test_an_experiment_without_a_run_is_sealed_on_request(team: Team) -> None:
    team.declare("Experiment", "asked", experiment_spec("standard", "primary"))
    made = team.expect("Experiment", "asked")
    write_artifact(team, made, "notes.txt", b"by hand")
    team.api.patch(team.path("Experiment", "asked"), {"spec": {"lifecycle": {"desired": "Sealed"}}})
    sealed = team.expect("Experiment", "asked", "Sealed")
    assert sealed["status"]["seal"]["objects"] == 1
    assert team.condition("Experiment", "asked", "Succeeded")["reason"] == "RunNotRequested"


def test_sealing_on_request_ends_the_run_first(team: Team) -> None:
    made = started(team, "hurried")
    write_artifact(team, made, "partial.bin", b"half")
    namespace = made["status"]["namespace"]
    run_pod(team.api, namespace)
    team.api.patch(
        team.path("Experiment", "hurried"), {"spec": {"lifecycle": {"desired": "Sealed"}}}
    )
    sealed = team.expect("Experiment", "hurried", "Sealed")
    assert sealed["status"]["run"]["reason"] == "RunStopped"
    assert sealed["status"]["seal"]["objects"] == 1
    assert team.api.list(f"/api/v1/namespaces/{namespace}/pods") == []


def test_a_pod_that_still_runs_holds_the_seal_up(cluster: Cluster, team: Team, rogue: Api) -> None:
    made = started(team, "lingering")
    namespace = made["status"]["namespace"]
    pod = run_pod(team.api, namespace)
    # A finalizer keeps a deleted pod as a slow end on a node would.
    path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
    rogue.patch(
        path,
        {"metadata": {"finalizers": [*pod["metadata"].get("finalizers", []), "example.com/slow"]}},
    )
    team.api.patch(
        team.path("Experiment", "lingering"), {"spec": {"lifecycle": {"desired": "Sealed"}}}
    )
    team.expect("Experiment", "lingering", "Sealed", status="False", reason="Sealing")
    s3 = cluster.store.client()
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    s3.put_object(Bucket=bucket, Key=f"{prefix}last.bin", Body=b"last words")
    rogue.patch(path, {"metadata": {"finalizers": None}})
    sealed = team.expect("Experiment", "lingering", "Sealed")
    assert sealed["status"]["seal"]["objects"] == 1, "what it wrote while it ended is in the seal"


def test_what_no_list_can_name_is_told_by_the_seal_and_does_not_hold_it_up(
    cluster: Cluster, team: Team
) -> None:
    made = started(team, "unnameable")
    write_artifact(team, made, "model.bin", b"weights")
    # The store lists a control character as U+FFFD, under which nothing is found.
    write_artifact(team, made, "\x01", b"hidden")
    # Denied to runs: neither version nor lock. Only an administrator can leave such a key.
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    cluster.store.client().put_object(Bucket=bucket, Key=f"{prefix}folder/", Body=b"")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    sealed = team.expect("Experiment", "unnameable", "Sealed")["status"]["seal"]
    assert any(
        "\ufffd" in finding and "cannot be read" in finding for finding in sealed["findings"]
    ), sealed
    assert any("folder/" in finding for finding in sealed["findings"]), sealed
    assert not any("model.bin" in finding for finding in sealed["findings"])


def test_an_input_that_vanished_before_the_seal_is_told_by_it_and_does_not_hold_it_up(
    cluster: Cluster, team: Team
) -> None:
    bucket = team.bucket({}, "gone")
    s3 = cluster.store.client()
    for name, key in (("rows", "train/a.csv"), ("kept", "kept/b.csv")):
        version = s3.put_object(Bucket=bucket, Key=key, Body=f"{name}\n".encode())["VersionId"]
        prefix = {"prefix": {"bucket": bucket, "prefix": key.partition("/")[0] + "/"}}
        team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": prefix})
        team.expect("DatasetPin", name)
        if name == "rows":
            lost = {"Bucket": bucket, "Key": key, "VersionId": version}
    inputs = {
        "datasets": [
            {"name": "train", "pinRef": {"name": "rows"}, "role": "train"},
            {"name": "test", "pinRef": {"name": "kept"}, "role": "test"},
        ]
    }
    made = started(team, "bereft", inputs=inputs)
    s3.delete_object(**lost)
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    sealed = team.expect("Experiment", "bereft", "Sealed")["status"]["seal"]
    (finding,) = sealed["findings"]
    assert "`train`" in finding
    assert "missing" in finding
    assert "not vouched for" in team.condition("Experiment", "bereft", "Sealed")["message"]


def test_glovebox_why_follows_a_wait_to_its_end(cluster: Cluster, team: Team) -> None:
    source = {"prefix": {"bucket": "flights", "prefix": "2013/"}}
    team.declare("DatasetPin", "months", {"storeRef": {"name": "gone"}, "source": source})
    dataset = {"name": "train", "pinRef": {"name": "months"}, "role": "train"}
    spec = experiment_spec("standard", "primary", inputs={"datasets": [dataset]})
    team.declare("Experiment", "waiting", spec)
    team.expect("DatasetPin", "months", status="False", reason="StoreNotFound")
    team.expect("Experiment", "waiting", status="False", reason="PinNotReady")
    kubeconfig = str(cluster.kubeconfig_for("auditor", ["system:masters"]))

    def why(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "glovebox.cli", "why", *arguments],
            env={**os.environ, "KUBECONFIG": kubeconfig},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    told = why("experiment", f"{team.name}/waiting")
    assert (told.returncode, told.stderr) == (1, "")
    where = [told.stdout.index(each) for each in ("Experiment ", "DatasetPin ", "ObjectStore gone")]
    assert where == sorted(where)
    assert "It is not there. Create it, or name another one." in told.stdout
    assert why("objectstore", "primary").stdout.startswith("ObjectStore primary is Ready\n")


def test_kubectl_finds_the_commands_as_its_plug_in(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", scripts, prepend=os.pathsep)
    told = cluster.kubectl("glovebox", "why", "objectstore", "primary")
    assert told.stdout.startswith("ObjectStore primary is Ready\n")
    assert f"{scripts}/kubectl-glovebox" in cluster.kubectl("plugin", "list", check=False).stdout


def test_glovebox_report_shows_what_came_of_it_with_the_rights_of_its_reader(
    cluster: Cluster, team: Team
) -> None:
    made = started(team, "told")
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    sealed = team.expect("Experiment", "told", "Sealed")
    kubeconfigs = {
        "auditor": str(cluster.kubeconfig_for("auditor", ["system:masters"])),
        "nobody": str(cluster.kubeconfig_for("nobody", [])),
    }

    def report(reader: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "glovebox.cli", "report", "experiment", f"{team.name}/told"],
            env={**os.environ, "KUBECONFIG": kubeconfigs[reader]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    page = report("auditor")
    assert (page.returncode, page.stderr) == (0, "")
    seal = sealed["status"]["seal"]
    for told in ("Run succeeded", "exit code 0", seal["uri"], seal["manifestDigest"]):
        assert told in page.stdout
    refused = report("nobody")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "403" in refused.stderr


def test_glovebox_verify_checks_a_seal_from_outside_and_finds_what_came_later(
    cluster: Cluster, team: Team, tmp_path: Path
) -> None:
    made = started(team, "outside")
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    sealed = team.expect("Experiment", "outside", "Sealed")
    key = tmp_path / "public.pem"
    key.write_bytes(encode_bundle(published_keys(cluster.api)))
    environment = {**os.environ, **cluster.store.access.variables}

    def verify(source: str, *more: str) -> tuple[int, dict[str, Any]]:
        command = [
            sys.executable,
            "-m",
            "glovebox.cli",
            "verify",
            source,
            "--key",
            str(key),
            "--output",
            "json",
            *more,
        ]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        cluster.said.append((f"glovebox verify {source}", done.stdout + done.stderr))
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, answer

    uri = sealed["status"]["seal"]["uri"]
    code, answer = verify(uri, "--save", str(tmp_path / "bundle"))
    assert (code, answer["verified"], answer["bytesRead"]) == (0, True, 7)
    assert verify(str(tmp_path / "bundle"))[0] == 0
    bucket, prefix = sealed["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    cluster.store.client().put_object(Bucket=bucket, Key=f"{prefix}model.bin", Body=b"forged")
    code, answer = verify(uri)
    assert (code, [finding["what"] for finding in answer["findings"]]) == (1, ["WrittenAfterSeal"])
    own = key.read_text()
    key.write_text(other_key())
    code, answer = verify(uri)
    assert (code, [finding["what"] for finding in answer["findings"]]) == (
        1,
        ["SignatureInvalid"],
    ), "evidence that nobody vouches for is not followed any further"
    key.write_text(own)
    statement = tmp_path / "bundle" / "attestation.dsse.json"
    statement.write_bytes(statement.read_bytes().replace(b'"sig":"', b'"sig":"AAAA'))
    code, answer = verify(str(tmp_path / "bundle"))
    assert (code, answer["findings"][0]["what"]) == (1, "SignatureInvalid")


def test_tampering_after_the_seal_is_found(cluster: Cluster, team: Team) -> None:
    made = started(team, "tampered")
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    sealed = team.expect("Experiment", "tampered", "Sealed")
    documents = evidence(cluster, sealed)
    listed = next(body for name, body in documents.items() if name.startswith("artifacts."))
    key = published_keys(cluster.api)
    edited = listed.replace(b'"size":7', b'"size":8').replace(b'"bytes":7', b'"bytes":8')
    assert edited != listed
    report = verify_evidence(
        documents["attestation.dsse.json"], edited, documents["snapshot.json"], key
    )
    assert [finding.what for finding in report.findings] == ["ListDiffers"]
    assert isinstance(report.artifacts[0], Artifact)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"retries": 9}, "spec.stages[train].retries asks for 9, more than the 3"),
        ({"activeDeadlineSeconds": 9999999}, "asks for 9999999, more than"),
    ],
)
def test_a_run_beyond_the_profile_is_refused_before_anything_is_made(
    team: Team, run: dict[str, Any], words: str
) -> None:
    team.declare("Experiment", "greedy", experiment_spec("standard", "primary", run=RUN | run))
    refused = team.expect("Experiment", "greedy", status="False", reason="RunOutOfRange")
    assert words in team.condition("Experiment", "greedy", "Ready")["message"]
    assert "namespace" not in refused["status"]


def test_a_run_with_inputs_gets_a_fetcher_that_alone_may_read_them(
    cluster: Cluster, team: Team
) -> None:
    bucket = team.bucket({"train/a.csv": b"1,2\n"})
    team.declare(
        "DatasetPin",
        "rows",
        {
            "storeRef": {"name": "primary"},
            "source": {"prefix": {"bucket": bucket, "prefix": "train/"}},
        },
    )
    team.expect("DatasetPin", "rows")
    inputs = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
    made = started(team, "reader", inputs=inputs)
    namespace = made["status"]["namespace"]
    assert made["status"]["platformImage"] == PLATFORM_IMAGE
    pod = run_pod(team.api, namespace)
    fetcher, endpoint = pod["spec"]["initContainers"]
    assert [fetcher["name"], endpoint["name"]] == ["fetch", "session"]
    assert {fetcher["image"], endpoint["image"]} == {PLATFORM_IMAGE}
    assert [mount["name"] for mount in endpoint["volumeMounts"]] == ["artifacts"]
    mounts = {mount["name"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    assert mounts["glovebox-inputs"]["readOnly"] is True
    assert "glovebox-inputs-credentials" not in mounts

    session = session_in(team, namespace, "glovebox-inputs-credentials", "primary.credentials")
    reader = cluster.store.client(session=session)
    assert reader.get_object(Bucket=bucket, Key="train/a.csv")["Body"].read() == b"1,2\n"
    with pytest.raises(reader.exceptions.ClientError):
        reader.put_object(Bucket=bucket, Key="train/a.csv", Body=b"x")
    with pytest.raises(reader.exceptions.ClientError):
        reader.get_object(Bucket="glovebox-artifacts", Key="anything")
    with pytest.raises(reader.exceptions.ClientError):
        reader.list_objects_v2(Bucket=bucket)

    said = '{"reason":"DigestMismatch","message":"`a.csv` has other bytes","input":"train"}'
    end_pod(team.api, pod, 42, container="fetch", init=True, message=said)
    failed = team.expect("Experiment", "reader", "Sealed")
    assert (failed["status"]["run"]["reason"], failed["status"]["run"]["attempts"]) == (
        "InputsRefused",
        1,
    )
    assert (
        "input `train`: DigestMismatch: `a.csv` has other bytes"
        in failed["status"]["run"]["message"]
    )


@pytest.mark.parametrize("code", [74, 75], ids=["the volume", "the store"])
def test_a_delivery_that_failed_is_tried_again_and_costs_the_run_no_retry(
    team: Team, code: int
) -> None:
    bucket = team.bucket({"train/a.csv": b"1,2\n"})
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    team.declare("DatasetPin", "rows", {"storeRef": {"name": "primary"}, "source": source})
    team.expect("DatasetPin", "rows")
    inputs = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
    made = started(team, "patient", run={"retries": 0}, inputs=inputs)
    namespace = made["status"]["namespace"]
    said = '{"reason":"StoreUnreachable","message":"it did not answer","input":"train"}'
    end_pod(
        team.api, run_pod(team.api, namespace), code, container="fetch", init=True, message=said
    )

    def told() -> bool:
        condition = team.condition("Experiment", "patient", "Succeeded")
        # Between two pods, and while the next one is prepared.
        words = "the inputs could not be delivered: input `train`: StoreUnreachable: it did not"
        return condition["reason"] == "RunPending" and words in condition["message"]

    eventually(told, what="the Experiment says why it goes on waiting")
    end_pod(team.api, run_pod(team.api, namespace), 0)
    run = team.expect("Experiment", "patient", "Sealed")["status"]["run"]
    assert (run["outcome"], run["attempts"]) == ("Succeeded", 2)


@pytest.fixture
def sidecars(cluster: Cluster) -> Iterator[str]:
    """A policy of the platform that adds a container to pods; deleting this path ends it."""
    name = "sidecars-everywhere"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
        "operations": ["CREATE"],
    }
    where = "request.namespace == 'default' || request.namespace.contains('sidecar')"
    added = (
        "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'proxy', image: 'x'}]}}"
    )
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": added}}
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "where", "expression": where}],
        "mutations": [mutation],
    }
    root = "/apis/admissionregistration.k8s.io/v1"
    policies, bindings = (
        f"{root}/mutatingadmissionpolicies",
        f"{root}/mutatingadmissionpolicybindings",
    )
    cluster.api.create(policies, {"metadata": {"name": name}, "spec": spec})
    cluster.api.create(bindings, {"metadata": {"name": name}, "spec": {"policyName": name}})
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "x"}]}}

    def is_active() -> bool:
        made = cluster.api.create("/api/v1/namespaces/default/pods", pod, dryRun="All")
        return len(made["spec"]["containers"]) == 2

    eventually(is_active, what="the policy is active")
    yield f"{bindings}/{name}"
    cluster.api.delete(f"{policies}/{name}")


def test_a_run_whose_pod_another_policy_changes_says_so_and_goes_on_without_it(
    team: Team, sidecars: str
) -> None:
    spec = experiment_spec("standard", "primary", run=RUN)
    team.declare("Experiment", "sidecar", spec)
    made = team.expect("Experiment", "sidecar", "Succeeded", "Unknown", "PodRefused", timeout=60)
    said = team.condition("Experiment", "sidecar", "Succeeded")["message"]
    assert "refuses its pod: the pod is forbidden" in said
    assert "one that changes pods (a sidecar" in said
    assert {"type": "Ready", "status": "True"}.items() <= team.condition(
        "Experiment", "sidecar", "Ready"
    ).items()
    team.api.delete(sidecars)
    run_pod(team.api, made["status"]["namespace"])

    def waits_for_a_node() -> bool:
        return bool(
            team.condition("Experiment", "sidecar", "Succeeded")["reason"] == "Unschedulable"
        )

    eventually(waits_for_a_node, what="its pod is there, and says what it waits for", timeout=60)
