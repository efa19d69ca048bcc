"""What happens when a resource is looked at, for every kind: look, write the status, say when to look again.

    read -> look (one module per kind) -> write the status on every way out -> report -> requeue

Killing the process anywhere in here loses nothing: every write is conditional, and the next look
starts from what is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from glovebox.api import conditions as types
from glovebox.controllers import dataset_pin, feature_set_pin, isolation_profile, object_store
from glovebox.controllers.experiment import reconcile as experiment
from glovebox.controllers.looking import Look
from glovebox.controllers.ports import Ports
from glovebox.engine.result import DONE, Result
from glovebox.kube.answers import NotFound
from glovebox.kube.resources import Key
from glovebox.status.kstatus import condition_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Controller:
    """What is particular about a kind.

    Attributes:
        reconcile: Looks at one resource once.
        forget: Drops what is remembered of a resource that is gone (key, and UID if known).
    """

    reconcile: Callable[[Ports, Mapping[str, Any]], Awaitable[Look]]
    forget: Callable[[Ports, Key, str], None]


CONTROLLERS: Final[dict[str, Controller]] = {
    module.KIND: Controller(module.reconcile, module.forget)
    for module in (experiment, dataset_pin, feature_set_pin, object_store, isolation_profile)
}


async def reconcile_key(ports: Ports, key: Key) -> Result:
    """Look at one resource once.

    Raises:
        Conflict: Somebody wrote in between: look again soon.
        Unavailable: The API server failed while the status was written.
    """
    controller = CONTROLLERS[key.kind]
    obj = ports.resources.get(key)
    if obj is None:
        controller.forget(ports, key, "")
        return DONE
    look = await controller.reconcile(ports, obj)
    if look.status is not None:
        await _write(ports, key, look)
    look.after()
    return Result(retry_seconds=look.retry_seconds, error=look.error)


async def _write(ports: Ports, key: Key, look: Look) -> None:
    """Write the status on the version that was looked at, and tell of what is news."""
    before: Mapping[str, Any] = look.obj.get("status") or {}
    after = look.status or {}
    try:
        await ports.writer.write_status(look.obj, after)
    except NotFound:
        return
    _report(ports, look.obj, before, after)


def _report(
    ports: Ports, obj: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Log a change of Ready; post an Event when a resource stalls: a person has to act."""
    ready, was = condition_of(after, types.READY), condition_of(before, types.READY)
    if ready is not None and (
        was is None or (was["status"], was["reason"]) != (ready["status"], ready["reason"])
    ):
        log.info(
            "readiness changed",
            ready=ready["status"],
            reason=ready["reason"],
            message=ready["message"],
        )
    stalled, earlier = condition_of(after, types.STALLED), condition_of(before, types.STALLED)
    if stalled is not None and (earlier is None or earlier["reason"] != stalled["reason"]):
        ports.events.warning(obj, stalled["reason"], stalled["message"], action="Reconcile")
