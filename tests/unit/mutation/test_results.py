"""What a mutation run keeps, and the page of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mutation import equivalents
from mutation.doors import Door
from mutation.report import page
from mutation.results import Result, keep, keep_doors, kept

if TYPE_CHECKING:
    from pathlib import Path


def door(name: str) -> Door:
    return Door("guard", "validation", name, name, "/path", {})


def test_the_last_run_of_a_door_counts_and_a_door_that_is_gone_does_not(tmp_path: Path) -> None:
    first, second = door("1"), door("2")
    keep_doors(tmp_path, "guards", [first, second])
    keep(tmp_path, "guards", first, None)
    keep(tmp_path, "guards", first, "test_a")
    keep(tmp_path, "guards", door("gone"), "test_b")

    assert kept(tmp_path, ["guards", "api"]) == [
        Result("guard", "validation", str(first), was_run=True, noticed_by="test_a"),
        Result("guard", "validation", str(second)),
    ]


@pytest.mark.parametrize(
    ("was_run", "noticed_by", "counts"),
    [
        pytest.param(True, "test_a", "1 | 1 | 0 | 0 | 0", id="noticed"),
        pytest.param(True, None, "1 | 0 | 0 | 1 | 0", id="nobody noticed"),
        pytest.param(False, None, "1 | 0 | 0 | 0 | 1", id="never taken away"),
    ],
)
def test_the_page_counts_what_became_of_a_door(
    was_run: bool,  # noqa: FBT001 - a column of the table
    noticed_by: str | None,
    counts: str,
) -> None:
    result = Result("guard", "validation", "guard validation 1", was_run, noticed_by)

    assert f"| `guard` | {counts} |" in page([result])


def test_an_equivalent_door_is_no_survivor_and_an_entry_without_a_door_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(equivalents, "EQUIVALENT", {"guard validation 1": "why"})
    result = Result("guard", "validation", "guard validation 1: text", was_run=True)

    assert not result.survives
    assert "| guard validation 1: text | why |" in page([result])
    assert equivalents.without_door({result.door}) == []
    assert equivalents.without_door({"guard validation 2: text"}) == ["guard validation 1"]


def test_what_a_test_notices_is_equivalent_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalents, "EQUIVALENT", {"guard validation 1": "why"})

    assert (
        Result("guard", "validation", "guard validation 1", noticed_by="test_a").equivalent is None
    )
