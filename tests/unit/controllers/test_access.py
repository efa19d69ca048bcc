"""Access while isolation is broken: what must not be there goes; what stays is a failure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment import access
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.desired.plan import Plan
from glovebox.errors import GloveboxError, Refused
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Verdict, done, waiting


@pytest.mark.parametrize(
    ("failure", "verdict", "reason"),
    [
        (None, Verdict.WAITING, reasons.ISOLATION_INCOMPLETE),
        (Refused(reasons.REJECTED, "a policy keeps it"), Verdict.REFUSED, reasons.REJECTED),
    ],
)
async def test_a_foreign_binding_that_stays_is_a_failure_also_while_isolation_is_broken(
    failure: GloveboxError | None,
    verdict: Verdict,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def remove(*_: Any, **__: Any) -> list[GloveboxError]:
        return [failure] if failure is not None else []

    monkeypatch.setattr(access, "remove_undeclared", remove)
    status = SimpleNamespace(namespace_uid="n")
    scope: Any = SimpleNamespace(
        experiment=SimpleNamespace(status=status),
        is_latched=lambda _: True,
        state=names.STATE_FROZEN,
    )
    plan = object.__new__(Plan)
    object.__setattr__(plan, "access", ())
    found = NamespaceFacts("n", latched=True, established=True)
    broken = waiting(reasons.ISOLATION_INCOMPLETE, "a policy is missing")
    outcomes = Outcomes(bind=done(plan), namespace=done(found), isolation=broken)
    outcome = await access.ensure_access(scope, outcomes)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
