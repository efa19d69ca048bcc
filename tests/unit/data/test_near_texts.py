"""When two texts are nearly the same: golden vectors that no version may change, and the curve.

The vectors are in `near_texts.json`, for whoever computes the same in another language.
"""

from __future__ import annotations

import hashlib
import random
import struct
from math import comb
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.near_texts import (
    BANDS,
    COMPONENTS,
    DOMAIN,
    NEEDED,
    NO_WORDS,
    SIGNATURE_BYTES,
    SURE_BANDS,
    agreeing,
    is_near,
    shingles,
    signature,
)

VECTORS: list[dict[str, Any]] = orjson.loads(
    (Path(__file__).parent / "near_texts.json").read_bytes()
)
WORDS = [f"word{number}" for number in range(5000)]


def components(text: str) -> list[int]:
    """Return a signature as the module's own text says it, without its help."""
    domain = b"\0glovebox-near-texts/v1\0"
    found = [2**31 - 1] * 128
    for shingle in shingles(text):
        raw = hashlib.shake_128(domain + shingle).digest(512)
        numbers = (number % 2**31 for number in struct.unpack(">128I", raw))
        found = list(map(min, found, numbers))
    return found


def joined(numbers: list[int]) -> bytes:
    return struct.pack(">128I", *numbers)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    text, found = vector["text"], signature(vector["text"])
    assert [each.decode() for each in shingles(text)] == vector["shingles"]
    assert hashlib.sha256(found).hexdigest() == vector["signatureSha256"]
    first = [int.from_bytes(found[at : at + 4], "big") for at in (0, 4, 8)]
    assert first == vector["components"]
    assert found == (joined(components(text)) if vector["shingles"] else NO_WORDS)


def test_nothing_of_the_rule_has_changed() -> None:
    assert (COMPONENTS, NEEDED, SIGNATURE_BYTES) == (128, 103, 512)
    assert NEEDED - 1 < 0.8 * COMPONENTS <= NEEDED
    assert DOMAIN == b"\0glovebox-near-texts/v1\0"


@given(st.text(max_size=100))
def test_a_signature_is_what_the_rule_says_of_any_text(text: str) -> None:
    has_words = any(True for _ in shingles(text))
    assert signature(text) == (joined(components(text)) if has_words else NO_WORDS)


@given(st.lists(st.sampled_from(WORDS), max_size=30), st.randoms(use_true_random=False))
def test_marks_spaces_and_case_make_no_difference(words: list[str], chance: random.Random) -> None:
    spoilt = "".join(f"{word}{chance.choice([' ', ', ', chr(10), ' - ', '_'])}" for word in words)
    assert signature(spoilt.upper()) == signature(" ".join(words))


def test_texts_without_a_word_are_near_to_nothing() -> None:
    assert signature("?! -") == NO_WORDS
    assert not is_near(NO_WORDS, NO_WORDS)
    assert is_near(signature("yes"), signature("Yes."))
    assert not is_near(signature("yes"), signature("no"))


@given(st.integers(0, 25), st.randoms(use_true_random=False))
def test_texts_that_are_near_have_bands_in_common(differ: int, chance: random.Random) -> None:
    one = components("the quick brown fox jumps over the lazy dog")
    other = list(one)
    for at in chance.sample(range(128), differ):
        other[at] ^= 1 << chance.randrange(31)
    assert agreeing(*(int.from_bytes(joined(each), "big") for each in (one, other))) == 128 - differ
    assert is_near(joined(one), joined(other))
    size = 128 // BANDS
    common = sum(one[at : at + size] == other[at : at + size] for at in range(0, 128, size))
    assert common >= SURE_BANDS == 7


def test_one_component_more_is_not_near() -> None:
    one = components("the quick brown fox jumps over the lazy dog")
    other = [number ^ (at < 26) for at, number in enumerate(one)]
    assert not is_near(joined(one), joined(other))


def chance_of_near(jaccard: float) -> float:
    """Return how likely two texts are near that have so much in common."""
    return sum(
        comb(128, at) * jaccard**at * (1 - jaccard) ** (128 - at) for at in range(NEEDED, 129)
    )


def test_a_pair_with_nine_tenths_in_common_is_missed_once_in_two_thousand() -> None:
    assert 1 - chance_of_near(0.9) < 1 / 2000
    # The table of decision 0074.
    found = {jaccard: f"{chance_of_near(jaccard):.2g}" for jaccard in (0.5, 0.6, 0.7, 0.75)}
    assert found == {0.5: "9.7e-13", 0.6: "6.1e-07", 0.7: "0.0051", 0.75: "0.09"}
    high = {jaccard: f"{1 - chance_of_near(jaccard):.2g}" for jaccard in (0.8, 0.85, 0.9, 0.95)}
    assert high == {0.8: "0.5", 0.85: "0.064", 0.9: "0.00036", 0.95: "9.9e-10"}


@pytest.mark.parametrize(
    ("both", "apart"),
    [
        pytest.param(20, 10, id="a half"),
        pytest.param(32, 4, id="eight tenths"),
        pytest.param(36, 2, id="nine tenths"),
        pytest.param(38, 1, id="all but a twentieth"),
    ],
)
def test_real_pairs_are_on_the_curve(both: int, apart: int) -> None:
    jaccard, tries = both / (both + 2 * apart), 100
    found = []
    for number in range(tries):
        common = [f"{number} both {at}" for at in range(both)]
        of_one, of_other = ([f"{number} {end} {at}" for at in range(apart)] for end in "ab")
        found.append(agreeing(signature_of(common + of_one), signature_of(common + of_other)))
    components_of_all = tries * COMPONENTS
    deviation = (jaccard * (1 - jaccard) / components_of_all) ** 0.5
    assert sum(found) / components_of_all == pytest.approx(jaccard, abs=4 * deviation)
    chance = chance_of_near(jaccard)
    spread = (chance * (1 - chance) / tries) ** 0.5
    near = sum(each >= NEEDED for each in found) / tries
    assert near == pytest.approx(chance, abs=4 * spread + 0.01)


def signature_of(each: list[str]) -> int:
    """Return the signature of a set of shingles, as a number."""
    least = [2**31 - 1] * COMPONENTS
    for shingle in each:
        raw = signature(shingle)
        numbers = struct.unpack(f">{COMPONENTS}I", raw)
        least = list(map(min, least, numbers))
    return int.from_bytes(joined(least), "big")
