"""Stops an experiment without losing anything: no workloads, no credentials; the rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.errors import Conflict
from glovebox.kube.kinds import JOB, POD, ROLE_BINDING, SECRET
from glovebox.kube.objects import ObjectKey, key_of

_FOREIGN = f"{names.LABEL_MANAGED_BY}!={names.MANAGED_BY}"


async def freeze(ports: Ports, namespace: str, *, keep_own: bool = False) -> None:
    """Remove workloads; the namespace's state label must be set before, so that no pod comes back.

    Args:
        ports: The outside world.
        namespace: The experiment's.
        keep_own: Leave the run and its pods, which have ended, for their logs.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    selector = _FOREIGN if keep_own else ""
    for kind in (JOB, POD):
        found: list[Mapping[str, Any]] = []
        async for page in ports.reader.pages(kind, namespace=namespace, label_selector=selector):
            found += page.get("items") or ()
        for item in found:
            # Each by its UID: a request that comes late takes nothing that was started since.
            with suppress(Conflict):
                await ports.writer.delete(kind, key_of(kind, item), uid=item["metadata"]["uid"])


async def take_access(ports: Ports, namespace: str) -> None:
    """Remove the team's access and the credentials, by live reads.

    Whoever lets go for good must not rely on a list that may be older.
    """
    key = ObjectKey(ROLE_BINDING.kind, namespace, names.TENANT_ROLE_BINDING)
    await ports.writer.remove_live(ROLE_BINDING, key)
    await drop_credentials(ports, namespace)


async def drop_credentials(ports: Ports, namespace: str) -> None:
    """Remove the Secrets with the experiment's credentials, by live reads.

    Sessions that were copied out of them end by their own expiry.
    """
    for name in (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET):
        await ports.writer.remove_live(SECRET, ObjectKey(SECRET.kind, namespace, name))
