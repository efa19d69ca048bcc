"""Pods of tasks on a cluster without nodes: the container's own command, run as a process here.

It gets what a kubelet would give it: the environment of its spec, and the Secrets that it mounts.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glovebox import names
from support.api import Api, path_of
from support.fetching import pod_process
from support.kubelet import end_pod
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OWN = "glovebox-system"


def jobs_of(api: Api, owner: str, task: str | None = None) -> list[dict[str, Any]]:
    """Return the Jobs of an owner (`DatasetPin/<team>/<name>`), of one of its tasks or of all."""
    jobs = api.list(path_of("batch/v1", "jobs", namespace=OWN), labelSelector=names.LABEL_TASK)
    return [
        job
        for job in jobs
        if job["metadata"]["annotations"].get(names.ANNOTATION_OWNER) == owner
        and task in {None, job["metadata"]["annotations"][names.ANNOTATION_TASK]}
    ]


def task_pod(api: Api, owner: str, task: str, *, but: str = "") -> dict[str, Any]:
    """Wait for a pod of a task that has not ended; of another Job than the one with that UID."""

    def look() -> dict[str, Any] | None:
        for job in jobs_of(api, owner, task):
            if job["metadata"]["uid"] == but:
                continue
            pods = api.list(
                path_of("v1", "pods", namespace=OWN),
                labelSelector=f"batch.kubernetes.io/controller-uid={job['metadata']['uid']}",
            )
            for pod in pods:
                if pod["status"].get("phase") == "Pending":
                    return pod
        return None

    return dict(eventually(look, what=f"task {task} of {owner} has a pod", timeout=60))


def job_uid(pod: dict[str, Any]) -> str:
    """Return the UID of a pod's Job."""
    return str(pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"])


@dataclass(frozen=True)
class Ended:
    """How the program of a task ended."""

    code: int
    message: str
    output: str


def do_task(api: Api, pod: dict[str, Any], folder: Path, **settings: str) -> Ended:
    """Run the pod's command to its end, and say so as the kubelet would."""
    keys = folder / pod["metadata"]["name"]
    for volume in pod["spec"]["volumes"]:
        if "secret" in volume:
            name = volume["secret"]["secretName"]
            secret = api.get(path_of("v1", "secrets", namespace=OWN, name=name))
            files = {key: base64.b64decode(value) for key, value in secret["data"].items()}
            mount(keys / volume["name"], files)
    (container,) = pod["spec"]["containers"]
    environment = {
        entry["name"]: entry["value"] if "value" in entry else job_uid(pod)
        for entry in container["env"]
    }
    with running(container["command"], environment, keys, **settings) as process:
        output, _ = process.communicate(timeout=120)
    ended = outcome(process, output, keys)
    end_pod(api, pod, ended.code, container="task", message=ended.message)
    return ended


def mount(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put a Secret's content where a pod would find it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def outcome(process: subprocess.Popen[str], output: str, keys: Path) -> Ended:
    """Return how it ended; nothing that it said may hold a key."""
    log = keys / "termination-log"
    message = log.read_text() if log.exists() else ""
    for file in keys.glob("*/secretAccessKey"):
        assert file.read_text() not in output + message
    return Ended(process.returncode, message, output)


@contextlib.contextmanager
def running(
    command: list[str], environment: Mapping[str, str], keys: Path, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a container's command; whatever is left of it in the end is killed.

    Args:
        command: Of the container.
        environment: Of the container.
        keys: Where the Secrets of its stores are mounted, each in a folder of its volume's name.
        settings: More environment variables.
    """
    for folder in (keys, *keys.parents[:3], *keys.glob("*/")):
        folder.chmod(folder.stat().st_mode | 0o055)
    keys.chmod(0o777)
    assert command[0] == "python"
    whole = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "GLOVEBOX_TASK_STORES": str(keys),
        "GLOVEBOX_TERMINATION_LOG": str(keys / "termination-log"),
        **environment,
        **settings,
    }
    with pod_process(command[1:], whole, keys) as process:
        yield process
