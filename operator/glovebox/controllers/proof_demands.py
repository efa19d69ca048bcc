"""How often a pin is proven: as its spec says, and as Experiments demand that wait for it.

A demand makes a proof due at once where the last one is too old. Once the Experiment is bound, it
demands nothing more. Who may not use the pin without a grant demands nothing of it either: only
Experiments of the pin's own namespace do. A person who may edit the pin asks by an annotation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glovebox import names
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment_inputs import MaxProofAge
from glovebox.controllers.ports import Ports
from glovebox.data.proof_levels import Level
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT
from glovebox.kube.resources import Key

_FIELDS: Final[Mapping[Level, str]] = {
    Level.LIST: "listSeconds",
    Level.HEAD: "headSeconds",
    Level.SAMPLE: "sampleSeconds",
    Level.FULL: "fullSeconds",
}

# The shortest interval that a pin may have.
_SOONEST: Final = timedelta(seconds=60)


def ages_of(demand: MaxProofAge) -> dict[Level, timedelta]:
    """Return what is demanded of each level."""
    given = {
        Level.LIST: demand.list_seconds,
        Level.HEAD: demand.head_seconds,
        Level.SAMPLE: demand.sample_seconds,
        Level.FULL: demand.full_seconds,
    }
    return {level: timedelta(seconds=age) for level, age in given.items() if age is not None}


def intervals_of(ports: Ports, pin: DatasetPin) -> dict[Level, timedelta]:
    """Return how long a proof of each level is good for."""
    rules = pin.spec.verification
    seconds = {
        Level.LIST: rules.list_interval_seconds,
        Level.HEAD: rules.head_interval_seconds,
        Level.SAMPLE: rules.sample_interval_seconds,
        Level.FULL: rules.full_interval_seconds,
    }
    for demand in _demands(ports, pin):
        for level, field in _FIELDS.items():
            age = demand.get(field)
            if isinstance(age, int):
                seconds[level] = min(seconds[level], age)
    return {level: timedelta(seconds=each) for level, each in seconds.items()}


def requests_of(pin: DatasetPin) -> dict[Level, datetime]:
    """Return when somebody asked for a proof, by its level; what is no time is left out.

    It is an annotation such as `glovebox.dev/prove-full`, which needs no memory of ours: a proof
    that ended before that moment is too old, and one that ended later answers it.
    """
    found = {level: _moment(_asked(pin, level)) for level in Level}
    return {level: moment for level, moment in found.items() if moment is not None}


def remark_on_requests(pin: DatasetPin) -> str:
    """Return what is said of annotations that ask for a proof and hold no time."""
    wrong = [
        f"`{names.ANNOTATION_PROVE}{level.value.lower()}`"
        for level in Level
        if _asked(pin, level) and _moment(_asked(pin, level)) is None
    ]
    if not wrong:
        return ""
    return f"; {', '.join(wrong)} is not a time such as 2026-11-28T01:30:00Z, and is ignored"


def due_on_request(due: datetime, last: datetime | None, request: datetime | None) -> datetime:
    """Return when a proof is due that somebody may have asked for.

    Whoever asks without an end has it made once a minute, as the shortest interval does: it keeps
    no other level of the pin waiting, and listings are outside of any budget.

    Args:
        due: When it is due without that.
        last: When it was last made.
        request: When somebody asked for it.
    """
    if request is None or (last is not None and last >= request):
        return due
    return min(due, request if last is None else max(request, last + _SOONEST))


def _asked(pin: DatasetPin, level: Level) -> str:
    return pin.metadata.annotations.get(f"{names.ANNOTATION_PROVE}{level.value.lower()}", "")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        # Of the first and the last day of all years there are times that are none in UTC.
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _demands(ports: Ports, pin: DatasetPin) -> Iterator[Mapping[str, Any]]:
    """Yield `maxProofAge` of Experiments that wait for this pin."""
    for user in ports.resources.users_of(Key(DATASET_PIN.kind, pin.namespace, pin.name)):
        if user.kind != EXPERIMENT.kind or user.namespace != pin.namespace:
            continue
        obj = ports.resources.get(user) or {}
        if (obj.get("status") or {}).get("digest") or obj["metadata"].get("deletionTimestamp"):
            continue
        for each in ((obj.get("spec") or {}).get("inputs") or {}).get("datasets") or ():
            if each.get("pinRef", {}).get("name") == pin.name:
                yield each.get("maxProofAge") or {}
