"""Plan: which objects an experiment gets, in the order in which they may be written.

First the namespace, with its Pod Security labels in the same request; then the isolation objects,
in any order and at once; last the access, so that nobody can start a pod before all of them are
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glovebox.api.delivery_mode import DeliveryMode
from glovebox.api.stages import Stage
from glovebox.desired.access import role_binding, service_accounts
from glovebox.desired.delivery import input_plan
from glovebox.desired.input_volumes import InputVolume, input_volumes
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject
from glovebox.desired.namespace import namespace
from glovebox.desired.network_policy import network_policies
from glovebox.desired.probe import Probe, probe_of
from glovebox.desired.queue import local_queue
from glovebox.desired.quota import limit_range, resource_quota
from glovebox.desired.run import run_of, stage_jobs
from glovebox.desired.snapshot import KEY_DIGEST, KEY_IMAGES, KEY_SNAPSHOT, snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """The desired objects of one experiment.

    Attributes:
        namespace: Written first, and awaited.
        isolation: Policies, quota, limits, snapshot and accounts; written next, in parallel.
        access: Written last, once every isolation object is there.
        digest: The identity of the experiment, as the snapshot holds it.
        run: The Job, or the JobSet, created once and never kept; None when no run was asked for.
        queue: The LocalQueue that the run waits in, created before it and never kept; None where it
            waits in none.
        stages: Of what the run is made: each stage with the `spec` of its Job.
        probe: The isolation check; None where nothing is to be checked.
        snapshot: What the digest was computed from, as canonical JSON.
        delivery_mode: How datasets come into the run, or into pods of the team's own.
        input_volumes: What datasets are mounted from, created before a run and never kept.
    """

    namespace: KubernetesObject
    isolation: tuple[KubernetesObject, ...]
    access: tuple[KubernetesObject, ...]
    digest: str
    run: KubernetesObject | None
    queue: KubernetesObject | None
    stages: tuple[tuple[Stage, Mapping[str, Any]], ...]
    probe: Probe | None
    snapshot: str
    delivery_mode: DeliveryMode
    input_volumes: tuple[InputVolume, ...]

    @property
    def bound(self) -> Mapping[str, str]:
        """The data of the ConfigMap with the snapshot: all that a seal is made of."""
        found: Mapping[str, str] = next(
            obj["data"]
            for obj in self.isolation
            if obj["kind"] == "ConfigMap" and KEY_DIGEST in obj["data"]
        )
        return found

    @property
    def images(self) -> frozenset[str]:
        """The references of the images that may run."""
        return frozenset(self.bound[KEY_IMAGES].split())

    def objects(self) -> tuple[KubernetesObject, ...]:
        """Return all objects in the order of writing."""
        return (self.namespace, *self.isolation, *self.access)


def desired_objects(inputs: ExperimentInputs) -> Plan:
    """Return all that must exist for an experiment; equal inputs give equal objects, to the byte.

    Raises:
        Refused: `StoreAddressUnknown`; `refusals.check` finds it, and all else, before.
        InvalidInput: A value that has no canonical form.
    """
    frozen = snapshot(inputs)
    policies = network_policies(inputs)
    digest = frozen["data"][KEY_DIGEST]
    jobs = stage_jobs(inputs, digest)
    return Plan(
        namespace=namespace(inputs),
        isolation=(
            *policies,
            limit_range(inputs),
            frozen,
            *input_plan(inputs),
            *service_accounts(inputs),
            # Last: each object that it counts rewrites the quota's status when it comes after it.
            resource_quota(inputs),
        ),
        access=(role_binding(inputs),),
        digest=digest,
        run=run_of(inputs, jobs),
        queue=local_queue(inputs),
        stages=jobs,
        probe=probe_of(inputs, policies),
        snapshot=frozen["data"][KEY_SNAPSHOT],
        delivery_mode=inputs.delivery_mode,
        input_volumes=input_volumes(inputs),
    )
