"""Two nodes beside another environment.

And an end that leaves nothing on the machine, whoever was killed before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local.cgroups import hierarchies, sweep_dead
from glovebox_local.environment import Description, Environment
from glovebox_local.paths import StateDir
from glovebox_local.processes import ProcessRecord
from support.api import path_of
from support.cluster import Cluster
from support.node import NodeCluster
from support.waiting import eventually

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterator

GLOVEBOX = str(Path(sys.executable).with_name("glovebox"))
STARTER = """
    import sys, time
    from pathlib import Path
    from support.node import running_node_cluster
    with running_node_cluster(Path(sys.argv[1])) as running:
        running.api.create_namespace("scene")
        running.create_pod("scene", "one")
        running.wait_ready("scene", "one")
        print("ready", flush=True)
        time.sleep(300)
"""


@dataclass(frozen=True)
class Traces:
    """What a node could leave behind in the machine's own namespaces."""

    interfaces: frozenset[str]
    mounts: frozenset[str]
    cgroups: frozenset[str]
    network_names: frozenset[str]
    rules: str

    @classmethod
    def now(cls) -> Traces:
        """Look at the machine."""
        mounts = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
        # Of the environments of this file: others may come and go beside it.
        own = ("glovebox-two-*", "glovebox-doomed-*")
        cgroups = (
            str(folder)
            for hierarchy in hierarchies()
            for name in own
            for folder in hierarchy.glob(name)
        )
        names = Path("/run/netns")
        rules = subprocess.run(
            ["nft", "list", "ruleset"], capture_output=True, text=True, check=True
        ).stdout
        return cls(
            frozenset(entry.name for entry in Path("/sys/class/net").iterdir()),
            frozenset(mounts),
            frozenset(cgroups),
            frozenset(entry.name for entry in names.iterdir()) if names.exists() else frozenset(),
            rules,
        )


def _inhabitants(environment: Environment) -> list[ProcessRecord]:
    """Return the processes of an environment.

    The recorded ones, all that live in its nodes, and those of its pods.
    """
    worlds = {Path(f"/proc/{node.holder.pid}/ns/pid").readlink() for node in environment.nodes}
    found = {record for part in environment.parts if (record := part.record)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = (process / "ns" / "pid").readlink() in worlds
            cgroups = (process / "cgroup").read_text()
        except OSError:
            continue
        if (inside or any(node.cgroup in cgroups for node in environment.nodes)) and (
            record := ProcessRecord.of(int(process.name))
        ):
            found.add(record)
    return sorted(found, key=lambda record: record.pid)


def _open(root: Path) -> Environment:
    state = StateDir(root)
    description = Description.read(state)
    assert description
    return Environment(state, description)


@pytest.fixture(scope="module")
def before(node_cluster: NodeCluster) -> Traces:
    """The machine while the session's own cluster runs, and before there is another."""
    del node_cluster
    return Traces.now()


@pytest.fixture(scope="module")
def two(
    before: Traces, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[NodeCluster, dict[str, str]]]:
    """Another environment, from the command line, with two nodes and a pod on each."""
    del before
    home = tmp_path_factory.mktemp("two")
    variables = {**os.environ, "XDG_STATE_HOME": str(home)}
    subprocess.run(
        [GLOVEBOX, "local", "up", "--nodes", "2", "--name", "two"],
        env=variables,
        check=True,
        timeout=110,
    )
    try:
        running = NodeCluster(Cluster(_open(home / "glovebox" / "two")))
        repository, _, digest = running.image.reference.partition("@")
        loading = [
            GLOVEBOX,
            "local",
            "load",
            str(running.image.archive),
            repository,
            "--name",
            "two",
        ]
        loaded = subprocess.run(
            loading, env=variables, check=True, timeout=60, capture_output=True, text=True
        )
        assert loaded.stdout == f"{repository}@{digest}\n"
        running.api.create_namespace("scene")
        running.create_pod(
            "scene",
            "server",
            "exec busybox httpd -f -p 8080 -h /shared",
            labels={"app": "web"},
            node="n1",
        )
        running.create_pod("scene", "near", node="n1")
        running.create_pod("scene", "far", node="n2")
        running.wait_ready("scene", "server", "near", "far")
        yield running, variables
    finally:
        subprocess.run(
            [GLOVEBOX, "local", "down", "--name", "two"], env=variables, check=True, timeout=60
        )


def test_a_policy_holds_across_nodes(two: tuple[NodeCluster, dict[str, str]]) -> None:
    scene, _ = two
    address = scene.ip_of("scene", "server")
    assert scene.reaches("scene", "near", address, 8080)
    assert scene.reaches("scene", "far", address, 8080)
    policies = path_of("networking.k8s.io/v1", "networkpolicies", namespace="scene")
    scene.api.create(
        policies,
        {"metadata": {"name": "deny"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}}},
    )
    eventually(
        lambda: not scene.reaches("scene", "far", address, 8080),
        what="no way in from the other node",
    )
    eventually(
        lambda: not scene.reaches("scene", "near", address, 8080),
        what="no way in from the same node",
    )
    scene.api.delete(f"{policies}/deny")
    eventually(lambda: scene.reaches("scene", "far", address, 8080), what="open again")


def test_status_names_every_part_of_every_node(two: tuple[NodeCluster, dict[str, str]]) -> None:
    _, variables = two
    shown = subprocess.run(
        [GLOVEBOX, "local", "status", "--name", "two"],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for node in ("n1", "n2"):
        for part in ("containerd", "cilium", "kube-proxy", "kubelet"):
            assert f"{node}-{part}" in shown


def test_down_leaves_nothing_even_when_half_of_it_was_killed(
    two: tuple[NodeCluster, dict[str, str]], before: Traces, node_cluster: NodeCluster
) -> None:
    scene, variables = two
    environment = scene.cluster.environment
    inhabitants = _inhabitants(environment)
    # Three pods and CoreDNS: each has a shim, a pause and its container.
    assert len(inhabitants) >= len(environment.parts) + 4 * 3
    one, other = environment.nodes
    for part in (one.kubelet, one.containerd, other.agent, environment.control_plane.etcd):
        assert part.signal(signal.SIGKILL)
    # No description any more: the records on disk must be enough.
    environment.state.description.unlink()
    subprocess.run(
        [GLOVEBOX, "local", "down", "--name", "two"], env=variables, check=True, timeout=60
    )
    assert [record for record in inhabitants if record.alive] == []
    assert Traces.now() == before
    assert not environment.state.root.exists()
    assert node_cluster.api.list(path_of("v1", "nodes")), "the other environment goes on"


def test_when_the_starting_process_is_killed_all_dies_with_it_and_the_next_sweeps_up(
    before: Traces, tmp_path: Path
) -> None:
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", textwrap.dedent(STARTER), str(tmp_path / "doomed")]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(tests)}, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "ready\n"
        inhabitants = _inhabitants(_open(tmp_path / "doomed"))
        starter.kill()
    eventually(lambda: not [record for record in inhabitants if record.alive], what="all have died")
    assert Traces.now().cgroups
    assert sweep_dead()
    assert Traces.now() == before
