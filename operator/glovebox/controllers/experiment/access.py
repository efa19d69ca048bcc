"""Phase `access`: the tenants' RoleBinding, written last, closed while isolation is incomplete.

Until the namespace was recorded as complete, access is closed whatever fails, in whatever order, on
whatever look: what an earlier look had opened is taken away again. Afterwards it stays as it is
while a difference is repaired; it is not opened again before the repair is through.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.apply.managed import MANAGED
from glovebox.controllers.absent import read_or_absent
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
from glovebox.controllers.experiment.issued import OPENS, record_issued
from glovebox.controllers.experiment.namespace import check_own
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.desired.plan import Plan
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import NAMESPACE, ROLE_BINDING, kind_of
from glovebox.kube.objects import ObjectKey, key_of
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
        noted = await close_access(scope)
        closed = waiting(
            reasons.ISOLATION_INCOMPLETE,
            "access stays closed until isolation is complete",
            retry_seconds=LOOK_AGAIN_SECONDS if outdated else None,
        )
        return replace(closed, obj=noted)
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


async def close_access(scope: Scope) -> Mapping[str, Any] | None:
    """Take binding and credentials away, by live reads: the answers to their creation may be lost.

    Whatever bears their names now is removed, in the experiment's own namespace alone. Where it is
    known to be there, and no status tells of it, that is recorded first, if it can be.

    Returns:
        The Experiment after that record; None without one.

    Raises:
        Refused: The namespace is somebody else's.
        GloveboxError: The API server failed; the rest was removed.
    """
    live = await read_or_absent(scope.ports, NAMESPACE, None, scope.namespace)
    if live is None or live["metadata"].get("deletionTimestamp"):
        return None
    check_own(scope.experiment, live)
    noted: Mapping[str, Any] | None = None
    if _is_known_open(scope):
        with suppress(GloveboxError):  # whatever the record meets, nobody stays in
            noted = await record_issued(scope.ports, scope.obj, scope.namespace)
    await take_access(scope.ports, scope.namespace)
    return noted


def _is_known_open(scope: Scope) -> bool:
    keys = (ObjectKey(kind.kind, scope.namespace, name) for kind, name in OPENS)
    return any(scope.ports.children.get(key) is not None for key in keys)
