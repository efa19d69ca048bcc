"""Which namespaces of Experiments hold no pod: one list tells it of all, as a process begins.

What keeps pods out of a namespace may have been off while no operator ran, so each namespace is
looked into. Where nothing is, nothing came in.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from glovebox.controllers.ports import Inspected, Ports
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, POD
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key

# Work waits for it. What it does not tell in time is asked of each namespace by itself.
_MOST_SECONDS: Final = 1.0
# Of a page for so many namespaces the list costs little beside what it saves; the pods of a large
# cluster are more than that.
_NAMESPACES_PER_PAGE: Final = 4


async def note_empty_namespaces(ports: Ports) -> None:
    """Note the provisioned Experiments in whose namespaces no pod is. Never raises."""
    unknown = dict(_provisioned(ports))
    if not unknown:
        return
    with suppress(TimeoutError, GloveboxError):
        async with asyncio.timeout(_MOST_SECONDS):
            left = 1 + len(unknown) // _NAMESPACES_PER_PAGE
            async for page in ports.reader.pages(POD):
                for pod in page.get("items") or ():
                    unknown.pop(pod["metadata"]["namespace"], None)
                left -= 1
                if left < 0:
                    return
        for key, version in unknown.values():
            ports.inspected.setdefault(key, Inspected(version, is_done=True))


def _provisioned(ports: Ports) -> dict[str, tuple[Key, int]]:
    """Return the Experiments by their namespaces, each with the version that its namespace has."""
    found: dict[str, tuple[Key, int]] = {}
    for obj in ports.resources.of_kind(EXPERIMENT):
        status: dict[str, Any] = obj.get("status") or {}
        name = status.get("namespace", "")
        child = ports.children.get(ObjectKey(NAMESPACE.kind, name, name))
        latch = status.get("provisioned") or {}
        if child is not None and latch.get("namespaceUid") == child.uid:
            found[name] = Key.of(obj), child.resource_version
    return found
