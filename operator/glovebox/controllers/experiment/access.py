"""Phase `access`: the tenants' RoleBinding, written last, closed while isolation is incomplete.

Until the namespace was recorded as complete, access is closed whatever fails, in whatever order, on
whatever look: what an earlier look had opened is taken away again. Afterwards it stays as it is
while a difference is repaired; it is not opened again before the repair is through.
"""

from __future__ import annotations

from dataclasses import replace

from glovebox import names
from glovebox.api import reasons
from glovebox.apply.managed import MANAGED
from glovebox.controllers.experiment.isolation import ensure_all, remove_undeclared, split
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.desired.plan import Plan
from glovebox.kube.kinds import ROLE_BINDING, SECRET, kind_of
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Outcome, done, of_error, waiting

_OTHERS = frozenset(MANAGED) - {ROLE_BINDING.kind}


async def ensure_access(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Bind the tenants once isolation is complete; remove every other binding."""
    plan = outcomes.need("bind", Plan)
    found = outcomes.need("namespace", NamespaceFacts)
    complete = outcomes.is_done("isolation")
    if not complete and not found.latched:
        await close_access(scope)
        return waiting(
            reasons.ISOLATION_INCOMPLETE, "access stays closed until isolation is complete"
        )
    intents = plan.access if scope.state != names.STATE_FROZEN else ()
    declared = {key_of(kind_of(dict(obj)), obj) for obj in intents}
    removed, problems = split(
        await remove_undeclared(scope, declared, set(_OTHERS), established=found.established)
    )
    if not complete:
        if problems:
            return of_error(problems[0], applied=removed)
        return replace(
            waiting(
                reasons.ISOLATION_INCOMPLETE, "access stays as it is until isolation is restored"
            ),
            applied=removed,
        )
    applied, failures = split(await ensure_all(scope, intents, established=found.established))
    applied, failures = (*applied, *removed), (*failures, *problems)
    return of_error(failures[0], applied=applied) if failures else done(applied=applied)


async def close_access(scope: Scope) -> None:
    """Take binding and credentials away, if they are known to be there.

    Whatever bears their names now is removed.
    """
    children, writer, namespace = scope.ports.children, scope.ports.writer, scope.namespace
    for kind, name in (
        (ROLE_BINDING, names.TENANT_ROLE_BINDING),
        (SECRET, names.CREDENTIALS_SECRET),
    ):
        key = ObjectKey(kind.kind, namespace, name)
        if children.get(key) is not None:
            await writer.remove_live(kind, key)
