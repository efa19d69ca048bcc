"""All nodes of an environment.

From built programs and images to Ready, and what is left of them to nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import yaml

from glovebox_local.api_server import apply
from glovebox_local.cgroups import (
    cgroup_prefix,
    forget_owner,
    make_cgroups,
    record_owner,
    remove_cgroups,
    sweep_dead,
    thaw_cgroups,
)
from glovebox_local.cluster_services import render_services
from glovebox_local.images import REGISTRY, Image, write_image
from glovebox_local.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glovebox_local.control_plane import ControlPlane
    from glovebox_local.gateway import Gateway
    from glovebox_local.part import Part
    from glovebox_local.paths import StateDir
    from glovebox_local.progress import Progress, Step


def tag_of(state: StateDir) -> str:
    """Return what tells the environment's cgroups from those of all others on this machine."""
    digest = hashlib.sha256(str(state.root.resolve()).encode()).hexdigest()
    return f"{state.root.name}-{digest[:6]}"


class Nodes:
    """The nodes of one environment.

    Args:
        state: Of the environment.
        count: How many.
        programs: Folders of the built programs by name.
        plane: The control plane that they join.
        gateway: The network that they join.
        tied: The processes die with us.
    """

    def __init__(
        self,
        state: StateDir,
        count: int,
        programs: Mapping[str, Path],
        plane: ControlPlane,
        gateway: Gateway,
        *,
        tied: bool,
    ) -> None:
        self._state = state
        self._programs = programs
        self._gateway = gateway
        self._tag = tag_of(state)
        prefix = cgroup_prefix(self._tag)
        self.nodes = tuple(
            Node(state, number, programs, plane, cgroup=f"{prefix}n{number}", tied=tied)
            for number in range(1, count + 1)
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """All processes of all nodes."""
        return tuple(part for node in self.nodes for part in node.parts)

    def furnish(self) -> None:
        """Start what needs no API server yet: the nodes' namespaces and containerd.

        The certificates must be there.
        """
        sweep_dead()
        pause, _ = self._images()
        for node in self.nodes:
            node.prepare(pause)
            node.furnish(self._gateway)
        holders = [
            record
            for part in (self._gateway.holder, *(node.holder for node in self.nodes))
            if (record := part.record)
        ]
        record_owner(self._tag, holders)
        for node in self.nodes:
            make_cgroups(node.cgroup)

    def up(self, progress: Progress) -> None:
        """Bring the nodes to Ready. The API server must answer."""
        images = self._images()
        with progress.step("Registering the nodes and DNS with the cluster"):
            self._apply(images[1])
        with progress.step(
            f"Starting {len(self.nodes)} {'nodes' if len(self.nodes) > 1 else 'node'}"
        ) as step:
            for node in self.nodes:
                node.agent.launch()
                node.proxy.launch()
                node.containerd.wait_ready(step.say)
                for image in images:
                    node.load_image(image.archive, image.reference)
                node.kubelet.launch()
            for part in self.parts:
                _wait(part, step)
            step.say(", ".join(node.name for node in self.nodes))

    def _images(self) -> Sequence[Image]:
        folder = self._programs["coredns"]
        kept = self._state.root / "images"
        return [
            write_image(
                kept / f"{name}.tar",
                f"{REGISTRY}/{name}",
                {name: folder / name},
                entrypoint=[f"/{name}"],
            )
            for name in ("pause", "coredns")
        ]

    def _apply(self, dns_image: Image) -> None:
        crds = self._programs["cilium-agent"] / "crds"
        definitions = [
            yaml.safe_load(file.read_text(encoding="utf-8"))
            for folder in ("v2", "v2alpha1")
            for file in sorted((crds / folder).glob("*.yaml"))
        ]
        services = list(yaml.safe_load_all(render_services(len(self.nodes), dns_image.reference)))
        apply(
            self._state.kubeconfig,
            [*definitions, *services],
            step="Registering the nodes with the cluster",
        )


def thaw_leftovers(state: StateDir) -> None:
    """Thaw what a killed container runtime left frozen in that environment."""
    thaw_cgroups(cgroup_prefix(tag_of(state)))


def remove_leftovers(state: StateDir) -> None:
    """Remove the cgroups of that environment and of those that died; no process may be left."""
    tag = tag_of(state)
    remove_cgroups(cgroup_prefix(tag))
    forget_owner(tag)
    sweep_dead()


def _wait(part: Part, step: Step) -> None:
    part.wait_ready(lambda words: step.say(f"{part.name}: {words}"))
