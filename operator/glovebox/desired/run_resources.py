"""Whether the pod of a run can ever be created: what it asks for against what limits that.

The LimitRange bounds one container, the ResourceQuota all pods together. Both are asked by the API
server when the Job controller creates the pod: by then the Experiment is bound, and its one run is
begun. So they are asked here first.

The quota holds what its tenant gets, with a reserve on top for what gives the run its session and
for the isolation check (`quota.resource_quota`): a run may use all that the tenant gets. The
fetcher takes a container's defaults, and is over before the run begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.stages import Stage
from glovebox.desired import quantity
from glovebox.desired.accelerators import run_accelerators
from glovebox.desired.job_set import needs_job_set
from glovebox.desired.placement import why_apart
from glovebox.desired.pods import SESSION_LIMITS, SESSION_REQUESTS
from glovebox.desired.profile_defects import comes_in_pieces
from glovebox.desired.quota import effective_quota, most_disk, most_memory
from glovebox.desired.run_amounts import (
    DISK,
    asked_amounts,
    default_amount,
    field_of,
    resource_field,
    run_amounts,
)
from glovebox.desired.scratch import STORAGE, claimed_bytes, is_claimed
from glovebox.desired.stage_order import most_at_once

RESOURCES: Final = ("cpu", "memory")


def why_run_never_fits(
    experiment: Experiment, profile: IsolationProfile, *, fetches: bool
) -> str | None:
    """Return the field that is too large, by what, and the cure; None when the run fits.

    Args:
        experiment: With the amounts of its run and of its quota.
        profile: With the limits, the defaults, the range of the quota and the accelerators.
        fetches: Whether the pod has a container that fetches inputs.
    """
    found = (
        _why_stage_never_fits(experiment, profile, stage, fetches=fetches)
        for stage in experiment.spec.stages
    )
    why = next((why for why in found if why), None)
    return (
        why
        or _more_at_once(experiment, profile, fetches=fetches)
        or _more_scratch_than_quota(experiment, profile)
    )


def _more_scratch_than_quota(experiment: Experiment, profile: IsolationProfile) -> str | None:
    """Find scratch that the quota has no room for: the pods would wait for their claims."""
    stages = experiment.spec.stages
    claimed = [stage for stage in stages if is_claimed(profile, stage)]
    if not claimed:
        return None
    needs = claimed_bytes(profile, stages)
    amount = effective_quota(experiment, profile)[STORAGE]
    if needs <= quantity.parse(amount):
        return None
    fields = ", ".join(field_of(stage, "scratch") for stage in claimed)
    pods = sum(stage.attempts for stage in claimed)
    total = _together(STORAGE, needs)
    return (
        f"{fields}: by IsolationProfile {profile.name} each pod of the run gets a volume of its"
        f" own, and {pods} of them, those of retries among them, need {total}, more than the"
        f" {amount} of {STORAGE} that this experiment's quota has: ask for less, for fewer"
        f" `workers` or `retries`, or {_more_quota(profile, STORAGE, total)}"
    )


def _more_at_once(
    experiment: Experiment, profile: IsolationProfile, *, fetches: bool
) -> str | None:
    """Find a resource of which the pods that can be at work at once need more than the quota."""
    stages = experiment.spec.stages
    if not needs_job_set(stages):
        return None
    extended = {name for stage in stages for name in stage.extended_resources}
    for resource in (*RESOURCES, *sorted(extended)):
        for name, amount, which in _counted(experiment, profile, resource):
            count = partial(_of_pods, profile, resource, which, fetches)
            needs = most_at_once(stages, count)
            if needs > quantity.parse(amount):
                return _too_much_together(profile, name, amount, needs)
    return None


def _of_pods(
    profile: IsolationProfile,
    resource: str,
    which: str,
    fetches: bool,  # noqa: FBT001 - bound beforehand
    stage: Stage,
) -> Decimal:
    """Return what all pods of a stage count: of each the larger of fetcher and program."""
    limits = profile.spec.limits
    stated = run_amounts(stage, limits, 0).get(which, {}).get(resource)
    if resource not in RESOURCES:
        return stage.workers * quantity.parse(stated or "0")
    default = quantity.parse(default_amount(limits, resource, which)[1])
    needs = default if stated is None else quantity.parse(stated)
    return stage.workers * (max(needs, default) if fetches else needs)


def _why_stage_never_fits(
    experiment: Experiment, profile: IsolationProfile, stage: Stage, *, fetches: bool
) -> str | None:
    if why := _nothing_asked(stage) or _not_offered(profile, stage):
        return why
    for resource in (*RESOURCES, *sorted(stage.extended_resources)):
        why = _more_than_quota(experiment, profile, stage, resource) or _more_than_container(
            experiment, profile, stage, resource
        )
        if why is None and fetches and resource in RESOURCES:
            why = _fetcher_too_large(experiment, profile, resource)
        if why:
            return why
    return _more_disk_than_container(profile, stage) or _on_no_node(profile, stage)


def why_disk_never_fits(
    experiment: Experiment,
    profile: IsolationProfile,
    jobs: Sequence[tuple[Stage, Mapping[str, Any]]],
) -> str | None:
    """Return why the local disk of the stages is more than the quota has; None when it fits.

    It is what a stage asks for or the profile's default, and the size of its inputs on top.

    Args:
        experiment: With its quota.
        profile: With the defaults and the range of the quota.
        jobs: Its stages, each with the `spec` of its Job as it is rendered.
    """
    for name, amount, which in _counted(experiment, profile, DISK):
        field, default = default_amount(profile.spec.limits, DISK, which)
        disks = {stage.name: _disk(job, which, default) for stage, job in jobs}
        for stage, _ in jobs:
            needs = disks[stage.name]
            if quantity.compare(needs, amount) <= 0:
                continue
            of = (
                f"{field_of(stage, 'scratch')}, {stage.scratch}"
                if stage.scratch is not None and not is_claimed(profile, stage)
                else f"spec.limits.{field} of IsolationProfile {profile.name}"
            )
            return (
                f"stage `{stage.name}` gets {needs} of local disk ({of}, and the size of its"
                f" inputs), more than the {amount} of {name} that this experiment's quota has:"
                f" {_more_quota(profile, name, needs)}"
            )
        needs_together = most_at_once([stage for stage, _ in jobs], partial(_disks_of_pods, disks))
        if needs_together > quantity.parse(amount):
            return _too_much_together(profile, name, amount, needs_together)
    return None


def _disk(job: Mapping[str, Any], which: str, default: str) -> str:
    (container,) = job["template"]["spec"]["containers"]
    disk: str = container.get("resources", {}).get(which, {}).get(DISK, default)
    return disk


def _disks_of_pods(disks: Mapping[str, str], stage: Stage) -> Decimal:
    return stage.workers * quantity.parse(disks[stage.name])


def _too_much_together(profile: IsolationProfile, name: str, amount: str, needs: Decimal) -> str:
    together = _together(name, needs)
    return (
        f"the pods of the stages that can run at the same time need {together} of {name}, more than"
        f" the {amount} that this experiment's quota has: let stages wait for each other (`needs`),"
        f" ask for less or for fewer `workers`, or {_more_quota(profile, name, together)}"
    )


def _together(name: str, needs: Decimal) -> str:
    """Return an amount for a person; what is more than anybody counts is as good as the most."""
    counts_bytes = name.endswith(("memory", DISK, "storage"))
    return (quantity.total if counts_bytes else quantity.canonical)(
        f"{min(needs, quantity.MAXIMUM):f}"
    )


def _counted(
    experiment: Experiment, profile: IsolationProfile, resource: str
) -> list[tuple[str, str, str]]:
    """Return what the quota counts of a resource: its name there, the amount, and which of both."""
    quota = effective_quota(experiment, profile)
    names = [(f"{which}.{resource}", which) for which in ("requests", "limits")]
    return [(name, quota[name], which) for name, which in names if name in quota]


def _nothing_asked(stage: Stage) -> str | None:
    # A limit of 0 is none: the container may take the whole node.
    for field, amount in asked_amounts(stage):
        if not quantity.parse(amount):
            return (
                f"{field} asks for {amount}, which Kubernetes takes for no limit: write what the"
                " run needs, or leave it out"
            )
    return None


def _not_offered(profile: IsolationProfile, stage: Stage) -> str | None:
    """Find a resource that the profile does not have, or not in that amount."""
    by = f"IsolationProfile {profile.name}"
    most = {each.resource: each.maximum for each in profile.spec.accelerators}
    # What a quota counts of objects is called alike (`count/jobs.batch`), and no pod asks for it.
    counted = {
        entry.resource.removeprefix("requests.")
        for entry in profile.spec.quota
        if entry.resource.startswith("requests.") and "/" in entry.resource
    }
    for resource, amount in sorted(stage.extended_resources.items()):
        asks = f"{resource_field(stage, resource)} asks for {amount}"
        if resource not in most and resource not in counted:
            offered = _listed([*most, *counted])
            return (
                f"{asks}, but {by} does not offer {resource}: leave it out, or choose a profile"
                f" that offers it (this one offers {offered})"
            )
        if comes_in_pieces(resource) and quantity.parse(amount) % 1:
            return f"{asks}, but {resource} is counted in whole numbers: write a whole number"
        if resource in most and quantity.parse(amount) > most[resource]:
            return (
                f"{asks}, more than the {most[resource]} that {by} allows: ask for at most"
                f" {most[resource]}, or choose a profile that allows more"
            )
    return None


def _more_than_quota(
    experiment: Experiment, profile: IsolationProfile, stage: Stage, resource: str
) -> str | None:
    amounts = run_amounts(stage, profile.spec.limits, 0)
    for name, amount, which in _counted(experiment, profile, resource):
        needs = amounts.get(which, {}).get(resource)
        of_quota = f"more than the {amount} of {name} that this experiment's quota has"
        if needs is not None and quantity.compare(needs, amount) > 0:
            more = _more_quota(profile, name, _as_written(stage, resource, needs))
            asks = _asks(profile, stage, resource, which, needs)
            return f"{asks}, {of_quota}: ask for less, or {more}"
        if needs is not None:
            continue
        field, default = default_amount(profile.spec.limits, resource, which)
        if quantity.compare(default, amount) > 0:
            return (
                f"{resource_field(stage, resource)} is not set, and a container that sets none gets"
                f" {default} (spec.limits.{field} of IsolationProfile {profile.name}),"
                f" {of_quota}: set"
                f" {resource_field(stage, resource)} to at most {amount}, or"
                f" {_more_quota(profile, name, default)}"
            )
    return None


def _as_written(stage: Stage, resource: str, needs: str) -> str:
    """Return an amount as the user wrote it, unless something came on top."""
    on_top = resource == "memory" and stage.shared_memory is not None
    return needs if on_top else stage.resources.get(resource, needs)


def _asks(profile: IsolationProfile, stage: Stage, resource: str, which: str, needs: str) -> str:
    """Return the words for what asks for so much."""
    if resource != "memory" or stage.shared_memory is None:
        return f"{resource_field(stage, resource)} asks for {_as_written(stage, resource, needs)}"
    if "memory" in stage.resources:
        both = f"{resource_field(stage, 'memory')} and {field_of(stage, 'sharedMemory')}"
        return f"{both} ask for {needs} together"
    field, default = default_amount(profile.spec.limits, "memory", which)
    return (
        f"{field_of(stage, 'sharedMemory')} asks for {stage.shared_memory}, which is {needs} with"
        f" the {default} that a container gets that sets no memory"
        f" (spec.limits.{field} of IsolationProfile {profile.name})"
    )


def _more_than_container(
    experiment: Experiment, profile: IsolationProfile, stage: Stage, resource: str
) -> str | None:
    if resource not in RESOURCES:
        return None
    limits = profile.spec.limits
    stated = limits.max_cpu if resource == "cpu" else limits.max_memory
    most = limits.max_cpu if resource == "cpu" else most_memory(experiment, profile)
    needs = run_amounts(stage, limits, 0).get("limits", {}).get(resource)
    # Of defaults that are more than the maximum the profile itself is refused.
    if needs is None or most is None or quantity.compare(needs, most) <= 0:
        return None
    field = "maxCpu" if resource == "cpu" else "maxMemory"
    source = f"spec.limits.{field}" if stated is not None else "it sets no spec.limits.maxMemory"
    return (
        f"{_asks(profile, stage, resource, 'limits', needs)}, more than the {most} that"
        f" IsolationProfile {profile.name} allows one container ({source}): ask for at most {most},"
        " or choose a profile that allows more"
    )


def _more_disk_than_container(profile: IsolationProfile, stage: Stage) -> str | None:
    most = most_disk(profile)
    if stage.scratch is None or is_claimed(profile, stage):
        return None
    if quantity.compare(stage.scratch, most) <= 0:
        return None
    stated = profile.spec.limits.max_ephemeral_storage
    source = (
        "spec.limits.maxEphemeralStorage"
        if stated is not None
        else "spec.limits.defaultEphemeralStorage, as it sets no maxEphemeralStorage"
    )
    return (
        f"{field_of(stage, 'scratch')} asks for {stage.scratch}, more than the {most} that"
        f" IsolationProfile {profile.name} allows one container ({source}): ask for at most"
        f" {most}, or choose a"
        " profile that allows more"
    )


def _on_no_node(profile: IsolationProfile, stage: Stage) -> str | None:
    accelerators = run_accelerators(profile, stage)
    why = why_apart(profile, accelerators)
    if why is None:
        return None
    asked = _listed(each.resource for each in accelerators)
    return (
        f"{field_of(stage, 'resources')} asks for {asked}, which no node has together, because by"
        f" IsolationProfile {profile.name} {why}: ask for one of them"
    )


def _fetcher_too_large(
    experiment: Experiment, profile: IsolationProfile, resource: str
) -> str | None:
    for name, amount, which in _counted(experiment, profile, resource):
        field, default = default_amount(profile.spec.limits, resource, which)
        # What gives the run its session does not run yet.
        session = (SESSION_REQUESTS if which == "requests" else SESSION_LIMITS)[resource]
        if quantity.parse(default) > quantity.parse(amount) + quantity.parse(session):
            return (
                f"the container that fetches the inputs gets {default} (spec.limits.{field} of"
                f" IsolationProfile {profile.name}), more than the {amount} of {name} that this"
                f" experiment's quota has: {_more_quota(profile, name, default)}"
            )
    return None


def _more_quota(profile: IsolationProfile, name: str, needs: str) -> str:
    """Return the cure that is not in the run itself."""
    offered = {f"requests.{each.resource}": f"{each.maximum}" for each in profile.spec.accelerators}
    offered |= {entry.resource: entry.maximum for entry in profile.spec.quota}
    maximum = offered.get(name, "0")
    if quantity.compare(maximum, needs) < 0:
        return f"choose a profile that offers more {name}"
    return f"ask for {needs} in spec.resources.quota['{name}'] (at most {maximum})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
