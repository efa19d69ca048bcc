"""Runs of experiments on a real node.

Pinned inputs that only can be read, user code, artifacts, the seal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.desired.session_files import SESSION_FILE, SESSION_FOLDER
from glovebox.store.connection import Credentials
from support.api import path_of
from support.lying_store import Answered, Asked, Liar, lying
from support.operator_process import Team, experiment_spec, profile_spec, store_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glovebox_local.images import Image
    from support.node import NodeCluster

ROWS = b"month,delay\n" + b"".join(b"%d,%d\n" % (month, month * 7 % 5) for month in range(1, 13))
OTHER = ROWS[::-1]
# Every way to write that a shell has. Where the file mode does not already refuse, the file system
# has to; both mounts refuse it.
ATTEMPTS = """
refused() { why="$1"; shift; "$@" 2>/tmp/why && exit 21; \
grep -q "$why" /tmp/why || { cat /tmp/why; exit 22; }; }
refused 'Read-only file system' touch /inputs/new
refused 'Read-only file system' mkdir /inputs/train/folder
refused 'Read-only file system' rm -f /inputs/train/rows.csv
refused 'Read-only file system' mv /inputs/train/rows.csv /inputs/train/moved.csv
refused 'Read-only file system' ln -s rows.csv /inputs/train/link
refused 'Read-only file system' rmdir /inputs/train
refused 'Read-only file system' chmod 777 /inputs/train/rows.csv
refused 'Read-only file system' touch /new
refused 'Permission denied' sh -c 'echo x >> /inputs/train/rows.csv'
refused 'Read-only file system' sh -c 'echo x > /inputs/train/rows.csv'
mount -o remount,rw /inputs 2>/dev/null && exit 23
sha256sum /inputs/train/rows.csv
"""


def test_a_run_ends_sealed(node_cluster: NodeCluster, team: Team) -> None:
    sealed = Run(node_cluster, team).ended("plain", "echo learning; id -u")
    assert sealed["status"]["run"]["outcome"] == "Succeeded"
    assert node_cluster.cluster.kubectl(
        "logs", "-n", sealed["status"]["namespace"], "job/glovebox-run"
    ).stdout.split() == [
        "learning",
        "65533",
    ]


def test_a_seal_says_what_the_node_and_its_runtime_say_of_the_run(
    node_cluster: NodeCluster, team: Team
) -> None:
    """The image that ran, the node, and the log come from a real kubelet and a real runtime."""
    run = Run(node_cluster, team)
    shown = f"echo aws_secret_access_key=abcdefghijklmnop; cat {SESSION_FOLDER}/{SESSION_FILE}"
    sealed = run.ended("seen", f"echo learning; {shown}")
    assert sealed["status"]["seal"].get("findings", []) == []
    (pod,) = sealed["status"]["run"]["pods"]
    container = next(each for each in pod["containers"] if each["name"] == "run")
    assert container["imageId"].rpartition("@")[2] == container["image"].rpartition("@")[2]
    assert (pod["phase"], container["exitCode"]) == ("Succeeded", 0)
    (node,) = sealed["status"]["run"]["nodes"]
    assert node["name"] == pod["node"]
    assert {"architecture", "kernelVersion", "kubeletVersion", "osImage"} <= node.keys()
    assert node["containerRuntimeVersion"].startswith("containerd://")
    bucket = sealed["status"]["seal"]["uri"].removeprefix("s3://").partition("/")[0]
    stored = node_cluster.cluster.store.client().get_object(
        Bucket=bucket, Key=container["log"]["key"]
    )
    body = stored["Body"].read().decode()
    assert body.startswith("learning\naws_secret_access_key=[redacted]\n")
    for field in ("SecretAccessKey", "Token"):
        assert f'"{field}":"[redacted]"' in body, body
    assert container["log"]["final"]


def test_inputs_are_the_pinned_bytes_and_nothing_in_the_pod_can_write_them(
    node_cluster: NodeCluster, team: Team
) -> None:
    run = Run(node_cluster, team)
    run.pin("rows", ROWS)
    sealed = run.ended("reader", ATTEMPTS, inputs=run.inputs)
    said = run.said(sealed)
    assert sealed["status"]["run"]["outcome"] == "Succeeded", said
    assert said.split()[0] == hashlib.sha256(ROWS).hexdigest()
    assert sealed["status"]["inputs"][0]["objects"] == 1


def declare_python(
    platform: Team, team: Team, name: str, image: Image, program: str, **run: Any
) -> None:
    """Declare an Experiment that runs a program in the image of Glovebox, with its profile."""
    repository = image.reference.partition("@")[0]
    platform.declare("IsolationProfile", name, profile_spec(images=[{"repository": repository}]))
    platform.expect("IsolationProfile", name)
    images = [{"name": "python", "reference": image.reference}]
    stage = {"image": "python", "command": ["python", "-c", program], **run}
    team.declare("Experiment", name, experiment_spec(name, "primary", images=images, run=stage))


WRITE = """
import os, boto3
assert "AWS_SHARED_CREDENTIALS_FILE" not in os.environ
bucket, _, prefix = os.environ["GLOVEBOX_ARTIFACTS_URI"].removeprefix("s3://").partition("/")
client = boto3.client("s3")
client.put_object(Bucket=bucket, Key=prefix + "model.bin", Body=b"weights")
print(client._request_signer._credentials.method)
"""


def test_a_run_fetches_its_session_from_its_own_pod(
    node_cluster: NodeCluster, platform: Team, team: Team, glovebox_image: Image
) -> None:
    """And the container that gives it ends with the run, without a failure."""
    declare_python(platform, team, "writer", glovebox_image, WRITE)
    sealed = team.expect("Experiment", "writer", "Sealed", timeout=90)
    assert sealed["status"]["run"]["outcome"] == "Succeeded", sealed["status"]["run"]
    assert sealed["status"]["seal"]["objects"] == 1
    watched = Run(node_cluster, team)
    assert watched.said(sealed).strip() == "container-role"
    (session,) = watched.pod(sealed)["status"]["initContainerStatuses"]
    assert (session["name"], session["restartCount"]) == ("session", 0)
    assert session["state"]["terminated"]["exitCode"] == 0


GO_ON = """
import os, boto3
bucket, _, prefix = os.environ["GLOVEBOX_CHECKPOINTS_URI"].removeprefix("s3://").partition("/")
client = boto3.client("s3")
found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
print(os.environ["GLOVEBOX_ATTEMPT"], os.environ["GLOVEBOX_INTERRUPTIONS"] or 0, len(found))
if found:
    print(client.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read().decode())
else:
    client.put_object(Bucket=bucket, Key=prefix + "epoch-1", Body=b"after one epoch")
    raise SystemExit(1)
"""


def test_an_attempt_goes_on_from_the_checkpoint_of_the_one_before(
    node_cluster: NodeCluster, platform: Team, team: Team, glovebox_image: Image
) -> None:
    declare_python(platform, team, "goer", glovebox_image, GO_ON, retries=1)
    sealed = team.expect("Experiment", "goer", "Sealed", timeout=120)
    assert sealed["status"]["run"]["outcome"] == "Succeeded", sealed["status"]["run"]
    assert sealed["status"]["run"]["attempts"] == 2
    assert sealed["status"]["seal"]["objects"] == 1, "the checkpoint is sealed with the rest"
    namespace = sealed["status"]["namespace"]
    pods = node_cluster.api.list(path_of("v1", "pods", namespace=namespace))
    (last,) = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Succeeded"]
    said = node_cluster.cluster.kubectl("logs", "-n", namespace, last, "-c", "run").stdout
    assert said.splitlines() == ["1 0 1", "after one epoch"]


def corrupted(asked: Asked, liar: Liar) -> Answered:
    truth = liar.truth(asked)
    return replace(truth, body=truth.body[:-1] + bytes([truth.body[-1] ^ 1]))


def swapped(asked: Asked, liar: Liar) -> Answered:
    return replace(liar.truth(asked), body=OTHER)


def missing(asked: Asked, liar: Liar) -> Answered:
    del asked, liar
    body = b'<?xml version="1.0"?><Error><Code>NoSuchVersion</Code><Message>gone</Message></Error>'
    return Answered(404, body, {"Content-Type": "application/xml"})


@pytest.fixture(scope="module")
def faulty_store(node_cluster: NodeCluster, platform: Team) -> Iterator[dict[str, Any]]:
    """The store `faulty`.

    The real one behind a proxy that lies about reads as soon as it is given a lie.
    """
    told: dict[str, Any] = {}

    def lie(asked: Asked, liar: Liar) -> Answered | None:
        reads = asked.method == "GET" and asked.path.endswith("/rows.csv")
        return told["lie"](asked, liar) if reads and "lie" in told else None

    keys = node_cluster.cluster.store.access.operator
    honest = Credentials(keys.access_key_id, keys.secret_access_key)
    with lying(
        node_cluster.cluster.store.endpoint,
        honest,
        lie,
        network=node_cluster.cluster.environment.gateway,
    ) as endpoint:
        platform.declare(
            "ObjectStore",
            "faulty",
            store_spec(node_cluster.cluster, "glovebox-faulty", endpoint=endpoint),
        )
        platform.expect("ObjectStore", "faulty", timeout=60)
        yield told
        told.clear()


@pytest.mark.parametrize(
    ("lie", "reason"),
    [(corrupted, "DigestMismatch"), (swapped, "DigestMismatch"), (missing, "ObjectNotFound")],
)
def test_other_bytes_than_the_pinned_ones_stop_the_run_before_user_code(
    node_cluster: NodeCluster,
    team: Team,
    faulty_store: dict[str, Any],
    lie: Callable[[Asked, Liar], Answered],
    reason: str,
) -> None:
    run = Run(node_cluster, team, store="faulty")
    run.pin("rows", ROWS)
    faulty_store["lie"] = lie
    try:
        sealed = run.ended("misled", "echo user code started", inputs=run.inputs)
    finally:
        faulty_store.clear()
    assert sealed["status"]["run"]["reason"] == "InputsRefused"
    assert reason in sealed["status"]["run"]["message"]
    assert sealed["status"]["run"]["attempts"] == 1
    pod = run.pod(sealed)
    fetch, code = pod["status"]["initContainerStatuses"][0], pod["status"]["containerStatuses"][0]
    assert fetch["state"]["terminated"]["exitCode"] == 42
    assert "terminated" not in code["state"]
    assert not code.get("containerID"), "user code was never started"


@dataclass
class Run:
    """Experiments of one team whose user code is a shell script."""

    node: NodeCluster
    team: Team
    store: str = "primary"
    profile: str = "standard"

    @property
    def inputs(self) -> dict[str, Any]:
        return {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}

    def pin(self, name: str, body: bytes, **changes: Any) -> None:
        """Write one object and pin it, with these changes of the pin's spec."""
        bucket = self.team.bucket({"train/rows.csv": body}, store=self.store)
        source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
        self.team.declare(
            "DatasetPin", name, {"storeRef": {"name": self.store}, "source": source, **changes}
        )
        # Where tasks are Jobs, it takes a pod.
        self.team.expect("DatasetPin", name, timeout=60)

    def ended(self, name: str, script: str, **changes: Any) -> dict[str, Any]:
        """Run a script as an experiment to its seal."""
        images = [{"name": "trainer", "reference": self.node.image.reference}]
        run = {"image": "trainer", "command": ["sh", "-c", script]}
        self.team.declare(
            "Experiment",
            name,
            experiment_spec(self.profile, self.store, images=images, run=run, **changes),
        )
        return self.team.expect("Experiment", name, "Sealed", timeout=90)

    def said(self, sealed: dict[str, Any], container: str = "run") -> str:
        """Return what a container of a run logged."""
        return self.node.cluster.kubectl(
            "logs", "-n", sealed["status"]["namespace"], "job/glovebox-run", "-c", container
        ).stdout

    def pod(self, sealed: dict[str, Any]) -> dict[str, Any]:
        """Return the one pod of a run."""
        (pod,) = self.node.api.list(path_of("v1", "pods", namespace=sealed["status"]["namespace"]))
        return dict(pod)
