"""What controllers may use of the outside world, each by a narrow port.

`reader` and the stores of objects only look; `writer` is the one door to the cluster; everything
that depends on time or chance is handed in.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from glovebox.api.experiment_status import RunStatus
from glovebox.api.stages import Stage
from glovebox.apply.children import Children
from glovebox.apply.events import EventRecorder
from glovebox.apply.writer import Writer
from glovebox.controllers.held_logs import HeldLogs
from glovebox.controllers.message_pace import MessagePace
from glovebox.controllers.read_logs import ReadLog
from glovebox.controllers.registry import Registry
from glovebox.controllers.shared_reads import SharedReads
from glovebox.data.overlap import Overlap
from glovebox.data.proof_budget import Given
from glovebox.desired.drift import Applied
from glovebox.desired.plan import Plan
from glovebox.engine.key_queue import Priority
from glovebox.engine.tasks import TaskRunner
from glovebox.evidence.keys import TrustBundle
from glovebox.evidence.signer import KeyPair, new_key_pair
from glovebox.kube.kinds import Kind
from glovebox.kube.resources import Key, Resources
from glovebox.kube.workloads import Workloads
from glovebox.ledger.checkpoint import Head
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.lineage import LineageMetrics
from glovebox.settings import Settings
from glovebox.status.outcome import Grace
from glovebox.store.connection import Credentials, Stores
from glovebox.store.credentials import SessionCredentials
from glovebox.store.grant_uses import UseRecord
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_writer import LedgerWriter

# The sessions for artifacts, each with the stage that it is for; None where there is no run.
Issued = tuple[tuple[Stage | None, SessionCredentials], ...]


def _never(_: Key) -> bool:
    return False


def random_names_key() -> bytes:
    """Return a key for names of features."""
    return secrets.token_bytes(32)


def _nothing() -> None:
    """Do nothing."""


def _unheard(_: Mapping[str, Any]) -> None:
    """Do nothing."""


class Wake(Protocol):
    """Enqueues a key."""

    def __call__(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """Put the key into its queue."""


class Reader(Protocol):
    """Looks at the cluster; there is no way to write through it."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Return an object as it is now.

        Raises:
            NotFound: It is not there.
        """

    def pages(
        self,
        kind: Kind,
        *,
        label_selector: str = "",
        field_selector: str = "",
        namespace: str | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the pages of a consistent list."""

    async def log_tail(
        self, namespace: str, pod: str, container: str, *, most: int
    ) -> tuple[bytes, bool]:
        """Return the end of a container's log, and whether that is known to be not all of it."""


class LedgerHead(NamedTuple):
    """A head of a ledger that was seen signed."""

    organisation: str
    epoch: int
    head: Head


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A ledger that this process writes.

    Attributes:
        basis: Where it is, and whose key signs it.
        writer: One of its writers.
        place: Its bucket.
        opened: When, by the monotonic clock.
    """

    basis: tuple[str, ...]
    writer: LedgerWriter
    place: LedgerPlace
    opened: float


class Failures:
    """Remembers since when something fails, and how often in a row; forgotten by a restart.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failing: dict[Key, dict[str, tuple[float, int]]] = {}

    def note(self, key: Key, what: str, since: float | None = None) -> tuple[float, int]:
        """Count one failure; return for how many seconds it has been failing, and how often.

        Args:
            key: The resource.
            what: What of it fails.
            since: The monotonic second at which this attempt began, where it takes a while.
        """
        of_key = self._failing.setdefault(key, {})
        since, attempts = of_key.get(what, (self._clock() if since is None else since, 0))
        of_key[what] = (since, attempts + 1)
        return self._clock() - since, attempts + 1

    def seconds(self, key: Key, what: str) -> float:
        """Return for how many seconds it has been failing by now; 0 of what works."""
        since, _ = self._failing.get(key, {}).get(what, (self._clock(), 0))
        return self._clock() - since

    def is_failing(self, key: Key, what: str) -> bool:
        """Whether it was noted, and does not work again."""
        return what in self._failing.get(key, {})

    def clear(self, key: Key, what: str) -> None:
        """Say that it works again."""
        of_key = self._failing.get(key)
        if of_key is not None and of_key.pop(what, None) is not None and not of_key:
            del self._failing[key]

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone."""
        self._failing.pop(key, None)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Why evidence could not be written when it was last tried.

    Attributes:
        why: The cause, and its cure.
        since: When it could have been written first; None where that is not on record.
    """

    why: str
    since: datetime | None = None


# So long an API server may admit pods by the labels that a namespace had before.
ADMISSION_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Inspected:
    """A namespace that was searched for pods which its labels should have kept out.

    Attributes:
        version: Which version of it, as `Children.version_of` has it.
        since: When that version was seen first, in monotonic seconds.
        is_done: Whether none is left, and none can come any more while it has this version.
        pause: In how many seconds from then on it is searched once more.
        told: The UIDs of pods that were told of as removed, and were there in the last search.
    """

    version: tuple[int, int] | None
    since: float
    is_done: bool = False
    pause: float = ADMISSION_SECONDS
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CheckedKeys:
    """With which keys of its Secret a store was checked.

    Attributes:
        credentials: The keys; None before there were any to be read.
        read: When the Secret was read for that last, in monotonic seconds.
        is_due: Whether no check with these keys has ended well, after they took others' place.
    """

    credentials: Credentials | None
    read: float
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Repairs of an Experiment that are not in its status.

    Attributes:
        repairs: How many its status told of, before.
        applied: What was repaired since.
    """

    repairs: int
    applied: tuple[Applied, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """What an Experiment counts for that is being bound.

    Attributes:
        amounts: By resource.
        until: When it counts no more, in monotonic seconds.
    """

    amounts: Mapping[str, str]
    until: float


@dataclass(slots=True)
class Ports:
    """The outside world of one operator process, as controllers see it."""

    settings: Settings
    reader: Reader
    writer: Writer
    resources: Resources
    children: Children
    workloads: Workloads
    stores: Stores
    metrics: EngineMetrics
    lineage: LineageMetrics
    events: EventRecorder
    now: Callable[[], datetime]
    clock: Callable[[], float]
    jitter: Callable[[], float]
    wake: Wake
    tasks: TaskRunner
    failures: Failures
    messages: MessagePace
    # What many looks read at the same moment.
    shared_reads: SharedReads = field(default_factory=SharedReads)
    # Who has which content.
    registry: Registry = field(default_factory=Registry)
    # Uses of grants that were read in stores, by folder and number: what is taken stays taken.
    grant_uses: dict[str, dict[int, UseRecord]] = field(default_factory=dict)
    # Makes a key for seals.
    new_keys: Callable[[], KeyPair] = new_key_pair
    # Makes a key for names of features.
    new_names_key: Callable[[], bytes] = random_names_key
    # It, once it was read.
    feature_names_key: bytes | None = None
    # Which kinds of an experiment's objects differ now and are not repaired.
    drifting: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    # The namespace of each Experiment that is kept; what is left here when an Experiment is gone
    # was never let go.
    namespaces: dict[Key, str] = field(default_factory=dict)
    # Whether a look at a resource is under way.
    is_worked_on: Callable[[Key], bool] = _never
    # Called when a namespace may have lost its Experiment.
    suspect_orphans: Callable[[], None] = _nothing
    # UIDs of the namespaces that seemed to be orphans in the last sweep, where they were too many
    # to be believed at once; empty otherwise. While there are any, nothing of an orphan is deleted.
    doubted_orphans: frozenset[str] = frozenset()
    # What Experiments count for that are just being bound, in the budgets of their teams.
    claims: dict[Key, Claim] = field(default_factory=dict)
    # Plans that were rendered last, by what they were rendered from.
    plans: dict[tuple[object, ...], Plan] = field(default_factory=dict)
    # What inputs were last found to share, by what was compared.
    overlaps: dict[str, Overlap] = field(default_factory=dict)
    # Credentials that were asked for while a namespace was being made.
    prefetched: dict[Key, asyncio.Task[Issued]] = field(default_factory=dict)
    # What is known of pods that may have come into Experiments' namespaces through a gap.
    inspected: dict[Key, Inspected] = field(default_factory=dict)
    # Repairs that the status of an Experiment does not tell of yet.
    unrecorded: dict[Key, Unrecorded] = field(default_factory=dict)
    # How many looks in a row were not recorded: what they had seen was changed meanwhile.
    outdated: dict[Key, int] = field(default_factory=dict)
    # Checks of ObjectStores that failed: of which generation, and until when they rest.
    resting_checks: dict[Key, tuple[int, float]] = field(default_factory=dict)
    # When the signing keys were last seen to be published in an ObjectStore, of which generation.
    keys_seen: dict[Key, tuple[int, float]] = field(default_factory=dict)
    # Beside whose evidence which key is known to be published: endpoint, bucket, key id.
    published_keys: set[tuple[str, str, str]] = field(default_factory=set)
    # Who writes the list of the keys of seals: one at a time.
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    # The keys of seals as this process last saw them published; None before it looked.
    known_keys: TrustBundle | None = None
    # By UID of a pin, what its task may take of the budget of which store.
    allowances: dict[str, Given] = field(default_factory=dict)
    # By UID of a store, when what it has on record is compared with the cluster again.
    compared: dict[str, float] = field(default_factory=dict)
    # And what that found last: Experiments that the store lost, and how many runs it has besides.
    record_differences: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    # By name of a store, how far its access log was read, and what that tells.
    access_logs: dict[str, ReadLog] = field(default_factory=dict)
    # By UID of a store, when holds of its manifests are looked at again.
    swept_holds: dict[str, float] = field(default_factory=dict)
    # Tells this cluster from others that share a bucket; empty until it was read.
    cluster_uid: str = ""
    # Experiments of whose run this process knows that the store holds no seal of it.
    unsealed_runs: set[str] = field(default_factory=set)
    # Experiments that are being deleted and of which nothing is left to retire, by UID.
    retired: set[str] = field(default_factory=set)
    # By UID, what is told of a seal that a former key signed, and that ends no run.
    uncounted_seals: dict[str, str] = field(default_factory=dict)
    # By UID, when the record that a run was started may be tried again.
    start_notes: dict[str, float] = field(default_factory=dict)
    # By Experiment, what of its evidence could not be written, and why.
    late: dict[Key, dict[str, Unwritten]] = field(default_factory=dict)
    # By namespace and UID, when the ledger was first told of each grant of the last hour.
    grants_told: dict[str, dict[str, float]] = field(default_factory=dict)
    # Credentials of ObjectStores, as last read, by the name of their Secret.
    store_credentials: dict[str, Credentials] = field(default_factory=dict)
    # With which of them each ObjectStore was checked last.
    checked_keys: dict[Key, CheckedKeys] = field(default_factory=dict)

    # Secrets that this process knows to be in play, by Experiment, and until when each is looked
    # for: none of them goes into a log.
    known_secrets: dict[Key, dict[str, datetime]] = field(default_factory=dict)
    # What the stages of runs were given, by Experiment; an entry says that all of it is known.
    given_secrets: dict[Key, set[str]] = field(default_factory=dict)
    # Who redacts a log: one at a time.
    redacting: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Runs that lost their Experiment, as they were seen last, by the key of their namespace.
    lost_runs: dict[Key, RunStatus] = field(default_factory=dict)
    # Logs that wait for their store.
    held_logs: HeldLogs = field(default_factory=HeldLogs)

    # Called with the note of an event of lineage that is in the cluster.
    lineage_noted: Callable[[Mapping[str, Any]], None] = _unheard

    # Seals, by UID, of which a note was left for their last listing, done or not.
    noted_listings: dict[str, None] = field(default_factory=dict)
    # Why the last listing of an Experiment that is gone is overdue, by the name of its note.
    late_listings: dict[str, str] = field(default_factory=dict)

    # Ledgers that are open, by UID of their ObjectStore; the newest head of each that was seen; and
    # when they are to be looked after again.
    ledgers: dict[str, OpenLedger] = field(default_factory=dict)
    ledger_heads: dict[str, LedgerHead] = field(default_factory=dict)
    ledgers_due: dict[str, float] = field(default_factory=dict)

    @property
    def grace(self) -> Grace:
        """How long a failure that may pass changes no condition of what stands."""
        return Grace(self.settings.grace_seconds, self.settings.grace_attempts)
