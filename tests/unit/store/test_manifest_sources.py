"""A manifest that is none, or too large, is given up early, and nothing of it is told."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from glovebox.errors import InvalidInput
from glovebox.store.connection import Stop, Store
from glovebox.store.sources import MAX_MANIFEST_BYTES, ManifestSource, candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GOOD = b'{"key":"a","versionId":"v1"}\n'
SECRET = "hunter2"
CHUNK = 1 << 20


class Wire:
    """A store with one object, which may say another size than it has."""

    def __init__(self, pieces: Iterator[bytes], said: int = 100) -> None:
        self.pieces = pieces
        self.said = said
        self.taken = 0

    def head(self, bucket: str, key: str, query: Mapping[str, str]) -> dict[str, str]:
        assert (bucket, key) == ("data", "list")
        return {
            "x-amz-version-id": query.get("versionId", "newest"),
            "Content-Length": str(self.said),
        }

    def get(self, bucket: str, key: str, query: Mapping[str, str]) -> Any:
        assert (bucket, key, query) == ("data", "list", {"versionId": "newest"})
        return SimpleNamespace(stream=lambda *_, **__: self._stream(), close=lambda: None)

    def _stream(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece


def refused(wire: Wire) -> InvalidInput:
    store = cast("Store", SimpleNamespace(wire=wire))
    with pytest.raises(InvalidInput) as refusal:
        list(candidates(store, ManifestSource("data", "list"), Stop()))
    return refusal.value


def test_one_that_says_that_it_is_too_large_is_not_fetched() -> None:
    wire = Wire(iter([GOOD]), MAX_MANIFEST_BYTES + 1)
    error = refused(wire)
    assert error.reason == "ManifestInvalid"
    assert f"has more than {MAX_MANIFEST_BYTES} bytes" in error.message
    assert wire.taken == 0


def test_one_that_is_larger_than_it_says_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glovebox.store.sources.MAX_MANIFEST_BYTES", 3 * len(GOOD))
    wire = Wire(iter([GOOD] * 50), 1)
    assert f"has more than {3 * len(GOOD)} bytes" in refused(wire).message
    assert wire.taken == 4


def test_as_many_bytes_as_may_be_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glovebox.store.sources.MAX_MANIFEST_BYTES", 3 * len(GOOD))
    store = cast("Store", SimpleNamespace(wire=Wire(iter([GOOD] * 3), 3 * len(GOOD))))
    found = list(candidates(store, ManifestSource("data", "list"), Stop()))
    assert [(each.key, each.version_id) for each in found] == [("a", "v1")] * 3


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"PAR1" + bytes(CHUNK), id="another format"),
        pytest.param(json.dumps({"user": SECRET}).encode() + b"\n", id="JSON of something else"),
        pytest.param(b"time,user\n" + bytes(CHUNK), id="a table"),
        pytest.param(gzip.compress(b"time,user\n" * 1000), id="a packed table"),
        pytest.param(gzip.compress(bytes(CHUNK)), id="one packed line without end"),
        pytest.param(b"\x1f\x8b\x08\x00" + b"\xff" * 30, id="no gzip after all"),
    ],
)
def test_what_does_not_begin_as_one_is_given_up_at_its_first_piece(first: bytes) -> None:
    wire = Wire(iter([first] + [bytes(CHUNK)] * 50))
    assert refused(wire).reason == "ManifestInvalid"
    assert wire.taken == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"key": "a", "versionId": "v", SECRET: 1}, "line 2 has unknown fields"),
        ({"key": ["hunter2"], "versionId": "v"}, "the key in line 2 is not a text"),
        ({"key": SECRET}, "line 2 lacks key or versionId"),
        ({"key": SECRET, "versionId": "v", "size": SECRET}, "the size in line 2"),
        ({"key": SECRET, "versionId": "v", "sha256": SECRET}, "the sha256 in line 2"),
        ([SECRET], "line 2 is not a JSON object"),
        (None, "line 2 is not JSON"),
    ],
)
def test_a_refusal_names_the_line_and_the_rule_and_not_what_is_there(line: Any, says: str) -> None:
    text = f"{SECRET}," if line is None else json.dumps(line)
    error = refused(Wire(iter([GOOD + text.encode() + b"\n"])))
    assert error.reason == "ManifestInvalid"
    assert says in error.message
    assert SECRET not in error.message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({SECRET: 1}, "line 2 needs exactly the fields"),
        ({"size": SECRET}, "the size in line 2"),
        ({"sha256": SECRET}, "the sha256 in line 2"),
        ({"source": SECRET}, "the source in line 2"),
        ({"bucket": [SECRET]}, "a text field of line 2"),
    ],
)
def test_one_of_ours_is_told_of_likewise(change: dict[str, Any], says: str) -> None:
    entry = {"bucket": "data", "key": "a", "path": "a", "sha256": "0" * 64, "size": 1}
    entry |= {"source": "computed", "versionId": "v", **change}
    text = '{"format":"glovebox.dev/manifest/v1"}\n' + json.dumps(entry) + "\n"
    error = refused(Wire(iter([text.encode()])))
    assert says in error.message
    assert SECRET not in error.message
