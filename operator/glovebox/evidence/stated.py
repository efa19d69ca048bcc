"""What the signed statement of a seal says of itself, as the operator reads it back. Pure.

Whoever has a key signs what they like, also what is no statement of ours but for its type. So it is
read here at once and as a whole, or it is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import InvalidInput
from glovebox.evidence.after_seal import payload_of
from glovebox.evidence.run_facts import PASSED_OVER, SESSIONS_END
from glovebox.evidence.statement import FINDING, SNAPSHOT_NAME, list_digest_of

_OUTCOMES: Final = frozenset({"", "Succeeded", "Failed"})
# What is compared with a time may be moved by so much.
_ROOM: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class StatedSeal:
    """What a statement says.

    Attributes:
        outcome: How the run ended; empty without a run.
        sealed: When it says that it was signed.
        sealed_time: The same, as it is written there.
        sessions_end: When the last session ends that may write below the prefix, RFC 3339.
        digest: Of the snapshot: the identity of the Experiment.
        list_digest: Of the list of artifacts.
        findings: What the seal cannot vouch for.
        run: The run; None without one.
        passed_over: Versions under its name that could not be read when it was made.
    """

    outcome: str
    sealed: datetime
    sealed_time: str
    sessions_end: str
    digest: str
    list_digest: str
    findings: tuple[str, ...]
    run: RunStatus | None
    passed_over: tuple[str, ...] = ()


def moment_of(text: Any) -> datetime | None:
    """Return the moment that a text names; None where it names none that can be compared."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        for edge in (moment - _ROOM, moment + _ROOM):
            edge.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment


def read_stated(envelope: bytes) -> StatedSeal:
    """Return what a statement of a seal says; unverified: who signed it is another question.

    Raises:
        InvalidInput: Something is missing there, or is none of what it should be.
    """
    try:
        return _stated(payload_of(envelope))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the statement is none of an experiment"
        ) from error


def defect_of_seal(envelope: bytes) -> str:
    """Return what is wrong with a statement of a seal as such; an empty text where nothing is."""
    try:
        read_stated(envelope)
    except InvalidInput:
        return "is not made as the operator makes one"
    return ""


def _stated(document: Any) -> StatedSeal:
    predicate = document["predicate"]
    details = predicate["runDetails"]
    ended, metadata = details["byproducts"][0]["annotations"], details["metadata"]
    sealed = moment_of(ended["sealedOn"])
    ends = str(metadata.get(SESSIONS_END, ended["sealedOn"]))
    listed = list_digest_of(document)
    if sealed is None or moment_of(ends) is None or listed is None:
        raise ValueError("a time or the list is missing")
    if ended["outcome"] not in _OUTCOMES:
        raise ValueError("there is no such outcome")
    return StatedSeal(
        outcome=ended["outcome"],
        sealed=sealed,
        sealed_time=ended["sealedOn"],
        sessions_end=ends,
        digest=_snapshot_digest(predicate["buildDefinition"]["resolvedDependencies"]),
        list_digest=f"{DIGEST_PREFIX}{listed}",
        findings=tuple(
            str(each["annotations"]["message"])
            for each in details["byproducts"]
            if each["name"] == FINDING
        ),
        run=_run(ended, metadata),
        passed_over=tuple(str(each) for each in metadata.get(PASSED_OVER, ())),
    )


def _snapshot_digest(dependencies: Any) -> str:
    (snapshot,) = (each for each in dependencies if each.get("name") == SNAPSHOT_NAME)
    return f"{DIGEST_PREFIX}{snapshot['digest']['sha256']}"


def _run(ended: Any, metadata: Any) -> RunStatus | None:
    if not ended["outcome"]:
        return None
    started, finished = metadata.get("startedOn"), metadata.get("finishedOn")
    if any(each and moment_of(each) is None for each in (started, finished)):
        raise ValueError("a time of the run cannot be read")
    return RunStatus.model_validate(
        {
            "startTime": started,
            "completionTime": finished or ended["sealedOn"],
            "outcome": ended["outcome"],
            "reason": ended["reason"],
            "message": "as the seal in the store says",
            "attempts": int(str(metadata.get("invocationId", "/0")).rpartition("/")[2] or 0),
        }
    )
