"""A pin whose store is away for a moment keeps the work that is under way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.controllers.dataset_pin import reconcile
from glovebox.controllers.ports import Failures, Ports
from glovebox.controllers.registry import Registry
from glovebox.status.outcome import GRACE

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MANIFEST = {
    "bucket": "artifacts",
    "key": ".glovebox/manifests/a.jsonl.gz",
    "versionId": "v1",
    "digest": "sha256:" + "1" * 64,
    "bytes": 1,
}


class Tasks:
    """Notes what is dropped."""

    def __init__(self) -> None:
        self.dropped: list[Any] = []

    def get(self, key: Any) -> None:
        """Return none: no task is under way."""

    def drop(self, key: Any) -> None:
        self.dropped.append(key)


def pin(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "rows",
            "namespace": "team",
            "uid": "u",
            "generation": 1,
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": {
            "storeRef": {"name": "primary"},
            "source": {"prefix": {"bucket": "data", "prefix": "train/"}},
        },
        "status": status,
    }


@pytest.mark.parametrize(
    "status", [{}, {"manifest": MANIFEST, "listedTime": "2026-11-01T00:00:00Z"}]
)
def test_a_store_that_is_not_there_takes_no_task_away(status: dict[str, Any]) -> None:
    tasks = Tasks()
    ports = SimpleNamespace(
        tasks=tasks,
        resources=SimpleNamespace(
            parsed=lambda *_: None, get=lambda _: None, users_of=lambda _: ()
        ),
        registry=Registry(),
        now=lambda: NOW,
        grace=GRACE,
        failures=Failures(lambda: 0.0),
        allowances={},
        jitter=lambda: 0.5,
    )
    look = asyncio.run(reconcile(cast("Ports", ports), pin(**status)))
    assert look.retry_seconds is not None
    look.after()
    assert tasks.dropped == []
