"""Bytes are hashed by few threads at once, so that a processor is left for the event loop."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from glovebox.store.connection import Pools
from glovebox.store.pin_checks import verify_pin
from glovebox.store.pins import PrefixSource
from glovebox.tasks.context import TaskContext
from glovebox.tasks.pin import PinRequest, pin_dataset
from glovebox.tasks.seal import seal_experiment
from support.seal_inputs import seal_request
from support.synthetic_store import SyntheticStore

PREFIX = "team/exp/uid/"
OBJECTS = 12
PIECES = 3


class Counted:
    """Counts how often it was held; nobody else may hold it meanwhile."""

    def __init__(self) -> None:
        self.times = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self.times += 1

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def made(tmp_path: Path) -> tuple[SyntheticStore, Counted]:
    store = SyntheticStore("data", PREFIX, OBJECTS, tmp_path, PIECES << 20)
    counted: Any = Counted()
    store.pools.hashing = counted
    return store, counted


async def test_a_pin_and_its_check_hash_each_piece_in_turn(tmp_path: Path) -> None:
    store, counted = made(tmp_path)
    source = PrefixSource("data", PREFIX)
    built = await pin_dataset(TaskContext(), PinRequest("uid", store, source, "kept", None))
    assert (built.roots.objects, counted.times) == (OBJECTS, OBJECTS * PIECES)
    await verify_pin(store, source, built.manifest, full=True)
    assert counted.times == 2 * OBJECTS * PIECES
    store.pools.close()


async def test_a_seal_hashes_each_piece_in_turn(tmp_path: Path) -> None:
    store, counted = made(tmp_path)
    result = await seal_experiment(TaskContext(), seal_request(store, "data", PREFIX))
    assert (result.versions, counted.times) == (OBJECTS, OBJECTS * PIECES)
    store.pools.close()


@pytest.mark.parametrize(("processors", "threads"), [(1, 1), (2, 1), (4, 2), (64, 4)])
def test_half_of_the_processors_hash(
    processors: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(processors))
    pools = Pools(control=1, jobs=1, reads=1)
    for _ in range(threads):
        assert pools.hashing.acquire(blocking=False)
    assert not pools.hashing.acquire(blocking=False)
    pools.close()
