"""What the phases of an Experiment leave for its status: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from glovebox.api.attempt_status import TenantPods
from glovebox.api.conditions import Answer
from glovebox.api.experiment_status import IsolationStatus, RunStatus
from glovebox.api.input_status import InputGrant, InputStatus
from glovebox.api.leakage_status import LeakStatus
from glovebox.status.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer to the question of one condition."""

    answer: Answer
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """The namespace as it is.

    Attributes:
        uid: Its UID.
        latched: Whether this very namespace was recorded as complete for this very digest.
        established: Whether differences are drift: it is latched, and for the state of now.
        made: The version in which this look made it, while nobody had changed it; None where the
            look found it. Nothing that its labels keep out can be in it as long as it has this
            version.
    """

    uid: str
    latched: bool
    established: bool
    made: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class CredentialsFacts:
    """The artifact credentials.

    Attributes:
        uri: Where they let the run write.
        store: Name of the ObjectStore.
        expire_time: When they end; None where none are to be.
        problem: Why they could not be renewed although they are still good.
    """

    uri: str
    store: str
    expire_time: datetime | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PullSecretFacts:
    """What opens the registries of the images.

    Attributes:
        problem: Why it could not be read again although what was copied is still there.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """What is delivered for pods that are made by hand.

    Attributes:
        words: What such a pod names to have it, or why there is nothing.
        is_there: Whether it is there.
        over: The reason, where a grant by which it was used has ended.
    """

    words: str
    is_there: bool = True
    over: str = ""


@dataclass(frozen=True, slots=True)
class ProofFacts:
    """The isolation check.

    Attributes:
        finding: What the condition Isolated says.
        recorded: What to record; None leaves the record as it is.
    """

    finding: Finding
    recorded: IsolationStatus | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run.

    Attributes:
        requested: Whether the spec asks for one.
        run: How far it is; None when it has not begun.
        pending: What keeps it from starting or from getting further.
        waits_for: The reason of that, once its Job is there; empty while a pod of it runs.
        started: Whether this look created the Job.
        ended: Whether this look saw its end for the first time.
        leaving: UIDs of pods that somebody ends: their logs go with them.
        tenant_pods: Who else had pods; None when nobody was seen.
        broken: What is done about a broken input for which it has not started; empty for none.
        admitted: What Admitted says; None where it waits in no queue, or nobody knows.
        deliveries: The fetchers of its pods that have ended.
    """

    requested: bool
    run: RunStatus | None = None
    pending: str = ""
    waits_for: str = ""
    started: bool = False
    ended: bool = False
    leaving: tuple[str, ...] = ()
    tenant_pods: TenantPods | None = None
    broken: Literal["", "Freeze", "Fail"] = ""
    admitted: Finding | None = None
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What was seen of the run and of others in its namespace.

    Attributes:
        run: The run with its pods, their nodes and logs; None without one.
        tenant_pods: Who else had pods; None when nobody was seen.
        pending: What is still to come, in words: the seal waits for it for a while.
    """

    run: RunStatus | None = None
    tenant_pods: TenantPods | None = None
    pending: str = ""


@dataclass(frozen=True, slots=True)
class ClosingFacts:
    """What was in the namespace when it was closed.

    Attributes:
        tenant_pods: Who else had pods then; None when nobody was seen.
    """

    tenant_pods: TenantPods | None = None


@dataclass(frozen=True, slots=True)
class ConclusionFacts:
    """The statement of a conclusion, as `status.conclusion` holds it from now on."""

    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the ledger was told.

    Attributes:
        asked: Ids of the events that are written, or being written.
        entries: Those that are written, as `status.ledger.entries` holds them from now on.
    """

    asked: frozenset[str] = frozenset()
    entries: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class LineageFacts:
    """The events of lineage.

    Attributes:
        asked: The steps whose events are written, or being written.
        record: What `status.lineage` holds from now on; None leaves it as it is.
    """

    asked: frozenset[str] = frozenset()
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SealFacts:
    """The seal.

    Attributes:
        record: What `status.seal` holds from now on; None leaves it as it is.
        versions: Number of object versions in it.
        size: Their bytes.
        findings: What the seal could not vouch for.
        supplement: What `status.sealSupplement` holds from now on; None leaves it as it is.
        waits: What is still to come after the seal, in words; empty when nothing is.
        not_counted: What is told of statements by former keys in its place; empty without any.
    """

    record: Mapping[str, Any] | None
    versions: int
    size: int
    findings: tuple[str, ...]
    supplement: Mapping[str, Any] | None = None
    waits: str = ""
    not_counted: str = ""


@dataclass(frozen=True, slots=True)
class LeakageFacts:
    """What phase `leakage` found.

    Attributes:
        rows: The leakage sheet; empty without datasets, and for what is bound already.
        grants: Those that let inputs share something, each with the name of the input.
    """

    rows: tuple[LeakStatus, ...] = ()
    grants: tuple[tuple[str, InputGrant], ...] = ()


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """What phase `uses` took.

    Attributes:
        inputs: The inputs as they are bound, with the number of each use.
    """

    inputs: tuple[InputStatus, ...]
