"""What several documents say otherwise, value by value. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

# By one of these an entry of a list is told from its neighbours, wherever it stands.
_NAMES: Final = ("name", "port", "mountPath")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every plain value with its path: `images.trainer.reference`, `stages.train.command`.

    Entries of a list are called by their names, where all of them have one. A list of plain values
    is one value: a command is read whole. What is empty says nothing.
    """
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield from leaves(value[name], f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for name, each in _called(value):
            yield from leaves(each, f"{path}.{name}" if path else name)
    elif value not in (None, "", []):
        yield path, value


def _called(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for name in _NAMES:
        found = [each.get(name) if isinstance(each, Mapping) else None for each in values]
        if None not in found and len(set(map(str, found))) == len(found):
            yield from ((str(each[name]), _nameless(each, name)) for each in values)
            return
    yield from ((str(number), each) for number, each in enumerate(values))


def _nameless(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an entry without what its path says; one that is nothing but its name stays whole."""
    return {key: value for key, value in entry.items() if key != name} or entry


def different(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return, by path, what not all documents say alike; None for those that say nothing there."""
    found = [dict(leaves(each)) for each in documents]
    paths = sorted({path for each in found for path in each if path})
    told = {path: [each.get(path) for each in found] for path in paths}
    return {
        path: values for path, values in told.items() if any(value != values[0] for value in values)
    }


def numbers(value: Any) -> dict[str, float]:
    """Return the finite numbers in a document by their paths; lists of numbers are left out."""
    return {
        path: each
        for path, each in leaves(value)
        if path
        and isinstance(each, int | float)
        and not isinstance(each, bool)
        and math.isfinite(each)
    }
