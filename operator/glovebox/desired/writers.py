"""Who last wrote a field of a live object, read from `metadata.managedFields`.

The API server keeps for each manager the set of fields it owns (FieldsV1: `f:<field>`, `k:{<keys>}`
for items of keyed lists, `v:<value>` for items of sets, `.` for the thing itself). Lists that are
atomic end the walk: their owner wrote the whole list. Source: sigs.k8s.io/structured-merge-diff,
`fieldpath/serialize-pe.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from glovebox import names

_SEGMENT: Final = re.compile(
    r"\['(?P<quoted>[^']*)'\]|\[(?P<index>[0-9]+)\]|\.?(?P<word>[^.\[\]]+)"
)


@dataclass(frozen=True, slots=True)
class Writer:
    """A field manager as the API server recorded it.

    Attributes:
        manager: The name that the client gave or the API server derived from its user agent.
        operation: `Apply` or `Update`.
        time: RFC 3339 time of the manager's last change of this object, when it was recorded.
        subresource: Through which subresource it wrote, empty for the object itself.
    """

    manager: str
    operation: str
    time: str | None = None
    subresource: str = ""

    def __str__(self) -> str:
        """Return the words for a condition: who, and when."""
        through = f" through {self.subresource}" if self.subresource else ""
        return f"{self.manager}{through}" + (f" at {self.time}" if self.time else "")


def writer_of(live: Mapping[str, Any], path: str) -> Writer | None:
    """Return who last wrote the field, or None when the object does not say.

    Nobody owns a field that is gone. Then the answer is the last one, other than the operator, who
    wrote to the object not before the operator did; when there is no such writer, nobody is
    accused.

    Args:
        live: The live object with its `metadata.managedFields`.
        path: A path as `FieldChange.path` writes it.
    """
    segments = _segments(path)
    owners: list[tuple[int, str, Writer]] = []
    for writer, fields in _entries(live):
        depth = _depth(fields, segments, live)
        if depth:
            owners.append((depth, writer.time or "", writer))
    if owners:
        return max(owners, key=lambda owner: owner[:2])[2]
    return _last_stranger(live)


def _entries(live: Mapping[str, Any]) -> Iterator[tuple[Writer, Mapping[str, Any]]]:
    for entry in live.get("metadata", {}).get("managedFields") or ():
        writer = Writer(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("time"),
            entry.get("subresource", ""),
        )
        yield writer, entry.get("fieldsV1") or {}


def _last_stranger(live: Mapping[str, Any]) -> Writer | None:
    """Return the latest writer that is not the operator and not earlier than it.

    Controllers that write status do not count.
    """
    writers = [writer for writer, _ in _entries(live) if not writer.subresource]
    own = max(
        (writer.time or "" for writer in writers if writer.manager == names.FIELD_MANAGER),
        default="",
    )
    strangers = [
        writer
        for writer in writers
        if writer.manager != names.FIELD_MANAGER and (writer.time or "") >= own
    ]
    return max(strangers, key=lambda writer: writer.time or "", default=None)


def _segments(path: str) -> list[str | int]:
    return [
        int(found["index"]) if found["index"] else found["quoted"] or found["word"]
        for found in _SEGMENT.finditer(path)
    ]


def _depth(fields: Mapping[str, Any], segments: list[str | int], value: Any) -> int:
    """Return how deep the owned set reaches towards the field; 0 when the manager does not own it.

    A set that names things beside the field, and neither the field nor a leaf above it, does not
    own the field.
    """
    for depth, segment in enumerate(segments):
        value = _child(value, segment)
        below = _step(fields, segment, value)
        if below is None:
            return 0
        if not below:
            # A leaf: this manager wrote everything from here down.
            return depth + 1
        fields = below
    return len(segments)


def _step(fields: Mapping[str, Any], segment: str | int, item: Any) -> Mapping[str, Any] | None:
    if isinstance(segment, str):
        found = fields.get(f"f:{segment}")
        return found if isinstance(found, Mapping) else None
    for key, below in fields.items():
        if key.startswith("k:") and isinstance(item, Mapping) and _has(item, orjson.loads(key[2:])):
            return below if isinstance(below, Mapping) else None
        if (key.startswith("v:") and orjson.loads(key[2:]) == item) or key == f"i:{segment}":
            return below if isinstance(below, Mapping) else None
    return None


def _has(item: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    return all(item.get(key) == value for key, value in keys.items())


def _child(value: Any, segment: str | int) -> Any:
    if isinstance(segment, str):
        return value.get(segment) if isinstance(value, Mapping) else None
    return value[segment] if isinstance(value, list) and segment < len(value) else None
