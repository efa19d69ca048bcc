"""One cluster with one node for the whole test session; where no node can run, all of this is skipped, and says why."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox.local.image_build import GLOVEBOX, ensure_image
from glovebox.local.images import Image
from glovebox.local.packages import node_obstacle
from glovebox.local.progress import terminal
from support.node import REPOSITORY, NodeCluster, ensure_node_programs, running_node_cluster
from support.operator_process import Operator, Team, install_chart, profile_spec, store_secret, store_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a node where there can be none."""
    obstacle = node_obstacle()
    for item in items if obstacle else ():
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=obstacle or ""))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs before the first test, where no test's time limit counts and progress can be seen."""
    if session.config.option.collectonly or node_obstacle() or not any(_HERE in item.path.parents for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        ensure_node_programs(terminal())


@pytest.fixture(scope="session")
def node_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    """A control plane, a store and one node of this session's own; they die with it."""
    with running_node_cluster(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture(scope="session")
def glovebox_image(node_cluster: NodeCluster) -> Image:
    """The image of Glovebox as it stands, on every node."""
    image = ensure_image(GLOVEBOX, REPOSITORY)
    node_cluster.cluster.environment.load_image(image.archive, image.reference)
    return image


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the node below which an administrator makes volumes for caches; the operator may hand them out."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="session")
def operator(
    node_cluster: NodeCluster, glovebox_image: Image, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The operator in the gateway, with the chart installed: it reaches the API server and the store as pods do."""
    install_chart(node_cluster.cluster, host_paths=[str(cache_folder)])
    store_secret(node_cluster.cluster)
    settings = {"GLOVEBOX_IMAGE": glovebox_image.reference}
    running = Operator(node_cluster.cluster, tmp_path_factory.mktemp("operator"), settings=settings)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def platform(node_cluster: NodeCluster, operator: Operator) -> Team:
    """The profile `standard`, which takes the tests' image, and the store `primary`, Ready."""
    del operator
    team = Team(node_cluster.cluster, "platform")
    repository = node_cluster.image.reference.partition("@")[0]
    team.declare("IsolationProfile", "standard", profile_spec(images=[{"repository": repository}]))
    team.declare("ObjectStore", "primary", store_spec(node_cluster.cluster, "glovebox-artifacts"))
    team.expect("IsolationProfile", "standard")
    team.expect("ObjectStore", "primary", timeout=60)
    return team


@pytest.fixture
def team(node_cluster: NodeCluster, platform: Team) -> Team:
    """A fresh team with a namespace of its own."""
    del platform
    return Team(node_cluster.cluster, f"team-{uuid.uuid4().hex[:8]}")
