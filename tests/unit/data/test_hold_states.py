"""What the names of records say of a hold."""

from __future__ import annotations

import pytest

from glovebox.data.hold_states import (
    HELD,
    RECORD,
    RELEASED,
    TAKING_OFF,
    Term,
    kept,
    releasing,
    terms_of,
)

STATES = [
    ((RECORD,), "Holding", 0, 1, "begun"),
    ((RECORD, HELD), "Held", 0, 1, "all are held"),
    ((RECORD, releasing(1)), "Releasing", 1, 2, "begun and given up again"),
    ((RECORD, HELD, releasing(1)), "Releasing", 1, 2, "nobody relies on it from here on"),
    ((RECORD, HELD, releasing(1), kept(1)), "Held", 0, 2, "there was a user after all"),
    ((RECORD, releasing(1), kept(1)), "Holding", 0, 2, "a user that goes on with it"),
    ((RECORD, HELD, releasing(1), kept(1), releasing(2)), "Releasing", 2, 3, "and once more"),
    ((RECORD, HELD, releasing(1), TAKING_OFF), "Releasing", 1, 2, "no way back"),
    ((RECORD, HELD, kept(7)), "Held", 0, 1, "what gives up nothing says nothing"),
    ((RECORD, HELD, releasing(1), TAKING_OFF, RELEASED), "Released", 1, 2, "the end"),
    ((RECORD, HELD, "releasing-x.json", "other"), "Held", 0, 1, "somebody else's names"),
]


@pytest.mark.parametrize(
    ("names", "state", "intent", "following"),
    [each[:4] for each in STATES],
    ids=[each[4] for each in STATES],
)
def test_the_state_of_a_term(
    names: tuple[str, ...], state: str, intent: int, following: int
) -> None:
    term = Term("aa", 1, frozenset(names))
    assert (term.state, term.open_intent, term.next_intent) == (state, intent, following)


def test_terms_are_in_the_order_of_their_numbers_and_begin_with_a_record() -> None:
    keys = (
        f"aa/0010/{RECORD}",
        f"aa/0002/{RECORD}",
        f"aa/0002/{RELEASED}",
        f"aa/0011/{HELD}",  # without a record it never began
        f"bb/0001/{RECORD}",
        "cc/record.json",
        f"dd/x/{RECORD}",
        "",
    )
    found = terms_of(keys)
    assert {name: [each.number for each in terms] for name, terms in found.items()} == {
        "aa": [2, 10],
        "bb": [1],
    }
    assert found["aa"][0].state == "Released"
