"""One node: containerd, kubelet, Cilium's agent and kube-proxy in namespaces of their own.

The first process of the node's process namespace holds all of it. When it ends, however that comes
about, the kernel ends every process of the node, pods too, and its mounts and network vanish; only
its cgroups stay, for `cgroups.py`.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import IO, TYPE_CHECKING

from glovebox_local.cgroups import thaw_cgroups
from glovebox_local.errors import LocalError
from glovebox_local.gateway import node_ip
from glovebox_local.http_check import HealthCheck
from glovebox_local.namespaces import NODE_KINDS, NamespacesOf, NewNamespaces
from glovebox_local.node_config import (
    AGENT_PORT,
    CONTAINERD_SOCKET,
    INSIDE,
    PROXY_PORT,
    agent_command,
    cni_config,
    containerd_config,
    holder_script,
    kubelet_command,
    kubelet_config,
    proxy_config,
)
from glovebox_local.node_images import load_image
from glovebox_local.part import Part, PartSpec
from glovebox_local.paths import write_private
from glovebox_local.processes import is_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from glovebox_local.control_plane import ControlPlane
    from glovebox_local.gateway import Gateway
    from glovebox_local.images import Image
    from glovebox_local.paths import StateDir

_IMPORT_TIMEOUT = 300
# Where Debian keeps the plugin `loopback`, and Clang's name there.
_LOOPBACK_PLUGIN = "/usr/lib/cni/loopback"
_CLANG = "clang-19"


class Node:
    """A node's five processes and its files.

    Args:
        state: Of the environment.
        number: Counted from 1; name, address and range of pods follow from it.
        programs: Folders of the built programs by name.
        plane: The control plane that it joins.
        cgroup: The name of its cgroup.
        tied: The processes die with us.
    """

    def __init__(
        self,
        state: StateDir,
        number: int,
        programs: Mapping[str, Path],
        plane: ControlPlane,
        *,
        cgroup: str,
        tied: bool,
    ) -> None:
        self.name = f"n{number}"
        self.number = number
        self.cgroup = cgroup
        self.folder = state.root / "nodes" / self.name
        self._plane = plane
        self._programs = programs
        self._state = state
        self._tied = tied
        pause, kubernetes, cilium = (
            programs["coredns"] / "pause",
            programs["kubernetes"],
            programs["cilium-agent"],
        )
        script = ["sh", "-c", holder_script(pause, self.folder)]
        self.holder = self._part("", script, lambda: is_program(self.holder.record, pause.name))
        self.namespaces = NamespacesOf(lambda: self.holder.pid, NODE_KINDS)
        containerd = [
            str(programs["containerd"] / "containerd"),
            "--config",
            f"{INSIDE}/containerd.toml",
        ]
        # The machine may have another shim on PATH, of another version.
        shim = {"PATH": f"{programs['containerd']}:{os.environ.get('PATH', '')}"}
        self.containerd = self._part("containerd", containerd, self._containerd_missing, shim)
        path = {
            "PATH": f"{INSIDE}/bin:{os.environ.get('PATH', '')}",
            "K8S_NODE_NAME": self.name,
            "CILIUM_K8S_NAMESPACE": "kube-system",
        }
        self.agent = self._part(
            "cilium", agent_command(cilium), self._healthy(AGENT_PORT, brief="true"), path
        )
        proxy = [str(kubernetes / "kube-proxy"), f"--config={INSIDE}/kube-proxy.yaml"]
        self.proxy = self._part("kube-proxy", proxy, self._healthy(PROXY_PORT))
        self.kubelet = self._part(
            "kubelet",
            kubelet_command(kubernetes / "kubelet", number, self.name),
            self._kubelet_missing(),
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """All processes, in the order in which they start."""
        return (self.holder, self.containerd, self.agent, self.proxy, self.kubelet)

    def prepare(self, pause: Image) -> None:
        """Write configuration, keys and links, unless they are there from before."""
        if (self.folder / "kubelet.yaml").exists():
            return
        for name in ("kubelet", "containerd", "podlogs", "cni/bin", "cni/net.d", "bin"):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        plane = self._plane
        plane.issue_for_node(self.folder, f"system:node:{self.name}", ["system:nodes"])
        plane.issue_for_node(self.folder, "system:kube-proxy")
        plane.issue_for_node(self.folder, "cilium")
        plane.issue_server(self.folder, self.name, [self.name, node_ip(self.number)])
        shutil.copyfile(self._state.pki / "ca.crt", self.folder / "ca.crt")
        (self.folder / "cni/bin/cilium-cni").symlink_to(
            self._programs["cilium-agent"] / "cilium-cni"
        )
        (self.folder / "cni/bin/loopback").symlink_to(_LOOPBACK_PLUGIN)
        (self.folder / "bin/clang").symlink_to(shutil.which(_CLANG) or _CLANG)
        texts = {
            "cni/net.d/05-cilium.conflist": cni_config(),
            "containerd.toml": containerd_config(pause.reference),
            "kube-proxy.yaml": proxy_config(self.name),
            "resolv.conf": "options ndots:1\n",
            # Last: its presence says that all the rest is there.
            "kubelet.yaml": kubelet_config(self.name, self.cgroup),
        }
        for name, text in texts.items():
            write_private(self.folder / name, text)

    def furnish(self, gateway: Gateway) -> None:
        """Start the holder and containerd, and join the node to the gateway's bridge."""
        if not self.holder.running:
            # Records of what lived in an older process namespace say nothing about this one.
            for part in self.parts[1:]:
                part.kill()
            self.holder.start()
            gateway.attach(self.number, self.holder.pid)
        self.containerd.launch()

    def load_image(self, archive: Path, reference: str) -> None:
        """Bring an image to the node: a pod that names it by `reference` needs no registry.

        Args:
            archive: An OCI archive.
            reference: `registry/name@sha256:...` with the digest of the manifest in the archive.

        Raises:
            LocalError: The archive holds another image, or could not be read.
        """
        load_image(self.name, self.ctr, archive, reference)

    def ctr(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """Ask the node's containerd by the `ctr` that was built with it; return what it says.

        Args:
            arguments: Those of ctr, such as `tasks`, `list`.
            stdin: Its standard input.

        Raises:
            LocalError: It failed.
        """
        command = [
            str(self._programs["containerd"] / "ctr"),
            f"--address={CONTAINERD_SOCKET}",
            "--namespace=k8s.io",
            *arguments,
        ]
        return self.namespaces.run(command, stdin=stdin, timeout=_IMPORT_TIMEOUT)

    def _part(
        self,
        name: str,
        command: list[str],
        ready: Callable[[], str | None],
        environment: Mapping[str, str] | None = None,
    ) -> Part:
        spec = PartSpec(
            f"{self.name}-{name}" if name else self.name,
            command,
            ready,
            timeout=120,
            environment=environment or {},
            namespaces=self.namespaces if name else NewNamespaces(NODE_KINDS),
            grace=5,
            thaw=lambda: thaw_cgroups(self.cgroup),
        )
        return Part(spec, logs=self._state.logs, run=self._state.run, tied=self._tied)

    def _healthy(self, port: int, **headers: str) -> HealthCheck:
        return HealthCheck(
            f"http://127.0.0.1:{port}/healthz", headers=headers, network=lambda: self.holder.pid
        )

    def _containerd_missing(self) -> str | None:
        try:
            self.ctr("--connect-timeout=2s", "version")
        except LocalError as error:
            return f"does not answer yet ({error.why.splitlines()[-1]})"
        return None

    def _kubelet_missing(self) -> HealthCheck:
        def judge(body: bytes) -> str | None:
            conditions = {
                entry["type"]: entry
                for entry in json.loads(body).get("status", {}).get("conditions", ())
            }
            ready = conditions.get("Ready")
            if ready is None:
                return "the node has not said anything yet"
            return (
                None
                if ready["status"] == "True"
                else f"the node is not ready: {ready.get('message', '')}"
            )

        return self._plane.ask(f"/api/v1/nodes/{self.name}", judge)
