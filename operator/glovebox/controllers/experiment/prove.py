"""Phase `prove`: the isolation check, started once the namespace is complete, and read once.

The record in the status is what counts: a Job whose verdict is recorded is removed for as long as
it is seen, one that is there already is awaited, so that a crash at any moment costs at most one
more check. A verdict
counts for the policies it was reached on, and only while none of them differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment_status import IsolationStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.job_pods import pods_of
from glovebox.controllers.job_waits import look_at_job
from glovebox.data.due import next_time
from glovebox.desired.plan import Plan
from glovebox.desired.probe import Probe
from glovebox.errors import Conflict, GloveboxError, NamespaceGone
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import JOB, NETWORK_POLICY
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment_facts import Finding, NamespaceFacts, ProofFacts
from glovebox.status.isolation import (
    being_checked,
    isolated,
    not_checked,
    not_checked_again,
)
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.status.probes import probe_ended

# How often isolation is checked where it is checked `Daily`, and how late that may be.
_DAY: Final = timedelta(days=1)
# What was not proven may be by and by: a node comes, a store or the DNS answers again. Sooner where
# a run waits for it.
_RETRY: Final = timedelta(hours=1)
_RETRY_FOR_RUN: Final = timedelta(minutes=5)
_REFUSED_SECONDS: Final = 60.0
# For what no watch tells: the Job of an earlier check is gone.
_DELETED_SECONDS: Final = 2.0
_LEAVING_SECONDS: Final = 15.0


async def prove_isolation(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Have isolation checked as the profile wants, and say what is known of it."""
    plan = outcomes.need("bind", Plan)
    profile = outcomes.need("resolve", Resolved).platform.profile
    found = outcomes.need("namespace", NamespaceFacts)
    recorded = _recorded(scope, found)
    key = ObjectKey(JOB.kind, scope.namespace, names.PROBE_JOB)
    if recorded is not None and scope.ports.workloads.uid_of(JOB, key) == recorded.job_uid:
        with suppress(Conflict):  # another Job has the name by now; the recorded one is gone
            await scope.ports.writer.delete(JOB, key, uid=recorded.job_uid)
    finding = _finding(outcomes, recorded, plan, profile)
    if plan.probe is None:
        return done(ProofFacts(finding))
    if not scope.is_open:
        # No pod may start there: a check would never end.
        return done(ProofFacts(finding))
    if not found.latched or not outcomes.is_done("isolation"):
        return waiting(
            reasons.PROVISIONING,
            "isolation is checked once the namespace is complete",
            facts=ProofFacts(finding),
        )
    due = _due(scope, recorded, plan.probe, profile)
    if due != 0:
        return done(ProofFacts(finding), retry_seconds=due)
    step = await _step(scope, plan.probe, recorded)
    if step.ended is not None:
        # What it found counts only for policies that are still as they were then.
        facts = ProofFacts(_finding(outcomes, step.ended, plan, profile), step.ended)
        return done(facts, retry_seconds=0.0)
    meanwhile = _meanwhile(scope, recorded, finding, step)
    return done(ProofFacts(meanwhile), retry_seconds=step.retry_seconds)


async def _step(scope: Scope, probe: Probe, recorded: IsolationStatus | None) -> _Step:
    try:
        return await _go_on(scope, probe, recorded)
    except NamespaceGone:
        raise
    except GloveboxError as error:
        # A platform's own policy may refuse the pod: no reason for a run not to go on.
        return _Step(not_checked(error), error.message, _REFUSED_SECONDS)


def _meanwhile(
    scope: Scope, recorded: IsolationStatus | None, finding: Finding, step: _Step
) -> Finding:
    """Return Isolated while a check is due and has not ended."""
    if recorded is None:
        return step.first
    if finding.answer == types.TRUE and _is_overdue(scope, recorded):
        return not_checked_again(recorded, step.why)
    return finding


@dataclass(frozen=True, slots=True)
class _Step:
    """How far a check is that is due.

    Attributes:
        first: What Isolated says meanwhile where nothing was checked before.
        why: What the check waits for.
        retry_seconds: When to look again even if nothing happens.
        ended: What it found; None until it has ended.
    """

    first: Finding
    why: str
    retry_seconds: float | None = None
    ended: IsolationStatus | None = None


def _recorded(scope: Scope, found: NamespaceFacts) -> IsolationStatus | None:
    """Return the last verdict; None where it was reached in another namespace of that name."""
    status = scope.experiment.status
    if status.namespace_uid and status.namespace_uid != found.uid:
        return None
    return status.isolation


def _is_overdue(scope: Scope, recorded: IsolationStatus) -> bool:
    """Whether the next check is due for as long as a verdict counts; a restart changes nothing."""
    return scope.now > next_time(recorded.verified_time, 2 * _DAY, scope.now)


async def _go_on(scope: Scope, probe: Probe, recorded: IsolationStatus | None) -> _Step:
    """Begin the check, or look how far it is."""
    ports, namespace = scope.ports, scope.namespace
    try:
        live = await ports.reader.get(JOB, namespace, names.PROBE_JOB)
    except NotFound:
        live = await ports.writer.create_once(JOB, probe.job())
    notes = live["metadata"].get("annotations") or {}
    is_read = recorded is not None and live["metadata"]["uid"] == recorded.job_uid
    if is_read or notes.get(names.ANNOTATION_POLICY_DIGEST, "") != probe.policy_digest:
        return await _make_way(scope, live)
    pods = await pods_of(ports, namespace, live["metadata"]["uid"])
    ended = probe_ended(live, pods, scope.now)
    if ended is not None:
        ports.metrics.probes.labels(ended.outcome.lower()).inc()
        return _checking("", ended=ended)
    waits = await look_at_job(ports, live, pods)
    return _checking(waits.message, waits.retry_seconds)


async def _make_way(scope: Scope, live: Mapping[str, Any]) -> _Step:
    """Remove the Job of an earlier check; the next one begins when the watch tells that it is gone.

    It may be held by a finalizer for long: what was asked once is not asked with every look.
    """
    metadata = live["metadata"]
    seconds = _LEAVING_SECONDS
    if not metadata.get("deletionTimestamp"):
        key = ObjectKey(JOB.kind, scope.namespace, names.PROBE_JOB)
        await scope.ports.writer.delete(JOB, key, uid=metadata["uid"])
        seconds = _DELETED_SECONDS
    held = ", ".join(f"`{each}`" for each in metadata.get("finalizers") or ())
    by = f", held by {held}" if held else ""
    return _checking(f"the Job of an earlier check is being deleted{by}", seconds)


def _checking(
    why: str, retry_seconds: float | None = None, ended: IsolationStatus | None = None
) -> _Step:
    first = being_checked(why)
    return _Step(first, why or first.message, retry_seconds, ended)


def _due(
    scope: Scope, recorded: IsolationStatus | None, probe: Probe, profile: IsolationProfile
) -> float | None:
    """Return in how many seconds isolation is to be checked (again); None for never."""
    if recorded is None or recorded.policy_digest != probe.policy_digest:
        return 0.0
    if recorded.outcome != "Passed":
        again = _RETRY_FOR_RUN if profile.spec.probe.required_for_runs else _RETRY
    elif profile.spec.probe.schedule == "Daily":
        again = _DAY
    else:
        return None
    due = next_time(recorded.verified_time, again, scope.now)
    return max(0.0, (due - scope.now).total_seconds())


def _finding(
    outcomes: Outcomes, recorded: IsolationStatus | None, plan: Plan, profile: IsolationProfile
) -> Finding:
    applied = outcomes["isolation"].applied
    differing = [
        one.key.name for one in applied if one.key.kind == NETWORK_POLICY.kind and not one.stands
    ]
    return isolated(
        recorded,
        schedule=profile.spec.probe.schedule,
        policy_digest=plan.probe.policy_digest if plan.probe is not None else None,
        differing=differing,
        looked=outcomes.is_done("isolation"),
    )
