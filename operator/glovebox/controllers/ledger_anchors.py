"""Has others learn of a ledger's heads: witnesses sign them, an authority dates them.

Each of them is asked by a task of its own, so that one who does not answer keeps nobody waiting,
least of all the ledger. Who was asked last for which head is in the ObjectStore's status alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox.api import reasons
from glovebox.api.ledger_anchors import LedgerAnchor
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledgers import LedgerTask, in_ledger
from glovebox.controllers.ports import LedgerHead, Ports
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.ledger.entry import digest_of_bytes
from glovebox.ledger.note import COSIGNATURE, parse_vkey
from glovebox.ledger.policy import Witness
from glovebox.ledger.timestamps import read_roots
from glovebox.status.outcome import Outcome, of_error
from glovebox.status.text import format_time
from glovebox.store.ledger_timestamps import ask_authority
from glovebox.store.ledger_witnesses import ask_witness

_TASK: Final = "ledger-anchor "
# Of their own: who does not answer takes no place of those that write the ledger.
_WORK_CLASS: Final = "ledger-anchors"
_WITNESS: Final = "Witness"
_TIMESTAMP: Final = "Timestamp"
# Given to the task, the head and the time; returns when the head was learnt of.
_Ask = Callable[[LedgerTask, LedgerHead, datetime], datetime]


@dataclass(frozen=True, slots=True)
class AnchorsLook:
    """What a look after those who are to know the ledger's heads came to.

    Attributes:
        anchors: What the status says of them from now on.
        failures: How asking went, of each that failed, in the order of the spec.
        is_pending: Whether somebody was never asked with success, or is being asked, or nobody
            knows yet how far the ledger has come: what was said of it before still stands.
        retry_seconds: When somebody is to be asked although nobody says so.
    """

    anchors: tuple[Mapping[str, Any], ...] = ()
    failures: tuple[Outcome, ...] = ()
    is_pending: bool = False
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Somebody to be asked: who, what the answer depends on, and at most how often."""

    kind: str
    name: str
    basis: str
    ask: _Ask
    interval: timedelta = timedelta()

    @property
    def label(self) -> str:
        return _label(self.kind, self.name)


@dataclass(slots=True)
class _Seen:
    anchors: list[Mapping[str, Any]] = field(default_factory=list)
    failures: list[Outcome] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    is_pending: bool = False


def look_after_anchors(
    ports: Ports, store: ObjectStore, known: tuple[LedgerAnchor, ...]
) -> AnchorsLook:
    """Have everybody asked who does not know the newest head; never blocks.

    Args:
        ports: The outside world.
        store: With a ledger.
        known: What the status says of the present epoch.
    """
    head = ports.ledger_heads.get(store.uid)
    # A process that began a moment ago has seen no head.
    seen = _Seen(is_pending=head is None)
    wanted = set[str]()
    for anchor in _anchors(store):
        wanted.add(anchor.label)
        last = next(
            (each for each in known if (each.kind, each.name) == (anchor.kind, anchor.name)), None
        )
        _look_after(ports, store, anchor, last, head, seen)
    # Whom the spec does not name any more.
    _drop_others(ports, store.name, store.uid, wanted, known)
    return AnchorsLook(
        tuple(seen.anchors), tuple(seen.failures), seen.is_pending, min(seen.waits, default=None)
    )


def forget_anchors(ports: Ports, name: str, uid: str, known: tuple[LedgerAnchor, ...] = ()) -> None:
    """Drop what is open of the anchors of a store that is gone, or is to ask nobody any more.

    Args:
        ports: The outside world.
        name: Of the store.
        uid: Of the store.
        known: What its status says of them.
    """
    _drop_others(ports, name, uid, set(), known)


def _drop_others(
    ports: Ports, name: str, uid: str, wanted: set[str], known: tuple[LedgerAnchor, ...]
) -> None:
    owner = Key(OBJECT_STORE.kind, "", name)
    asked = {
        task.removeprefix(_TASK) for task in ports.tasks.names(owner) if task.startswith(_TASK)
    }
    # Who answered has no task any more, and a series all the same.
    for label in (asked | {_label(each.kind, each.name) for each in known}) - wanted:
        ports.tasks.drop(TaskKey(owner, uid, f"{_TASK}{label}"))
        with suppress(KeyError):  # never told
            ports.metrics.ledger_anchor_lag.remove(name, label)


def _look_after(
    ports: Ports,
    store: ObjectStore,
    anchor: _Anchor,
    last: LedgerAnchor | None,
    head: LedgerHead | None,
    seen: _Seen,
) -> None:
    task_key = _task_key(store, anchor.label)
    running = ports.tasks.get(task_key)
    if running is None:
        wait = _wait(ports, anchor, last, head)
        if wait is None or wait > 0:
            _keep(ports, store, anchor, last, head, seen)
            seen.waits += [wait] if wait is not None else []
            return

    async def start(context: TaskContext) -> Mapping[str, Any]:
        async with ports.metrics.on_store("ledger_anchor"):
            return await _ask(ports, store, anchor, context)

    # What was learnt of another epoch says nothing of this one's heads.
    basis = f"{anchor.basis} {head.epoch if head is not None else 0}"
    task = ports.tasks.ensure(task_key, basis, start, tenant="", work_class=_WORK_CLASS)
    if task.result is not None:
        ports.tasks.drop(task_key)
        last = LedgerAnchor.model_validate(task.result)
        wait = _wait(ports, anchor, last, head)  # a head may have been signed meanwhile
        seen.waits += [wait] if wait is not None else []
        _keep(ports, store, anchor, last, head, seen)
        return
    _keep(ports, store, anchor, last, head, seen)
    seen.is_pending = True
    if task.error is not None:
        failing = (ports.now() - (task.failing_since or ports.now())).total_seconds()
        seen.failures.append(of_error(task.error).with_failure(failing, task.failures))


def _wait(
    ports: Ports, anchor: _Anchor, last: LedgerAnchor | None, head: LedgerHead | None
) -> float | None:
    """Return in how many seconds somebody is to be asked; None while the ledger does not grow."""
    if head is None or not head.head.size or (last and last.last_size >= head.head.size):
        return None
    if last is None:
        return 0.0
    # Whatever clock it was that said so: nobody waits for longer than the interval.
    asked = min(last.last_time, ports.now())
    return (anchor.interval - (ports.now() - asked)).total_seconds()


def _keep(
    ports: Ports,
    store: ObjectStore,
    anchor: _Anchor,
    last: LedgerAnchor | None,
    head: LedgerHead | None,
    seen: _Seen,
) -> None:
    size = last.last_size if last is not None else 0
    if head is not None:
        lag = max(head.head.size - size, 0)
        ports.metrics.ledger_anchor_lag.labels(store.name, anchor.label).set(lag)
    if last is None:
        seen.is_pending = True
        return
    told = {"kind": anchor.kind, "name": anchor.name} if anchor.name else {"kind": anchor.kind}
    seen.anchors.append({**told, "lastSize": size, "lastTime": format_time(last.last_time)})


async def _ask(
    ports: Ports, store: ObjectStore, anchor: _Anchor, context: TaskContext
) -> Mapping[str, Any]:
    head = ports.ledger_heads[store.uid]

    def act(task: LedgerTask) -> datetime | InvalidInput:
        # What a witness answers says nothing against the ledger that this process has open.
        try:
            return anchor.ask(task, head, ports.now())
        except InvalidInput as error:
            return error

    found = await in_ledger(ports, store, context.stop, act)
    if isinstance(found, GloveboxError):
        raise found
    return {
        "kind": anchor.kind,
        "name": anchor.name,
        "lastSize": head.head.size,
        "lastTime": format_time(found),
    }


def _anchors(store: ObjectStore) -> Iterator[_Anchor]:
    spec = store.spec.ledger
    if spec is None:
        return
    for each in spec.witnesses:
        basis = f"{spec.organisation} {each.key} {each.url}"
        yield _Anchor(_WITNESS, each.name, basis, _asks_witness(each.key, each.url))
    if spec.timestamps is not None:
        url, bundle = spec.timestamps.url, spec.timestamps.ca_bundle
        interval = timedelta(seconds=spec.timestamps.interval_seconds)
        basis = f"{spec.organisation} {url} {digest_of_bytes(bundle.encode())}"
        yield _Anchor(_TIMESTAMP, "", basis, _asks_authority(url, bundle), interval)


def _asks_witness(key: str, url: str) -> _Ask:
    def ask(task: LedgerTask, head: LedgerHead, now: datetime) -> datetime:
        parsed = parse_vkey(key)
        if parsed.kind != COSIGNATURE:
            raise InvalidInput(
                reasons.LEDGER_NOT_WITNESSED,
                f"`{parsed.name}` in `spec.ledger.witnesses` is the key of a log, and not of a"
                " witness: take the key that `glovebox witness` prints",
            )
        writer, place = task.ledger.writer, task.ledger.place
        until = writer.retain_until()
        known = Witness(parsed, url)
        return ask_witness(
            place, writer.layout, head.head.size, writer.key, known, task.stop, until, now=now
        )

    return ask


def _asks_authority(url: str, bundle: str) -> _Ask:
    def ask(task: LedgerTask, head: LedgerHead, now: datetime) -> datetime:
        roots = read_roots(bundle)
        writer, place = task.ledger.writer, task.ledger.place
        until = writer.retain_until()
        size = head.head.size
        return ask_authority(place, writer.layout, size, url, roots, task.stop, until, now=now)

    return ask


def _label(kind: str, name: str) -> str:
    return f"{kind} {name}".strip()


def _task_key(store: ObjectStore, label: str) -> TaskKey:
    return TaskKey(Key(OBJECT_STORE.kind, "", store.name), store.uid, f"{_TASK}{label}")
