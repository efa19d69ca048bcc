"""What differs between an intent and the live object, and a fingerprint of the same content.

Managed objects are owned whole: a key that somebody added is a difference as much as a value that
somebody changed. Not compared is only what is no content of ours:

- what the API server sets: `status` and all of `metadata` but name, namespace, labels, annotations,
  ownerReferences and finalizers; of a Namespace also `spec.finalizers` and the label
  `kubernetes.io/metadata.name`;
- foreign annotations (tools leave their notes there; nothing we rely on reads them);
- foreign finalizers of a Namespace: other controllers clean up behind a namespace, and removing
  their claim would break them. On any other object a foreign finalizer is a difference, because it
  can hold up our deletion;
- `apiVersion` and `kind`, which are the address of an object and missing from items of a list.

Intents carry no defaults to guess: they are written as the API server stores them, so plain
equality is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.desired.writers import Writer, writer_of

# The face of this question: what differs, and who wrote it.
__all__ = [
    "ABSENT",
    "REDACTED",
    "FieldChange",
    "Writer",
    "content",
    "difference",
    "fingerprint",
    "is_foreign_annotation",
    "join",
    "writer_of",
]

_ANNOTATION_PREFIX: Final = f"{names.GROUP}/"
_NAMESPACE_NAME_LABEL: Final = "kubernetes.io/metadata.name"
_FINGERPRINT_BYTES: Final = 16
_SHOWN_CHARACTERS: Final = 120


class Special(Enum):
    """Values that JSON does not have."""

    ABSENT = "<absent>"
    REDACTED = "<redacted>"

    def __str__(self) -> str:
        """Return the mark that people read."""
        return self.value

    __repr__ = __str__


ABSENT: Final = Special.ABSENT
REDACTED: Final = Special.REDACTED


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that is not as declared.

    Attributes:
        path: Where, as in `spec.ingress[0].ports` or `metadata.labels['x/y']`.
        want: The declared value, or ABSENT when nobody declared the field.
        have: The live value, or ABSENT when the field is gone. Contents of Secrets are REDACTED.
    """

    path: str
    want: object
    have: object

    def describe(self) -> str:
        """Return one line for conditions, Events and logs."""
        return f"{self.path}: want {_shown(self.want)}, have {_shown(self.have)}"


def difference(intent: Mapping[str, Any], live: Mapping[str, Any]) -> list[FieldChange]:
    """Return every field in which the live object is not as declared; empty when none is."""
    changes: list[FieldChange] = []
    _compare("", content(intent), content(live), changes)
    if intent.get("kind") == "Secret":
        return [_redacted(change) for change in changes]
    return changes


def fingerprint(obj: Mapping[str, Any]) -> bytes:
    """Return 16 bytes over what `difference` compares: equal exactly when nothing differs."""
    return blake2b(
        orjson.dumps(content(obj), option=orjson.OPT_SORT_KEYS), digest_size=_FINGERPRINT_BYTES
    ).digest()


def content(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an object that is owned: what is compared and fingerprinted."""
    metadata = obj.get("metadata") or {}
    # Of what is managed only Namespaces have no namespace; items of a list do not say their kind.
    is_namespace = not metadata.get("namespace")
    owned = {
        key: value
        for key, value in obj.items()
        if key not in ("apiVersion", "kind", "metadata", "status")
    }
    if is_namespace and "spec" in owned:
        spec = {key: value for key, value in owned.pop("spec").items() if key != "finalizers"}
        owned |= {"spec": spec} if spec else {}
    return owned | {"metadata": _metadata(metadata, is_namespace=is_namespace)}


def is_foreign_annotation(key: str) -> bool:
    """Whether an annotation is another tool's note, which is left alone."""
    return not key.startswith(_ANNOTATION_PREFIX)


def _metadata(metadata: Mapping[str, Any], *, is_namespace: bool) -> dict[str, Any]:
    labels = metadata.get("labels") or {}
    if is_namespace:
        labels = {key: value for key, value in labels.items() if key != _NAMESPACE_NAME_LABEL}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not is_foreign_annotation(key)
    }
    owned = {
        "name": metadata.get("name"),
        "namespace": metadata.get("namespace"),
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": metadata.get("ownerReferences"),
        "finalizers": None if is_namespace else metadata.get("finalizers"),
    }
    return {key: value for key, value in owned.items() if value}


def _compare(path: str, want: object, have: object, changes: list[FieldChange]) -> None:
    if isinstance(want, Mapping) and isinstance(have, Mapping):
        for key in sorted(want.keys() | have.keys()):
            _compare(join(path, key), want.get(key, ABSENT), have.get(key, ABSENT), changes)
        return
    if isinstance(want, list) and isinstance(have, list):
        for index in range(max(len(want), len(have))):
            _compare(f"{path}[{index}]", _item(want, index), _item(have, index), changes)
        return
    # True == 1 in Python, but not in JSON.
    if want != have or isinstance(want, bool) is not isinstance(have, bool):
        changes.append(FieldChange(path, want, have))


def _item(items: list[Any], index: int) -> object:
    return items[index] if index < len(items) else ABSENT


def join(path: str, key: str) -> str:
    """Return the path of a key below a path; keys that are no plain word are in brackets."""
    if not key.isidentifier():
        return f"{path}['{key}']"
    return f"{path}.{key}" if path else key


def _redacted(change: FieldChange) -> FieldChange:
    if not change.path.startswith(("data", "stringData")):
        return change
    want, have = (value if value is ABSENT else REDACTED for value in (change.want, change.have))
    return FieldChange(change.path, want, have)


def _shown(value: object) -> str:
    if isinstance(value, Special):
        return value.value
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
