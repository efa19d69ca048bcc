"""Who reads a pin, as the access log of its store tells it."""

from __future__ import annotations

from typing import Final

from glovebox.api import conditions
from glovebox.api.access_log import UnusualRead
from glovebox.api.dataset_pin import DatasetPin
from glovebox.report import conditions as shown_conditions
from glovebox.report import words
from glovebox.report.page import Block, Code, Section, Table, Words, facts

_KINDS: Final = {
    "NotAnInput": "read by no run that has it as an input",
    "Burst": "read much more in an hour than there is",
    "Denied": "denied",
}
_READERS: Final = {
    "RunElsewhere": "a run of another namespace",
    "Anonymous": "without credentials",
    "Others": "others",
}


def reads_section(pin: DatasetPin) -> Section | None:
    """Return who read the pin; None where its store names no access log."""
    condition = pin.status.condition(conditions.READS_EXPECTED)
    if condition is None:
        return None
    mark = shown_conditions.answer(
        pin.status, conditions.READS_EXPECTED, "As declared", "Unusual reads"
    )
    found = pin.status.reads
    if found is None:
        return Section("Who reads it", (Words(condition.message),), mark)
    blocks: list[Block] = [
        facts(
            ("Last read", words.time(found.last_time) or "never"),
            ("Reads", words.number(found.requests)),
            ("Sent", words.size(found.bytes) if found.bytes else "not in the log"),
        ),
        Table(
            ("Who", "What", "Requests", "Sent", "First", "Last", "Seen in"),
            tuple(
                (
                    _who(each),
                    _KINDS.get(each.kind, each.kind),
                    words.number(each.requests),
                    words.size(each.bytes, short=True) if each.bytes else "",
                    words.time(each.first_time),
                    words.time(each.last_time),
                    Code(each.log),
                )
                for each in found.unusual
            ),
        ),
    ]
    return Section("Who reads it", tuple(blocks), mark)


def _who(found: UnusualRead) -> Code | str:
    if found.reader == "Run":
        return f"Experiment {found.requester}"
    return _READERS.get(found.reader) or Code(found.requester)
