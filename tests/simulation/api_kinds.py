"""The kinds that the stand-in serves, and what is particular about each."""

from __future__ import annotations

from dataclasses import dataclass

from glovebox.kube import kinds
from glovebox.kube.kinds import Kind


@dataclass(frozen=True, slots=True)
class Served:
    """One kind as it is served.

    Attributes:
        kind: Where it lives.
        has_status: Whether it has a status subresource, which alone changes its status.
        counts: Whether it counts the generations of its spec.
        fixed: Fields that never change after creation (of a ConfigMap or Secret: with `immutable`).
        is_custom: Whether it is one of ours.
    """

    kind: Kind
    has_status: bool = False
    counts: bool = False
    fixed: tuple[str, ...] = ()
    is_custom: bool = False


SERVED = {
    (entry.kind.api_version, entry.kind.plural): entry
    for entry in (
        *(
            Served(kind, has_status=True, counts=True, is_custom=True)
            for kind in kinds.CUSTOM_KINDS
        ),
        Served(kinds.NAMESPACE, has_status=True),
        Served(kinds.NETWORK_POLICY, counts=True),
        Served(kinds.RESOURCE_QUOTA, has_status=True),
        Served(kinds.LIMIT_RANGE),
        Served(kinds.CONFIG_MAP),
        Served(kinds.SECRET, fixed=("type",)),
        Served(kinds.SERVICE_ACCOUNT),
        Served(kinds.ROLE_BINDING, fixed=("roleRef",)),
        Served(kinds.POD, has_status=True, fixed=("spec.containers",)),
        Served(kinds.JOB, has_status=True, counts=True, fixed=("spec.template", "spec.selector")),
        Served(kinds.JOB_SET, has_status=True, counts=True, fixed=("spec",)),
        Served(kinds.LOCAL_QUEUE, has_status=True, counts=True, fixed=("spec.clusterQueue",)),
        Served(kinds.QUEUE_ENTRY, has_status=True, counts=True),
        Served(kinds.PERSISTENT_VOLUME, has_status=True),
        Served(kinds.PERSISTENT_VOLUME_CLAIM, has_status=True),
        Served(kinds.NODE, has_status=True),
        Served(kinds.EVENT),
        Served(kinds.LEASE),
    )
}
