"""The engine's parts inside the test process, on the session's real API server."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from glovebox.apply.applier import Applier
from glovebox.apply.children import Children
from glovebox.kube.client import Client
from glovebox.kube.login import ApiCredentials, log_in
from support.cluster import Cluster
from support.operator_process import BREAK_GLASS

Login = Callable[[], Awaitable[ApiCredentials]]


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
    """A namespace called as an experiment's, but without its labels: the guards leave it alone."""
    name = f"engine-{uuid.uuid4().hex[:8]}"
    # Where the chart was installed before, only the operator may take such a name.
    cluster.api_as("breaker", ["system:masters", BREAK_GLASS]).create_namespace(name)
    return name


@pytest.fixture
def children() -> Children:
    """An empty cache."""
    return Children(lambda _: None)


@pytest.fixture
def applier(client: Client, children: Children) -> Applier:
    """An applier over the empty cache."""
    return Applier(client, children, time.monotonic)
