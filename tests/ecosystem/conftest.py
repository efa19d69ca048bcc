"""Programs of the neighbourhood beside the operator: `make test-ecosystem`, and nothing else."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local.errors import LocalError
from glovebox_local.packages import ECOSYSTEM_PACKAGES, install_packages, node_obstacle
from glovebox_local.programs import ECOSYSTEM_PROGRAMS, PLANE_PROGRAMS
from glovebox_local.programs import ensure_programs as build_programs
from support.argo_application import Application
from support.argo_controller import ArgoCd, running_argo_cd
from support.cluster import Cluster, build_before_the_first_test, running_cluster
from support.collector import Collector, running_collector
from support.flux import Flux, Repository, running_flux
from support.gitops import team_bucket
from support.node import ensure_node_programs
from support.operator_process import (
    PLATFORM_IMAGE,
    Operator,
    Team,
    declare_platform,
    running_operator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.progress import Progress

_HERE = Path(__file__).parent
_MISSING = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have all tests here left out wherever they are not asked for."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("ecosystem")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs before the first test; what a node needs, where there can be one."""

    def build(progress: Progress) -> None:
        build_programs(PLANE_PROGRAMS + ECOSYSTEM_PROGRAMS, progress)
        try:
            install_packages(progress, ECOSYSTEM_PACKAGES)
        except LocalError as error:
            session.config.stash[_MISSING] = f"NOT TESTED: {error}"
        if not node_obstacle():
            ensure_node_programs(progress)

    build_before_the_first_test(session, _HERE, build)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane and a store; they end with the last test."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """The OpenTelemetry collector."""
    with running_collector(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="session")
def operator(
    cluster: Cluster, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The operator as a process, which sends its traces to the collector."""
    folder, chosen = tmp_path_factory.mktemp("operator"), {"endpoint": collector.endpoint}
    settings = {"GLOVEBOX_TRACES": json.dumps(chosen)}
    with running_operator(cluster, folder, PLATFORM_IMAGE, settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def platform(cluster: Cluster, operator: Operator) -> Team:
    """The profile `standard` and the store `primary`, Ready."""
    del operator
    return declare_platform(cluster)


@pytest.fixture(scope="session")
def flux(
    cluster: Cluster, platform: Team, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flux]:
    """Flux's kustomize-controller."""
    del platform
    with running_flux(cluster, tmp_path_factory.mktemp("flux")) as running:
        yield running


@pytest.fixture(scope="session")
def argo_cd(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    platform: Team,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ArgoCd]:
    """Argo CD's application controller with what it needs."""
    del platform
    if reason := request.config.stash.get(_MISSING, ""):
        pytest.skip(reason)
    with running_argo_cd(cluster, tmp_path_factory.mktemp("argo")) as running:
        yield running


@pytest.fixture
def team(cluster: Cluster, platform: Team) -> Team:
    """A fresh team with a namespace of its own."""
    del platform
    return Team(cluster, f"team-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def repository(flux: Flux, team: Team) -> Repository:
    """A repository of the team's, applied with `wait: true` and `prune: true`."""
    return flux.repository(team.name)


@pytest.fixture
def application(argo_cd: ArgoCd, team: Team) -> Application:
    """A repository of the team's, synced by itself with prune and self-heal."""
    return argo_cd.application(team.name)


@pytest.fixture
def bucket(team: Team) -> str:
    """A versioned bucket of the team's with two files under `train/` and one under `more/`."""
    return team_bucket(team)
