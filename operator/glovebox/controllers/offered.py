"""What a reference that leads nowhere may have meant: words for the message that says so.

Of pins the names in the reader's own namespace are told, and never another's. Which stores there
are is for the platform to tell.
"""

from __future__ import annotations

from typing import Final

from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import Kind
from glovebox.kube.resources import Key

_LISTED_MAX: Final = 10
STORES: Final = (
    "; `kubectl get objectstores` lists those that there are, and the platform's owner adds one"
)


def pins_offered(ports: Ports, kind: Kind, namespace: str) -> str:
    """Return which pins of this kind the namespace has, or how to make the first one."""
    there = sorted(
        obj["metadata"]["name"]
        for obj in ports.resources.of_kind(kind)
        if obj["metadata"]["namespace"] == namespace
    )
    if not there:
        return f"; there is none at all yet: declare the {kind.kind} here first"
    more = f" and {len(there) - _LISTED_MAX} more" if len(there) > _LISTED_MAX else ""
    return f"; there are: {', '.join(there[:_LISTED_MAX])}{more}"


def nothing_superseded(ports: Ports, kind: Kind, namespace: str, name: str) -> str:
    """Return the remark on a pin whose `spec.supersedes` names none that is there, or nothing.

    No refusal: a pin is as good when its predecessor is deleted, or is restored before that.
    """
    if ports.resources.get(Key(kind.kind, namespace, name)) is not None:
        return ""
    return (
        f"; `spec.supersedes` names {kind.kind} '{name}', which is not in this namespace: if it was"
        " not deleted but is misspelt, declare this pin again with the right name"
    )
