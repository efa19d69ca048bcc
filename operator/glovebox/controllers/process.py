"""What an operator process opens and closes: connections, the registry of metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from glovebox.controllers.assembly import operator
from glovebox.controllers.operator import Operator
from glovebox.kube.client import Client
from glovebox.kube.session import Login
from glovebox.metrics.engine import EngineMetrics
from glovebox.settings import Settings
from glovebox.store.connection import Stores


@asynccontextmanager
async def open_operator(settings: Settings, login: Login) -> AsyncIterator[Operator]:
    """Open everything that an operator process needs, and close it again.

    Args:
        settings: As read from the environment.
        login: Gives credentials for the API server.
    """
    registry, metrics = process_registry()
    stores = Stores(threads=settings.store_threads)
    async with Client(login, metrics.observe_api) as client:
        try:
            async with operator(
                settings, client, metrics, registry, stores=stores, now=utc_now
            ) as parts:
                yield parts
        finally:
            await stores.close()


def process_registry() -> tuple[CollectorRegistry, EngineMetrics]:
    """Return the registry of a process of its own, with what is counted while it happens."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry, EngineMetrics(registry)


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)
