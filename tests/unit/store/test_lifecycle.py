"""Which lifecycle rules of a bucket archive evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from glovebox.store.connection import Credentials, Stores, StoreSettings
from glovebox.store.lifecycle import Archiving, archiving_rules, read_archiving

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
    "a name may hide nothing of what follows": (
        {"ID": "a\u202eb\n", "Filter": {}, **AT_ONCE},
        "rule `a\\u202eb\\x0a` moves versions to GLACIER after 0 days",
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


@pytest.mark.parametrize(
    ("when", "rule"),
    [
        ("<Days>1</Days>", "rule `without a name` moves versions to GLACIER after 1 day"),
        ("<Days>many</Days>", ""),
        (f"<Days>{'9' * 5000}</Days>", ""),
        ("<Date>garbage</Date>", ""),
        ("<Date>99999999999999</Date>", ""),
    ],
    ids=["a number", "no number", "a number without an end", "no time", "no month"],
)
async def test_a_store_that_sends_what_is_no_number_and_no_time_is_said_to_say_nothing(
    when: str, rule: str
) -> None:
    body = (
        f"<LifecycleConfiguration><Rule><Status>Enabled</Status><Transition>{when}"
        "<StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>"
    )

    async def answers(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/xml")

    app = web.Application()
    app.router.add_get("/{path:.*}", answers)
    async with TestServer(app) as server:
        settings = StoreSettings(str(server.make_url("")), credentials=Credentials("a", "b"))
        found = await read_archiving(Stores().open(settings), "bucket")

    assert found == Archiving(rule)
