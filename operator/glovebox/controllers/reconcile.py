"""How a resource of any kind is reconciled: read it, write the status, say when to requeue.

    read -> look (one module per kind) -> write the status on every way out -> report -> requeue

Killing the process anywhere in here loses nothing: every write is conditional, and the next look
starts from what is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.controllers import dataset_pin, feature_set_pin, isolation_profile, object_store
from glovebox.controllers.experiment import reconcile as experiment
from glovebox.controllers.in_use import InUse, count_in_words, ensure_in_use
from glovebox.controllers.looking import Look
from glovebox.controllers.ports import Ports
from glovebox.engine.result import DONE, Result
from glovebox.errors import Conflict, GloveboxError
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import (
    CUSTOM_KINDS,
    DATASET_PIN,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    OBJECT_STORE,
)
from glovebox.kube.resources import Key
from glovebox.status.builder import StatusBuilder
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

# What others refer to, and what is kept from going under them.
HELD: Final = frozenset(
    kind.kind for kind in (DATASET_PIN, FEATURE_SET_PIN, ISOLATION_PROFILE, OBJECT_STORE)
)


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
    held, problem = "", None
    if key.kind in HELD:
        users = ports.resources.users_of(key)
        try:
            in_use = await ensure_in_use(ports.reader, ports.writer, obj, users=len(users))
        except NotFound:
            return DONE
        except GloveboxError as error:
            problem = error  # no reason to leave the rest undone
        else:
            obj = dict(in_use.obj)
            held = _held_by(in_use, users)
    look = await controller.reconcile(ports, obj)
    if obj["metadata"].get("deletionTimestamp") and held:
        look = replace(look, status=_waits_for_users(ports, obj, look.status, held))
    if look.status is not None:
        await _write(ports, look)
    look.after()
    return Result(retry_seconds=look.retry_seconds, error=look.error or problem)


def _held_by(in_use: InUse, users: tuple[Key, ...]) -> str:
    """Return in words who keeps a resource from going, or an empty text."""
    if not in_use.users or not in_use.is_held:
        return ""
    some = ", ".join(sorted(str(user) for user in users)[:3])
    return f"in use by {count_in_words(in_use.users)}" + (f", among them {some}" if some else "")


def _waits_for_users(
    ports: Ports, obj: Mapping[str, Any], found: dict[str, Any] | None, held: str
) -> dict[str, Any]:
    """Return the status of a resource whose deletion waits for those who use it.

    Args:
        ports: The outside world.
        obj: The resource.
        found: What its own look found; None where it was not looked at.
        held: By whom it is held, in words.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    answers = {entry["type"]: entry for entry in status.get("conditions") or ()}
    passing = {types.READY, types.RECONCILING, types.STALLED}
    shown = (types.READY, *(each for each in answers if each not in passing))
    for entry in before.get("conditions") or ():
        if entry["type"] in {types.READY, types.RECONCILING}:
            answers[entry["type"]] = entry  # since when it waits is no news with each look
    metadata = obj["metadata"]
    status = {**status, "conditions": list(answers.values())}
    builder = StatusBuilder(status, metadata.get("generation", 0), shown, ports.now())
    message = f"{held}; it goes when the last of them is deleted, and nothing new may use it"
    builder.mark_false(types.READY, reasons.IN_USE, message)
    builder.mark_true(types.RECONCILING, reasons.IN_USE, message)
    return builder.render()


async def _write(ports: Ports, look: Look) -> None:
    """Write the status on the version that was looked at, and tell of what is news."""
    before: Mapping[str, Any] = look.obj.get("status") or {}
    after = look.status or {}
    try:
        await ports.writer.write_status(look.obj, after)
    except NotFound:
        return
    except Conflict:
        await _read_again(ports, look.obj)
        raise
    _report(ports, look.obj, before, after)


async def _read_again(ports: Ports, obj: Mapping[str, Any]) -> None:
    """Take in an object as it is now: the watch that should have told may be behind for long.

    Until what was done is recorded, nothing but the object that was made says that it was done.
    """
    key = Key.of(obj)
    kind = next(kind for kind in CUSTOM_KINDS if kind.kind == key.kind)
    with contextlib.suppress(GloveboxError):
        ports.resources.seen(await ports.reader.get(kind, key.namespace or None, key.name))


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
