"""Which lifecycle rules of a bucket archive evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.store.lifecycle import archiving_rules

AT_ONCE: dict[str, Any] = {"Transitions": [{"Days": 0, "StorageClass": "GLACIER"}]}
# Each: why the case exists; the rule; what it says of itself.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a rule for the whole bucket means evidence too": (
        {"ID": "cold", "Filter": {}, **AT_ONCE},
        "rule `cold` moves versions to GLACIER after 0 days",
    ),
    "and so does one with an older form of prefix": (
        {"ID": "cold", "Prefix": "", **AT_ONCE},
        "rule `cold` moves versions to GLACIER after 0 days",
    ),
    "one for seals alone": (
        {"Filter": {"Prefix": ".glovebox/seals/"}, **AT_ONCE},
        "rule `without a name` moves versions to GLACIER after 0 days",
    ),
    "one whose prefix is a part of the folder's name": (
        {"ID": "dots", "Filter": {"And": {"Prefix": ".", "ObjectSizeGreaterThan": 1}}, **AT_ONCE},
        "rule `dots` moves versions to GLACIER after 0 days",
    ),
    "a day is counted, and a date is named": (
        {
            "ID": "date",
            "Filter": {},
            "Transitions": [
                {"Date": datetime(2027, 1, 1, tzinfo=UTC), "StorageClass": "DEEP_ARCHIVE"}
            ],
        },
        "rule `date` moves versions to DEEP_ARCHIVE on 2027-01-01",
    ),
    "what was written over is read as well, since the oldest version counts": (
        {
            "ID": "old",
            "Filter": {},
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER"}],
        },
        "rule `old` moves versions that were written over to GLACIER after 1 day",
    ),
    "artifacts of a team may be archived": ({"Filter": {"Prefix": "team-a/"}, **AT_ONCE}, ""),
    "evidence has no tags": ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}, **AT_ONCE}, ""),
    "nor several": (
        {"Filter": {"And": {"Prefix": "", "Tags": [{"Key": "a", "Value": "b"}]}}, **AT_ONCE},
        "",
    ),
    "a class that is read at once is no archive": (
        {"Filter": {}, "Transitions": [{"Days": 0, "StorageClass": "GLACIER_IR"}]},
        "",
    ),
    "what expires is locked": ({"Filter": {}, "Expiration": {"Days": 1}}, ""),
}


@pytest.mark.parametrize(("rule", "said"), CASES.values(), ids=CASES)
def test_a_rule_says_what_it_archives(rule: dict[str, Any], said: str) -> None:
    found = list(archiving_rules([{"Status": "Enabled", **rule}]))
    assert found == ([said] if said else [])


def test_a_rule_that_is_switched_off_archives_nothing() -> None:
    assert not list(archiving_rules([{"Status": "Disabled", "Filter": {}, **AT_ONCE}]))
