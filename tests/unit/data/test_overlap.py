"""What datasets of different roles have in common, whatever their files are called."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data import overlap
from glovebox.data.manifest import DigestSource, Entry, ManifestWriter
from glovebox.data.manifest_scan import Listed, scan_manifest
from glovebox.data.overlap import Compared, Overlap, find_overlap
from glovebox.errors import InvalidInput
from support.peaks import comparing, comparing_copies, peak_of


def listed(files: dict[str, str]) -> list[Listed]:
    return [
        Listed(path, len(body), hashlib.sha256(body.encode()).digest())
        for path, body in sorted(files.items())
    ]


def both(train: dict[str, str], test: dict[str, str]) -> Overlap:
    return find_overlap(
        [Compared("train", "train", listed(train)), Compared("test", "test", listed(test))]
    )


@pytest.mark.parametrize(
    ("test", "shared"),
    [
        pytest.param({"a": "1", "b": "2"}, 2, id="the same"),
        pytest.param({"x/y": "1"}, 1, id="under another name"),
        pytest.param({"a": "2", "b": "1"}, 2, id="names swapped"),
        pytest.param({"a": "3", "b": "4"}, 0, id="other bytes under the same names"),
        pytest.param({"c": ""}, 0, id="a file without a byte is nobody's"),
        pytest.param({}, 0, id="nothing"),
        pytest.param({"a": "1", "a2": "1", "z": "9"}, 1, id="twice in one of them"),
    ],
)
def test_objects_are_the_same_by_their_bytes(test: dict[str, str], shared: int) -> None:
    found = both({"a": "1", "b": "2", "empty": ""}, test)
    assert [each.first_count for each in found.shared] == ([shared] if shared else [])
    assert found.objects == {"train": 2, "test": len([body for body in test.values() if body])}


def test_each_side_counts_its_own_copies_and_shows_some() -> None:
    (shared,) = both({"a": "1"}, {f"copy-{number}": "1" for number in range(9)}).shared
    assert (shared.first, shared.second, shared.kind) == ("train", "test", "Objects")
    assert (shared.first_count, shared.second_count) == (1, 9)
    assert shared.examples == (("a", "copy-0"),)


def test_inputs_of_one_role_share_what_they_like_and_every_other_pair_is_looked_at() -> None:
    same = {"a": "1"}
    found = find_overlap(
        [
            Compared("one", "train", listed(same)),
            Compared("two", "train", listed(same)),
            Compared("three", "validation", listed({"b": "1"})),
            Compared("four", "reference", listed({"c": "1"})),
        ]
    )
    assert [(each.first, each.second) for each in found.shared] == [
        ("one", "three"),
        ("one", "four"),
        ("two", "three"),
        ("two", "four"),
        ("three", "four"),
    ]


def grouped(
    name: str, paths: Iterable[str], column: str = "tail", values: tuple[str, ...] = ()
) -> Compared:
    files = {path: f"{name} {path}" for path in paths}
    return Compared(name, name, listed(files), column, values)


@pytest.mark.parametrize(
    ("train", "test", "shared"),
    [
        (["tail=1/a", "tail=1/b", "tail=2/a"], ["tail=2/z"], {"2"}),
        (["tail=1/a"], ["tail=2/a"], set()),
        (["tail=N%2F1/a"], ["x/tail=N%2F1/y/b"], {"N/1"}),
        (["day=1/tail=7/a", "day=2/tail=7/a"], ["tail=7/day=1/a"], {"7"}),
        (["tail=1/a"], ["tail=11/a"], set()),
        # One folder in another one of the same column: both count.
        (["tail=1/tail=2/a"], ["tail=2/b"], {"2"}),
        # The same name with its accent as a letter of its own, as macOS writes it.
        (["tail=Jose\u0301/a"], ["tail=Jos\u00e9/b"], {"Jose\u0301"}),
        (["tail=Jose%CC%81/a"], ["tail=Jos%C3%A9/b"], {"Jose\u0301"}),
        # A backslash is no sign of Hive, and one pass of decoding is all there is.
        (["tail=%2531/a"], ["tail=1/b"], set()),
    ],
)
def test_groups_are_read_from_the_folders_of_the_paths(
    train: list[str], test: list[str], shared: set[str]
) -> None:
    found = find_overlap([grouped("train", train), grouped("test", test)])
    assert {one for each in found.shared for one, _ in each.examples} == shared
    assert sum(each.first_count for each in found.shared) == len(shared)
    assert {each.kind for each in found.shared} <= {"Groups"}
    assert found.ungrouped == {}


def test_declared_groups_are_compared_with_those_of_paths() -> None:
    found = find_overlap(
        [
            grouped("train", ["a", "b"], values=("1", "2", "3")),
            grouped("test", ["tail=3/a", "tail=4/b"]),
        ]
    )
    (shared,) = found.shared
    assert (shared.kind, shared.first_count, shared.examples) == ("Groups", 1, (("3", "3"),))
    assert found.groups == {"train": 3, "test": 2}


def test_values_of_different_columns_are_no_groups_of_each_other() -> None:
    found = find_overlap([grouped("train", ["tail=1/a"]), grouped("test", ["city=1/a"], "city")])
    assert found.shared == ()


def test_objects_outside_of_the_folders_are_told() -> None:
    # A file's own name is no folder.
    found = find_overlap([grouped("train", ["a", "tail=1", "tail=1/b", "tails=1/c"])])
    assert found.ungrouped == {"train": (3, "a")}


def test_a_folder_without_a_value_is_no_group() -> None:
    found = find_overlap([grouped("train", ["tail=/a", "tail=1/b"]), grouped("test", ["tail=/c"])])
    assert found.shared == ()
    assert found.ungrouped == {"train": (1, "tail=/a"), "test": (1, "tail=/c")}


def test_what_is_shown_does_not_depend_on_the_order_of_the_pieces() -> None:
    files = {f"{number:03d}": str(number) for number in range(200)}
    (shared,) = both(files, {f"{200 - int(name):03d}": body for name, body in files.items()}).shared
    assert [one for one, _ in shared.examples] == ["000", "001", "002", "003", "004"]


def test_long_names_are_told_apart_by_their_whole_and_held_in_part() -> None:
    long = "x" * 900
    (shared,) = both({f"{long}1": "1"}, {f"{long}2": "1"}).shared
    assert max(map(len, shared.examples[0])) < 200
    found = find_overlap([grouped("a", [f"tail={long}1/a"]), grouped("b", [f"tail={long}2/a"])])
    assert found.shared == ()


def test_nobody_can_make_objects_that_meet_in_one_piece() -> None:
    # Digests with a chosen first byte cost 256 attempts each.
    chosen = [bytes(1) + hashlib.sha256(b"%d" % number).digest()[1:] for number in range(20_000)]
    with tempfile.TemporaryFile() as file:
        pieces = overlap._Pieces(file, overlap._Room(1 << 30))
        for digest in chosen:
            pieces.add(digest, 0, "a")
        assert max(sum(1 for _ in rows) for rows in pieces) < 200


def test_they_are_refused_before_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_HELD", 7)
    monkeypatch.setattr(overlap, "_MAX_SPILLED", 10_000)
    files = {f"a{each}": str(each) for each in range(500)}
    with pytest.raises(InvalidInput) as refused:
        both(files, files)
    assert refused.value.reason == "TooManyObjects"


def test_whoever_is_told_can_end_it_at_any_time() -> None:
    files, told = listed({"a": "1"}), []

    def tell(read: int) -> None:
        told.append(read)
        if len(told) == 100:
            raise KeyError

    with pytest.raises(KeyError):
        find_overlap([Compared("x", "train", files), Compared("y", "test", files)], tell)


@given(st.lists(st.integers(0, 60), max_size=60), st.lists(st.integers(0, 60), max_size=60))
def test_it_finds_what_sets_find(train: list[int], test: list[int]) -> None:
    found = both(
        {f"a{place}": str(body) for place, body in enumerate(train)},
        {f"b{place}": str(body) for place, body in enumerate(test)},
    )
    alike = set(train) & set(test)
    counts = [(each.first_count, each.second_count) for each in found.shared]
    expected = (
        sum(train.count(each) for each in alike),
        sum(test.count(each) for each in alike),
    )
    assert counts == ([expected] if alike else [])


def test_what_does_not_fit_into_memory_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_HELD", 7)
    found = both(
        {f"a{each}": str(each) for each in range(500)},
        {f"b{each}": str(each) for each in range(400, 700)},
    )
    assert [(each.first_count, each.second_count) for each in found.shared] == [(100, 100)]


def test_progress_is_told() -> None:
    told: list[int] = []
    files = listed({"a": "1", "b": "2"})
    find_overlap([Compared("x", "train", files), Compared("y", "test", files)], told.append)
    assert told[-1] == 4


@pytest.mark.slow
def test_memory_does_not_grow_with_the_datasets() -> None:
    assert peak_of(comparing) < 40 << 20


@pytest.mark.slow
def test_memory_does_not_grow_with_copies_of_one_object_whatever_they_are_called() -> None:
    # Blank pictures, for example.
    assert peak_of(comparing_copies) < 40 << 20


def manifest(*paths: str) -> tuple[list[bytes], str]:
    chunks: list[bytes] = []
    writer = ManifestWriter(chunks.append)
    for path in paths:
        digest = hashlib.sha256(path.encode()).hexdigest()
        writer.add(Entry(path, 3, digest, "data", path, "v", DigestSource.COMPUTED))
    writer.finish()
    return chunks, writer.digest


def test_a_manifest_is_scanned_as_it_was_written() -> None:
    chunks, digest = manifest("a", "b/\N{GREEK SMALL LETTER ALPHA}")
    assert list(scan_manifest(chunks, digest)) == [
        Listed(path, 3, hashlib.sha256(path.encode()).digest())
        for path in ("a", "b/\N{GREEK SMALL LETTER ALPHA}")
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (manifest("a", "c")[0], "ManifestDiffers"),
        ([gzip.compress(b'{"path":"a"}\n')], "ManifestInvalid"),
        ([gzip.compress(b"[]\n", mtime=0)], "ManifestInvalid"),
        ([gzip.compress(b"nonsense\n", mtime=0)], "ManifestInvalid"),
        ([manifest("a", "b")[0][0][:40]], "ManifestInvalid"),
    ],
)
def test_another_manifest_is_refused(body: list[bytes], reason: str) -> None:
    _, digest = manifest("a", "b")
    with pytest.raises(InvalidInput) as refused:
        list(scan_manifest(body, digest))
    assert refused.value.reason == reason
