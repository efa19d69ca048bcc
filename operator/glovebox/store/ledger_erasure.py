"""Forgets a person: told in the ledger, signed, and only then deleted.

    salt is there -> entry `erasure` -> head over it -> every version of the salt is deleted

Dying anywhere in between leaves the salt, and the next attempt finds the entry that is written: its
id follows from the commitment and from the version and time of the object that says whose it is. A
copy that somebody brings back is another one, and to forget it is another event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from glovebox.ledger.entry import Event, Kind, Subject
from glovebox.store.ledger_people import (
    find_person,
    forget_person,
    require_forgetting,
    require_unlocked,
)

if TYPE_CHECKING:
    from glovebox.store.connection import Stop
    from glovebox.store.ledger_objects import LedgerPlace
    from glovebox.store.ledger_writer import LedgerWriter, Placed

# Of the ids of erasures; any UUID does, as long as it never changes.
_NAMESPACE: Final = UUID("9a0c8f52-27b9-5c0e-8c0f-5a2f3d3c6e77")
_SUBJECT: Final = "Person"


@dataclass(frozen=True, slots=True)
class Erased:
    """Somebody who was forgotten.

    Attributes:
        commitment: What stands in the ledger, and says nothing from now on.
        placed: Where the erasure is told.
        versions: How many versions said who it was.
    """

    commitment: str
    placed: Placed
    versions: int


def erase_person(
    writer: LedgerWriter,
    people: LedgerPlace,
    name: str,
    actor: str,
    details: Mapping[str, str],
    now: datetime,
    stop: Stop,
) -> Erased | None:
    """Tell the ledger that somebody is forgotten, and forget them. Blocks.

    Args:
        writer: Of the ledger.
        people: Where names and salts lie.
        name: In the clear.
        actor: Who does it: a commitment, or `system:<component>`.
        details: Why, in words of the ledger.
        now: The time.
        stop: Looked at between requests.

    Returns:
        None where nobody is known by that name.

    Raises:
        InvalidInput: The bucket cannot forget, or the event is none. Nothing was written.
        GloveboxError: The store does not answer, or denies it. Nobody is forgotten of whom the
            ledger does not tell; calling again is safe.
    """
    organisation = writer.layout.organisation
    found = find_person(people, organisation, name, stop)
    if found is None:
        return None
    require_forgetting(people)
    require_unlocked(people, organisation, found, now, stop)
    commitment = found.person.commitment
    event = Event(
        id=str(uuid5(_NAMESPACE, f"{commitment} {found.version_id} {found.since}")),
        kind=Kind.ERASURE,
        time=now,
        actor=actor,
        subject=Subject(_SUBJECT, name=commitment),
        details=details,
    )
    # An attempt of last year may have written it: it is no older than the salt.
    placed = writer.append(event, stop, since=found.since or writer.genesis.created)
    writer.publish(stop)
    return Erased(commitment, placed, forget_person(people, organisation, found, stop))
