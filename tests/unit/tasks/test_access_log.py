"""Objects of an access log as lines, whatever is in them; and whose objects are looked for."""

from __future__ import annotations

import gzip
import io
import zlib
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.log_lines import MOST_BYTES
from glovebox.data.unusual_reads import WatchedPin
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.access_log import ListedPin, in_turns, plain_bytes, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    stream = io.BytesIO(body)
    while piece := stream.read(size):
        yield piece


@given(st.lists(st.binary(max_size=9).map(lambda raw: raw.replace(b"\n", b"")), max_size=9))
def test_lines_are_whole_however_they_come(lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    for size in (1, 3, 100):
        found = [each for each in whole_lines(pieces(body, size)) if each]
        assert found == [each for each in lines if each]


def test_a_line_that_is_too_long_is_one_and_hides_none_that_follow() -> None:
    body = b"a\n" + b"x" * (MOST_BYTES + 1) + b"\nb\n" + b"y" * (MOST_BYTES + 1)
    assert list(whole_lines(pieces(body, 1 << 16))) == [b"a", None, b"b", None]


def test_what_was_compressed_comes_in_small_pieces_without_an_end() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    first = list(islice(plain_bytes([bomb]), 100))
    assert max(map(len, first)) <= 1 << 16, "whoever counts them can stop"
    assert sum(map(len, plain_bytes([bomb, gzip.compress(b"more")]))) == (64 << 20) + 4


def listed(namespace: str, name: str, objects: int) -> ListedPin:
    pin = WatchedPin(f"{namespace}/{name}", namespace, 1, objects)
    return ListedPin(pin, name, ManifestLocation("artifacts", name, "v", "sha256:0", 1))


def test_no_namespace_takes_the_room_of_another() -> None:
    greedy = [listed("greedy", f"{n:03}", 20_000) for n in range(50)]
    others = [listed(f"team-{n}", f"x{n}", 20_000) for n in range(5)]
    first = in_turns([*greedy, *others])[:6]
    assert {each.pin.namespace for each in first} == {"greedy", *(f"team-{n}" for n in range(5))}
    small = in_turns([listed("a", "big", 9), listed("a", "small", 1)])
    assert [each.root for each in small] == ["small", "big"]


@pytest.mark.parametrize("cut", [1, 9])
def test_what_was_cut_off_is_not_taken_for_whole(cut: int) -> None:
    with pytest.raises(zlib.error):
        list(plain_bytes([gzip.compress(b"a line\n")[:-cut]]))
