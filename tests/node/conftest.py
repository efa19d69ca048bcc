"""One cluster with one node for the whole test session; where no node can run, all of this is skipped, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox.local.packages import node_obstacle
from glovebox.local.progress import terminal
from support.node import NodeCluster, ensure_node_programs, running_node_cluster

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
