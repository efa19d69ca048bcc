"""`status.progress` of a DatasetPin: how far the work on it has come."""

from __future__ import annotations

from typing import Any

from glovebox.controllers.ports import Ports
from glovebox.engine.tasks import TaskState
from glovebox.status.text import format_time


def pin_progress(ports: Ports, state: TaskState[Any]) -> dict[str, Any] | None:
    """Return `status.progress`, or None before the first report."""
    progress = state.progress
    if state.phase != "Running" or not progress.phase:
        return None
    found = {
        "phase": progress.phase,
        "objects": progress.objects_done,
        "objectsTotal": progress.objects_total,
        "bytes": progress.bytes_done,
        "bytesTotal": progress.bytes_total,
        "bytesPerSecond": round(progress.rate_bytes),
        "updatedTime": format_time(ports.now()),
    }
    return {name: value for name, value in found.items() if value is not None}
