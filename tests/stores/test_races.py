"""Create-only writes: of many at once one wins, and the ledger loses and repeats nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from glovebox.store.connection import Stop
from glovebox.store.listing import list_key
from glovebox.store.putting import put
from support.ledger_stores import Ledgers

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Store
    from stores.expected import Expected

T = TypeVar("T")
WRITERS = 16
ROUNDS = 5


def together(act: Callable[[int], T]) -> list[T]:
    """Call from many threads at the same moment; return what each got."""
    barrier = threading.Barrier(WRITERS)

    def one(number: int) -> T:
        barrier.wait(30)
        return act(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(one, range(WRITERS)))


def test_of_many_that_write_a_new_key_at_once_one_wins(store: Store, locked_bucket: str) -> None:
    for number in range(ROUNDS):
        key = f"race/{number}"

        def write(writer: int, key: str = key) -> bool:
            return put(store, locked_bucket, key, str(writer).encode(), only_new=True)

        assert together(write).count(True) == 1
        assert len(list_key(store.wire, locked_bucket, key, Stop())) == 1


def test_writers_of_one_ledger_at_once_write_one_chain(
    store: Store, locked_bucket: str, expected: Expected
) -> None:
    ledgers = Ledgers(store, locked_bucket)
    ledgers.init()
    writers = [ledgers.writer() for _ in range(WRITERS)]
    places = together(lambda number: ledgers.append(writers[number], number)[0])
    assert sorted(places) == list(range(WRITERS))
    writers[0].publish(Stop())
    report = ledgers.verify()
    assert report.entries == WRITERS
    if expected.locks_by_default:
        assert report.findings == []
        return
    assert {each.what for each in report.findings} == {"Unlocked"}
