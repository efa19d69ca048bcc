"""ResourceQuota and LimitRange: what an experiment may use, and the defaults of containers.

Both always exist: a quota on `limits.memory` without a LimitRange refuses every pod that sets no
limit. The quota always counts the kinds of objects of the multi-tenancy benchmark
(MTB-PL1-CC-FNS-2), also where the profile does not. What the operator itself keeps in the namespace
is added on top, so that the number in a spec is the number the tenant gets. A frozen or sealed
experiment keeps its quota: the guards already admit no pod there.

`pods`, and what they request, counts only those that have not ended. One that has ended stays until
somebody deletes it, and may be as large as etcd takes: `count/pods` bounds those as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from glovebox import names
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.stages import Stage
from glovebox.desired import quantity
from glovebox.desired.accelerators import (
    CLAIM_TEMPLATES,
    CLAIMS,
    accelerator_quota,
    other_names,
)
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.job_set import needs_job_set
from glovebox.desired.metadata import KubernetesObject, owned_metadata
from glovebox.desired.pods import SESSION_LIMITS, SESSION_REQUESTS
from glovebox.desired.probe import PROBE_LIMITS, PROBE_REQUESTS, is_probed
from glovebox.desired.scratch import claims_of_run
from glovebox.desired.stage_order import most_at_once
from glovebox.desired.stage_secrets import asked_secrets

# For the kinds that neither the profile nor the Experiment speaks of. No service may be reached
# from outside the cluster, and what tenants can create (pods, jobs) has a bound, so that one team
# cannot flood the API server.
OBJECT_COUNTS: Final[Mapping[str, str]] = {
    "configmaps": "50",
    "count/jobs.batch": "50",
    # A claim reaches a device without asking for the resource that a quota counts.
    CLAIMS: "0",
    CLAIM_TEMPLATES: "0",
    "persistentvolumeclaims": "10",
    "pods": "50",
    "replicationcontrollers": "0",
    "resourcequotas": "0",
    "secrets": "10",
    # A pod that calls itself by one can open its own route (docs/explanation/isolation.md): only a
    # profile offers them.
    "services": "0",
    "services.loadbalancers": "0",
    "services.nodeports": "0",
}

# So many pods that have ended may be left, on top of `pods`, where the profile does not offer
# `count/pods`: 50 Jobs with an attempt more each, or a day of a notebook's.
ENDED_PODS: Final = 100

# Twice what the operator and Kubernetes (`kube-root-ca.crt`, ServiceAccount `default`) keep there.
# Once is too little: an object that was deleted a moment ago still counts, and so does a creation
# that lost a race, until the quota is recounted. Repair must not wait for that. The quota itself
# is never counted while it is missing.
RESERVED: Final[Mapping[str, int]] = {
    "configmaps": 6,
    "count/configmaps": 6,
    # The run and the probe.
    "count/jobs.batch": 2,
    "count/limitranges": 2,
    "count/networkpolicies.networking.k8s.io": 12,
    # Each attempt at the run comes on top: the pods of those that failed are kept for their logs.
    "count/pods": 4,
    "count/resourcequotas": 1,
    "count/rolebindings.rbac.authorization.k8s.io": 2,
    "count/secrets": 4,
    "count/serviceaccounts": 4,
    "pods": 4,
    "resourcequotas": 1,
    "secrets": 4,
}
# Claims of a pod ask for as much as they like: only a profile offers storage.
_STORAGE: Final[Mapping[str, str]] = {"requests.storage": "0"}


def effective_quota(experiment: Experiment, profile: IsolationProfile) -> dict[str, str]:
    """Return what the tenant gets, by resource.

    The Experiment's word counts, else the profile's, else the default of what nobody speaks of. Of
    accelerators each has what it asks for, under every name.
    """
    offered = {entry.resource: entry.default for entry in profile.spec.quota}
    spoken_of = (
        offered | dict(experiment.spec.resources.quota) | accelerator_quota(experiment, profile)
    )
    pods = quantity.parse(spoken_of.get("pods", OBJECT_COUNTS["pods"]))
    return {**OBJECT_COUNTS, "count/pods": f"{pods + ENDED_PODS:f}", **_STORAGE} | spoken_of


def extended_resources(experiment: Experiment, profile: IsolationProfile) -> list[str]:
    """Return the extended resources, such as `nvidia.com/gpu`, that the quota counts.

    The guards admit no pod with another one: a quota says nothing of what it does not name.
    """
    quota = effective_quota(experiment, profile).keys() - other_names(profile)
    return sorted(
        name.removeprefix("requests.")
        for name in quota
        if "/" in name and name.startswith("requests.")
    )


def most_memory(experiment: Experiment, profile: IsolationProfile) -> str | None:
    """Return the most memory of one container; None where the quota counts the limits.

    Requests are counted and limits are not: a container with a small request would use up its node.
    """
    limits, quota = profile.spec.limits, effective_quota(experiment, profile)
    if limits.max_memory is not None or "limits.memory" in quota:
        return limits.max_memory
    # The probe fits in any case.
    needed = (limits.default_memory, PROBE_LIMITS["memory"])
    return max(quota.get("requests.memory", "0"), *needed, key=quantity.parse)


def most_disk(profile: IsolationProfile) -> str:
    """Return the most local disk of one container, beside the inputs."""
    limits = profile.spec.limits
    return limits.max_ephemeral_storage or limits.default_ephemeral_storage


def resource_quota(inputs: ExperimentInputs) -> KubernetesObject:
    """Return the ResourceQuota."""
    tenant = effective_quota(inputs.experiment, inputs.profile)
    reserve: dict[str, int | Decimal] = {**RESERVED, **_claims(inputs), **_beside_the_run(inputs)}
    if inputs.profile.spec.image_pull_secrets:
        reserve |= _two_more_secrets(reserve)
    if asked_secrets(inputs.experiment):
        reserve |= _two_more_secrets(reserve)
    for resource, number in _of_the_run(inputs.experiment.spec.stages).items():
        reserve[resource] = reserve.get(resource, 0) + number
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": owned_metadata(names.RESOURCE_QUOTA, inputs),
        "spec": {
            "hard": {
                resource: _with_reserve(resource, amount, reserve)
                for resource, amount in sorted(tenant.items())
            }
        },
    }


def _two_more_secrets(reserve: Mapping[str, int | Decimal]) -> dict[str, int | Decimal]:
    return {resource: reserve[resource] + 2 for resource in ("secrets", "count/secrets")}


def limit_range(inputs: ExperimentInputs) -> KubernetesObject:
    """Return the LimitRange, which speaks of containers only."""
    limits = inputs.profile.spec.limits
    maximum = {
        "cpu": limits.max_cpu,
        # Else a tenant's own pod asks for the whole disk of its node. The run gets its inputs on
        # top of the default (`run`).
        "ephemeral-storage": quantity.total(most_disk(inputs.profile), str(inputs.delivered_bytes)),
        "memory": most_memory(inputs.experiment, inputs.profile),
    }
    item = {
        "type": "Container",
        "default": {
            "cpu": quantity.canonical(limits.default_cpu),
            # Else one run fills the node's disk, and the kubelet evicts its neighbours.
            "ephemeral-storage": quantity.canonical(limits.default_ephemeral_storage),
            "memory": quantity.canonical(limits.default_memory),
        },
        "defaultRequest": {
            "cpu": quantity.canonical(limits.default_request_cpu),
            "ephemeral-storage": quantity.canonical(limits.default_request_ephemeral_storage),
            "memory": quantity.canonical(limits.default_request_memory),
        },
        "max": {
            resource: quantity.canonical(amount)
            for resource, amount in maximum.items()
            if amount is not None
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": owned_metadata(names.LIMIT_RANGE, inputs),
        "spec": {"limits": [{key: value for key, value in item.items() if value}]},
    }


def _claims(inputs: ExperimentInputs) -> Mapping[str, int]:
    """Return what the claims of mounted datasets need, and how many there are for scratch.

    By size the first need next to nothing, see `input_volumes`. The size of the others is asked for
    by the stages, and is the tenant's.
    """
    claims = 2 * len(inputs.mounted) if inputs.delivery_mode != "Image" else 0
    of_pods = claims_of_run(inputs.profile, inputs.experiment.spec.stages)
    return {
        "persistentvolumeclaims": claims + of_pods,
        "count/persistentvolumeclaims": claims + of_pods,
        "requests.storage": claims,
    }


def _of_the_run(stages: tuple[Stage, ...]) -> Mapping[str, int]:
    """Return what the objects of a run need; a single pod is in the reserve that everybody has."""
    attempts = sum(stage.attempts for stage in stages)
    if not needs_job_set(stages):
        return {"count/pods": attempts}
    at_once = int(most_at_once(stages, lambda stage: Decimal(stage.workers)))
    return {
        "count/jobs.batch": len(stages),
        "count/pods": attempts,
        # One whose pod was deleted makes the next before the old one is forgotten.
        "pods": at_once,
        "services": 1,
        "count/services": 1,
        "count/jobsets.jobset.x-k8s.io": 1,
    }


def _beside_the_run(inputs: ExperimentInputs) -> Mapping[str, Decimal]:
    """Return what is needed beside a run that uses all that the tenant has.

    That is the probe, and what gives the run its session.
    """
    beside = [(PROBE_REQUESTS, PROBE_LIMITS)] if is_probed(inputs) else []
    stages = inputs.experiment.spec.stages
    if stages and inputs.platform_image:
        # One for each pod that runs at the same time.
        at_once = int(most_at_once(stages, lambda stage: Decimal(stage.workers)))
        beside += [(SESSION_REQUESTS, SESSION_LIMITS)] * at_once
    reserve: dict[str, Decimal] = {}
    for requests, limits in beside:
        for which, amounts in (("requests", requests), ("limits", limits)):
            for resource, amount in amounts.items():
                name = f"{which}.{resource}"
                reserve[name] = reserve.get(name, Decimal(0)) + quantity.parse(amount)
    return reserve


def _with_reserve(resource: str, amount: str, reserve: Mapping[str, int | Decimal]) -> str:
    if not reserve.get(resource):
        return quantity.canonical(amount)
    return quantity.canonical(f"{quantity.parse(amount) + reserve[resource]:f}")
