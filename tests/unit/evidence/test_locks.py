"""What protects each version: counted, and told where there is nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.evidence.locks import LockCount, count_locks
from unit.evidence.test_verification import artifact

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
END = "2026-11-26T00:00:00Z"
# How a version is protected, what it counts as, and what is told of it.
LOCKS: dict[str, tuple[dict[str, Any], LockCount, str]] = {
    "locked": ({}, LockCount(locked=1, until=END), ""),
    "locked, and some may take it off": (
        {"lock_mode": "Governance"},
        LockCount(governance=1, until=END),
        "",
    ),
    "never locked": (
        {"lock_mode": "", "retain_until_time": ""},
        LockCount(unlocked=1),
        "no lock protects it",
    ),
    "a mode without an end": ({"retain_until_time": ""}, LockCount(unlocked=1), "no lock"),
    "a lock that ended": (
        {"lock_mode": "Governance", "retain_until_time": "2020-01-01T00:00:00Z"},
        LockCount(unlocked=1),
        "its lock ended on 2020-01-01T00:00:00Z",
    ),
    "a lock that ends now": (
        {"retain_until_time": "2026-11-25T12:00:00.000Z"},
        LockCount(unlocked=1),
        "its lock ended",
    ),
    "unreadable": (
        {"sha256": "", "lock_mode": "", "retain_until_time": ""},
        LockCount(unreadable=1),
        "",
    ),
    "a delete marker": (
        {"sha256": "", "size": 0, "delete_marker": True, "lock_mode": ""},
        LockCount(markers=1),
        "",
    ),
}


@pytest.mark.parametrize("name", LOCKS)
def test_each_version_is_counted_as_what_protects_it(name: str) -> None:
    changes, expected, told = LOCKS[name]
    found: list[str] = []
    count = count_locks(
        [artifact("x", **changes)],
        NOW,
        is_unreadable=lambda each: each.is_unreadable,
        unprotected=lambda _, defect: found.append(defect),
    )
    assert count == expected
    assert [told in each for each in found] == ([True] if told else [])


def test_the_earliest_end_is_told() -> None:
    later = [artifact(name, retain_until_time=f"2026-12-0{name}T00:00:00Z") for name in "312"]
    count = count_locks(later, NOW, is_unreadable=lambda _: False, unprotected=print)
    assert count.until == "2026-12-01T00:00:00Z"
    assert str(count) == (
        "3 locked, 0 unlocked, 0 unreadable; the first lock ends on 2026-12-01T00:00:00Z"
    )
