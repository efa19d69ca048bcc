"""Very many objects pinned and verified by listing; a store in memory makes them up.

What is measured is the memory of the process that does the work, and no speed of a store.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.data.step import OURS, Step

from glovebox.data.compare import Findings
from glovebox.store.pins import PrefixSource
from glovebox.tasks.context import TaskContext
from glovebox.tasks.pin import PinRequest, VerifyRequest, pin_dataset, verify_dataset
from support.synthetic_store import SyntheticStore

PREFIX = "team/exp/uid/"


def write(folder: Path, count: int) -> None:
    """Write how many objects there are."""
    (folder / "count").write_text(str(count), encoding="utf-8")


def by_tasks(folder: Path) -> int:
    """Pin and verify."""
    return asyncio.run(_pinned(folder))


async def _pinned(folder: Path) -> int:
    count = int((folder / "count").read_text(encoding="utf-8"))
    store = SyntheticStore("data", PREFIX, count, folder)
    source = PrefixSource("data", PREFIX)
    # As often as in the operator: check-points are part of what is measured.
    built = await pin_dataset(TaskContext(), PinRequest("uid", store, source, "artifacts", None))
    findings = await verify_dataset(TaskContext(), VerifyRequest(store, source, built.manifest))
    store.pools.close()
    return built.roots.objects if findings == Findings() else 0


STEP = Step("objects, made up", write, {OURS: by_tasks})
