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
from glovebox.controllers.experiment.freeze import take_access
from glovebox.controllers.experiment.isolation import (
    LOOK_AGAIN_SECONDS,
    Stood,
    ensure_all,
    held,
    remove_undeclared,
    split,
    still_stands,
)
from glovebox.controllers.experiment.namespace import check_own
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.desired.plan import Plan
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import NAMESPACE, ROLE_BINDING, kind_of
from glovebox.kube.objects import key_of
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import Outcome, done, of_error, skipped, waiting

_OTHERS = frozenset(MANAGED) - {ROLE_BINDING.kind}


async def ensure_access(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Bind the tenants once isolation is complete; remove every other binding."""
    plan = outcomes.need("bind", Plan)
    found = outcomes.facts("namespace", NamespaceFacts)
    recorded = scope.experiment.status.namespace_uid
    latched = scope.is_latched(recorded) if found is None else found.latched
    complete = outcomes.is_done("isolation")
    stood = outcomes.facts("isolation", Stood)
    # The credentials before this phase may have been waited for; nothing else keeps people out.
    outdated = not latched and stood is not None and not await still_stands(scope, stood)
    if not latched and (outdated or not complete):
        await close_access(scope)
        return waiting(
            reasons.ISOLATION_INCOMPLETE,
            "access stays closed until isolation is complete",
            retry_seconds=LOOK_AGAIN_SECONDS if outdated else None,
        )
    if found is None:
        return skipped("namespace")
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
    if not latched and (waits := held(removed)) is not None:
        return replace(waits, applied=removed)
    applied, failures = split(await ensure_all(scope, intents, established=found.established))
    applied, failures = (*applied, *removed), (*failures, *problems)
    return of_error(failures[0], applied=applied) if failures else done(applied=applied)


async def close_access(scope: Scope) -> None:
    """Take binding and credentials away, by live reads: the answers to their creation may be lost.

    Whatever bears their names now is removed, in the experiment's own namespace alone.

    Raises:
        Refused: The namespace is somebody else's.
        GloveboxError: The API server failed; the rest was removed.
    """
    try:
        live = await scope.ports.reader.get(NAMESPACE, None, scope.namespace)
    except NotFound:
        return
    if live["metadata"].get("deletionTimestamp"):
        return
    check_own(scope.experiment, live)
    await take_access(scope.ports, scope.namespace)
