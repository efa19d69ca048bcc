"""What the ledger is told of the keys of seals, and what waits for it: the first signature.

    ConfigMap (the key is published) -> records beside the evidence -> entry -> first seal

A key that took over signs nothing before the ledger of the store tells of it, as the ObjectStore's
`status.ledger.entries` says. That is waited for `KEY_WAIT` at most, which is less than a deletion
waits for its seal: no seal is missed for the sake of an entry. What was not told by then is told
later all the same, as long as the list of keys has it.

That a key is lost is reported at once and told afterwards: whoever has to look for it must not wait
for a store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledgers import WORK_CLASS, ledger_of, tell
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.signing_keys import KeyPlace, ensure_keys
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.errors import NotReady
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.ledger.entry import Event, time_text
from glovebox.ledger.key_events import key_events, taken_over
from glovebox.ledger.pace import CLOCKS
from glovebox.status.outcome import Outcome, of_error, waiting
from glovebox.tasks.seal_request import SealKeys

TASK: Final = "ledger-keys"
KEY_WAIT: Final = timedelta(minutes=15)
_RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class KeysTold:
    """How telling the ledger of keys went.

    Attributes:
        entries: What `status.ledger.entries` holds from now on; None leaves it as it is.
        failure: Why it cannot be written; None where it can.
    """

    entries: tuple[Mapping[str, Any], ...] | None = None
    failure: Outcome | None = None


def tell_of_keys(ports: Ports, store: ObjectStore, obj: Mapping[str, Any]) -> KeysTold:
    """Have the ledger told what it was not told of the keys; never blocks.

    Args:
        ports: The outside world.
        store: With `spec.ledger`, Ready.
        obj: The same as the API server holds it: what is not recorded is not told.
    """
    task_key = TaskKey(Key.of(obj), store.uid, TASK)
    status, spec = obj.get("status") or {}, store.spec.ledger
    outstanding = untold_keys(ports, store, status)
    if spec is None or not outstanding:
        ports.tasks.drop(task_key)
        return KeysTold()

    async def start(context: TaskContext) -> tuple[Mapping[str, Any], ...]:
        return await tell(ports, store, context.stop, due)

    # The ledger takes no event of the future: a clock was ahead when it was recorded. The others do
    # not wait for it.
    due = tuple(event for event in outstanding if event.time <= ports.now() + CLOCKS)
    if not due:
        ports.tasks.drop(task_key)
        return KeysTold(failure=_to_come(outstanding))
    ids = [event.id for event in due]
    basis = " ".join((spec.organisation, spec.key_secret_ref.name, *ids))
    task = ports.tasks.ensure(task_key, basis, start, tenant="", work_class=WORK_CLASS)
    if task.result is not None:
        # What does not follow from the list any more needs no room: it is in the ledger.
        now = {event.id for event in _events(ports, store, status)}
        kept = [entry for entry in _recorded(status) if entry["id"] in now]
        return KeysTold((*kept, *task.result))
    if task.error is None:
        return KeysTold()
    failing = (ports.now() - (task.failing_since or ports.now())).total_seconds()
    return KeysTold(failure=of_error(task.error).with_failure(failing, task.failures))


def _to_come(outstanding: tuple[Event, ...]) -> Outcome:
    first = min(event.time for event in outstanding)
    return waiting(
        reasons.LEDGER_UNAVAILABLE,
        f"the list of keys of seals says that one of them changes at {time_text(first)}, which is"
        " still to come: correct the clock that is wrong; its entry is written then",
    )


def untold_keys(ports: Ports, store: ObjectStore, status: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return the events of keys of which a status does not say where the ledger tells of them."""
    recorded = {entry["id"] for entry in _recorded(status)}
    return tuple(each for each in _events(ports, store, status) if each.id not in recorded)


def _events(ports: Ports, store: ObjectStore, status: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return all events of keys; none before a head of the ledger was seen."""
    organisation = (status.get("ledger") or {}).get("organisation")
    spec = store.spec.ledger
    if spec is None or organisation != spec.organisation or ports.known_keys is None:
        return ()
    return key_events(ports.known_keys, store.uid, status)


def _recorded(status: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple((status.get("ledger") or {}).get("entries") or ())


async def keys_for_signing(ports: Ports, place: KeyPlace, store_name: str) -> SealKeys:
    """Return the keys, published; the one that signs is known to the ledger of the store.

    Args:
        ports: The outside world.
        place: Where keys are published beside the evidence.
        store_name: Of the ObjectStore whose ledger is told, where it has one by now.

    Raises:
        NotReady: As `ensure_keys`; or the key took over a moment ago, and its entry is not written.
        GloveboxError: As `ensure_keys`.
    """
    ring = await ensure_keys(ports, place)
    key = ring.trust.find(ring.signer.key_id)
    store = ledger_of(ports, store_name)
    if store is None or key is None or key.valid_from is None:
        return ring
    owner, event = Key(OBJECT_STORE.kind, "", store_name), taken_over(key)
    about = f"{TASK} {key.key_id}"
    if _is_told(store, event.id):
        ports.failures.clear(owner, about)
        return ring
    ports.wake(owner)
    # A time that is still to come says nothing of since when it could have been told.
    since = event.time if event.time <= ports.now() else None
    if ports.now() > deadline(ports, owner, about, since, KEY_WAIT):
        return ring
    task = ports.tasks.get(TaskKey(owner, store.uid, TASK))
    if task is not None and task.error is not None:
        message = (
            f"key {key.key_id} signs for the first time once its entry is in the ledger, or after"
            f" {KEY_WAIT.seconds // 60} minutes: the ledger cannot be written, see condition"
            f" `LedgerWritten` of ObjectStore `{store_name}`"
        )
        raise NotReady(reasons.LEDGER_UNAVAILABLE, message, retry_seconds=_RETRY_SECONDS)
    message = f"key {key.key_id} signs for the first time once its entry is in the ledger"
    raise NotReady(reasons.LEDGER_PENDING, message, retry_seconds=_RETRY_SECONDS)


def _is_told(store: ObjectStore, event_id: str) -> bool:
    told, spec = store.status.ledger, store.spec.ledger
    if told is None or spec is None or told.organisation != spec.organisation:
        return False
    return any(entry.id == event_id for entry in told.entries)
