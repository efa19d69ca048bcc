from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.digest import canonical_json
from glovebox.data.manifest import (
    DigestSource,
    Entry,
    ManifestWriter,
    decode_entry,
    encode_entry,
    read_manifest,
)
from glovebox.errors import InvalidInput
from support.peaks import peak_of, reading_a_bomb, writing_and_reading

EMPTY = hashlib.sha256().hexdigest()
ONE = Entry("a/b.csv", 5, EMPTY, "data", "set/a/b.csv", "v1", DigestSource.COMPUTED)
TWO = Entry("ä\n", 0, EMPTY, "data", "set/ä\n", "v2", DigestSource.DECLARED)

GOLDEN = [
    r'{"format":"glovebox.dev/manifest/v1"}',
    r'{"bucket":"data","key":"set/a/b.csv","path":"a/b.csv","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":5,"source":"computed","versionId":"v1"}',
    r'{"bucket":"data","key":"set/ä\n","path":"ä\n","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"source":"declared","versionId":"v2"}',
    r'{"bytes":5,"contentRoot":"sha256:08e46c4f08b1737f9f823d65908ad6fd9809b77b41659e1bb5e88fdc2bad18fa","objects":2,"pinRoot":"sha256:1d7c72ad5588008bee280e3111ab558f6169a82b198d11a304791ee130e0a570","shards":1}',
]

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
entries = st.builds(
    Entry,
    text,
    st.integers(0, 2**53 - 1),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    text,
    text,
    text,
    st.sampled_from(DigestSource),
)


def written(*given: Entry) -> tuple[bytes, str]:
    chunks: list[bytes] = []
    writer = ManifestWriter(chunks.append)
    for each in given:
        writer.add(each)
    writer.finish()
    return b"".join(chunks), writer.digest


def test_the_text_of_a_manifest_never_changes() -> None:
    raw, digest = written(ONE, TWO)
    assert gzip.decompress(raw).decode().splitlines() == GOLDEN
    assert digest == "sha256:" + hashlib.sha256(("\n".join(GOLDEN) + "\n").encode()).hexdigest()


def test_compressing_again_gives_the_same_bytes_and_names_neither_time_nor_file() -> None:
    raw = written(ONE, TWO)[0]
    assert raw == written(ONE, TWO)[0]
    assert raw[:8] == bytes.fromhex("1f8b080000000000")


@given(entries)
def test_a_line_is_canonical_json_and_reads_back(entry: Entry) -> None:
    line = encode_entry(entry)
    assert decode_entry(line) == entry
    document = {
        "bucket": entry.bucket,
        "key": entry.key,
        "path": entry.path,
        "sha256": entry.sha256,
        "size": entry.size,
        "source": entry.source.value,
        "versionId": entry.version_id,
    }
    assert line == canonical_json(document) + b"\n"


@given(st.integers(1, 40))
def test_it_reads_back_from_pieces_of_any_size(piece: int) -> None:
    raw, digest = written(ONE, TWO)
    pieces = [raw[start : start + piece] for start in range(0, len(raw), piece)]
    assert list(read_manifest(pieces, digest)) == [ONE, TWO]


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def whole() -> str:
    return gzip.decompress(written(ONE, TWO)[0]).decode()


DEFECTS = [
    (lambda: written(ONE, TWO)[0][:-9], "cut short", "the end of the stream is missing"),
    (lambda: written(ONE, TWO)[0] + b"x", "follows the compressed", "something was appended"),
    (lambda: b"\x1f\x8b\x08\x00" + b"\xff" * 30, "damaged", "the stream is damaged"),
    (
        lambda: packed(whole().rpartition('{"bytes"')[0]),
        "without its footer",
        "the footer was cut off",
    ),
    (lambda: packed(whole()[:-1]), "does not end", "the last newline was cut off"),
    (lambda: packed(whole() + "{}\n"), "follows the footer", "a line was appended"),
    (
        lambda: packed(whole().partition("\n")[2]),
        "does not name the format",
        "the header was cut off",
    ),
    (lambda: packed(whole().replace('"size":5', '"size":6')), "was edited", "a size was edited"),
    (
        lambda: packed(whole().replace('"size":5', '"size":-1')),
        "no whole number",
        "a negative size",
    ),
    (
        lambda: packed(whole().replace('"size":5', '"size":5.0')),
        "no whole number",
        "a size with a point",
    ),
    (lambda: packed(whole().replace('"size":5', '"sizes":5')), "needs exactly", "an unknown field"),
    (
        lambda: packed(whole().replace('"versionId":"v1"', '"versionId":""')),
        "empty or no string",
        "an empty version",
    ),
    (lambda: packed(whole().replace(EMPTY, EMPTY.upper())), "hex digits", "upper-case hex"),
    (lambda: packed(whole().replace("declared", "etag")), "is none of", "an unknown source"),
    (
        lambda: packed(whole().replace('"path":"a/b.csv"', '"path":"z"').replace("ä\\n", "b")),
        "sort the entries",
        "out of order",
    ),
    (lambda: packed(whole().replace('"v1"', '"v1"}')), "no JSON", "broken JSON"),
    (lambda: packed('["format"]\n'), "does not name the format", "another document"),
    (
        lambda: packed(whole().partition("\n")[0] + "\n" + "x" * 70_000),
        "longer than 65536",
        "a line without end",
    ),
]


@pytest.mark.parametrize(("make", "defect", "why"), DEFECTS, ids=[why for _, _, why in DEFECTS])
def test_a_manifest_with_a_defect_is_refused(make: object, defect: str, why: str) -> None:
    del why
    assert callable(make)
    with pytest.raises(InvalidInput, match=defect):
        list(read_manifest([make()]))


def test_a_whole_manifest_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has the digest") as refused:
        list(read_manifest([written(ONE)[0]], written(TWO)[1]))
    assert refused.value.reason == "ManifestDiffers"


def test_a_bomb_is_unpacked_in_bounded_pieces() -> None:
    assert peak_of(reading_a_bomb) < 16 << 20


@pytest.mark.slow
def test_writing_and_reading_hold_no_entries() -> None:
    assert peak_of(writing_and_reading) < 6 << 20
