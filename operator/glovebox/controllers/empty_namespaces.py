"""Which namespaces of Experiments hold no pod: one list tells it of all, as a process begins.

What keeps pods out of a namespace may have been off while no operator ran, so each namespace is
looked into. Where nothing is, nothing came in; and nothing can come in any more where nothing is a
second later, because admission may judge by labels from just before the process began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

from glovebox.controllers.ports import ADMISSION_SECONDS, Inspected, Ports
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, POD
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key

# Work waits for it. What it does not tell in time is asked of each namespace by itself.
_MOST_SECONDS: Final = 1.0
# Of a page for so many namespaces the list costs little beside what it saves; the pods of a large
# cluster are more than that.
_NAMESPACES_PER_PAGE: Final = 4


async def note_empty_namespaces(ports: Ports) -> dict[str, Key]:
    """Note which versions the namespaces of provisioned Experiments have, and which hold no pod.

    Returns:
        The Experiments without a pod, by their namespaces, to be confirmed a second later.
    """
    found, began = _provisioned(ports), ports.clock()
    busy = await _busy(ports, found)
    for name, (key, version) in found.items():
        ports.inspected[key] = Inspected(version, began, is_done=name not in busy)
    return {name: key for name, (key, _) in found.items() if name not in busy}


async def confirm_empty_namespaces(ports: Ports, empty: Mapping[str, Key]) -> None:
    """List once more what was empty; what is not so any more is looked into."""
    if not empty:
        return
    await asyncio.sleep(ADMISSION_SECONDS)
    for name in await _busy(ports, empty):
        ports.inspected.pop(empty[name], None)
        ports.wake(empty[name])


async def _busy(ports: Ports, namespaces: Collection[str]) -> Collection[str]:
    """Return in which of these namespaces pods are: in all, where it cannot be told in time."""
    if not namespaces:
        return ()
    busy: set[str] = set()
    left = 1 + len(namespaces) // _NAMESPACES_PER_PAGE
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            async for page in ports.reader.pages(POD):
                busy.update(pod["metadata"]["namespace"] for pod in page.get("items") or ())
                left -= 1
                if left < 0:
                    return namespaces
    except (TimeoutError, GloveboxError):
        return namespaces
    return busy.intersection(namespaces)


def _provisioned(ports: Ports) -> dict[str, tuple[Key, tuple[int, int]]]:
    """Return the Experiments by their namespaces, each with the version that its namespace has."""
    found: dict[str, tuple[Key, tuple[int, int]]] = {}
    for obj in ports.resources.of_kind(EXPERIMENT):
        status: dict[str, Any] = obj.get("status") or {}
        name = status.get("namespace", "")
        child = ports.children.get(ObjectKey(NAMESPACE.kind, name, name))
        version = ports.children.version_of(name)
        latch = status.get("provisioned") or {}
        if child is not None and version and latch.get("namespaceUid") == child.uid:
            found[name] = Key.of(obj), version
    return found
