"""What is recorded of a comparison of contracts: few of many changes, and never one side alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.evolution import MAX_CHANGES, EvolutionStatus
from glovebox.data.evolution import compare_contracts
from glovebox.status.evolution import message_of_evolution, recorded_evolution, with_evolution
from support.contracts import contract_of

NOW = datetime(2026, 11, 28, 7, 0, 0, 5, tzinfo=UTC)
MANY = [f"c{at:03}" for at in range(MAX_CHANGES + 8)]


def recorded(older: str | None, newer: str | None, last: str = "z") -> EvolutionStatus:
    """Return the record of many columns that change their type, and of one that turns back."""

    def typed(kind: str | None) -> dict[str, Any]:
        return {} if kind is None else {"type": kind}

    old = [{"name": name, **typed(older)} for name in MANY]
    new = [{"name": name, **typed(newer)} for name in MANY]
    old.append({"name": last, **typed(newer)})
    new.append({"name": last, **typed(older)})
    found = compare_contracts(contract_of(*old), contract_of(*new))
    return recorded_evolution(found, "older", "sha256:b", "sha256:a", NOW)


@pytest.mark.parametrize(
    ("older", "newer", "usual", "rare"),
    [(None, "Text", "Backward", "Forward"), ("Text", None, "Forward", "Backward")],
)
def test_each_direction_that_is_lost_has_a_change_among_the_first(
    older: str | None, newer: str | None, usual: str, rare: str
) -> None:
    found = recorded(older, newer)
    assert (found.compatibility, found.changes) == ("Breaking", len(MANY) + 1)
    assert len(found.first) == MAX_CHANGES
    assert [each.breaks for each in found.first] == [usual] * (MAX_CHANGES - 1) + [rare]
    assert found.first[-1].column == "z"
    # Where it is among them anyway, the others keep their places.
    early = recorded(older, newer, last="a")
    assert [each.column for each in early.first] == ["a", *MANY[: MAX_CHANGES - 1]]


def test_what_breaks_both_directions_needs_no_other_beside_it() -> None:
    found = recorded("Integer", "Text")
    assert {each.breaks for each in found.first} == {"Both"}
    assert [each.column for each in found.first] == MANY[:MAX_CHANGES]


def test_the_message_names_three_and_counts_the_others() -> None:
    assert message_of_evolution(recorded("Integer", "Text")) == (
        "the contract is not compatible with that of 'older': column `c000`: was Integer, is Text"
        " (Type, breaks both directions); column `c001`: was Integer, is Text (Type, breaks both"
        " directions); column `c002`: was Integer, is Text (Type, breaks both directions); and 38"
        " changes more: see `status.evolution`"
    )


def test_a_status_that_says_it_is_left_alone_and_a_pin_not_looked_at_too() -> None:
    record = recorded(None, "Text")
    assert with_evolution({}, None, record) is None
    looked = {"conditions": [{"type": "Ready"}]}
    status = with_evolution({"status": looked}, None, record)
    assert status is not None
    assert status.keys() == {"conditions", "evolution"}
    assert with_evolution({"status": status}, None, record) is None
    news = {**looked, "digest": "d"}
    assert with_evolution({"status": status}, news, record) == {
        **news,
        "evolution": status["evolution"],
    }
