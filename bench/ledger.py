"""Measures the ledger: appending against bare PUTs, verifying against bare hashing, in one run.

    python bench/ledger.py --appends 300 --entries 1000000

Appends go to a store of its own on loopback. The large ledger is made in a folder, as an export is,
and verified from there. Ratios are what counts: the machine is shared.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.jobs.ledger_folder import FolderSource, export_whole
from glovebox.ledger.checkpoint import Checkpoint, Head, sign_checkpoint
from glovebox.ledger.entry import digest_of_bytes, encode_entry
from glovebox.ledger.source import Stored
from glovebox.ledger.tiles import WIDTH, Edge, decode_bundle
from glovebox.ledger.tree import leaf_hash, node_hash
from glovebox.ledger.verification import LedgerDemand, verify_ledger
from glovebox.store.connection import Stop, Stores, StoreSettings
from glovebox.store.ledger_init import init_ledger, pause_longer
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_writer import open_ledger
from support.ledger_logs import ORIGIN, POLICY, SIGNER, MemoryLedger, event
from support.own_store import ADMIN, running_seaweed

BUCKET = "ledger"
WRITERS = 4


def main() -> None:
    """Read the options, measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--appends", type=int, default=300)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--checkpoint-every", type=int, default=10_000)
    options = parser.parse_args()
    row("", "seconds", "per second", "of the bare one")
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        if options.appends:
            with running_seaweed(Path(folder)) as running:
                asyncio.run(measure_appends(running.endpoint, options.appends))
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        measure_verification(Path(folder) / "ledger", options.entries, options.checkpoint_every)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MiB")


async def measure_appends(endpoint: str, count: int) -> None:
    """Compare appends with PUTs of the same size, one after the other and from several writers."""
    stores = Stores()
    store = stores.open(StoreSettings(endpoint, credentials=ADMIN))
    store.s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    place = LedgerPlace(store, BUCKET, pause_longer)
    body = encode_entry(event(0), 0, digest_of_bytes(b""), datetime.now(UTC))

    def now() -> datetime:
        return datetime.now(UTC)

    for number in range(20):  # connections and caches
        store.s3.put_object(Bucket=BUCKET, Key=f"warm/{number}", Body=body)
    start = time.perf_counter()
    for number in range(count):
        store.s3.put_object(Bucket=BUCKET, Key=f"bare/{number:09d}", Body=body)
    bare = time.perf_counter() - start
    report(f"bare PUT of {len(body)} bytes, one writer", bare, count, bare)

    init_ledger(place, "bench", ORIGIN, SIGNER, now(), Stop())
    writer = open_ledger(place, "bench", SIGNER, now, Stop())
    start = time.perf_counter()
    for number in range(count):
        writer.append(event(number, time=now()), Stop())
    report("append, one writer", time.perf_counter() - start, count, bare)
    start = time.perf_counter()
    writer.publish(Stop())
    report(f"publish of {count} entries", time.perf_counter() - start, count, bare)

    writers = [open_ledger(place, "bench", SIGNER, now, Stop()) for _ in range(WRITERS)]
    share = count // WRITERS

    def work(mine: int) -> None:
        for number in range(share):
            told = event(count + mine * share + number, time=now())
            writers[mine].append(told, Stop())

    start = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    report(
        f"append, {WRITERS} writers at once",
        time.perf_counter() - start,
        share * WRITERS,
        bare * share * WRITERS / count,
    )
    await stores.close()


class Made(MemoryLedger):
    """A ledger whose entries are made while they are read: a million need no memory."""

    def __init__(self, count: int, every: int) -> None:
        super().__init__()
        self._count, self._every = count, every
        self._sizes: dict[int, bytes] = {}

    def entries(self) -> Iterator[tuple[int, Stored]]:
        """Make them, and sign heads on the way."""
        assert self.first is not None  # noqa: S101 - it was made above
        previous, edge = digest_of_bytes(self.first.body), Edge()
        for index in range(self._count):
            told = event(index)
            body = encode_entry(told, index, previous, told.time)
            previous = digest_of_bytes(body)
            edge.add(leaf_hash(body))
            if edge.size % self._every == 0 or edge.size == self._count:
                head = Checkpoint(self.origin, Head(edge.size, edge.root()))
                self._sizes[edge.size] = sign_checkpoint(head, self.signer)
            yield index, Stored(body)


def measure_verification(folder: Path, count: int, every: int) -> None:
    """Compare a verification with hashing the same bytes into the same tree, and nothing else."""
    made = Made(count, every)
    start = time.perf_counter()
    made.heads = dict.fromkeys((*range(every, count + 1, every), count), Stored(b""))
    export_whole(made, folder)
    for size, raw in made._sizes.items():  # noqa: SLF001 - a measuring program
        digits = f"{size:012d}"
        path = "/".join(digits[i : i + 3] for i in range(0, 12, 3))
        (folder / "checkpoints" / path).write_bytes(raw)
    (folder / "checkpoint").write_bytes(made._sizes[count])  # noqa: SLF001 - likewise
    print(f"made {count:,} entries in {time.perf_counter() - start:.0f} s")

    start = time.perf_counter()
    root = bare_root(folder)
    bare = time.perf_counter() - start
    report(f"bare hashing of {count:,} entries", bare, count, bare)
    start = time.perf_counter()
    found = verify_ledger(FolderSource(folder), LedgerDemand(POLICY, datetime.now(UTC)))
    report(f"verify {count:,} entries", time.perf_counter() - start, count, bare)
    assert found.findings == []  # noqa: S101 - a figure of a wrong result is none
    assert found.newest is not None  # noqa: S101 - likewise
    assert found.newest.opened.head.root == root  # noqa: S101 - likewise


def bare_root(folder: Path) -> bytes:
    """Return the root over all entries of a folder, with the fewest hashes and nothing else."""
    sha256 = hashlib.sha256
    roots: list[bytes] = []
    size = 0
    for bundle in sorted((folder / "tile" / "entries").rglob("*"), key=_bundle_order):
        if not bundle.is_file():
            continue
        for entry in decode_bundle(bundle.read_bytes()):
            found, place = sha256(b"\x00" + entry).digest(), size
            while place & 1:
                found, place = sha256(b"\x01" + roots.pop() + found).digest(), place >> 1
            roots.append(found)
            size += 1
    root = roots.pop()
    while roots:
        root = node_hash(roots.pop(), root)
    return root


def _bundle_order(path: Path) -> int:
    text = str(path).partition("tile/entries/")[2].partition(".p")[0]
    return int(text.replace("x", "").replace("/", "") or 0) * WIDTH


def report(name: str, seconds: float, count: int, bare: float) -> None:
    """Print the row of a measurement."""
    row(name, f"{seconds:.2f}", f"{count / seconds:,.0f}", f"{seconds / bare:.2f}")


def row(name: str, *cells: str) -> None:
    """Print one aligned row."""
    print(f"{name:<44}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
