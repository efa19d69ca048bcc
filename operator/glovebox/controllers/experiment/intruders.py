"""Removes, by UID, pods that came in while the labels of a namespace were off.

A namespace without its Pod Security labels, or without the mark that the guards select it by,
admits what it never should. Restoring the labels does not end such a pod.
"""

from __future__ import annotations

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.scope import Scope
from glovebox.desired.intruders import why_inadmissible
from glovebox.desired.plan import Plan
from glovebox.errors import Conflict
from glovebox.kube.kinds import POD
from glovebox.kube.objects import key_of

log = structlog.get_logger(__name__)
_FOREIGN = f"{names.LABEL_MANAGED_BY}!={names.MANAGED_BY}"


async def remove_intruders(scope: Scope, plan: Plan) -> None:
    """Delete every foreign pod that the guards would not have admitted.

    Raises:
        GloveboxError: The API server failed; the next look that restores labels tries again.
    """
    ports = scope.ports
    async for page in ports.reader.pages(POD, namespace=scope.namespace, label_selector=_FOREIGN):
        for pod in page.get("items") or ():
            why = why_inadmissible(pod, plan.images)
            if not why:
                continue
            key = key_of(POD, pod)
            try:
                await ports.writer.stop(pod)
            except Conflict:
                continue  # gone, or another pod by now
            log.warning("removed a pod that came in through a gap", pod=key.name, why=why)
            ports.events.warning(
                scope.obj,
                reasons.PODS_REMOVED,
                f"pod `{key.name}` came in while the namespace's labels were off and was removed:"
                f" {why}",
                action="Remove",
            )
