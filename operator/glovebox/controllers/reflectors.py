"""What is watched besides our own kinds: the children of experiments, and their workloads."""

from __future__ import annotations

import time
from collections.abc import Callable

from glovebox import names
from glovebox.apply.children import Children
from glovebox.kube.canary import Canary
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, SECRET, Kind
from glovebox.kube.reading import ApiReader
from glovebox.kube.reflector import Reflector
from glovebox.kube.workloads import WORKLOAD_KINDS, Workloads


def reflectors_of(
    client: ApiReader,
    children: Children,
    workloads: Workloads,
    relist_seconds: float,
    failed: Callable[[Kind], None],
    canary: tuple[Canary, str] | None = None,
    *,
    now: Callable[[], float] = time.time,
) -> list[Reflector]:
    """Return a reflector of each kind, which fills its table and is not started yet.

    Args:
        client: Lists and watches.
        children: The tables of managed kinds.
        workloads: The tables of Jobs and pods.
        relist_seconds: After how long a kind is listed again.
        failed: Called with the kind when a list or watch fails.
        canary: What shows whether watches are heard, and the namespace of the Lease; None: there is
            no Lease.
        now: Unix time.
    """
    reflectors = []
    for kind in CHILD_KINDS:
        # The one name that the operator may read, in whatever namespace.
        field = f"metadata.name={names.CREDENTIALS_SECRET}" if kind == SECRET else ""
        # Foreign ones add rights and routes, so these are watched whole.
        label = "" if kind == SECRET or kind in ADDITIVE_KINDS else names.MANAGED_SELECTOR
        reflectors.append(
            Reflector(
                client,
                children.table(kind),
                relist_seconds=relist_seconds,
                failed=failed,
                label_selector=label,
                field_selector=field,
                now=now,
            )
        )
    reflectors += [
        Reflector(
            client,
            workloads.table(kind),
            relist_seconds=relist_seconds,
            failed=failed,
            label_selector=names.MANAGED_SELECTOR,
            now=now,
        )
        for kind in WORKLOAD_KINDS
    ]
    if canary is not None:
        awaited, namespace = canary
        reflectors.append(
            Reflector(
                client,
                awaited,
                relist_seconds=relist_seconds,
                failed=failed,
                field_selector=f"metadata.name={names.LEADER_LEASE}",
                namespace=namespace,
                # There is one in a process: nothing has to be spread.
                jitter=lambda: 0.5,
                now=now,
            )
        )
    return reflectors
