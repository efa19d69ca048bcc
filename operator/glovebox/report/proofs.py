"""Whether a pin is still what was pinned: its last proofs, and what they found."""

from __future__ import annotations

from typing import Final

from glovebox.api import conditions
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.pin_verification import FoundObject, LevelProof
from glovebox.report import conditions as shown_conditions
from glovebox.report import words
from glovebox.report.page import Block, Cell, Code, Mark, Section, Table, Tone, facts

_TONES: Final = {"Passed": Tone.GOOD, "Found": Tone.BAD}


def proofs_section(pin: DatasetPin) -> Section:
    """Return when the pin was last compared with the store, how, and what was found."""
    status, found = pin.status, pin.status.findings
    blocks: list[Block] = [
        facts(
            ("First read whole, or again", words.time(status.verified_time)),
            ("Last listed", words.time(status.listed_time)),
        ),
        Table(
            (
                "Proof",
                "Last",
                "Came to",
                "Objects",
                "Bytes read",
                "Sample by",
                "Locks not shown",
                "Under way",
            ),
            tuple(_proof(each) for each in status.verification),
        ),
    ]
    if found is not None:
        counts = (
            ("Changed", found.changed),
            ("Missing", found.missing),
            ("Hidden", found.hidden),
            ("Added", found.extra),
            ("Unreadable", found.unreadable),
        )
        blocks.append(facts(*((name, words.number(count)) for name, count in counts if count)))
    named = [(level, each) for level, objects in _findings(pin) for each in objects]
    blocks.append(
        Table(
            ("Found by", "What", "Object", "Was", "Is"),
            tuple(
                (level, each.what, Code(each.path), Code(each.expected), Code(each.found))
                for level, each in named
            ),
        )
    )
    if not named and found is not None:
        blocks.append(Table(("The first of them",), tuple((Code(each),) for each in found.samples)))
    return Section(
        "Is it still what was pinned?",
        tuple(blocks),
        shown_conditions.answer(status, conditions.VERIFIED, "Yes", "No"),
    )


def _findings(pin: DatasetPin) -> list[tuple[str, tuple[FoundObject, ...]]]:
    listed = pin.status.findings.objects if pin.status.findings is not None else ()
    proven = [
        (each.level, each.findings.objects)
        for each in pin.status.verification
        if each.findings is not None
    ]
    return [("List", listed), *proven]


def _proof(proof: LevelProof) -> tuple[Cell, ...]:
    current = proof.current
    under_way = ""
    if current is not None:
        done = words.size(current.bytes, short=True)
        under_way = f"{words.number(current.objects)} objects, {done}"
        if current.waiting_until_time is not None:
            under_way += f"; waits until {words.time(current.waiting_until_time)}"
    return (
        proof.level,
        words.time(proof.last_time) or "never",
        Mark(proof.result, _TONES[proof.result]) if proof.result else "",
        words.number(proof.objects),
        words.size(proof.bytes, short=True),
        Code(proof.seed) if proof.seed else "",
        words.number(proof.hidden_locks) if proof.hidden_locks else "",
        under_way,
    )
