"""One cluster with one node for the tests of this folder.

Where no node can run, all of this is skipped, and says why.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local.images import Image
from glovebox_local.packages import node_obstacle
from support.cluster import build_before_the_first_test
from support.node import NodeCluster, ensure_node_programs, running_node_cluster
from support.operator_process import Operator, Team, declare_platform, running_operator
from support.unhindered import components_unhindered

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a node where there can be none."""
    obstacle = node_obstacle()
    for item in items if obstacle else ():
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=f"NOT TESTED: {obstacle}"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs and the image before the first test."""
    if not node_obstacle():
        build_before_the_first_test(session, _HERE, ensure_node_programs)


@pytest.fixture(scope="package")
def node_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    """A control plane, a store and one node of this folder's own; they end with its last test."""
    with running_node_cluster(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture(scope="package")
def glovebox_image(node_cluster: NodeCluster) -> Image:
    """The image of Glovebox as it stands, on every node."""
    return node_cluster.load_glovebox()


@pytest.fixture(scope="package")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the node below which an administrator makes volumes for caches.

    The operator may hand them out.
    """
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="package")
def operator(
    node_cluster: NodeCluster,
    glovebox_image: Image,
    cache_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operator]:
    """The operator in the gateway, with the chart installed.

    It reaches the API server and the store as pods do. When all tests are over, no guard has
    refused one of Kubernetes' own components anything.
    """
    folder = tmp_path_factory.mktemp("operator")
    cluster = node_cluster.cluster
    with (
        running_operator(
            cluster, folder, glovebox_image.reference, host_paths=[str(cache_folder)]
        ) as running,
        components_unhindered(cluster),
    ):
        yield running


@pytest.fixture(scope="package")
def platform(node_cluster: NodeCluster, operator: Operator) -> Team:
    """The profile `standard`, which takes the tests' image, and the store `primary`, Ready."""
    del operator
    return declare_platform(
        node_cluster.cluster,
        images=[{"repository": node_cluster.image.reference.partition("@")[0]}],
    )


@pytest.fixture
def team(node_cluster: NodeCluster, platform: Team) -> Team:
    """A fresh team with a namespace of its own."""
    del platform
    return Team(node_cluster.cluster, f"team-{uuid.uuid4().hex[:8]}")
