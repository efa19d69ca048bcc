"""What the phases of an Experiment leave for its status: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glovebox.api.conditions import Answer
from glovebox.api.experiment_status import IsolationStatus, RunStatus


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
    """

    uid: str
    latched: bool
    established: bool


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
        started: Whether this look created the Job.
        ended: Whether this look saw its end for the first time.
    """

    requested: bool
    run: RunStatus | None = None
    pending: str = ""
    started: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class SealFacts:
    """The seal.

    Attributes:
        record: What `status.seal` holds from now on; None leaves it as it is.
        versions: Number of object versions in it.
        size: Their bytes.
        findings: What the seal could not vouch for.
    """

    record: Mapping[str, Any] | None
    versions: int
    size: int
    findings: tuple[str, ...]
