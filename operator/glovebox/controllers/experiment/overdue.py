"""Evidence that is late: what the store, or the key, has refused for a stated time is reported.

Conclusions, records of runs and last listings wait for nothing but the store and the key of seals,
and are tried for ever: nothing is given up. So that nobody waits in silence, what has failed for
`OVERDUE` is a condition (`EvidenceWritten`) that names the cause and its cure. It is gone with the
first try that succeeds. A process that was started later counts from its own first try, and takes
back no such condition.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from glovebox.controllers.ports import Ports
from glovebox.errors import GloveboxError
from glovebox.kube.resources import Key
from glovebox.status.experiment_seen import Late

OVERDUE: Final = timedelta(minutes=15)
CONCLUSION: Final = "the conclusion"
RECORD: Final = "the record of the run"
LAST_LISTING: Final = "the last listing"


def note_late(ports: Ports, key: Key, what: str, error: GloveboxError) -> None:
    """Note that something of the evidence could not be written."""
    ports.failures.note(key, what)
    ports.late.setdefault(key, {})[what] = error.message


def clear_late(ports: Ports, key: Key, what: str) -> None:
    """Note that it is written, or that nobody waits for it any more."""
    if ports.late.get(key, {}).pop(what, None) is not None:
        ports.failures.clear(key, what)


def late_of(ports: Ports, key: Key) -> tuple[Late, ...]:
    """Return what of an Experiment could not be written when it was last tried."""
    seconds = OVERDUE.total_seconds()
    return tuple(
        Late(what, message, is_overdue=ports.failures.seconds(key, what) >= seconds)
        for what, message in ports.late.get(key, {}).items()
    )
