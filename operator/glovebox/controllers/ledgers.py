"""The ledgers that this process writes: opened once, kept open, and opened again after a failure.

Which one an Experiment's events go to is said by its ObjectStore as it is now (`spec.ledger`).
Without it nothing here asks for anything. Whatever reads or writes a ledger is a task beside the
reconciles: no look waits for it.

A writer is opened with the newest head that the ObjectStore's status remembers: a bucket that holds
less, or another ledger, is refused before anything is written there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.ports import LedgerHead, OpenLedger, Ports
from glovebox.controllers.signing_keys import signer_of
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.engine.tasks import TaskContext, TaskKey, TaskState
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.evidence.signer import Signer
from glovebox.kube.kinds import OBJECT_STORE, SECRET
from glovebox.kube.resources import Key
from glovebox.ledger.checkpoint import EMPTY, Head
from glovebox.ledger.entry import Event
from glovebox.ledger.pace import GATHER
from glovebox.store.connection import Stop, Store
from glovebox.store.ledger_appending import append_events
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_writer import newest_epoch, open_ledger

T = TypeVar("T")
WORK_CLASS: Final = "ledger"
# A key is tried so often in a row; the rest is for the task, which waits without holding a thread.
_ATTEMPTS: Final = 3
# Then everything is read again: a bucket that was restored is noticed before an entry says that an
# hour was quiet.
_REOPEN: Final = timedelta(minutes=30)
# Nobody says that a ledger was made, or that the Secret with its key is there.
_LOOK_AGAIN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class LedgerTask:
    """What a task on a ledger may use.

    Attributes:
        ledger: Open.
        stop: Looked at between requests.
    """

    ledger: OpenLedger
    stop: Stop


def store_with_ledger(ports: Ports, obj: Mapping[str, Any]) -> ObjectStore | None:
    """Return the ObjectStore whose ledger is told of an Experiment; None where none is."""
    artifacts = (obj.get("spec") or {}).get("artifacts") or {}
    name = (artifacts.get("storeRef") or {}).get("name")
    return ledger_of(ports, name) if isinstance(name, str) else None


def ledger_of(ports: Ports, name: str) -> ObjectStore | None:
    """Return an ObjectStore that has a ledger by now; None where it has none, or is gone."""
    try:
        store = ports.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    except ValidationError:
        return None
    return store if store is not None and store.spec.ledger is not None else None


async def in_ledger(
    ports: Ports, store: ObjectStore, stop: Stop, act: Callable[[LedgerTask], T]
) -> T:
    """Do something with the ledger of a store, in a thread.

    Raises:
        NotReady: There is no such ledger, it went back, or its key is missing: a person has to act.
        GloveboxError: The store does not answer, or denies it. Calling again is safe.
    """
    try:
        _require_create_only(store)
        connection = await open_store(ports, store)
        ledger = await _opened(ports, store, connection, stop)
        return await connection.run_job(lambda stop: act(LedgerTask(ledger, stop)), stop)
    except InvalidInput as error:
        ports.ledgers.pop(store.uid, None)
        raise NotReady(error.reason, error.message, retry_seconds=_LOOK_AGAIN_SECONDS) from error
    except GloveboxError as error:
        if not isinstance(error, Unavailable):
            ports.ledgers.pop(store.uid, None)  # its epoch has ended: it goes on in the next one
        note_refusal(ports, error)
        raise


async def tell(
    ports: Ports, store: ObjectStore, stop: Stop, events: Iterable[Event]
) -> tuple[Mapping[str, Any], ...]:
    """Write events into the ledger of a store; return where they stand, as a status has it.

    Raises:
        NotReady, GloveboxError: As `in_ledger`. Calling again is safe: each event is written once.
    """

    def append(task: LedgerTask) -> tuple[Mapping[str, Any], ...]:
        return append_events(task.ledger.writer, task.ledger.place, events, task.stop)

    async with ports.metrics.on_store("ledger"):
        found = await in_ledger(ports, store, stop, append)
    # Signed soon, whoever is woken when: see `controllers/ledger_heads.py`.
    due = ports.clock() + GATHER.total_seconds()
    ports.ledgers_due[store.uid] = min(ports.ledgers_due.get(store.uid, due), due)
    ports.wake(Key(OBJECT_STORE.kind, "", store.name))
    return found


def ensure_told(
    ports: Ports, key: TaskKey, store: ObjectStore, events: Sequence[Event], tenant: str
) -> TaskState[tuple[Mapping[str, Any], ...]]:
    """Have a task that tells the ledger of a store of these events; never blocks.

    Args:
        ports: The outside world.
        key: Of the task; its owner is woken when it ends.
        store: With `spec.ledger`.
        events: What is not recorded as told.
        tenant: Namespace of the owner, for fair turns.
    """

    async def start(context: TaskContext) -> tuple[Mapping[str, Any], ...]:
        return await tell(ports, store, context.stop, events)

    spec = store.spec.ledger
    where = (spec.organisation, spec.key_secret_ref.name) if spec is not None else ()
    # Another ledger or key is a reason to try again at once.
    basis = " ".join((store.uid, *where, *(event.id for event in events)))
    return ports.tasks.ensure(key, basis, start, tenant=tenant, work_class=WORK_CLASS)


def why_untold(error: GloveboxError) -> str:
    """Return why a ledger is not written, in words that stay the same while it is so."""
    if isinstance(error, Unavailable) and not isinstance(error, Forbidden):
        return f"its store did not answer ({error.reason}); it is tried again"
    return error.message


def _require_create_only(store: ObjectStore) -> None:
    """Refuse a store that was seen to write over what it was told to leave.

    What lies first under an index counts, so a ledger there would hold; but nobody could tell the
    versions that the store lets through from those of a stranger.

    Raises:
        InvalidInput: Its conformance checks say so. `worm: BestEffort` takes such a store.
    """
    proven = store.status.condition(types.CONDITIONAL_WRITES_PROVEN)
    if proven is not None and proven.status == types.FALSE:
        raise InvalidInput(
            reasons.LEDGER_UNAVAILABLE,
            f"ObjectStore `{store.name}` keeps no ledger: {proven.message}. Take `spec.ledger` out,"
            " or use another store",
        )


async def _opened(ports: Ports, store: ObjectStore, connection: Store, stop: Stop) -> OpenLedger:
    spec = store.spec.ledger
    if spec is None:
        raise NotReady(reasons.LEDGER_ABSENT, f"ObjectStore `{store.name}` names no ledger")
    bucket = store.spec.artifacts.bucket
    basis = (store.spec.endpoint, bucket, spec.organisation, spec.key_secret_ref.name)
    found = ports.ledgers.get(store.uid)
    fresh = ports.clock() - _REOPEN.total_seconds()
    is_same = found is not None and found.basis == basis and found.place.store is connection
    if found is not None and is_same and found.opened > fresh:
        return found
    signer = await _signer(ports, spec.key_secret_ref.name)
    known = _known(ports, store, spec.organisation)
    place = LedgerPlace(connection, bucket, lambda _: None, _ATTEMPTS)

    def read(stop: Stop) -> OpenLedger:
        epoch = newest_epoch(place, spec.organisation, stop)
        if known is not None and epoch < known.epoch:
            raise InvalidInput(
                reasons.LEDGER_WENT_BACK,
                f"epoch {known.epoch} of the ledger of {spec.organisation} was seen, and bucket"
                f" {bucket} has epoch {epoch} at most: find out who restored or replaced the"
                " bucket",
            )
        head = known.head if known is not None and known.epoch == epoch else EMPTY
        writer = open_ledger(
            place, spec.organisation, signer, ports.now, stop, known=head, epoch=epoch
        )
        return OpenLedger(basis, writer, place, ports.clock())

    opened = await connection.run_job(read, stop)
    ports.ledgers[store.uid] = opened
    return opened


def _known(ports: Ports, store: ObjectStore, organisation: str) -> LedgerHead | None:
    """Return the newest head of the ledger that was seen, as the status or this process has it."""
    newest = ports.resources.parsed(Key(OBJECT_STORE.kind, "", store.name), ObjectStore) or store
    told, seen = newest.status.ledger, []
    if told is not None and told.organisation == organisation:
        try:
            root = base64.b64decode(told.root, validate=True)
        except binascii.Error:
            root = b""
        seen.append(LedgerHead(organisation, told.epoch, Head(told.size, root)))
    own = ports.ledger_heads.get(store.uid)
    if own is not None and own.organisation == organisation:
        seen.append(own)
    return max(seen, key=lambda each: (each.epoch, each.head.size), default=None)


async def _signer(ports: Ports, name: str) -> Signer:
    """Return what signs the ledger's heads.

    Raises:
        InvalidInput: There is no such Secret, it holds no key, or it holds the key of seals.
    """
    where = f"Secret `{name}` in `{ports.settings.namespace}`"
    found = await _find_signer(ports, name)
    if found is None:
        raise InvalidInput(
            reasons.LEDGER_UNAVAILABLE,
            f"there is no {where}, where the ledger's key has to be: create it with the key that"
            " `glovebox ledger init` was given, under `private.pem`",
        )
    seals: Signer | None = None
    with suppress(InvalidInput):  # of a key that cannot sign, `KeyPublished` tells
        seals = await _find_signer(ports, names.SIGNING_KEY_SECRET)
    if seals is not None and seals.key_id == found.key_id:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"`spec.ledger.keySecretRef` names {where}, which holds the key of seals: who has the"
            " one must not be able to sign the other; make another key, and begin an epoch with"
            " it: `glovebox ledger init --new-epoch`",
        )
    return found


async def _find_signer(ports: Ports, name: str) -> Signer | None:
    secret = await read_or_absent(ports, SECRET, ports.settings.namespace, name)
    return signer_of(secret) if secret is not None else None
