"""Sorts a stream of any length in bounded memory, by sorted runs in one unnamed temporary file.

Needed because a store may list keys in an order of its own (see `listing`), and a comparison needs
byte order.
"""

from __future__ import annotations

import heapq
import itertools
import pickle
import tempfile
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO

T = TypeVar("T")
RUN: Final = 20_000
_BLOCK: Final = 500


def externally_sorted(
    items: Iterable[T], key: Callable[[T], Any], *, run: int = RUN
) -> Iterator[T]:
    """Yield the items in ascending order of their key, equal keys in the order they came.

    Args:
        items: Any number of them; each can be pickled.
        key: What to order by.
        run: How many are held at once.
    """
    source = iter(items)
    first = sorted(itertools.islice(source, run), key=key)
    second = sorted(itertools.islice(source, run), key=key)
    if not second:
        yield from first
        return
    with tempfile.TemporaryFile(prefix="glovebox-sort-") as file:
        runs = [_spill(file, first), _spill(file, second)]
        del first, second
        while chunk := sorted(itertools.islice(source, run), key=key):
            runs.append(_spill(file, chunk))
        yield from heapq.merge(*(_read(file, blocks) for blocks in runs), key=key)


def _spill(file: IO[bytes], items: list[T]) -> list[tuple[int, int]]:
    """Append a run in blocks; return where each block lies."""
    blocks = []
    file.seek(0, 2)
    for start in range(0, len(items), _BLOCK):
        raw = pickle.dumps(items[start : start + _BLOCK], protocol=pickle.HIGHEST_PROTOCOL)
        blocks.append((file.tell(), len(raw)))
        file.write(raw)
    return blocks


def _read(file: IO[bytes], blocks: list[tuple[int, int]]) -> Iterator[T]:
    for offset, length in blocks:
        file.seek(offset)
        yield from pickle.loads(file.read(length))  # noqa: S301 - our own unnamed file
