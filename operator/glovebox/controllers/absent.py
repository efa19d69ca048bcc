"""Reads after which something is over for good where it is not there: one 404 is no proof.

A load balancer, or an API server that has just come back, may answer for an object that is there
that it is not. Where that would end a run, take a finalizer off or skip a seal, it is asked twice.
"""

from __future__ import annotations

from typing import Any

from glovebox.controllers.ports import Ports
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import Kind


async def read_or_absent(
    ports: Ports, kind: Kind, namespace: str | None, name: str, *, is_expected: bool = True
) -> dict[str, Any] | None:
    """Return an object as it is now; None when two answers in a row say that it is not there.

    Args:
        ports: The outside world.
        kind: Of the object.
        namespace: Of the object; None for what has none.
        name: Of the object.
        is_expected: Whether it ought to be there; else one answer is enough.

    Raises:
        GloveboxError: No answer, or none that was allowed.
    """
    for _ in range(2 if is_expected else 1):
        try:
            return await ports.reader.get(kind, namespace, name)
        except NotFound:
            continue
    return None
