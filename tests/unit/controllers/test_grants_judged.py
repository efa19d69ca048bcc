"""Whether what has a grant's name now is the same yes; and who is told who used one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant, GrantUse
from glovebox.controllers.experiment.grants import judge_grant
from glovebox.desired.grants import as_bound, grant_digest, used_up

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT, OTHER = ("sha256:" + letter * 64 for letter in "ab")


def grant(root: str = ROOT, **changes: Any) -> AccessGrant:
    spec = {
        "pinRef": {"name": "set"},
        "namespaces": ["lab"],
        "roles": ["train"],
        "expireTime": "2027-01-01T00:00:00Z",
        "reason": "a test",
        **changes,
    }
    found = AccessGrant.model_validate(
        {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "AccessGrant",
            "metadata": {"name": "loan", "namespace": "data", "uid": "u"},
            "spec": spec,
            "status": {"contentRoot": root, "storeRef": "primary"},
        }
    )
    status = found.status.model_copy(update={"digest": grant_digest(found.spec)})
    return found.model_copy(update={"status": status})


BOUND = as_bound(grant())


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        pytest.param(grant(), None, id="the same"),
        pytest.param(grant(root=""), None, id="created again, and not looked at yet"),
        pytest.param(None, reasons.GRANT_REVOKED, id="gone"),
        pytest.param(grant(roles=["test"]), reasons.GRANT_REVOKED, id="it grants something else"),
        pytest.param(grant(root=OTHER), reasons.GRANT_REVOKED, id="its pin is another one by now"),
        pytest.param(grant(revoked=True), reasons.GRANT_REVOKED, id="revoked"),
    ],
)
def test_what_was_granted_is_in_force_while_the_same_is_granted(
    live: AccessGrant | None, reason: str | None
) -> None:
    lapsed = judge_grant(live, BOUND, NOW)
    assert (lapsed.reason if lapsed is not None else None) == reason


def test_an_experiment_of_another_namespace_is_not_named() -> None:
    uses = [GrantUse(use=1, experiment="shop/secret", uid="1", time=NOW)]
    assert "secret" not in used_up("data/loan", "lab", uses)
    assert "Experiment 'secret'" in used_up("data/loan", "shop", uses)
