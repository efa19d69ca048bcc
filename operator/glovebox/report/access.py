"""Who uses a pin, and who can: a section of the pages of pins."""

from __future__ import annotations

from collections.abc import Sequence

from glovebox.api.dataset_pin_status import PinUsers
from glovebox.report import words
from glovebox.report.page import Block, Mark, Section, Tone, Words, facts
from glovebox.report.readings import Reading, table_of


def access_section(
    users: PinUsers | None,
    readings: Sequence[Reading] | None,
    unread: str,
    *,
    kept_by: str | None = None,
    beside: Sequence[Block] = (),
) -> Section:
    """Return who uses a pin, and who can.

    Args:
        users: The Experiments that use it; None for none.
        readings: Who can use it; None where that could not be asked.
        unread: Why not, in a sentence.
        kept_by: What keeps it although it is deleted; nothing by default.
        beside: What is said between the two.
    """
    blocks: list[Block] = []
    if users is not None:
        blocks.append(
            facts(
                ("Experiments that use it", users.experiments),
                ("Of these elsewhere", users.elsewhere),
                ("By name", words.listed(users.names)),
                ("Kept by", kept_by),
            )
        )
    blocks += (*beside, table_of(readings) if readings is not None else Words(unread))
    nobody = Mark("Nobody uses it", Tone.PLAIN) if users is None and readings is not None else None
    return Section("Who uses it, and who can", tuple(blocks), nobody)
