"""Holds a whole test run to it that no guard refuses Kubernetes' own components their work."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster import Cluster

_GUARD = "ValidatingAdmissionPolicy 'glovebox-"
# As the programs call themselves: tests come as their users too, to be refused.
_PROGRAMS = (
    "kube-apiserver/",
    "kube-controller-manager/",
    "kube-scheduler/",
    "kubelet/",
    "cilium-",
    "coredns/",
    "jobset/",
    "kueue/",
)
# What is meant: no Job makes a pod where none may start, or one that another policy has changed.
_MEANT = {("system:serviceaccount:kube-system:job-controller", "create", "pods")}
# And nobody writes in a namespace whose marks somebody took away, until it has them again, or makes
# the next Job of a run while its experiment is frozen.
_WHILE = ("'glovebox-unmarked-objects'", "'glovebox-state'")


def refused_to_components(events: list[dict[str, Any]]) -> Counter[str]:
    """Return what guards refused to Kubernetes' own programs, with how often.

    Args:
        events: Of the audit log.
    """
    found = Counter[str]()
    for event in events:
        said = str((event.get("responseStatus") or {}).get("message", ""))
        if _GUARD not in said or not str(event.get("userAgent", "")).startswith(_PROGRAMS):
            continue
        of = event.get("objectRef") or {}
        what = "/".join(filter(None, (of.get("resource"), of.get("subresource"))))
        user, verb = event["user"]["username"], event["verb"]
        if (user, verb, what) not in _MEANT and not any(policy in said for policy in _WHILE):
            found[f"{user} may not {verb} {what} {of.get('name', '')}: {said}"] += 1
    return found


@contextlib.contextmanager
def components_unhindered(cluster: Cluster) -> Iterator[None]:
    """Fail at the end of the block when a guard kept a program of Kubernetes from its work."""
    yield
    found = refused_to_components(cluster.audit(_GUARD))
    assert not found, "\n".join(f"{times} x {what}" for what, times in found.items())
