"""Whether what has a grant's name now is the same yes; and who is told who used one."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant, GrantUse
from glovebox.api.input_status import MAX_GRANTS
from glovebox.controllers.experiment import grants
from glovebox.controllers.experiment.grants import judge_grant, require_live
from glovebox.desired.grants import as_bound, grant_digest, used_up
from glovebox.errors import Refused
from glovebox.kube.answers import NotFound

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


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        pytest.param(grant(), None, id="the same"),
        pytest.param(grant(revoked=True), reasons.GRANT_REVOKED, id="revoked a moment ago"),
        pytest.param(None, reasons.GRANT_REVOKED, id="gone"),
    ],
)
async def test_a_grant_counts_as_the_api_server_has_it_at_that_moment(
    live: AccessGrant | None, reason: str | None
) -> None:
    async def get(*_: Any) -> Any:
        if live is None:
            raise NotFound(reasons.REJECTED, "it is not there")
        return live.model_dump(mode="json", by_alias=True)

    ports: Any = SimpleNamespace(reader=SimpleNamespace(get=get))
    found: str | None = None
    try:
        await require_live(ports, BOUND, NOW)
    except Refused as refused:
        found = refused.reason
    assert found == reason


def test_more_who_ask_for_a_grant_than_are_counted_are_refused_although_all_of_them_grant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed = {(f"team-{number}", ROOT): None for number in range(MAX_GRANTS + 1)}
    monkeypatch.setattr(grants, "_needed", lambda *_: needed)
    monkeypatch.setattr(grants, "grants_in", lambda *_: ())
    monkeypatch.setattr(grants, "choose_grant", lambda *_: BOUND)
    pin: Any = SimpleNamespace(status=SimpleNamespace(digest=ROOT))
    scope: Any = SimpleNamespace(ports=None, now=NOW)
    with pytest.raises(Refused, match=f"More than {MAX_GRANTS} namespaces ask"):
        grants.require_grants(scope, grants.Asking("train", "train", "lab"), pin)
    needed.popitem()
    found = grants.require_grants(scope, grants.Asking("train", "train", "lab"), pin)
    assert len(found) == MAX_GRANTS
