"""How a resource of any kind is reconciled: read it, write the status, say when to requeue.

    read -> look (one module per kind) -> write the status on every way out -> report -> requeue

Killing the process anywhere in here loses nothing: every write is conditional, and the next look
starts from what is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

import structlog

from glovebox import names, traces
from glovebox.api import conditions as types
from glovebox.controllers import (
    access_grant,
    dataset_pin,
    feature_set_pin,
    isolation_profile,
    object_store,
    split_pin,
)
from glovebox.controllers.experiment import reconcile as experiment
from glovebox.controllers.in_use import (
    PINS,
    InUse,
    count_in_words,
    ensure_in_use,
    holds,
    is_user,
)
from glovebox.controllers.looking import Look
from glovebox.controllers.orphan_namespace import reconcile_orphan
from glovebox.controllers.ports import Ports
from glovebox.engine.result import DONE, Result
from glovebox.errors import Conflict, GloveboxError
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import (
    DATASET_PIN,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    NAMESPACE,
    OBJECT_STORE,
    SPLIT_PIN,
)
from glovebox.kube.resources import Key
from glovebox.status.failed_look import has_lasted, with_failed_look, without_failed_look
from glovebox.status.in_use import (
    compute_blocked_status,
    compute_held_status,
    with_protection,
)
from glovebox.status.kstatus import condition_of
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.words import differ_in_words_alone

log = structlog.get_logger(__name__)
_MARKING: Final = "in use"
_LOOKING: Final = "look"
# A look that is to follow at once, of which nothing was written that it could find.
UNWRITTEN_SECONDS: Final = 2.0


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
    for module in (
        experiment,
        dataset_pin,
        split_pin,
        feature_set_pin,
        access_grant,
        object_store,
        isolation_profile,
    )
}

# What others refer to, and what is kept from going under them.
HELD: Final = frozenset(
    kind.kind for kind in (DATASET_PIN, SPLIT_PIN, FEATURE_SET_PIN, ISOLATION_PROFILE, OBJECT_STORE)
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
    with traces.span("reconcile", about=obj) as tell:
        result = await _reconcile(ports, key, obj, controller)
        if result.error is not None:
            tell({"glovebox.reason": result.error.reason})
    return result


async def _reconcile(
    ports: Ports, key: Key, obj: Mapping[str, Any], controller: Controller
) -> Result:
    marked = _Marked(obj)
    if key.kind in HELD:
        marked = await _mark(ports, key, obj)
    look = await _look(ports, key, marked.obj, controller)
    if key.kind in HELD:
        look = _with_marks(ports, look, marked)
    written = await _write(ports, key, look)
    look.after()
    return Result(
        retry_seconds=next_look(look, written),
        priority=look.priority,
        error=look.error or marked.outcome.error,
    )


async def _look(ports: Ports, key: Key, obj: Mapping[str, Any], controller: Controller) -> Look:
    """Look at a resource; one that cannot be looked at says so once that has lasted.

    Raises:
        Conflict: Somebody wrote in between, or it is not there any more.
    """
    try:
        look = await controller.reconcile(ports, obj)
    except Conflict:
        raise
    except Exception as error:
        outcome = of_error(error)
        if not isinstance(error, GloveboxError):
            log.exception("a bug: a look failed unexpectedly")
        outcome = outcome.with_failure(*ports.failures.note(key, _LOOKING))
        is_told = has_lasted(outcome, ports.grace)
        status = with_failed_look(obj, outcome, ports.now()) if is_told else None
        failure = error if isinstance(error, GloveboxError) else outcome.error
        return Look(obj, status, error=failure)
    ports.failures.clear(key, _LOOKING)
    return replace(look, status=without_failed_look(look.obj, look.status))


def next_look(look: Look, written: Written) -> float | None:
    """Return when to look again: at once only after a write, which is what the next look is for.

    What is to follow a record that was not written would find everything as it was, and ask for
    the same again.
    """
    wanted = look.retry_seconds
    if wanted == 0 and not written.is_written:
        wanted = UNWRITTEN_SECONDS
    retries = [each for each in (wanted, written.held_back) if each is not None]
    return min(retries, default=None)


@dataclass(frozen=True, slots=True)
class _Marked:
    """A resource whose metadata says whether it is used.

    Attributes:
        obj: As the API server holds it now.
        outcome: How marking it ended.
        held: Who keeps it from going, in words; empty where nobody is known to.
    """

    obj: Mapping[str, Any]
    outcome: Outcome = field(default_factory=done)
    held: str = ""


async def _mark(ports: Ports, key: Key, obj: Mapping[str, Any]) -> _Marked:
    """Have a resource say whether it is used; a refusal is no reason to leave the rest undone.

    Raises:
        NotFound: It is gone, says this one answer: look again, until the watch says so as well.
    """
    users = _holders(ports, key, obj)
    try:
        in_use = await ensure_in_use(ports.reader, ports.writer, obj, users=len(users))
    except NotFound:
        raise
    except GloveboxError as error:
        failing = ports.failures.note(key, _MARKING)
        return _Marked(obj, of_error(error).with_failure(*failing))
    ports.failures.clear(key, _MARKING)
    return _Marked(in_use.obj, held=_held_by(in_use, users))


def _with_marks(ports: Ports, look: Look, marked: _Marked) -> Look:
    """Have the status say whether the resource is held, and for whom while it is to go."""
    now = ports.now()
    status = with_protection(look.obj, look.status, marked.outcome, ports.grace, now)
    metadata = marked.obj["metadata"]
    is_leaving, others = bool(metadata.get("deletionTimestamp")), metadata.get("finalizers")
    if is_leaving and marked.held:
        status = compute_held_status(look.obj, status, marked.held, now)
    elif is_leaving and others and names.FINALIZER_IN_USE not in others:
        status = compute_blocked_status(look.obj, status, others, now)
    return replace(look, status=status)


def _holders(ports: Ports, key: Key, obj: Mapping[str, Any]) -> Collection[Key]:
    """Return those who keep a resource from going, as far as is known."""
    users: Collection[Key] = ports.resources.users_of(key)
    if key.kind in PINS:
        # Naming somebody's pin in another namespace is not using it.
        users = [user for user in users if is_user(ports.resources.get(user) or {}, key)]
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


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the status of one look.

    Attributes:
        is_written: Whether it was written: it was news.
        held_back: In how many seconds new words are due; None where none wait.
    """

    is_written: bool = False
    held_back: float | None = None


async def _write(ports: Ports, key: Key, look: Look) -> Written:
    """Write the status on the version that was looked at, and report what is news."""
    before: Mapping[str, Any] = look.obj.get("status") or {}
    after = look.status
    if after is None or after == before:
        ports.messages.note_same(key)
        return Written()
    only_words = differ_in_words_alone(before, after)
    if only_words and (wait := ports.messages.seconds_to_wait(key)) > 0:
        return Written(held_back=wait)
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
    return Written(is_written=True)


async def _read_again(ports: Ports, obj: Mapping[str, Any]) -> None:
    """Take in an object as it is now: the watch that should have told may be behind for long.

    Until what was done is recorded, nothing but the object that was made says that it was done.
    """
    key = Key.of(obj)
    with contextlib.suppress(GloveboxError):
        ports.resources.seen(await ports.reader.get(key.resource, key.namespace or None, key.name))


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
