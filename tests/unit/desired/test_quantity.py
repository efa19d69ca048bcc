"""Quantities: parsed, compared, written as the API server does.

That server itself is asked in tests/cluster/desired.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.desired.quantity import MAXIMUM, canonical, compare, parse, plain, total
from glovebox.errors import InvalidInput

CANONICAL = [
    ("1.5", "1500m", "no fraction is left: the next smaller suffix is taken"),
    ("1500m", "1500m", "already canonical"),
    ("1000m", "1", "a thousand thousandths are one"),
    ("0.5Gi", "512Mi", "binary fractions move down"),
    ("1024Ki", "1Mi", "binary thousands move up"),
    ("1000Mi", "1000Mi", "1000 is no power of 1024"),
    ("1048576", "1048576", "what was written without suffix stays decimal"),
    ("1000k", "1M", "decimal thousands move up"),
    ("0.1Ki", "102400m", "a binary amount that is not whole becomes decimal"),
    ("0.5Ki", "512", "a binary amount below 1024 becomes decimal"),
    ("1e3", "1e3", "the exponent form is kept"),
    ("1E3", "1e3", "with a small letter"),
    ("1.5e3", "1500", "exponents are multiples of three"),
    ("15e-1", "1500e-3", "negative ones too"),
    ("9E", "9E", "a capital E without digits is exa"),
    ("0.0001", "1m", "resource lists round up to a thousandth"),
    ("3.0000001", "3001m", "up, not to the nearest"),
    ("0.0", "0", "zero has one form"),
    ("-0", "0", "and no sign"),
    ("+5Gi", "5Gi", "redundant sign"),
    ("01.500", "1500m", "redundant zeros"),
    ("5.G", "5G", "redundant point"),
    (".5", "500m", "a point may come first"),
    ("  5 ", "5", "surrounding blanks are ignored"),
    ("-1500m", "-1500m", "negative amounts exist, although no resource takes them"),
    ("9223372036854775807", "9223372036854775807", "the largest amount"),
]

REFUSED = [
    ("", "nothing"),
    ("Gi", "no number"),
    (".", "the API server takes it for zero"),
    ("1i", "no such suffix"),
    ("1K", "kilo is a small k"),
    ("1ki", "kibi has a capital K"),
    ("1e", "an exponent without digits"),
    ("1 Gi", "a blank inside"),
    ("1,5", "a comma"),
    ("0x10", "no other bases"),
    ("\u0661", "digits are ASCII"),
    ("8Ei", "beyond 63 bits: the API server writes something else than was said"),
    ("1000E", "the API server stores it as 1"),
    ("1e19", "beyond 63 bits"),
    ("1e9999", "far beyond"),
    ("1" * 65, "longer than any amount"),
]


@pytest.mark.parametrize(
    ("text", "expected", "why"), CANONICAL, ids=[case[0] for case in CANONICAL]
)
def test_a_quantity_is_written_as_the_api_server_writes_it(
    text: str, expected: str, why: str
) -> None:
    assert canonical(text) == expected, why
    assert canonical(expected) == expected, "canonical is a fixed point"


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_is_no_quantity_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse(text)
    assert refusal.value.reason == "InvalidSpec", why


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("1Gi", "512Mi"), "1536Mi"),
        (("1073741824",), "1Gi"),
        (("1e9", "0"), "1G"),
        (("50G", "8192"), "48828133Ki"),
        (("0.5", "1Ki"), "1024500m"),
        ((), "0"),
    ],
)
def test_a_sum_is_in_the_largest_unit_that_holds_it_whole(
    texts: tuple[str, ...], expected: str
) -> None:
    assert total(*texts) == expected
    assert canonical(expected) == expected


def test_the_refusal_names_the_cure() -> None:
    with pytest.raises(InvalidInput) as refusal:
        canonical("4GB")
    assert (
        refusal.value.message
        == '\'4GB\' is not a quantity: write a number with an optional suffix, such as "2", "500m",'
        ' "4Gi"'
    )


@pytest.mark.parametrize(
    ("left", "right", "expected", "why"),
    [
        ("1", "1000m", 0, "two spellings of one amount"),
        ("1Gi", "1G", 1, "binary is more"),
        ("1Gi", "1073741824", 0, "across formats"),
        ("999m", "1", -1, "less"),
        ("0.1", "100m", 0, "decimal fractions are exact"),
        ("9223372036854775807", "9223372036854775806", 1, "no float would tell them apart"),
    ],
)
def test_amounts_compare_by_value(left: str, right: str, expected: int, why: str) -> None:
    assert compare(left, right) == expected, why
    assert compare(right, left) == -expected, why


@pytest.mark.parametrize(
    ("one", "other"),
    [("1Gi", "1073741824"), ("1.50", "1500m"), ("1e3", "1k"), ("0", "0Gi"), ("0.0001", "1m")],
)
def test_every_spelling_of_one_amount_reads_the_same_in_a_digest(one: str, other: str) -> None:
    assert plain(one) == plain(other)


SUFFIXES = ["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e3", "E2", "e-2", "u", "n"]
numbers = st.decimals(min_value=0, max_value=9000, allow_nan=False, allow_infinity=False, places=4)


@given(number=numbers, suffix=st.sampled_from(SUFFIXES))
def test_canonical_keeps_the_amount_up_to_a_thousandth(number: Decimal, suffix: str) -> None:
    text = f"{number:f}{suffix}"
    written = canonical(text)
    assert canonical(written) == written
    assert Decimal(0) <= parse(written) - parse(text) < Decimal("0.001")
    assert plain(written) == plain(text)


@given(st.integers(min_value=-int(MAXIMUM), max_value=int(MAXIMUM)))
def test_every_integer_of_63_bits_is_exact(value: int) -> None:
    assert parse(canonical(str(value))) == value
