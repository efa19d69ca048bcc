"""What a grant says of itself: in force, used up, revoked, expired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant, GrantUse
from glovebox.status.access_grant import Granting, compute_leaving_status, compute_status
from glovebox.status.outcome import done, waiting

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = "sha256:" + "1" * 64


def grant(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {"name": "loan", "namespace": "data", "uid": "u", "generation": 1},
        "spec": {
            "pinRef": {"name": "set"},
            "namespaces": ["team"],
            "roles": ["train"],
            "expireTime": "2027-01-01T00:00:00Z",
            "uses": 2,
            "reason": "a test",
            **changes,
        },
    }


def use(number: int) -> GrantUse:
    return GrantUse(use=number, experiment=f"team/x{number}", uid=str(number), time=NOW)


@pytest.mark.parametrize(
    ("changes", "uses", "wanted"),
    [
        pytest.param({}, 1, ("True", reasons.GRANTED, False), id="in force"),
        pytest.param({}, 2, ("True", reasons.GRANT_USED_UP, False), id="did what it was for"),
        pytest.param({"revoked": True}, 1, ("False", reasons.GRANT_REVOKED, True), id="revoked"),
        pytest.param(
            {"revoked": True}, 2, ("False", reasons.GRANT_REVOKED, True), id="used up and revoked"
        ),
        pytest.param(
            {"expireTime": "2026-01-01T00:00:00Z"},
            2,
            ("False", reasons.GRANT_EXPIRED, True),
            id="used up and expired",
        ),
    ],
)
def test_a_grant_is_ready_while_nothing_is_wrong_with_it(
    changes: dict[str, Any], uses: int, wanted: tuple[str, str, bool]
) -> None:
    obj = grant(**changes)
    facts = Granting("sha256:" + "2" * 64, ROOT, "primary", [use(at + 1) for at in range(uses)])
    told = waiting(reasons.LEDGER_PENDING, "being written") if uses == 2 else None
    status = compute_status(obj, AccessGrant.model_validate(obj), done(facts), NOW, told)
    found = {each["type"]: each for each in status["conditions"]}
    ready = found["Ready"]
    assert (ready["status"], ready["reason"], "Stalled" in found) == wanted
    assert status["used"] == uses


def test_one_that_was_deleted_is_over_and_keeps_what_was_counted() -> None:
    facts = Granting("sha256:d", ROOT, "primary", (use(1),))
    obj = grant()
    obj["status"] = compute_status(obj, AccessGrant.model_validate(obj), done(facts), NOW)
    status = compute_leaving_status(obj, reasons.LEDGER_UNAVAILABLE, "it waits", NOW)
    ready, reconciling = status["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "False")
    assert ready["message"].endswith("; it waits")
    assert (reconciling["type"], reconciling["status"]) == ("Reconciling", "True")
    kept = {name: value for name, value in status.items() if name != "conditions"}
    assert kept == {name: value for name, value in obj["status"].items() if name != "conditions"}
    assert "revokedTime" not in status, "the ledger says by whom it ended"
