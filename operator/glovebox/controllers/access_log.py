"""The access log of an ObjectStore: read on an interval, by one task; its pins say what it tells.

What a pass found is kept in the store (`tasks/access_log.py`), so a restart counts nothing twice.
While a pass is under way nobody but its task holds that; pins are told what they say when it ends.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.access_log import StoreAccessLog
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.looking import Look, earlier
from glovebox.controllers.pin_sources import is_locked
from glovebox.controllers.ports import Ports
from glovebox.controllers.read_logs import ReadLog
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.data.unusual_reads import Rules, Run, WatchedPin
from glovebox.engine.key_queue import Priority
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.errors import GloveboxError, NotReady
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.object_store import is_usable
from glovebox.status.reads import (
    CANNOT_BE_READ,
    NOT_READ_YET,
    STORE_GONE,
    TOO_MANY,
    doubt_of,
    log_status,
    message_of,
    news_of,
    reads_of,
    with_access_log,
    with_reads,
    without_access_log,
    without_reads,
)
from glovebox.store.arns import sessions_of
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.access_log import AccessLog, ListedPin, Passed, Question, read_log

TASK: Final = "access-log"
_WORK_CLASS: Final = "data"
# After a log that could not be read.
_AGAIN_SECONDS: Final = 60.0
# After this the pins say so, too.
_LASTING_SECONDS: Final = 3600.0
_NOT_USABLE: Final = NotReady(
    reasons.ACCESS_LOG_NOT_READ,
    "the ObjectStore is not Ready: its access log is not read meanwhile",
)
# Where more of it is there than one pass reads.
_MORE_SECONDS: Final = 1.0


async def look_at_log(ports: Ports, obj: Mapping[str, Any], look: Look) -> Look:
    """Have the log read when that is due; return the look with what is known of it.

    Args:
        ports: The outside world.
        obj: The ObjectStore.
        look: What was found of it otherwise.
    """
    status = look.status if look.status is not None else obj.get("status") or {}
    try:
        store = ObjectStore.model_validate({**obj, "status": status})
    except ValidationError:
        return look
    if store.spec.access_log is None:
        forget_log(ports, Key.of(obj))
        ports.tasks.drop(_task(store))
        return replace(look, status=without_access_log(obj, look.status))
    known = ports.access_logs.get(store.name)
    if known is None or known.uid != store.uid:
        known = ports.access_logs[store.name] = ReadLog(store.uid)
    usable = is_usable(store)
    error: GloveboxError | None = None if usable else _NOT_USABLE
    if usable and known.due <= ports.clock():
        try:
            passed = await _pass(ports, store, store.spec.access_log, known)
        except GloveboxError as failure:
            note_refusal(ports, failure)
            # What a task began to change is read again from the store.
            known.state, known.error = None, failure
            known.due = ports.clock() + _AGAIN_SECONDS
        else:
            if passed is not None:
                _take(ports, store, store.spec.access_log, known, passed)
    error = error or known.error
    _note_failing(ports, store, known, error)
    wait = known.due - ports.clock()
    # While a task is under way, that wakes us.
    retry = earlier(look.retry_seconds, wait if usable and wait > 0 else None)
    said = with_access_log(obj, look.status, known.told, error, ports.now(), known.doubt)
    if said == obj.get("status"):
        said = None  # what another step dropped of ours is no news
    _tell(ports, obj, said)
    return replace(look, status=said, retry_seconds=retry)


def _note_failing(
    ports: Ports, store: ObjectStore, known: ReadLog, error: GloveboxError | None
) -> None:
    """Have pins say that nothing is known of their reads, where that lasts."""
    if error is None:
        known.failing_since = None
        return
    if known.failing_since is None:
        known.failing_since = ports.clock()
    lasts = ports.clock() - known.failing_since >= _LASTING_SECONDS
    if lasts and known.silence != CANNOT_BE_READ:
        known.silence = CANNOT_BE_READ
        for key, _ in _pins_of(ports, store.name):
            ports.wake(key, Priority.RESYNC)


def _take(
    ports: Ports, store: ObjectStore, spec: StoreAccessLog, known: ReadLog, passed: Passed
) -> None:
    """Remember what a pass came to, and wake the pins that say something else by now."""
    state, now = passed.state, ports.now()
    known.state, known.keys, known.error = state, dict(passed.keys), None
    known.due = ports.clock() + (_MORE_SECONDS if passed.waiting else float(spec.interval_seconds))
    known.told = log_status(state, passed.waiting, spec.readers, now)
    known.is_through = known.is_through or not passed.waiting
    known.doubt = doubt_of(state, f"s3://{spec.bucket}/{spec.prefix}", is_through=known.is_through)
    was_silent, known.silence = known.silence, known.doubt.of_pins if known.doubt else ""
    before, unwatched = known.reads, known.unwatched
    told = ((uid, reads_of(each, spec.readers, now)) for uid, each in state.seen.pins.items())
    known.reads = {uid: reads for uid, reads in told if reads is not None}
    known.unwatched = passed.unwatched
    unreported, known.unreported = known.unreported, {}
    for key, pin in _pins_of(ports, store.name):
        was = _recorded(ports, key) if before is None else before.get(pin.uid)
        is_news = before is None or was != known.reads.get(pin.uid)
        found = [*unreported.get(pin.uid, ()), *news_of(was, known.reads.get(pin.uid))]
        if found:
            known.unreported[pin.uid] = found
        is_news = is_news or was_silent != known.silence
        if is_news or (pin.uid in unwatched) != (pin.uid in known.unwatched):
            ports.wake(key, Priority.RESYNC)
    for result, count in passed.counts.items():
        ports.metrics.log_lines.labels(result).inc(count)
    if state.seen.newest:
        ports.metrics.log_newest.labels(store.name).set(state.seen.newest)


def _recorded(ports: Ports, key: Key) -> Mapping[str, Any] | None:
    """Return what the process before has recorded of the reads of a pin."""
    return ((ports.resources.get(key) or {}).get("status") or {}).get("reads")


def _tell(ports: Ports, obj: Mapping[str, Any], status: Mapping[str, Any] | None) -> None:
    reason = reasons.ACCESS_LOG_NOT_UNDERSTOOD
    was, entry = (_entry(each) for each in (obj.get("status") or {}, status or {}))
    if entry.get("reason") == reason != was.get("reason"):
        ports.events.warning(obj, reason, str(entry["message"]), action="ReadAccessLog")


def _entry(status: Mapping[str, Any]) -> Mapping[str, Any]:
    entries = status.get("conditions") or ()
    return next((each for each in entries if each["type"] == types.ACCESS_LOG_READ), {})


def _task(store: ObjectStore) -> TaskKey:
    return TaskKey(Key(OBJECT_STORE.kind, "", store.name), store.uid, TASK)


async def _pass(
    ports: Ports, store: ObjectStore, spec: StoreAccessLog, known: ReadLog
) -> Passed | None:
    """Have one pass made; None while it is under way.

    Raises:
        GloveboxError: It failed, or cannot begin.
    """
    task = _task(store)
    connection = await open_store(ports, store)
    log = AccessLog(
        connection,
        store.uid,
        spec.bucket,
        spec.prefix,
        store.spec.artifacts.bucket,
        is_locked(store),
    )

    async def start(context: TaskContext) -> Passed:
        # A task that failed has changed what it was given.
        state, known.state = known.state, None
        question = _question(ports, store, spec, known)
        async with ports.metrics.on_store("access_log"):
            return await connection.run_job(
                functools.partial(read_log, log, state, question), context.stop
            )

    basis = f"{spec.bucket}/{spec.prefix}"
    state = ports.tasks.ensure(task, basis, start, tenant="", work_class=_WORK_CLASS)
    if state.phase == "Failed":
        ports.tasks.drop(task)
        assert state.error is not None  # noqa: S101 - how a task fails
        raise state.error
    if state.result is None:
        return None
    ports.tasks.drop(task)
    return state.result


def _question(ports: Ports, store: ObjectStore, spec: StoreAccessLog, known: ReadLog) -> Question:
    role = store.spec.sts.role_arn if store.spec.sts is not None else ""
    rules = Rules(
        role=sessions_of(role),
        sessions=dict(_sessions(ports, store)),
        readers=spec.readers,
        artifacts=store.spec.artifacts.bucket,
        times=spec.burst.times,
        requests=spec.burst.requests,
    )
    pins, listed = [], []
    for _, pin in _pins_of(ports, store.name):
        source = pin.spec.source
        watched = WatchedPin(
            pin.uid,
            pin.namespace,
            pin.status.bytes or 0,
            pin.status.objects or 0,
            prefixes=((source.prefix.bucket, source.prefix.prefix),) if source.prefix else (),
            keys=tuple((each.bucket, each.key) for each in source.objects),
        )
        if source.prefix is None and not source.objects and pin.status.manifest is not None:
            manifest = ManifestLocation(**pin.status.manifest.model_dump())
            listed.append(ListedPin(watched, pin.status.pin_digest, manifest))
        else:
            pins.append(watched)
    return Question(rules, tuple(pins), tuple(listed), dict(known.keys), ports.now())


def _pins_of(ports: Ports, store: str) -> Iterator[tuple[Key, DatasetPin]]:
    """Yield the pins of a store that were read once."""
    for obj in ports.resources.of_kind(DATASET_PIN):
        if ((obj.get("spec") or {}).get("storeRef") or {}).get("name") != store:
            continue
        try:
            pin = ports.resources.parsed(Key.of(obj), DatasetPin)
        except ValidationError:
            continue
        if pin is not None and pin.status.manifest is not None:
            yield Key.of(obj), pin


def _sessions(ports: Ports, store: ObjectStore) -> Iterator[tuple[str, Run]]:
    """Yield who has which session, by its name."""
    for obj in ports.resources.of_kind(EXPERIMENT):
        metadata, status = obj["metadata"], obj.get("status") or {}
        uid, namespace, name = metadata["uid"], metadata["namespace"], metadata["name"]
        run = Run(
            namespace,
            name,
            frozenset(str(each.get("uid") or "") for each in status.get("inputs") or ()),
            store.spec.artifacts.bucket,
            names.artifact_prefix(namespace, name, uid),
        )
        yield names.artifacts_session(uid), run
        yield names.inputs_session(uid), run


def look_at_reads(ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look) -> Look:
    """Say what the log tells of the reads of a pin; return the look with it.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of it otherwise.
    """
    try:
        store = ports.resources.parsed(
            Key(OBJECT_STORE.kind, "", pin.spec.store_ref.name), ObjectStore
        )
    except ValidationError:
        return look
    if store is None:
        return _with_silence(ports, obj, look, STORE_GONE) if _is_told(obj) else look
    if store.spec.access_log is None:
        return replace(look, status=without_reads(obj, look.status))
    known = ports.access_logs.get(store.name)
    if known is None or known.uid != store.uid or known.reads is None:
        silence = known.silence if known is not None else ""
        # What was told stands until a process has read how far the one before it came.
        is_kept = _is_told(obj) and not silence
        return look if is_kept else _with_silence(ports, obj, look, silence or NOT_READ_YET)
    reads = known.reads.get(pin.uid)
    unknown = TOO_MANY if pin.uid in known.unwatched else known.silence
    if pin.status.manifest is None:
        unknown = NOT_READ_YET
    told = with_reads(obj, look.status, reads, ports.now(), unknown=unknown)
    if told == (obj.get("status") or {}):
        told = look.status
    after = functools.partial(_report, ports, obj, look, known)
    return replace(look, status=told, after=after)


def _is_told(obj: Mapping[str, Any]) -> bool:
    entries = (obj.get("status") or {}).get("conditions") or ()
    return any(each["type"] == types.READS_EXPECTED for each in entries)


def _with_silence(ports: Ports, obj: Mapping[str, Any], look: Look, why: str) -> Look:
    """Say that nothing is known beside what was told before."""
    recorded = (obj.get("status") or {}).get("reads")
    told = with_reads(obj, look.status, recorded, ports.now(), unknown=why)
    return replace(look, status=look.status if told == (obj.get("status") or {}) else told)


def _report(ports: Ports, obj: Mapping[str, Any], look: Look, known: ReadLog) -> None:
    """Report findings of which nothing was told before; their status is written by now."""
    look.after()
    news = known.unreported.pop(obj["metadata"]["uid"], [])
    for each in news:
        ports.metrics.unusual_reads.labels(each["kind"]).inc()
    if news:
        ports.events.warning(obj, reasons.UNUSUAL_READS, message_of(news), action="ReadAccessLog")


def forget_log(ports: Ports, key: Key) -> None:
    """Drop what is remembered of the log of a store."""
    if ports.access_logs.pop(key.name, None) is not None:
        with contextlib.suppress(KeyError):
            ports.metrics.log_newest.remove(key.name)
