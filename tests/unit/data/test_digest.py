from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.digest import canonical_json, digest_of, is_digest
from glovebox.errors import InvalidInput

# Fixed for ever: a change here changes the identity of every experiment.
GOLDEN = [
    ({}, b"{}", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    (
        {"b": [1, True, None], "a": {"ü": '\n"\\/', "A": "\u2028\x7f"}, "": -(2**53 - 1)},
        '{"":-9007199254740991,"a":{"A":"\u2028\x7f","ü":"\\n\\"\\\\/"},"b":[1,true,null]}'.encode(),
        "sha256:bba2f018ca838d7213e67eb462d2317735a765457307bf90ec6fc7e3c0869ca0",
    ),
]

REFUSED = [
    (0.1, "a float has more than one spelling"),
    (float("nan"), "NaN is no JSON"),
    (2**53, "doubles lose it"),
    ({1: "x"}, "keys are strings"),
    ("\ud800", "a lone surrogate is not Unicode"),
    ({"\udfff": 1}, "nor in a key"),
    (b"x", "bytes are no JSON"),
    ({"a": [{"b": 1.0}]}, "however deep it lies"),
]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53 - 1), 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("value", "spelling", "digest"), GOLDEN)
def test_canonical_json_never_changes(value: object, spelling: bytes, digest: str) -> None:
    assert canonical_json(value) == spelling
    assert digest_of(value) == digest


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_has_no_single_spelling_is_refused(value: object, why: str) -> None:
    del why
    with pytest.raises(InvalidInput) as refused:
        canonical_json(value)
    assert refused.value.reason == "NotCanonical"


def test_the_refusal_names_the_place() -> None:
    with pytest.raises(InvalidInput, match=r"\$\.parameters\.rates\[1\]"):
        canonical_json({"parameters": {"rates": ["0.1", 0.1]}})


@given(values)
def test_it_is_json_of_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), values, max_size=6))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


@given(values)
def test_lists_and_tuples_are_the_same(value: object) -> None:
    assert canonical_json([value]) == canonical_json((value,))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("sha256:" + "0" * 64, True),
        ("sha256:" + "A" * 64, False),
        ("sha256:" + "0" * 63, False),
        ("0" * 64, False),
    ],
)
def test_digests_are_recognised(text: str, *, valid: bool) -> None:
    assert is_digest(text) is valid
