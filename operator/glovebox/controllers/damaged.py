"""Which Experiments lost a part of their isolation, or got what adds to it, while nobody looked.

A process that begins knows what is there, and not yet what should be. But some objects every
namespace of an Experiment has, and some nobody else may add: who lacks one, or has another, is
looked at before all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from glovebox import names
from glovebox.apply.children import Children
from glovebox.apply.managed import MANAGED
from glovebox.kube.kinds import EXPERIMENT, LIMIT_RANGE, NAMESPACE, NETWORK_POLICY, RESOURCE_QUOTA
from glovebox.kube.resources import Key, Resources

# Of every Experiment, whatever it declares.
ALWAYS: Final = frozenset(
    {
        (NETWORK_POLICY.kind, names.NETWORK_POLICY_DEFAULT_DENY),
        (NETWORK_POLICY.kind, names.NETWORK_POLICY_DNS),
        (NETWORK_POLICY.kind, names.NETWORK_POLICY_STORE),
        (NETWORK_POLICY.kind, names.NETWORK_POLICY_OWN_PODS),
        (RESOURCE_QUOTA.kind, names.RESOURCE_QUOTA),
        (LIMIT_RANGE.kind, names.LIMIT_RANGE),
    }
)


def damaged(resources: Resources, children: Children) -> Iterator[Key]:
    """Return the provisioned Experiments whose namespaces are not as any of them should be."""
    for obj in resources.of_kind(EXPERIMENT):
        status: dict[str, Any] = obj.get("status") or {}
        is_kept = status.get("provisioned") and "deletionTimestamp" not in obj["metadata"]
        if is_kept and is_damaged(children, status.get("namespace", "")):
            yield Key.of(obj)


def is_damaged(children: Children, namespace: str) -> bool:
    """Whether a namespace lacks what every one has, or has what only the operator may add."""
    there = [key for key, child in children.in_namespace(namespace).items() if not child.leaving]
    if not {(NAMESPACE.kind, namespace), *ALWAYS} <= {(key.kind, key.name) for key in there}:
        return True
    return any(
        key.name not in names.ADDITIVE_NAMES
        for key in there
        if (row := MANAGED.get(key.kind)) is not None and row.additive
    )
