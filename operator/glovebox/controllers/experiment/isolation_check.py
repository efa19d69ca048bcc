"""The probe of isolation: started once the walls stand, read once, recorded, cleared away. No run waits for it.

The record in the status is what counts: a Job whose verdict is recorded is removed, one that is
    there already is awaited, so that a
crash at any moment costs at most one more probe.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import IsolationStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.experiment.run import pods_of
from glovebox.controllers.world import World
from glovebox.desired.plan import Plan
from glovebox.desired.probe import Probe
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import JOB
from glovebox.kube.objects import ObjectKey
from glovebox.status.draft import Draft, counted, format_time
from glovebox.status.probes import probe_ended

_UNTRIED: Final = (
    "the NetworkPolicies stand, but no probe has tried them here: whether the cluster's network"
    " enforces them is not known"
)
_DAY: Final = timedelta(days=1)
# What was not proven may be by and by: a node comes, a store or the DNS answers again. Sooner where
# a run waits for it.
_RETRY: Final = timedelta(hours=1)
_RETRY_FOR_RUN: Final = timedelta(minutes=5)
_REFUSED_SECONDS: Final = 60.0


async def ensure_probe(
    world: World,
    experiment: Experiment,
    profile: IsolationProfile,
    plan: Plan,
    draft: Draft,
    *,
    may_start: bool,
) -> float | None:
    """Have the walls tried as the profile wants, and answer Isolated; return after how many seconds to look again.

    Args:
        world: The operator's world.
        experiment: Whose walls.
        profile: Says how often.
        plan: Holds the Job.
        draft: The experiment's status.
        may_start: False where nothing may start (yet, or any more).
    """
    recorded, namespace = experiment.status.isolation, plan.namespace["metadata"]["name"]
    _answer(draft, recorded, plan, profile)
    if recorded is not None and recorded.job_uid:
        await world.client.delete(JOB, namespace, names.PROBE_JOB, uid=recorded.job_uid)
        recorded = recorded.model_copy(update={"job_uid": ""})
        _record(draft, recorded)
    if plan.probe is None:
        return None
    if not experiment.status.digest:
        return 0.0  # with the next look, when the snapshot is recorded
    if not may_start:
        # What is closing must not wait for a pod that no node takes.
        if experiment.status.seal is None:
            await world.applier.remove_unwatched(
                JOB, ObjectKey(JOB.kind, namespace, names.PROBE_JOB)
            )
        return None
    due = _due(world, recorded, plan.probe, profile)
    if due != 0:
        return due
    try:
        return await _go_on(world, namespace, plan.probe, draft, recorded)
    except GloveboxError as error:
        # A platform's own policy may refuse the pod: no reason for a run not to go on.
        draft.unknown(
            types.ISOLATED, error.reason, f"the probe could not be started or read: {error.message}"
        )
        return _REFUSED_SECONDS


async def _go_on(
    world: World, namespace: str, probe: Probe, draft: Draft, recorded: IsolationStatus | None
) -> float | None:
    live = await world.applier.read(JOB, ObjectKey(JOB.kind, namespace, names.PROBE_JOB))
    if live is None:
        await world.client.create_or_get(JOB, probe.job())  # another operator may have been first
    elif (
        live["metadata"].get("annotations", {}).get(names.ANNOTATION_POLICY_DIGEST, "")
        != probe.policy_digest
    ):
        await world.client.delete(JOB, namespace, names.PROBE_JOB, uid=live["metadata"]["uid"])
        return 0.0
    else:
        verdict = probe_ended(
            live, await pods_of(world, namespace, live["metadata"]["uid"]), world.now()
        )
        if verdict is not None:
            world.metrics.probes.labels(verdict.outcome.lower()).inc()
            _record(draft, verdict)
            _conclude(draft, verdict)
            return 0.0
    if recorded is None:
        draft.unknown(
            types.ISOLATED, reasons.PROBING, f"Job `{names.PROBE_JOB}` is trying the walls"
        )
    return None


def _due(
    world: World, recorded: IsolationStatus | None, probe: Probe, profile: IsolationProfile
) -> float | None:
    """Return in how many seconds the walls are to be tried (again); None for never."""
    if recorded is None or recorded.policy_digest != probe.policy_digest:
        return 0.0
    if recorded.outcome != "Passed":
        again = _RETRY_FOR_RUN if profile.spec.probe.required_for_runs else _RETRY
    elif profile.spec.probe.schedule == "Daily":
        again = _DAY
    else:
        return None
    return max(0.0, (recorded.verified_time + again - world.now()).total_seconds())


def _record(draft: Draft, verdict: IsolationStatus) -> None:
    entry = verdict.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    draft.set(isolation=entry | {"verifiedTime": format_time(verdict.verified_time)})


def _answer(
    draft: Draft, recorded: IsolationStatus | None, plan: Plan, profile: IsolationProfile
) -> None:
    if recorded is not None:
        _conclude(draft, recorded)
    elif profile.spec.probe.schedule == "Never":
        draft.unknown(
            types.ISOLATED,
            reasons.NOT_PROVEN,
            f"{_UNTRIED}: the profile's `spec.probe.schedule` is Never",
        )
    elif plan.probe is None:
        cure = (
            "the operator does not know its own image by digest (the chart's"
            " `operator.image.digest`)"
        )
        draft.unknown(types.ISOLATED, reasons.NOT_PROVEN, f"{_UNTRIED}: {cure}")
    else:
        draft.unknown(types.ISOLATED, reasons.NOT_PROVEN, _UNTRIED)


def _conclude(draft: Draft, verdict: IsolationStatus) -> None:
    match verdict.outcome:
        case "Passed":
            silent = f"; but of the declared routes, {verdict.message}" if verdict.message else ""
            tried = counted(verdict.attempts, "attempt")
            draft.yes(
                types.ISOLATED,
                reasons.PROVEN,
                f"{tried} from inside, each answered as it must be{silent}",
            )
        case "Failed":
            draft.no(
                types.ISOLATED, reasons.PROBE_FAILED, f"the walls do not hold: {verdict.message}"
            )
        case _:
            draft.unknown(
                types.ISOLATED, reasons.NOT_PROVEN, f"the probe proved nothing: {verdict.message}"
            )
