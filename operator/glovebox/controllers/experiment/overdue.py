"""Evidence that is late: what the store, or the key, has refused for a stated time is reported.

Conclusions, records of runs and last listings wait for nothing but the store and the key of seals,
and are tried for ever: nothing is given up. So that nobody waits in silence, what has failed for
`OVERDUE` is a condition (`EvidenceWritten`) that names the cause and its cure. It is gone with the
first try that succeeds.

It counts from the moment since which it could have been written, where that is on record: the end
of the last session, the start of the run, the writing of the conclusion; of a run that does not
begin, since when Ready says that the store denies its record. So a process that is started again
and again reports it too, once it has failed for `SURE` itself. Of a run whose record fails without
a denial there is no such moment: each process counts from its own first try. None takes back what
another one reported.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from glovebox.controllers.last_listings import OVERDUE
from glovebox.controllers.ports import Ports, Unwritten
from glovebox.errors import GloveboxError
from glovebox.kube.resources import Key
from glovebox.status.experiment_seen import Late

# A store that is away for a moment, when a process begins, is no news.
SURE: Final = timedelta(minutes=2)
CONCLUSION: Final = "the conclusion"
RECORD: Final = "the record of the run"
LAST_LISTING: Final = "the last listing"


def note_late(
    ports: Ports, key: Key, what: str, error: GloveboxError, *, since: datetime | None = None
) -> None:
    """Note that something of the evidence could not be written.

    Args:
        ports: The outside world.
        key: The Experiment.
        what: What of it.
        error: Why.
        since: When it could have been written first, where that is on record.
    """
    ports.failures.note(key, what)
    ports.late.setdefault(key, {})[what] = Unwritten(error.message, since)


def clear_late(ports: Ports, key: Key, what: str) -> None:
    """Note that it is written, or that nobody waits for it any more."""
    if ports.late.get(key, {}).pop(what, None) is not None:
        ports.failures.clear(key, what)


def late_of(ports: Ports, key: Key) -> tuple[Late, ...]:
    """Return what of an Experiment could not be written when it was last tried."""
    return tuple(
        Late(what, each.why, is_overdue=ports.now() >= _overdue_from(ports, key, what, each))
        for what, each in ports.late.get(key, {}).items()
    )


def _overdue_from(ports: Ports, key: Key, what: str, late: Unwritten) -> datetime:
    first = ports.now() - timedelta(seconds=ports.failures.seconds(key, what))
    if late.since is None:
        return first + OVERDUE
    return max(late.since + OVERDUE, first + SURE)
