"""How much memory a piece of work needs at its peak, told by a process that does nothing else.

A test's own process has threads of other tests' fixtures; what they allocate meanwhile is no part
of the work.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import tracemalloc
import zlib
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from glovebox.data.manifest import DigestSource, Entry, ManifestWriter, read_manifest
from glovebox.data.manifest_scan import Listed
from glovebox.data.near_texts import SIGNATURE_BYTES
from glovebox.data.overlap import Compared, find_overlap
from glovebox.data.roots import RootBuilder
from glovebox.data.row_overlap import Keyed, find_shared_rows
from glovebox.data.text_overlap import find_near_texts
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def peak_of(work: Callable[[], Callable[[], object]]) -> int:
    """Return the peak in bytes of what `work` returns; what it does before is not counted."""
    alone = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=alone) as child:
        return child.submit(_traced, work).result()


def _traced(work: Callable[[], Callable[[], object]]) -> int:
    traced = work()
    tracemalloc.start()
    traced()
    return tracemalloc.get_traced_memory()[1]


def adding_to_roots() -> Callable[[], object]:
    """Prepare to add 59,000 entries to a builder that has seen a thousand."""
    builder = RootBuilder()
    for number in range(1000):
        builder.add(_numbered(number))

    def add() -> None:
        for number in range(1000, 60_000):
            builder.add(_numbered(number))

    return add


def reading_a_bomb() -> Callable[[], object]:
    """Prepare to read 200 MiB of zeros that somebody packed into a manifest."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezer.compress(b"\0" * (1 << 20)) for _ in range(200)) + squeezer.flush()

    def read() -> None:
        try:
            list(read_manifest([bomb]))
        except InvalidInput as refused:
            if "longer than" in str(refused):
                return
        raise AssertionError("a bomb was read")

    return read


def writing_and_reading() -> Callable[[], object]:
    """Prepare to write and read a manifest of 30,000 entries, whose bytes are held."""
    chunks: list[bytes] = []
    writer = ManifestWriter(chunks.append)

    def both() -> None:
        for number in range(30_000):
            writer.add(_numbered(number))
        writer.finish()
        if sum(1 for _ in read_manifest(chunks, writer.digest)) != 30_000:
            raise AssertionError("entries are missing")

    return both


def comparing() -> Callable[[], object]:
    """Prepare to compare two datasets of 300,000 objects that are never held."""

    def listed(name: str) -> Iterator[Listed]:
        for number in range(300_000):
            path = f"{name}/{number:07d}"
            yield Listed(path, 1, hashlib.sha256(path.encode()).digest())

    def compare() -> None:
        inputs = (Compared(role, role, listed(role)) for role in ("train", "test"))
        if find_overlap(inputs).shared:
            raise AssertionError("nothing is shared")

    return compare


def comparing_copies() -> Callable[[], object]:
    """Prepare to compare 300,000 copies of one object, under long names, with another object."""
    one, other = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()

    def copies() -> Iterator[Listed]:
        for number in range(300_000):
            yield Listed(f"{number:0900d}", 1, one)

    def compare() -> None:
        inputs = (Compared("a", "train", copies()), Compared("b", "test", [Listed("b", 1, other)]))
        if find_overlap(inputs).shared:
            raise AssertionError("nothing is shared")

    return compare


def comparing_rows() -> Callable[[], object]:
    """Prepare to compare two datasets of 160,000 rows that are never held."""

    def parts(name: str) -> Iterator[bytes]:
        for first in range(0, 160_000, 8000):
            keys = (f"{name}{number}".encode() for number in range(first, first + 8000))
            yield b"".join(hashlib.sha256(key).digest()[:16] for key in keys)

    def compare() -> None:
        inputs = (Keyed(role, role, [(role, parts(role))]) for role in ("train", "test"))
        if find_shared_rows(inputs).shared:
            raise AssertionError("nothing is shared")

    return compare


def comparing_copied_rows() -> Callable[[], object]:
    """Prepare to compare 160,000 rows of one key with as many of that one and of another."""

    def parts(key: bytes) -> Iterator[bytes]:
        return (hashlib.sha256(key).digest()[:16] * 8000 for _ in range(20))

    def compare() -> None:
        both = [("a", parts(b"1")), ("b", parts(b"2"))]
        inputs = (Keyed("a", "train", [("a", parts(b"1"))]), Keyed("b", "test", both))
        (shared,) = find_shared_rows(inputs).shared
        if shared.second_count != 160_000:
            raise AssertionError("half of them are shared")

    return compare


def comparing_texts() -> Callable[[], object]:
    """Prepare to compare two datasets of 5,000 texts, which are never held."""

    def parts(name: str) -> Iterator[bytes]:
        for first in range(0, 5_000, 500):
            keys = (f"{name}{number}".encode() for number in range(first, first + 500))
            yield b"".join(hashlib.shake_128(key).digest(SIGNATURE_BYTES) for key in keys)

    def compare() -> None:
        inputs = (Keyed(role, role, [(role, parts(role))]) for role in ("train", "test"))
        if find_near_texts(inputs).near:
            raise AssertionError("nothing is near")

    return compare


def comparing_copied_texts() -> Callable[[], object]:
    """Prepare to compare 5,000 copies of one text with as many of it."""

    def parts() -> Iterator[bytes]:
        return (hashlib.shake_128(b"1").digest(SIGNATURE_BYTES) * 500 for _ in range(10))

    def compare() -> None:
        inputs = (Keyed(role, role, [(role, parts())]) for role in ("train", "test"))
        (near,) = find_near_texts(inputs).near
        if (near.first_count, near.second_count) != (5_000, 5_000):
            raise AssertionError("all are near")

    return compare


def _numbered(number: int) -> Entry:
    path = f"{number:07d}"
    digest = hashlib.sha256(path.encode()).hexdigest()
    return Entry(path, 1, digest, "data", path, "v1", DigestSource.COMPUTED)
