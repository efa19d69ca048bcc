"""Tasks as Jobs: real operator, API server, store and Job controller; played kubelet.

The command of each pod is run here as a process, with what the pod mounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glovebox import names
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import verify_evidence
from glovebox.store.connection import Credentials, Store, Stores, StoreSettings
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from glovebox.store.sealing import seal_folder
from glovebox.tasks.area import TaskArea
from glovebox.tasks.document import render_result
from support.api import path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_by_jobs import operator_by_jobs
from support.operator_process import (
    BREAK_GLASS,
    PLATFORM_IMAGE,
    Operator,
    Team,
    experiment_spec,
)
from support.task_pods import OWN, do_task, job_uid, jobs_of, task_pod
from support.trust import documents, published_keys
from support.waiting import eventually

ARTIFACTS = "glovebox-artifacts"


@pytest.fixture(scope="module")
def by_jobs(
    cluster: Cluster, platform: Team, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """An operator whose tasks are Jobs, in the place of the usual one."""
    del platform
    folder = tmp_path_factory.mktemp("by-jobs")
    settings = {"GLOVEBOX_RESYNC_SECONDS": "5"}
    with operator_by_jobs(cluster, operator, folder, "by-jobs", settings) as running:
        yield running


@pytest.fixture
def data(team: Team) -> str:
    """A versioned bucket with a few objects under `train/`."""
    return team.bucket({f"train/{month:02}": f"month {month}".encode() for month in range(5)})


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Store]:
    """The store as the operator sees it."""
    stores = Stores(threads=4)
    keys = cluster.store.access.operator
    credentials = Credentials(keys.access_key_id, keys.secret_access_key)
    access = cluster.store.access
    yield stores.open(StoreSettings(access.endpoint, access.region, credentials=credentials))
    stores._pools.close()


def pin(team: Team, data: str, **changes: Any) -> str:
    """Declare a pin; return whose task its hashing is."""
    spec = {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": data, "prefix": "train/"}},
        **changes,
    }
    team.declare("DatasetPin", "rows", spec)
    return f"DatasetPin/{team.name}/rows"


def gone(team: Team, owner: str) -> None:
    """Wait until no Job of an owner is left."""
    eventually(lambda: not jobs_of(team.api, owner), what=f"no Job of {owner}", timeout=60)


@pytest.mark.usefixtures("by_jobs")
async def test_a_pin_that_a_job_hashed_is_the_one_of_the_process(
    team: Team, data: str, tmp_path: Path, connection: Store
) -> None:
    owner = pin(team, data)
    pod = task_pod(team.api, owner, "hash")
    (container,) = pod["spec"]["containers"]
    assert container["image"] == PLATFORM_IMAGE
    secrets = [each["secret"]["secretName"] for each in pod["spec"]["volumes"] if "secret" in each]
    assert secrets == ["store-credentials"]
    assert do_task(team.api, pod, tmp_path).code == 0
    status = team.expect("DatasetPin", "rows", timeout=60)["status"]
    gone(team, owner)
    built = await build_pin(
        connection,
        PrefixSource(data, "train/"),
        artifacts_bucket=ARTIFACTS,
        lock=ManifestLock(),
    )
    assert (status["digest"], status["pinDigest"]) == (built.roots.content, built.roots.pin)
    manifest = status["manifest"]
    # The very object: its bytes are the same, so nothing was written again.
    assert (manifest["key"], manifest["versionId"]) == (
        built.manifest.key,
        built.manifest.version_id,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("by_jobs")
def test_a_check_that_is_due_is_a_job_of_its_own(
    cluster: Cluster, team: Team, data: str, tmp_path: Path
) -> None:
    owner = pin(team, data)
    do_task(team.api, task_pod(team.api, owner, "hash"), tmp_path)
    team.expect("DatasetPin", "rows", timeout=60)
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    seen = set()
    for _ in range(2):
        rogue.patch(
            f"{team.path('DatasetPin', 'rows')}/status",
            {"status": {"listedTime": "2020-01-01T00:00:00Z"}},
        )
        pod = task_pod(team.api, owner, "verify")
        seen.add(job_uid(pod))
        if len(seen) == 2:
            cluster.store.client().delete_object(Bucket=data, Key="train/01")
        assert do_task(team.api, pod, tmp_path).code == 0
        gone(team, owner)
    assert len(seen) == 2, "what the first check found is no answer of the second"
    found = team.expect("DatasetPin", "rows", "DriftDetected", "True", timeout=60)
    assert found["status"]["findings"]["hidden"] == 1


def test_an_operator_that_is_killed_goes_on_with_the_job_that_runs(
    by_jobs: Operator, team: Team, data: str, tmp_path: Path
) -> None:
    owner = pin(team, data)
    pod = task_pod(team.api, owner, "hash")
    by_jobs.kill()
    by_jobs.start()
    # And once more, with a Job that ended meanwhile.
    by_jobs.kill()
    assert do_task(team.api, pod, tmp_path).code == 0
    by_jobs.start()
    team.expect("DatasetPin", "rows", timeout=60)
    gone(team, owner)
    created = [
        line for line in by_jobs.log.splitlines() if "a task failed" in line and team.name in line
    ]
    assert created == [], "nothing was begun twice"


@pytest.mark.usefixtures("by_jobs")
def test_a_pod_that_is_lost_is_an_attempt_that_is_followed_by_another(
    team: Team, data: str, tmp_path: Path
) -> None:
    owner = pin(team, data)
    first = task_pod(team.api, owner, "hash")
    end_pod(team.api, first, 137, container="task")
    second = task_pod(team.api, owner, "hash", but=job_uid(first))
    said = team.condition("DatasetPin", "rows", "Verified")
    assert said["reason"] == "TaskFailed", said
    assert "its pod ended with exit code 137" in said["message"]
    assert do_task(team.api, second, tmp_path).code == 0
    team.expect("DatasetPin", "rows", timeout=60)
    gone(team, owner)


@pytest.mark.usefixtures("by_jobs")
def test_data_that_cannot_be_pinned_stall_the_pin_in_the_words_of_the_pod(
    team: Team, data: str, tmp_path: Path
) -> None:
    owner = pin(team, data, digest="sha256:" + "0" * 64)
    ended = do_task(team.api, task_pod(team.api, owner, "hash"), tmp_path)
    assert ended.code == 42
    found = team.expect("DatasetPin", "rows", "Stalled", "True", "DigestMismatch", timeout=60)
    assert "spec.digest says" in str(found["status"]["conditions"])
    gone(team, owner)


@pytest.mark.slow
@pytest.mark.usefixtures("by_jobs")
def test_a_result_that_answers_something_else_is_not_taken(
    team: Team, data: str, tmp_path: Path, connection: Store
) -> None:
    owner = pin(team, data)
    pod = task_pod(team.api, owner, "hash")
    uid = team.read("DatasetPin", "rows")["metadata"]["uid"]
    area = TaskArea(connection, ARTIFACTS, uid, "hash", locked=True)
    stale = render_result("sha256:" + "0" * 64, job_uid(pod), {"roots": {}, "manifest": {}})
    area.put_result(job_uid(pod), stale)
    end_pod(team.api, pod, 0, container="task")
    second = task_pod(team.api, owner, "hash", but=job_uid(pod))
    assert (
        "the result answers the request"
        in (team.condition("DatasetPin", "rows", "Verified")["message"])
    )
    assert do_task(team.api, second, tmp_path).code == 0
    assert team.expect("DatasetPin", "rows", timeout=60)["status"]["objects"] == 5


@pytest.mark.slow
def test_a_job_of_somebody_else_under_the_name_is_never_adopted_and_never_deleted(
    by_jobs: Operator, cluster: Cluster, team: Team, data: str, tmp_path: Path
) -> None:
    owner = pin(team, data)
    task_pod(team.api, owner, "hash")
    by_jobs.stop()
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    (job,) = jobs_of(team.api, owner)
    name = job["metadata"]["name"]
    path = path_of("batch/v1", "jobs", namespace=OWN, name=name)
    rogue.delete(path, propagationPolicy="Background")
    eventually(lambda: team.api.find(path) is None, what="the Job is gone")
    foreign = rogue.create(
        path_of("batch/v1", "jobs", namespace=OWN),
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": OWN},
            "spec": {"template": {"spec": job["spec"]["template"]["spec"]}},
        },
    )
    by_jobs.start()

    def told() -> bool:
        said = team.condition("DatasetPin", "rows", "Verified")
        return said.get("reason") == "TaskNameTaken" and f"Job '{name}'" in said["message"]

    eventually(told, what="the name is taken", timeout=60)
    assert team.api.get(path)["metadata"]["uid"] == foreign["metadata"]["uid"]
    rogue.delete(path, propagationPolicy="Background")
    pod = task_pod(team.api, owner, "hash", but=foreign["metadata"]["uid"])
    assert do_task(team.api, pod, tmp_path).code == 0
    team.expect("DatasetPin", "rows", timeout=60)


@pytest.mark.slow
def test_a_pin_that_is_deleted_takes_its_job_away_also_while_nobody_looks(
    by_jobs: Operator, team: Team, data: str
) -> None:
    owner = pin(team, data)
    task_pod(team.api, owner, "hash")
    team.api.delete(team.path("DatasetPin", "rows"))
    gone(team, owner)
    eventually(
        lambda: team.api.find(team.path("DatasetPin", "rows")) is None, what="the pin is gone"
    )
    pin(team, data)
    task_pod(team.api, owner, "hash")
    by_jobs.kill()
    team.api.delete(team.path("DatasetPin", "rows"))
    assert jobs_of(team.api, owner)
    by_jobs.start()
    gone(team, owner)


@pytest.mark.slow
@pytest.mark.usefixtures("by_jobs")
@pytest.mark.parametrize(
    ("files", "coverage", "told"),
    [
        ({"train/a": b"1", "train/b": b"2", "test/c": b"2"}, {}, "share 1 object byte by byte"),
        (
            {"train/a.csv": b"flight\n1\n2\n", "test/c.jsonl": b'{"flight":2}\n'},
            {"rows": {"key": ["flight"]}},
            "share 1 row by `flight`, such as `row 2 of a.csv` (in `test`: `row 1 of c.jsonl`)",
        ),
    ],
    ids=["objects", "rows"],
)
def test_inputs_are_compared_by_a_job(
    team: Team, tmp_path: Path, files: dict[str, bytes], coverage: dict[str, Any], told: str
) -> None:
    bucket = team.bucket(files)
    for name in ("train", "test"):
        source = {"prefix": {"bucket": bucket, "prefix": f"{name}/"}}
        spec = {"storeRef": {"name": "primary"}, "source": source, "coverage": coverage}
        team.declare("DatasetPin", name, spec)
        pod = task_pod(team.api, f"DatasetPin/{team.name}/{name}", "hash")
        assert do_task(team.api, pod, tmp_path).code == 0
        team.expect("DatasetPin", name, timeout=60)
    datasets = [
        {"name": name, "pinRef": {"name": name}, "role": name} for name in ("train", "test")
    ]
    spec = experiment_spec("standard", "primary", inputs={"datasets": datasets})
    team.declare("Experiment", "one", spec)
    owner = f"Experiment/{team.name}/one"
    pod = task_pod(team.api, owner, "overlap")
    team.expect("Experiment", "one", status="False", reason="ComparingInputs")
    assert do_task(team.api, pod, tmp_path).code == 0
    made = team.expect("Experiment", "one", status="False", reason="LeakageFound", timeout=60)
    assert any(told in each["message"] for each in made["status"]["conditions"])
    team.api.delete(team.path("Experiment", "one"))
    gone(team, owner)


@pytest.mark.slow
@pytest.mark.usefixtures("by_jobs")
@pytest.mark.parametrize("is_deleted", [False, True], ids=["at its end", "at its deletion"])
def test_a_seal_over_a_job_s_evidence_is_signed_by_the_operator_alone(
    team: Team,
    tmp_path: Path,
    connection: Store,
    is_deleted: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    team.declare("Experiment", "one", experiment_spec("standard", "primary", run=run))
    made = team.expect("Experiment", "one", "Succeeded", "Unknown", timeout=60)
    namespace, uid = made["status"]["namespace"], made["metadata"]["uid"]
    pod = run_pod(team.api, namespace)
    prefix = names.artifact_prefix(team.name, "one", uid)
    for name in ("model.bin", "metrics.json"):
        connection.s3.put_object(Bucket=ARTIFACTS, Key=prefix + name, Body=name.encode())
    if is_deleted:
        # Its pod, on no node, is gone at once.
        team.api.delete(team.path("Experiment", "one"))
    else:
        end_pod(team.api, pod, 0)
    owner = f"Experiment/{team.name}/one"
    task = task_pod(team.api, owner, "seal")
    mounted = [each["secret"]["secretName"] for each in task["spec"]["volumes"] if "secret" in each]
    assert mounted == ["store-credentials"]
    folder = seal_folder(uid)
    assert do_task(team.api, task, tmp_path).code == 0
    if is_deleted:
        eventually(
            lambda: team.api.find(team.path("Experiment", "one")) is None,
            what="the experiment is gone",
            timeout=60,
        )
    else:
        team.expect("Experiment", "one", "Sealed", timeout=60)
    gone(team, owner)
    trust = published_keys(team.api)
    found = documents(connection, ARTIFACTS, folder, trust)
    report = verify_evidence(found[STATEMENT_NAME], found[LIST_NAME], found[SNAPSHOT_NAME], trust)
    assert report.findings == []
    assert [each.key for each in report.artifacts] == [
        f"{prefix}metrics.json",
        f"{prefix}model.bin",
    ]
