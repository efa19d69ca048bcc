"""A real Prometheus in a test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glovebox_local import prometheus
from support.waiting import eventually

needs_prometheus = pytest.mark.skipif(
    shutil.which(prometheus.PROMETHEUS) is None,
    reason="this machine has no Prometheus: `glovebox local packages` brings it",
)


class Prometheus(prometheus.Prometheus):
    """It, and what is waited for."""

    def expect_firing(self, name: str, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until an alert fires; return it."""
        return eventually(lambda: self.alerts().get(name), what=f"{name} fires", timeout=timeout)

    def expect_resolved(self, name: str, timeout: float = 30.0) -> None:
        """Wait until it fires no more."""
        eventually(
            lambda: name not in self.alerts() or None, what=f"{name} is over", timeout=timeout
        )


@contextmanager
def running_prometheus(
    folder: Path, port: int, rules: Mapping[str, Any] | None = None, *, interval: str = "1s"
) -> Iterator[Prometheus]:
    """Scrape a port of this machine that often, by these rules, while the block runs."""
    running = Prometheus(folder, port, rules, interval=interval)
    running.start()
    try:
        yield running
    finally:
        running.stop()
