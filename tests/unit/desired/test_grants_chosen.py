"""Which grant a use takes by what it is for, and what is said where none is for that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant
from glovebox.desired.grants import Wanted, choose_grant, grant_digest
from glovebox.errors import GloveboxError
from glovebox.status.text import format_time

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = "sha256:" + "a" * 64


def grant(
    name: str = "loan", *, days: int = 1, used_by: tuple[str, ...] = (), **changes: Any
) -> AccessGrant:
    spec = {
        "pinRef": {"name": "set"},
        "namespaces": ["lab"],
        "roles": ["train"],
        "expireTime": format_time(NOW + timedelta(days=days)),
        "uses": 1,
        "reason": "a test",
        **changes,
    }
    ready = {"type": "Ready", "status": "True", "reason": "Granted", "message": ""}
    found = AccessGrant.model_validate(
        {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "AccessGrant",
            "metadata": {"name": name, "namespace": "data", "uid": name, "generation": 1},
            "spec": spec,
            "status": {
                "contentRoot": ROOT,
                "storeRef": "primary",
                "used": len(used_by),
                "uses": [
                    {"use": 1, "experiment": "lab/x", "uid": uid, "time": format_time(NOW)}
                    for uid in used_by
                ],
                "observedGeneration": 1,
                "conditions": [{**ready, "lastTransitionTime": format_time(NOW)}],
            },
        }
    )
    status = found.status.model_copy(update={"digest": grant_digest(found.spec)})
    return found.model_copy(update={"status": status})


def wanted(ticket: str = "", **changes: Any) -> Wanted:
    fields = {"what": "input `a`", "root": ROOT, "role": "train", "team": "lab", "uid": "u"}
    more = {"owner": "data", "why": "it is elsewhere", "ticket": ticket}
    return Wanted(**{**fields, **more, **changes})


A: Any = {"tickets": ["A"]}
ANY = grant("any", days=9)
FOR_A = grant("for-a", **A)
OVER: Any = {"days": -1}


@pytest.mark.parametrize(
    ("ticket", "grants", "chosen"),
    [
        pytest.param("", [ANY], "data/any", id="one for any purpose is for none as well"),
        pytest.param("B", [ANY], "data/any", id="and for whatever it is"),
        pytest.param("A", [ANY, FOR_A], "data/for-a", id="of both the one that ends first"),
        pytest.param("B", [ANY, FOR_A], "data/any", id="that ends first and is for another one"),
        pytest.param("", [FOR_A], reasons.NOT_GRANTED, id="no ticket is none of them"),
        pytest.param("a", [FOR_A], reasons.NOT_GRANTED, id="to the letter"),
        pytest.param("A", [grant(**A, used_by=("other",))], reasons.GRANT_USED_UP, id="used up"),
        pytest.param("A", [grant(**A, **OVER)], reasons.GRANT_EXPIRED, id="over"),
        pytest.param("B", [grant(**A, **OVER)], reasons.GRANT_EXPIRED, id="over for all"),
        pytest.param("B", [grant(**A, revoked=True)], reasons.GRANT_REVOKED, id="revoked for all"),
    ],
)
def test_a_grant_for_tickets_is_for_who_names_one(
    ticket: str, grants: list[AccessGrant], chosen: str
) -> None:
    try:
        found = choose_grant(wanted(ticket), grants, NOW).grant_ref
    except GloveboxError as refused:
        found = refused.reason
    assert found == chosen


def test_whoever_is_for_something_else_reads_which_grant_there_is_and_not_for_what() -> None:
    with pytest.raises(GloveboxError) as refused:
        choose_grant(wanted("B"), [FOR_A, grant("later", days=3, tickets=["SECRET-1"])], NOW)
    assert refused.value.message == (
        "input `a`: not granted. AccessGrant 'data/later' is for other tickets, and"
        " `spec.purpose.ticket` says 'B': correct it if it is for the same, or ask the owner of the"
        " data for a grant for this purpose"
    )


def test_what_was_used_for_one_ticket_is_not_kept_for_another() -> None:
    """The use is taken before the binding, and the purpose may be edited in between."""
    mine = grant("for-a", **A, used_by=("u",))
    assert choose_grant(wanted("A"), [mine], NOW).grant_ref == "data/for-a"
    with pytest.raises(GloveboxError, match="is for other tickets"):
        choose_grant(wanted("B"), [mine], NOW)


def test_a_grant_of_the_same_digest_in_another_role_lets_nothing_in() -> None:
    for role, other in (("features", "train"), ("train", "features")):
        with pytest.raises(GloveboxError, match="ask the owner of namespace 'data'"):
            choose_grant(wanted(role=other), [grant(roles=[role])], NOW)


COMPARES: Any = {"role": "statistics", "takes_use": False}


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        pytest.param({"roles": ["statistics"]}, "data/loan", id="in this role"),
        pytest.param({"roles": ["holdout", "statistics"]}, "data/loan", id="and in another one"),
        pytest.param({"roles": ["train"]}, reasons.NOT_GRANTED, id="in no role of rows"),
        pytest.param({"roles": ["statistics"], "used_by": ("o",)}, "data/loan", id="used up"),
        pytest.param(
            {"roles": ["statistics"], **A}, reasons.NOT_GRANTED, id="for tickets, and it has none"
        ),
        pytest.param({"roles": ["statistics"], **OVER}, reasons.GRANT_EXPIRED, id="over"),
    ],
)
def test_statistics_are_compared_by_a_grant_in_that_role_and_cost_no_use(
    changes: Any, chosen: str
) -> None:
    try:
        found = choose_grant(wanted(**COMPARES), [grant(**changes)], NOW).grant_ref
    except GloveboxError as refused:
        found = refused.reason
    assert found == chosen


def test_a_comparison_is_not_told_of_tickets_that_it_cannot_name() -> None:
    loan = grant(roles=["statistics"], **A)
    with pytest.raises(GloveboxError) as refused:
        choose_grant(wanted(**COMPARES), [loan], NOW)
    assert "ticket" not in refused.value.message
    assert "ask the owner of namespace 'data' for an AccessGrant" in refused.value.message
