"""Create-only writes: of many at once one wins, and the ledger loses and repeats nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from glovebox.data.roots import Roots
from glovebox.evidence.keys import read_bundle
from glovebox.store.connection import Stop
from glovebox.store.listing import list_key
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pin_records import PinRecord, read_pin, record_pin
from glovebox.store.putting import put
from glovebox.store.run_records import RunRecord, begin_run, read_run
from support.ledger_logs import SIGNER
from support.ledger_stores import Ledgers

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Store
    from stores.expected import Expected

T = TypeVar("T")
WRITERS = 16
ROUNDS = 5
TRUST = read_bundle(SIGNER.public)


def together(act: Callable[[int], T]) -> list[T]:
    """Call from many threads at the same moment; return what each got."""
    barrier = threading.Barrier(WRITERS)

    def one(number: int) -> T:
        barrier.wait(30)
        return act(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(one, range(WRITERS)))


def test_of_many_that_write_a_new_key_at_once_one_wins(
    store: Store, locked_bucket: str, expected: Expected
) -> None:
    for number in range(ROUNDS):
        key = f"race/{number}"

        def write(writer: int, key: str = key) -> bool:
            return put(store, locked_bucket, key, str(writer).encode(), only_new=True)

        wins = 1 if expected.writes_once else WRITERS
        assert together(write).count(True) == wins
        assert len(list_key(store.wire, locked_bucket, key, Stop())) == wins


def test_of_many_that_begin_one_run_at_once_at_most_one_begins_it_and_the_others_learn_whose_it_is(
    store: Store, locked_bucket: str
) -> None:
    """By what lies there: also where a store writes over what it was told to leave."""

    def record(number: int) -> RunRecord:
        return RunRecord("team", "exp", f"uid-{number}", "sha256:d", "sha256:e", 1, "now", {}, "n")

    for _ in range(2):  # the second time all of them learn it
        found = together(
            lambda number: begin_run(store, locked_bucket, record(number), SIGNER, TRUST, Stop())
        )
        first = read_run(store, locked_bucket, record(0).key, TRUST, Stop())
        assert first is not None
        begun = [record(number) for number, other in enumerate(found) if other is None]
        assert begun in ([], [first])
        assert {other.uid for other in found if other is not None} == {first.uid}
    assert begun == []


def test_what_a_pin_was_resolved_to_is_recorded_once(store: Store, locked_bucket: str) -> None:
    manifest = ManifestLocation("b", "k", "v", "sha256:d", 1)

    def record(content: str) -> bool:
        found = PinRecord(Roots(content, "sha256:p", 1, 1, 1), manifest, "now")
        return record_pin(store, locked_bucket, "pins/one", found, Stop())

    assert [record("sha256:1"), record("sha256:2")] == [True, False]
    first = read_pin(store, locked_bucket, "pins/one", Stop())
    assert first is not None
    assert first.roots.content == "sha256:1"


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
    found = set() if expected.locks_by_default else {"Unlocked"}
    # Told of, not hidden: the operator keeps no ledger in such a store.
    found |= set() if expected.writes_once else {"SeveralVersions"}
    assert {each.what for each in report.findings} == found
