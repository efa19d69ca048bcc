"""Phase `prove`: the isolation check, started once the namespace is complete, and read once.

The record in the status is what counts: a Job whose verdict is recorded is removed, one that is
there already is awaited, so that a crash at any moment costs at most one more check. A verdict
counts for the policies it was reached on, and only while none of them differs.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment_status import IsolationStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.job_pods import pods_of
from glovebox.desired.plan import Plan
from glovebox.desired.probe import Probe
from glovebox.errors import Conflict, GloveboxError
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import JOB, NETWORK_POLICY
from glovebox.kube.objects import ObjectKey
from glovebox.status.builder import counted
from glovebox.status.experiment_facts import Finding, NamespaceFacts, ProofFacts
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.status.probes import probe_ended
from glovebox.status.runs import why_waiting

_UNCHECKED: Final = (
    "the NetworkPolicies are in place, but nothing has checked them here: whether the cluster's"
    " network enforces them is not known"
)
_DAY: Final = timedelta(days=1)
# What was not proven may be by and by: a node comes, a store or the DNS answers again. Sooner where
# a run waits for it.
_RETRY: Final = timedelta(hours=1)
_RETRY_FOR_RUN: Final = timedelta(minutes=5)
_REFUSED_SECONDS: Final = 60.0


async def prove_isolation(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Have isolation checked as the profile wants, and say what is known of it."""
    plan = outcomes.need("bind", Plan)
    profile = outcomes.need("resolve", Resolved).platform.profile
    recorded = scope.experiment.status.isolation
    key = ObjectKey(JOB.kind, scope.namespace, names.PROBE_JOB)
    record: IsolationStatus | None = None
    if recorded is not None and recorded.job_uid:
        with suppress(Conflict):  # another Job has the name by now; the recorded one is gone
            await scope.ports.writer.delete(JOB, key, uid=recorded.job_uid)
        record = recorded = recorded.model_copy(update={"job_uid": ""})
    finding = _finding(outcomes, recorded, plan, profile)
    if plan.probe is None:
        return done(ProofFacts(finding, record))
    if not scope.is_open:
        # What is closing must not wait for a pod that no node takes.
        if scope.experiment.status.state != scope.state:
            await scope.ports.writer.remove_live(JOB, key)
        return done(ProofFacts(finding, record))
    found = outcomes.need("namespace", NamespaceFacts)
    if not found.latched or not outcomes.is_done("isolation"):
        return waiting(
            reasons.PROVISIONING,
            "isolation is checked once the namespace is complete",
            facts=ProofFacts(finding, record),
        )
    due = _due(scope, recorded, plan.probe, profile)
    if due != 0:
        return done(ProofFacts(finding, record), retry_seconds=due)
    try:
        ended, outcome = await _go_on(scope, plan.probe, finding, record, recorded)
    except GloveboxError as error:
        # A platform's own policy may refuse the pod: no reason for a run not to go on.
        message = f"the isolation check could not be started or read: {error.message}"
        unknown = Finding(types.UNKNOWN, error.reason, message)
        return done(
            ProofFacts(unknown if recorded is None else finding, record),
            retry_seconds=_REFUSED_SECONDS,
        )
    if ended is not None:
        # What it found counts only for policies that are still as they were then.
        facts = ProofFacts(_finding(outcomes, ended, plan, profile), ended)
        outcome = done(facts, retry_seconds=0.0)
    return outcome


async def _go_on(
    scope: Scope,
    probe: Probe,
    finding: Finding,
    record: IsolationStatus | None,
    recorded: IsolationStatus | None,
) -> tuple[IsolationStatus | None, Outcome]:
    """Begin the check or look how far it is; return what it found once it has ended."""
    ports, namespace = scope.ports, scope.namespace
    try:
        live = await ports.reader.get(JOB, namespace, names.PROBE_JOB)
    except NotFound:
        live = await ports.writer.create_once(JOB, probe.job())
    notes = live["metadata"].get("annotations") or {}
    if notes.get(names.ANNOTATION_POLICY_DIGEST, "") != probe.policy_digest:
        key = ObjectKey(JOB.kind, namespace, names.PROBE_JOB)
        await ports.writer.delete(JOB, key, uid=live["metadata"]["uid"])
        return None, done(ProofFacts(finding, record), retry_seconds=0.0)
    pods = await pods_of(ports, namespace, live["metadata"]["uid"])
    verdict = probe_ended(live, pods, scope.now)
    if verdict is not None:
        ports.metrics.probes.labels(verdict.outcome.lower()).inc()
        return verdict, done(ProofFacts(finding, record))
    if recorded is None:
        why = why_waiting(pods)
        message = f"Job `{names.PROBE_JOB}` is checking isolation" + (f": {why}" if why else "")
        finding = Finding(types.UNKNOWN, reasons.PROBING, message)
    return None, done(ProofFacts(finding, record))


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
    return max(0.0, (recorded.verified_time + again - scope.now).total_seconds())


def _finding(
    outcomes: Outcomes, recorded: IsolationStatus | None, plan: Plan, profile: IsolationProfile
) -> Finding:
    if recorded is None:
        if profile.spec.probe.schedule == "Never":
            why = ": the profile's `spec.probe.schedule` is Never"
        elif plan.probe is None:
            why = (
                ": the operator does not know its own image by digest (the chart's"
                " `operator.image.digest`)"
            )
        else:
            why = ""
        return Finding(types.UNKNOWN, reasons.NOT_PROVEN, _UNCHECKED + why)
    if recorded.outcome == "Failed":
        return _verdict(recorded)
    if plan.probe is not None and recorded.policy_digest != plan.probe.policy_digest:
        return Finding(
            types.UNKNOWN,
            reasons.PROOF_OUTDATED,
            "the NetworkPolicies changed since isolation was checked; it is checked again",
        )
    differing = [
        one.key.name
        for one in outcomes["isolation"].applied
        if one.key.kind == NETWORK_POLICY.kind and not one.stands
    ]
    if differing or not outcomes.is_done("isolation"):
        what = f": `{differing[0]}`" if differing else ""
        return Finding(
            types.UNKNOWN,
            reasons.PROOF_OUTDATED,
            f"not every NetworkPolicy is as it was when isolation was checked{what}",
        )
    return _verdict(recorded)


def _verdict(verdict: IsolationStatus) -> Finding:
    match verdict.outcome:
        case "Passed":
            silent = f"; but of the declared routes, {verdict.message}" if verdict.message else ""
            checked = counted(verdict.attempts, "attempt")
            return Finding(
                types.TRUE,
                reasons.PROVEN,
                f"{checked} from inside, each answered as it must be{silent}",
            )
        case "Failed":
            return Finding(
                types.FALSE, reasons.PROBE_FAILED, f"isolation does not hold: {verdict.message}"
            )
    return Finding(
        types.UNKNOWN, reasons.NOT_PROVEN, f"the isolation check proved nothing: {verdict.message}"
    )
