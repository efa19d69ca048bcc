"""Runs phases in order: none raises through another one, and none keeps a later from running."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import structlog

from glovebox import traces
from glovebox.api import reasons
from glovebox.controllers.experiment.artifact_credentials import prefetch_credentials
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Phase, Scope
from glovebox.controllers.store_connections import note_refusal
from glovebox.errors import InvalidInput
from glovebox.status.outcome import Outcome, of_error, skipped

log = structlog.get_logger(__name__)
# A request hangs for half a minute at most; a phase that takes longer than this is cut.
_PHASE_SECONDS: Final = 300.0


async def run_phases(scope: Scope, phases: tuple[Phase, ...]) -> tuple[Scope, Outcomes]:
    """Run phases in order; each gets the earlier outcomes, and none keeps a later from running."""
    outcomes = Outcomes()
    for phase in phases:
        missing = next((need for need in phase.needs if not outcomes.is_done(need)), None)
        if missing is not None:
            outcomes[phase.name] = skipped(missing)
            continue
        outcome = await run_one(scope, phase, outcomes)
        outcomes[phase.name] = outcome
        if outcome.obj is not None:
            scope = scope.with_obj(outcome.obj)
        resolved = outcomes.facts("resolve", Resolved)
        is_new = scope.experiment.status.provisioned is None
        if phase.name == "bind" and outcome.is_done and resolved is not None and is_new:
            prefetch_credentials(scope, resolved)
    for name, outcome in outcomes.items():
        if outcome.is_failed and outcome.differs:
            # A later phase may have hung: what is told now is how long it has been so by now.
            seconds = scope.ports.failures.seconds(scope.key, name)
            outcomes[name] = replace(outcome, failing_seconds=seconds)
    return scope, outcomes


async def run_one(scope: Scope, phase: Phase, outcomes: Outcomes) -> Outcome:
    """Run one phase, and return how it ended; what it raises is an outcome as well."""
    failures, began = scope.ports.failures, scope.ports.clock()
    try:
        with traces.span(f"phase {phase.name}") as tell:
            async with asyncio.timeout(_PHASE_SECONDS):
                outcome = await phase.run(scope, outcomes)
            tell({"glovebox.verdict": outcome.verdict.value, "glovebox.reason": outcome.reason})
    except Exception as error:
        outcome = of_error(error)
        if outcome.reason == reasons.INTERNAL_ERROR and not isinstance(error, InvalidInput):
            log.exception("a bug: a phase failed unexpectedly", phase=phase.name)
    note_refusal(scope.ports, outcome.error)
    if outcome.is_failed:
        children, namespace = scope.ports.children, scope.namespace
        differs = not all(children.is_as_wanted(namespace, kind) for kind in phase.keeps)
        # What differs has done so since it was noticed: an earlier look may have hung meanwhile.
        noticed = children.any_differing_since(namespace, phase.keeps)
        since = began if noticed is None else min(began, noticed)
        failing = failures.note(scope.key, phase.name, since)
        is_shown = scope.refused_since(outcome.reason) is not None
        return outcome.with_failure(*failing, differs=differs, is_shown=is_shown)
    failures.clear(scope.key, phase.name)
    return outcome
