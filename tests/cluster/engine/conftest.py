"""The engine's parts inside the test process, on a real API server without guards."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.kube.client import Client
from glovebox.kube.login import ApiCredentials, log_in
from support.api import Api
from support.cluster import Cluster, running_cluster

Login = Callable[[], Awaitable[ApiCredentials]]


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of its own: the guards of another test would refuse what is written here."""
    with running_cluster(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="package")
def api(cluster: Cluster) -> Api:
    """Its administrator."""
    return cluster.api


@pytest.fixture
def login(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Login:
    """How the administrator logs in."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    return log_in


@pytest.fixture
async def client(login: Login) -> AsyncIterator[Client]:
    """An open connection."""
    async with Client(login) as opened:
        yield opened


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace called as an experiment's, but without its labels."""
    name = f"gbx-engine-{uuid.uuid4().hex[:8]}"
    cluster.api.create_namespace(name)
    return name


@pytest.fixture
def children() -> Children:
    """An empty cache."""
    return Children(lambda _: None, time.monotonic)


@pytest.fixture
def applier(client: Client, children: Children) -> Applier:
    """An applier over the empty cache."""
    return Applier(client, children, time.monotonic)
