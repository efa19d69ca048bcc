"""Which rows datasets of different roles share, by the hashes of their keys."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data import row_overlap, row_pieces
from glovebox.data.overlap import Shared
from glovebox.data.row_overlap import Keyed, SharedRows, find_shared_rows
from glovebox.errors import InvalidInput
from support.peaks import comparing_copied_rows, comparing_rows, peak_of


def hashed(*keys: str) -> bytes:
    return b"".join(
        hashlib.sha256(key.encode()).digest()[:16] if key else bytes(16) for key in keys
    )


def keyed(name: str, *files: tuple[str, ...], role: str = "") -> Keyed:
    """Return a dataset; each file comes in parts of two rows."""
    return Keyed(
        name,
        role or name,
        [
            (f"{name}-{number}", [hashed(*file[at : at + 2]) for at in range(0, len(file), 2)])
            for number, file in enumerate(files)
        ],
    )


def test_the_same_keys_are_found_whatever_file_they_are_in() -> None:
    found = find_shared_rows(
        [keyed("train", ("a", "b", "c"), ("d", "b")), keyed("test", (), ("x",), ("y", "b", "c"))]
    )
    assert found == SharedRows(
        (
            Shared(
                "train",
                "test",
                "Rows",
                3,
                2,
                (
                    ("row 2 of train-0", "row 2 of test-2"),
                    ("row 3 of train-0", "row 3 of test-2"),
                ),
            ),
        ),
        {"train": 5, "test": 4},
    )


def test_rows_without_a_key_are_counted_and_compared_with_none() -> None:
    found = find_shared_rows([keyed("train", ("", "a", "")), keyed("test", ("", "b"))])
    assert found == SharedRows((), {"train": 3, "test": 2}, {"train": 2, "test": 1})
    (shared,) = find_shared_rows([keyed("train", ("", "a")), keyed("test", ("a",))]).shared
    assert shared.examples == (("row 2 of train-0", "row 1 of test-0"),)


def test_inputs_of_one_role_share_what_they_like() -> None:
    found = find_shared_rows(
        [
            keyed("one", ("a",), role="train"),
            keyed("two", ("a",), role="train"),
            keyed("three", ("a",), role="test"),
        ]
    )
    assert [(each.first, each.second) for each in found.shared] == [
        ("one", "three"),
        ("two", "three"),
    ]


def test_the_first_ones_are_shown() -> None:
    keys = tuple(map(str, range(500)))
    (shared,) = find_shared_rows([keyed("a", keys), keyed("b", tuple(reversed(keys)))]).shared
    assert (shared.first_count, shared.second_count) == (500, 500)
    assert [one for one, _ in shared.examples] == [f"row {at} of a-0" for at in range(1, 6)]


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=4),
    st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=4),
)
def test_it_finds_what_sets_find(train: list[list[int]], test: list[list[int]]) -> None:
    def files(parts: list[list[int]]) -> list[tuple[str, ...]]:
        return [tuple(map(str, part)) for part in parts]

    found = find_shared_rows([keyed("train", *files(train)), keyed("test", *files(test))])
    one, other = ([key for part in parts for key in part] for parts in (train, test))
    alike = set(one) & set(other)
    counts = [(each.first_count, each.second_count) for each in found.shared]
    expected = (sum(one.count(each) for each in alike), sum(other.count(each) for each in alike))
    assert counts == ([expected] if alike else [])
    assert found.rows == {"train": len(one), "test": len(other)}


def test_what_does_not_fit_into_memory_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_pieces, "_HELD", 7)
    keys = tuple(map(str, range(900)))
    found = find_shared_rows([keyed("a", keys[:500], keys[:10]), keyed("b", keys[400:])])
    (shared,) = found.shared
    assert (shared.first_count, shared.second_count) == (100, 100)
    assert shared.examples[0] == ("row 401 of a-0", "row 1 of b-0")


def test_nobody_can_make_keys_that_meet_in_one_piece() -> None:
    # Hashes with a chosen first byte cost 256 attempts each.
    chosen = b"".join(
        bytes(1) + hashlib.sha256(b"%d" % number).digest()[:15] for number in range(20_000)
    )
    with tempfile.TemporaryFile() as file:
        pieces = row_pieces.Pieces(file, "too many", row_pieces.MAX_SPILLED)
        pieces.add(0, chosen, 0)
        assert max(sum(1 for _ in pieces.rows(piece, 0)) for piece in range(256)) < 200


def test_they_are_refused_before_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_overlap, "MAX_SPILLED", 24 * 100)
    keys = tuple(map(str, range(60)))
    with pytest.raises(InvalidInput) as refused:
        find_shared_rows([keyed("a", keys), keyed("b", keys)])
    assert refused.value.reason == "TooManyObjects"
    assert "(more than 100)" in refused.value.message
    # Rows without a key take no room in the file, and count: somebody has to read them.
    with pytest.raises(InvalidInput):
        find_shared_rows([keyed("a", ("",) * 60), keyed("b", ("",) * 60)])


def test_whoever_is_told_can_end_it_while_it_reads_and_while_it_compares() -> None:
    told: list[None] = []
    find_shared_rows([keyed("a", ("1", "2", "3")), keyed("b", ("1",))], lambda: told.append(None))
    assert len(told) == 3 + 256

    def tell() -> None:
        told.append(None)
        if len(told) == 100:
            raise KeyError

    told.clear()
    with pytest.raises(KeyError):
        find_shared_rows([keyed("a", ("1", "2", "3")), keyed("b", ("1",))], tell)


def test_each_dataset_is_read_once_and_none_before_its_turn() -> None:
    read: list[str] = []

    def files(name: str) -> Iterator[tuple[str, list[bytes]]]:
        read.append(name)
        yield name, [hashed("a")]

    find_shared_rows(Keyed(name, name, files(name)) for name in ("a", "b"))
    assert read == ["a", "b"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows() -> None:
    assert peak_of(comparing_rows) < 16 << 20


@pytest.mark.slow
def test_memory_does_not_grow_with_copies_of_one_key() -> None:
    assert peak_of(comparing_copied_rows) < 16 << 20
