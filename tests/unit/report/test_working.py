"""Whether an operator works, by its Lease: what is told, and what nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.report.working import why_idle

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


def lease(holder: str, seconds_ago: float, **spec: Any) -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}
    return {"spec": {**found, **spec}}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lease("a", 2), id="renewed"),
        pytest.param(lease("a", 74), id="clocks of two machines differ"),
        pytest.param(lease("a", -3600), id="a clock far ahead"),
        pytest.param(lease("a", 0, renewTime=None), id="of another kind of elector"),
        pytest.param(lease("a", 0, renewTime="soon"), id="not readable"),
        pytest.param(None, id="not shown"),
    ],
)
def test_nobody_is_called_dead_who_may_live(found: dict[str, Any] | None) -> None:
    assert why_idle(found, NOW) is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (lease("a", 76), "was renewed last on 2026-11-28 11:58:44 UTC"),
        (lease("a", 61 + 300, leaseDurationSeconds=300), "was renewed last"),
        (lease("", 1), "nobody holds the Lease `glovebox-operator`"),
        ({}, "nobody holds the Lease"),
    ],
)
def test_an_operator_that_ended_is_told_with_what_to_look_at(
    found: dict[str, Any], said: str
) -> None:
    told = why_idle(found, NOW)
    assert told is not None
    assert told.startswith("No operator works: ")
    assert said in told
    assert "What is shown here is what one wrote last." in told
    assert "glovebox local status" in told
