"""Whether the pod of a run can ever be created: its processor and memory against what limits them.

The LimitRange bounds one container, the ResourceQuota all pods together. Both are asked by the API
server when the Job controller creates the pod: by then the Experiment is bound, and its one run is
begun. So they are asked here first.

The quota holds what its tenant gets, with a reserve on top for what gives the run its session and
for the isolation check (`quota.resource_quota`): a run may use all that the tenant gets. The
fetcher takes a container's defaults, and is over before the run begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox.api.experiment import Experiment, Run
from glovebox.api.isolation_profile import IsolationProfile, Limits
from glovebox.desired import quantity
from glovebox.desired.pods import SESSION_LIMITS, SESSION_REQUESTS
from glovebox.desired.quota import effective_quota, most_memory

RESOURCES: Final = ("cpu", "memory")


def why_run_never_fits(
    experiment: Experiment, profile: IsolationProfile, *, fetches: bool
) -> str | None:
    """Return the field that is too large, by what, and the cure; None when the run fits.

    Args:
        experiment: With the amounts of its run and of its quota.
        profile: With the limits, the defaults and the range of the quota.
        fetches: Whether the pod has a container that fetches inputs.
    """
    run = experiment.spec.run
    if run is None:
        return None
    for resource in RESOURCES:
        why = (
            _nothing_asked(run, resource)
            or _more_than_quota(experiment, profile, run, resource)
            or _more_than_container(experiment, profile, run, resource)
            or (_fetcher_too_large(experiment, profile, resource) if fetches else None)
        )
        if why:
            return why
    return None


def why_disk_never_fits(
    experiment: Experiment, profile: IsolationProfile, job: Mapping[str, Any]
) -> str | None:
    """Return why the local disk of a run is more than its quota has; None when it fits.

    A run asks for none: it gets the profile's default, and the size of its inputs on top.

    Args:
        experiment: With its quota.
        profile: With the defaults and the range of the quota.
        job: The Job of the run, as it is rendered.
    """
    (container,) = job["spec"]["template"]["spec"]["containers"]
    stated = container.get("resources", {})
    for name, amount, which in _counted(experiment, profile, "ephemeral-storage"):
        field, default = _default(profile.spec.limits, "ephemeral-storage", which)
        needs = stated.get(which, {}).get("ephemeral-storage", default)
        if quantity.compare(needs, amount) > 0:
            return (
                f"the run gets {needs} of local disk (spec.limits.{field} of IsolationProfile"
                f" {profile.name}, and the size of the inputs), more than the {amount} of {name}"
                f" that this experiment's quota has: {_more_quota(profile, name, needs)}"
            )
    return None


def _asked(run: Run, resource: str) -> str | None:
    return run.cpu if resource == "cpu" else run.memory


def _default(limits: Limits, resource: str, which: str) -> tuple[str, str]:
    """Return the profile's field, and what a container gets that does not ask."""
    fields = {
        ("cpu", "requests"): ("defaultRequestCpu", limits.default_request_cpu),
        ("cpu", "limits"): ("defaultCpu", limits.default_cpu),
        ("memory", "requests"): ("defaultRequestMemory", limits.default_request_memory),
        ("memory", "limits"): ("defaultMemory", limits.default_memory),
        ("ephemeral-storage", "requests"): (
            "defaultRequestEphemeralStorage",
            limits.default_request_ephemeral_storage,
        ),
        ("ephemeral-storage", "limits"): (
            "defaultEphemeralStorage",
            limits.default_ephemeral_storage,
        ),
    }
    return fields[resource, which]


def _counted(
    experiment: Experiment, profile: IsolationProfile, resource: str
) -> list[tuple[str, str, str]]:
    """Return what the quota counts of a resource: its name there, the amount, and which of both."""
    quota = effective_quota(experiment, profile)
    names = [(f"{which}.{resource}", which) for which in ("requests", "limits")]
    return [(name, quota[name], which) for name, which in names if name in quota]


def _nothing_asked(run: Run, resource: str) -> str | None:
    # A limit of 0 is none: the container may take the whole node.
    asked = _asked(run, resource)
    if asked is None or quantity.parse(asked):
        return None
    return (
        f"spec.run.{resource} asks for {asked}, which Kubernetes takes for no limit: write what the"
        " run needs, or leave it out"
    )


def _more_than_quota(
    experiment: Experiment, profile: IsolationProfile, run: Run, resource: str
) -> str | None:
    for name, amount, which in _counted(experiment, profile, resource):
        asked = _asked(run, resource)
        field, default = _default(profile.spec.limits, resource, which)
        needs = asked or default
        if quantity.compare(needs, amount) <= 0:
            continue
        of_quota = f"more than the {amount} of {name} that this experiment's quota has"
        more = _more_quota(profile, name, needs)
        if asked is not None:
            return f"spec.run.{resource} asks for {asked}, {of_quota}: ask for less, or {more}"
        return (
            f"spec.run.{resource} is not set, and a container that sets none gets {default}"
            f" (spec.limits.{field} of IsolationProfile {profile.name}), {of_quota}: set"
            f" spec.run.{resource} to at most {amount}, or {more}"
        )
    return None


def _more_than_container(
    experiment: Experiment, profile: IsolationProfile, run: Run, resource: str
) -> str | None:
    limits = profile.spec.limits
    stated = limits.max_cpu if resource == "cpu" else limits.max_memory
    most = limits.max_cpu if resource == "cpu" else most_memory(experiment, profile)
    asked = _asked(run, resource)
    # Of defaults that are more than the maximum the profile itself is refused.
    if asked is None or most is None or quantity.compare(asked, most) <= 0:
        return None
    field = "maxCpu" if resource == "cpu" else "maxMemory"
    source = f"spec.limits.{field}" if stated is not None else "it sets no spec.limits.maxMemory"
    return (
        f"spec.run.{resource} asks for {asked}, more than the {most} that IsolationProfile"
        f" {profile.name} allows one container ({source}): ask for at most {most}, or choose a"
        " profile that allows more"
    )


def _fetcher_too_large(
    experiment: Experiment, profile: IsolationProfile, resource: str
) -> str | None:
    for name, amount, which in _counted(experiment, profile, resource):
        field, default = _default(profile.spec.limits, resource, which)
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
    maximum = next((entry.maximum for entry in profile.spec.quota if entry.resource == name), "0")
    if quantity.compare(maximum, needs) < 0:
        return f"choose a profile that offers more {name}"
    return f"ask for {needs} in spec.resources.quota['{name}'] (at most {maximum})"
