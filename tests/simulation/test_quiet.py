"""Which writes are due in a quiet cluster: a table, each case with the reason why it is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox import names
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, LEASE, NETWORK_POLICY, SECRET, Kind
from simulation.api_kinds import SERVED
from simulation.api_server import Change
from simulation.process import OPERATOR
from simulation.quiet import is_due

Json = dict[str, Any]
NOW = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)


def change(kind: Kind, old: Json | None, new: Json | None, name: str = "x") -> Change:
    served = next(one for one in SERVED.values() if one.kind == kind)
    whole = [
        {"metadata": {"name": name, **obj.pop("metadata", {})}, "spec": {}, **obj} if obj else None
        for obj in (old, new)
    ]
    return Change(1, OPERATOR, served, whole[0], whole[1], whole[1] or whole[0] or {})


def pin(listed: str, reason: str = "Verified", message: str = "3 objects") -> Json:
    entry = {"type": "Ready", "status": "True", "reason": reason, "message": message}
    return {"status": {"listedTime": listed, "conditions": [entry]}}


def session(ends: str) -> Json:
    return {"metadata": {"annotations": {names.ANNOTATION_CREDENTIALS_EXPIRE_TIME: ends}}}


def lease(holder: str, renewed: str) -> Json:
    return {"spec": {"holderIdentity": holder, "renewTime": renewed}}


CASES = [
    (DATASET_PIN, pin("2026-03-01T12:00:00Z"), pin("2026-03-01T13:00:00Z"), True, "its hour is up"),
    (DATASET_PIN, pin("2026-03-01T12:30:00Z"), pin("2026-03-01T13:00:00Z"), False, "too early"),
    (
        DATASET_PIN,
        pin("2026-03-01T12:00:00Z", message="3 objects read"),
        pin("2026-03-01T13:00:00Z"),
        True,
        "the first check by listing says so in other words",
    ),
    (
        DATASET_PIN,
        pin("2026-03-01T12:00:00Z"),
        pin("2026-03-01T13:00:00Z", reason="ObjectsMissing"),
        True,
        "what a check that is due has found",
    ),
    (
        DATASET_PIN,
        pin("2026-03-01T12:00:00Z"),
        {"status": {**pin("2026-03-01T13:00:00Z")["status"], "objects": 4}},
        False,
        "and something that no check says",
    ),
    (
        DATASET_PIN,
        pin("2026-03-01T12:00:00Z"),
        pin("2026-03-01T12:00:00Z", reason="ChecksFailing"),
        True,
        "a check that was due fails",
    ),
    (
        DATASET_PIN,
        pin("2026-03-01T12:00:00Z", reason="ChecksFailing"),
        pin("2026-03-01T12:00:00Z"),
        False,
        "what is taken back without a check",
    ),
    (
        EXPERIMENT,
        {"status": {"conditions": [{"type": "Sealed", "reason": "ApiUnavailable"}]}},
        {"status": {"conditions": [{"type": "Sealed", "reason": "Sealing"}]}},
        False,
        "what is tried again says the same until it comes further",
    ),
    (LEASE, lease("a", "1"), lease("a", "2"), True, "the leader goes on"),
    (LEASE, lease("a", "1"), lease("b", "2"), False, "a new leader is no quiet"),
    (
        SECRET,
        session("2026-03-01T13:10:00+00:00"),
        session("2026-03-01T13:30:00+00:00"),
        True,
        "a third of half an hour was left",
    ),
    (
        SECRET,
        session("2026-03-01T13:29:00+00:00"),
        session("2026-03-01T13:30:00+00:00"),
        False,
        "it was issued a minute ago",
    ),
    (
        EXPERIMENT,
        {"status": {"artifacts": {"credentialsExpireTime": "a"}}},
        {"status": {"artifacts": {"credentialsExpireTime": "b"}}},
        True,
        "the session's new end",
    ),
    (
        EXPERIMENT,
        {"status": {"artifacts": {"credentialsExpireTime": "a"}}},
        {"status": {"artifacts": {"credentialsExpireTime": "b"}, "state": "Open"}},
        False,
        "and something beside it",
    ),
    (EXPERIMENT, {"status": {"state": "Open"}}, {"status": {"state": "Open"}}, False, "nothing"),
    (NETWORK_POLICY, {"spec": {"a": 1}}, {"spec": {"a": 2}}, False, "no timer repairs"),
    (SECRET, None, session("2026-03-01T13:30:00+00:00"), False, "nothing new is made"),
]


@pytest.mark.parametrize(("kind", "old", "new", "due", "why"), CASES, ids=[c[4] for c in CASES])
def test_a_write_is_due(
    kind: Kind,
    old: Json | None,
    new: Json | None,
    due: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    name = names.CREDENTIALS_SECRET if kind == SECRET else "x"
    assert is_due(change(kind, old, new, name), NOW) is due, why
