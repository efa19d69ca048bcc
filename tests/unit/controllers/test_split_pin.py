"""A split is looked at again as long as something is left to record."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api import reasons
from glovebox.api.split_pin import SplitPin
from glovebox.controllers import split_pin
from glovebox.controllers.ports import Ports
from glovebox.engine.tasks import Progress, TaskState
from glovebox.errors import NotReady
from glovebox.status.outcome import Outcome

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPLIT = {
    "apiVersion": "glovebox.dev/v1alpha1",
    "kind": "SplitPin",
    "metadata": {"name": "parts", "namespace": "team", "uid": "u", "generation": 1},
    "spec": {
        "source": {"pinRef": {"name": "all"}},
        "granularity": "Objects",
        "rule": {"by": "Key", "salt": "s"},
        "parts": [
            {"name": "test", "role": "test", "share": 5000},
            {"name": "train", "role": "train", "share": 5000},
        ],
    },
}


async def store_is_away(_ports: Ports, _split: SplitPin) -> tuple[Outcome, dict[str, Any]]:
    raise NotReady(reasons.STORE_NOT_READY, "ObjectStore 'primary' is not ready")


@pytest.mark.parametrize(
    ("result", "retries"),
    [
        pytest.param(None, None, id="work that goes on wakes its owner itself"),
        pytest.param(object(), 60.0, id="work that is done wakes nobody any more"),
    ],
)
def test_what_is_done_and_cannot_be_recorded_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, result: object, retries: float | None
) -> None:
    monkeypatch.setattr(split_pin, "_divide", store_is_away)
    state = TaskState("Done" if result else "Running", Progress(), result, None, NOW, 1)
    tasks = SimpleNamespace(get=lambda _: state)
    ports = cast("Ports", SimpleNamespace(tasks=tasks, now=lambda: NOW))
    look = asyncio.run(split_pin.reconcile(ports, SPLIT))
    assert look.retry_seconds == retries
