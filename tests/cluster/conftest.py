"""One real cluster and one real store for all of this folder, started by the first test to ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.cluster import (
    Cluster,
    Store,
    build_before_the_first_test,
    ensure_programs,
    running_cluster,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from support.api import Api

_HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs before the first test."""
    build_before_the_first_test(session, _HERE, ensure_programs)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane and a store of this folder's own; they end with its last test."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="package")
def store(cluster: Cluster) -> Store:
    """The store: endpoint, keys, role; `stop()` and `start()` for outages."""
    return cluster.store


@pytest.fixture(scope="package")
def api(cluster: Cluster) -> Api:
    """The API server as the administrator."""
    return cluster.api


@pytest.fixture(scope="package")
def kubectl(cluster: Cluster) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The real kubectl, as the administrator or as `user=` in `groups=`."""
    return cluster.kubectl


@pytest.fixture(scope="package")
def helm(cluster: Cluster) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The real helm."""
    return cluster.helm


@pytest.fixture(scope="package")
def kubeconfig_for(cluster: Cluster) -> Callable[..., Path]:
    """A kubeconfig for any user in any groups."""
    return cluster.kubeconfig_for
