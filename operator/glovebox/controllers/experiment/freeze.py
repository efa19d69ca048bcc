"""Stops an experiment without losing anything: no workloads, no credentials; the rest stays."""

from __future__ import annotations

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import JOB, POD, SECRET
from glovebox.kube.objects import ObjectKey

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
        async for page in ports.reader.pages(kind, namespace=namespace, label_selector=selector):
            if page.get("items"):
                await ports.writer.delete_all(kind, namespace, label_selector=selector)
                break


async def drop_credentials(ports: Ports, namespace: str) -> None:
    """Remove the Secrets with the experiment's credentials, by live reads.

    Sessions that were copied out of them end by their own expiry.
    """
    for name in (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET):
        await ports.writer.remove_live(SECRET, ObjectKey(SECRET.kind, namespace, name))
