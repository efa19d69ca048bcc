"""Which texts of datasets of different roles are nearly the same, by their signatures."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data import row_pieces, text_overlap
from glovebox.data.near_texts import (
    BANDS,
    SIGNATURE_BYTES,
    SURE_BANDS,
    agreeing,
    is_near,
    signature,
)
from glovebox.data.overlap import Shared
from glovebox.data.row_overlap import Keyed
from glovebox.data.text_overlap import MOST_ALIKE, NearTexts, find_near_texts
from glovebox.errors import InvalidInput
from support.peaks import comparing_copied_texts, comparing_texts, peak_of

WORDS = [f"word{number}" for number in range(5000)]
DICE = random.Random(20261129)  # noqa: S311 - texts, and no secrets


def text_of(words: int = 60) -> str:
    return " ".join(DICE.choices(WORDS, k=words))


def edited(text: str, *places: int) -> str:
    """Return a copy of a text in which these words are other ones."""
    words = text.split()
    for at in places:
        words[at] = "edited"
    return " ".join(words)


def dataset(name: str, *files: tuple[str, ...], role: str = "") -> Keyed:
    """Return a dataset; each file comes in parts of two texts."""
    return Keyed(
        name,
        role or name,
        [
            (
                f"{name}-{number}",
                [
                    b"".join(map(signature, file[first : first + 2]))
                    for first in range(0, len(file), 2)
                ],
            )
            for number, file in enumerate(files)
        ],
    )


LETTERS = tuple(text_of() for _ in range(40))


def test_an_edited_copy_is_found_and_another_text_is_not() -> None:
    train = dataset("train", LETTERS[:3], LETTERS[3:6])
    test = dataset("test", LETTERS[10:14], (text_of(), edited(LETTERS[4], 30), LETTERS[1].upper()))
    assert find_near_texts([train, test]) == NearTexts(
        (
            Shared(
                "train",
                "test",
                "Texts",
                2,
                2,
                (
                    ("row 2 of train-0", "row 3 of test-1"),
                    ("row 2 of train-1", "row 2 of test-1"),
                ),
            ),
        ),
        {"train": 6, "test": 7},
    )


def test_much_of_a_text_may_be_another_one() -> None:
    half = edited(LETTERS[0], *range(5, 60, 7))
    assert find_near_texts([dataset("a", LETTERS[:1]), dataset("b", (half,))]).near == ()


def test_texts_without_a_word_are_counted_and_compared_with_none() -> None:
    found = find_near_texts([dataset("a", ("", "?", LETTERS[0])), dataset("b", ("", LETTERS[1]))])
    assert found == NearTexts((), {"a": 3, "b": 2}, {"a": 2, "b": 1})


def test_inputs_of_one_role_share_what_they_like() -> None:
    found = find_near_texts(
        [
            dataset("one", LETTERS[:1], role="train"),
            dataset("two", LETTERS[:1], role="train"),
            dataset("three", LETTERS[:1], role="test"),
        ]
    )
    assert [(each.first, each.second) for each in found.near] == [
        ("one", "three"),
        ("two", "three"),
    ]


# Few texts, of few words, that differ a little or a lot.
TEXTS = st.lists(
    st.builds(
        lambda letter, places: edited(LETTERS[letter], *places),
        st.integers(0, 2),
        st.lists(st.integers(0, 59), max_size=4),
    ),
    max_size=8,
)


@given(TEXTS, TEXTS)
def test_it_finds_what_comparing_each_with_each_finds(train: list[str], test: list[str]) -> None:
    found = find_near_texts([dataset("train", tuple(train)), dataset("test", tuple(test))])
    one, other = list(map(signature, train)), list(map(signature, test))
    near = [
        (at, to)
        for at, first in enumerate(one)
        for to, second in enumerate(other)
        if is_near(first, second)
    ]
    counts = [(each.first_count, each.second_count) for each in found.near]
    expected = (len({at for at, _ in near}), len({to for _, to in near}))
    assert counts == ([expected] if near else [])
    assert found.crowded == 0


def test_the_order_of_texts_makes_no_difference() -> None:
    copies = tuple(edited(each, 20) for each in LETTERS)
    turned = tuple(reversed(copies))
    for mine in (copies, turned):
        (found,) = find_near_texts([dataset("a", LETTERS), dataset("b", mine)]).near
        assert (found.first_count, found.second_count) == (40, 40)
        assert [one for one, _ in found.examples] == [f"row {at} of a-0" for at in range(1, 6)]


def test_what_does_not_fit_into_memory_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_pieces, "_HELD", 70)
    found = find_near_texts([dataset("a", LETTERS[:20]), dataset("b", LETTERS[15:])])
    (near,) = found.near
    assert (near.first_count, near.second_count) == (5, 5)
    assert near.examples[0] == ("row 16 of a-0", "row 1 of b-0")


def crowd(name: str, number: int, tail: str = "") -> Keyed:
    """Return letters that say much the same, each about something else."""
    body = LETTERS[0]
    own = [" ".join(f"{name}{each}x{at}" for at in range(30)) for each in range(number)]
    texts = [f"{body} {each}" for each in own]
    return dataset(name, tuple(texts) + ((tail,) if tail else ()))


def test_letters_of_one_form_are_not_all_compared_with_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[None] = []

    def counted(one: int, other: int) -> int:
        asked.append(None)
        return agreeing(one, other)

    monkeypatch.setattr(text_overlap, "agreeing", counted)
    monkeypatch.setattr(text_overlap, "MOST_ALIKE", 10)
    found = find_near_texts([crowd("a", 80), crowd("b", 80)])
    assert (found.near, found.texts) == ((), {"a": 80, "b": 80})
    # More sets were cut than two near texts have bands that are not common: it is not known.
    assert found.crowded >= SURE_BANDS
    # Half of what they say is the same in all; at most ten of each are looked at a time.
    assert len(asked) <= 100 * 32 * 80 / 10
    assert len(asked) < 32 * 80 * 80 / 4


def test_fewer_letters_than_that_are_all_compared() -> None:
    assert MOST_ALIKE == 100
    found = find_near_texts([crowd("a", 30), crowd("b", 30)])
    assert (found.near, found.crowded) == ((), 0)


def test_copies_of_a_text_do_not_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_overlap, "MOST_ALIKE", 2)
    many = (LETTERS[0],) * 50 + (edited(LETTERS[0], 9),) * 50
    found = find_near_texts([dataset("a", many), dataset("b", many[:60])])
    (near,) = found.near
    assert (near.first_count, near.second_count, found.crowded) == (100, 60, 0)


def test_they_are_refused_before_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_overlap, "MAX_TEXTS", 30)
    with pytest.raises(InvalidInput) as refused:
        find_near_texts([dataset("a", LETTERS[:20]), dataset("b", LETTERS[:20])])
    assert refused.value.reason == "TooManyObjects"
    assert "(more than 30)" in refused.value.message


def test_whoever_is_asked_can_end_it_while_it_reads_and_while_it_compares() -> None:
    asked: list[None] = []
    pair = [dataset("a", LETTERS[:3]), dataset("b", LETTERS[20:21])]
    find_near_texts(pair, lambda: asked.append(None))
    assert len(asked) == 3 + 256

    def going() -> None:
        asked.append(None)
        if len(asked) == 100:
            raise KeyError

    asked.clear()
    with pytest.raises(KeyError):
        find_near_texts(pair, going)


def test_each_dataset_is_read_once_and_none_before_its_turn() -> None:
    read: list[str] = []

    def files(name: str) -> Iterator[tuple[str, list[bytes]]]:
        read.append(name)
        yield name, [signature("a")]

    find_near_texts(Keyed(name, name, files(name)) for name in ("a", "b"))
    assert read == ["a", "b"]


def test_a_signature_is_so_long_as_its_bands() -> None:
    assert SIGNATURE_BYTES == BANDS * row_pieces.WIDTH


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts() -> None:
    assert peak_of(comparing_texts) < 16 << 20


@pytest.mark.slow
def test_memory_does_not_grow_with_copies_of_one_text() -> None:
    assert peak_of(comparing_copied_texts) < 16 << 20
