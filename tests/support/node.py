"""A cluster with nodes that run pods, and what tests ask of pods.

Start one, run something in it, see whether a packet arrives.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox_local.image_build import GLOVEBOX, ensure_image
from glovebox_local.images import Image, write_image
from glovebox_local.packages import node_obstacle
from glovebox_local.programs import NODE_PROGRAMS
from glovebox_local.programs import ensure_programs as build_programs
from support.api import path_of
from support.cluster import Cluster, ensure_programs, running_cluster
from support.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from glovebox_local.progress import Progress
    from support.api import Api

# The tools that tests call in a pod, all of them busybox.
_TOOLS = (
    "sh",
    "wget",
    "nc",
    "cat",
    "echo",
    "sleep",
    "httpd",
    "touch",
    "nslookup",
    "id",
    "grep",
    "rm",
    "mv",
    "ln",
    "mkdir",
    "rmdir",
    "chmod",
    "cut",
    "mount",
    "sha256sum",
)
PROBE_SECONDS = 2
REPOSITORY = Path(__file__).parents[2]


def ensure_node_programs(progress: Progress) -> None:
    """Build what a cluster with nodes needs, and the image of Glovebox."""
    ensure_programs(progress)
    build_programs(NODE_PROGRAMS, progress)
    ensure_image(GLOVEBOX, REPOSITORY, progress)


@contextmanager
def running_node_cluster(root: Path, *, nodes: int = 1) -> Iterator[NodeCluster]:
    """Start a cluster with nodes and a store, with the tests' image on every node.

    End all of it afterwards.

    Ask `node_obstacle` first, and skip loudly. Must be entered in the main thread.
    """
    with running_cluster(root, nodes=nodes) as cluster:
        running = NodeCluster(cluster)
        cluster.environment.driver.load_image(running.image.archive, running.image.reference)
        yield running


class NodeCluster:
    """A cluster with nodes.

    Args:
        cluster: The whole of it: `api`, `kubectl`, `store`, `environment`.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.image = busybox_image(cluster.environment.state.root / "images")

    @property
    def api(self) -> Api:
        """The API server as the administrator."""
        return self.cluster.api

    def load_glovebox(self) -> Image:
        """Bring the image of Glovebox as it stands to every node, and return it."""
        image = ensure_image(GLOVEBOX, REPOSITORY)
        self.cluster.environment.driver.load_image(image.archive, image.reference)
        return image

    def create_pod(
        self,
        namespace: str,
        name: str,
        script: str = "exec sleep 3600",
        *,
        labels: dict[str, str] | None = None,
        node: str | None = None,
    ) -> None:
        """Create a pod that runs a shell script as an ordinary user, without waiting for it."""
        self.api.create(
            path_of("v1", "pods", namespace=namespace),
            pod_of(self.image.reference, name, script, labels=labels, node=node),
        )

    def wait_ready(self, namespace: str, *names: str) -> None:
        """Wait until these pods are ready."""
        for name in names:
            eventually(
                partial(self._is_ready, namespace, name),
                what=f"pod {namespace}/{name} is ready",
                timeout=60,
            )

    def ip_of(self, namespace: str, name: str) -> str:
        """Return the address of a pod."""
        return str(
            self.api.get(path_of("v1", "pods", namespace=namespace, name=name))["status"]["podIP"]
        )

    def run_in(
        self, namespace: str, name: str, script: str, *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script in a pod."""
        return self.cluster.kubectl(
            "exec", "-n", namespace, name, "--", "sh", "-c", script, check=check
        )

    def reaches(self, namespace: str, name: str, host: str, port: int) -> bool:
        """Tell whether that pod can open a TCP connection to there."""
        # Busybox says 1 for a refusal and for silence; other codes are a failure of the test
        # itself.
        done = self.run_in(
            namespace,
            name,
            f"nc -w {PROBE_SECONDS} {host} {port} </dev/null && echo reached || echo silent",
        )
        return {"reached": True, "silent": False}[done.stdout.split()[-1]]

    def _is_ready(self, namespace: str, name: str) -> bool:
        status = self.api.get(path_of("v1", "pods", namespace=namespace, name=name))["status"]
        ready = any(
            entry["type"] == "Ready" and entry["status"] == "True"
            for entry in status.get("conditions", ())
        )
        if not ready:
            raise AssertionError(status.get("containerStatuses") or status)
        return ready


def busybox_image(folder: Path) -> Image:
    """Write the tests' image: a static busybox under the names of its tools."""
    program = shutil.which("busybox")
    if program is None:
        raise AssertionError(node_obstacle() or "no busybox")
    links = {f"bin/{tool}": "busybox" for tool in _TOOLS}
    return write_image(
        folder / "busybox.tar",
        "registry.example/busybox",
        {"bin/busybox": Path(program)},
        entrypoint=["/bin/busybox"],
        links=links,
    )


def pod_of(
    image: str,
    name: str,
    script: str,
    *,
    labels: dict[str, str] | None = None,
    node: str | None = None,
) -> dict[str, Any]:
    """Return a pod that fits the restricted Pod Security standard.

    `/shared` is written by its init container and read-only after.
    """
    unprivileged = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }

    def container(what: str, words: str, *, read_only: bool) -> dict[str, Any]:
        mount = {"name": "shared", "mountPath": "/shared", "readOnly": read_only}
        return {
            "name": what,
            "image": image,
            "command": ["sh", "-c", words],
            "volumeMounts": [mount],
            "securityContext": unprivileged,
        }

    spec: dict[str, Any] = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "initContainers": [
            container("prepare", "echo prepared > /shared/index.html", read_only=False)
        ],
        "containers": [container("main", script, read_only=True)],
    }
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}
