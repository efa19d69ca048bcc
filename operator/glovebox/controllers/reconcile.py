"""How a resource of any kind is reconciled: read it, write the status, say when to requeue.

    read -> look (one module per kind) -> write the status on every way out -> report -> requeue

Killing the process anywhere in here loses nothing: every write is conditional, and the next look
starts from what is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import structlog

from glovebox.api import conditions as types
from glovebox.controllers import dataset_pin, feature_set_pin, isolation_profile, object_store
from glovebox.controllers.experiment import reconcile as experiment
from glovebox.controllers.in_use import InUse, count_in_words, ensure_in_use, holds
from glovebox.controllers.looking import Look
from glovebox.controllers.orphan_namespace import reconcile_orphan
from glovebox.controllers.ports import Ports
from glovebox.engine.result import DONE, Result
from glovebox.errors import Conflict, GloveboxError
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import (
    CUSTOM_KINDS,
    DATASET_PIN,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    NAMESPACE,
    OBJECT_STORE,
)
from glovebox.kube.resources import Key
from glovebox.status.in_use import compute_held_status
from glovebox.status.kstatus import condition_of
from glovebox.status.words import differ_in_words_alone

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
    """Look at one resource once, or at a namespace that may have lost its Experiment.

    Raises:
        Conflict: Somebody wrote in between, or it is not there any more: look again soon. Until the
            watch says that it is gone, nothing that it waits for is dropped.
        Unavailable: The API server failed while the status was written.
    """
    if key.kind == NAMESPACE.kind:
        result = await reconcile_orphan(ports, key)
        if result == DONE:
            ports.failures.forget(key)  # it is gone, or was let go
        return result
    controller = CONTROLLERS[key.kind]
    obj = ports.resources.get(key)
    if obj is None:
        controller.forget(ports, key, "")
        ports.messages.forget(key)
        return DONE
    held, problem = "", None
    if key.kind in HELD:
        users = _holders(ports, key, obj)
        try:
            in_use = await ensure_in_use(ports.reader, ports.writer, obj, users=len(users))
        except NotFound:
            raise  # gone, says this one answer: look again, until the watch says so as well
        except GloveboxError as error:
            problem = error  # no reason to leave the rest undone
        else:
            obj = dict(in_use.obj)
            held = _held_by(in_use, users)
    look = await controller.reconcile(ports, obj)
    if obj["metadata"].get("deletionTimestamp") and held:
        status = compute_held_status(obj, look.status, held, ports.now())
        look = replace(look, status=status)
    held_back = await _write(ports, key, look)
    look.after()
    retries = [each for each in (look.retry_seconds, held_back) if each is not None]
    return Result(
        retry_seconds=min(retries, default=None),
        priority=look.priority,
        error=look.error or problem,
    )


def _holders(ports: Ports, key: Key, obj: Mapping[str, Any]) -> Collection[Key]:
    """Return those who keep a resource from going, as far as is known."""
    users = ports.resources.users_of(key)
    if "deletionTimestamp" not in obj["metadata"]:
        return users
    return [user for user in users if holds(user.kind, ports.resources.get(user) or {}, obj)]


def _held_by(in_use: InUse, users: Collection[Key]) -> str:
    """Return in words who keeps a resource from going, or an empty text."""
    if not in_use.users or not in_use.is_held:
        return ""
    # Any three: thousands may use it, and each of them that goes is a reason to look.
    some = ", ".join(sorted(str(user) for user in islice(users, 3)))
    return f"in use by {count_in_words(in_use.users)}" + (f", among them {some}" if some else "")


async def _write(ports: Ports, key: Key, look: Look) -> float | None:
    """Write the status on the version that was looked at, and report what is news.

    Returns:
        In how many seconds to look again, where new words wait; None where nothing waits.
    """
    before: Mapping[str, Any] = look.obj.get("status") or {}
    after = look.status
    if after is None or after == before:
        ports.messages.note_same(key)
        return None
    only_words = differ_in_words_alone(before, after)
    if only_words and (wait := ports.messages.seconds_to_wait(key)) > 0:
        return wait
    # Noted first: a write whose answer is lost may have taken effect.
    if only_words:
        ports.messages.note_words(key)
    else:
        ports.messages.forget(key)
    try:
        await ports.writer.write_status(look.obj, after)
    except Conflict:
        await _read_again(ports, look.obj)
        raise
    _report(ports, look.obj, before, after)
    return None


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
