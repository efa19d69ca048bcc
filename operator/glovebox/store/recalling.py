"""Joins what is to be hashed with what was hashed before, as one pass over two sorted streams.

A digest that was computed once holds for its version for ever, so an attempt that begins again
reads only what no earlier one has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from glovebox.data.manifest import Entry
    from glovebox.store.connection import Stop

    # Yields the entries that earlier attempts hashed, in the order of their paths' UTF-8 bytes.
    Recall = Callable[[Stop], Iterator[Entry]]

A = TypeVar("A")


def nothing(stop: Stop) -> Iterator[Entry]:
    """Recall nothing."""
    del stop
    return iter(())


def recalled(
    items: Iterable[A], known: Iterator[Entry], path: Callable[[A], str]
) -> Iterator[tuple[A, tuple[Entry, ...]]]:
    """Yield each item with the known entries of its path; both ordered by the paths' bytes.

    Args:
        items: To be hashed.
        known: From earlier attempts; several entries may have one path, each of another version.
        path: Returns the path of an item.
    """
    entry = next(known, None)
    group: tuple[Entry, ...] = ()
    last: bytes | None = None
    for item in items:
        raw = path(item).encode()
        if raw != last:
            last, group = raw, ()
            while entry is not None and entry.path.encode() < raw:
                entry = next(known, None)
            while entry is not None and entry.path.encode() == raw:
                group = (*group, entry)
                entry = next(known, None)
        yield item, group
