"""What a pin promises against the pin that it supersedes."""

from __future__ import annotations

from typing import Final

from glovebox.api.dataset_pin import DatasetPin
from glovebox.report import words
from glovebox.report.page import Code, Mark, Section, Table, Tone, Words, facts

_TONES: Final = {
    "Full": Tone.GOOD,
    "Forward": Tone.GOOD,
    "Backward": Tone.WAITING,
    "Breaking": Tone.BAD,
}
_MEANS: Final = {
    "Full": "Code for the superseded pin can use this one, and code for this one that one.",
    "Forward": "Code for the superseded pin can use this one.",
    "Backward": "Code for this pin can use the superseded one, and not the other way round.",
    "Breaking": "Code for one of the two pins may not be able to use the other one.",
}


def evolution_section(pin: DatasetPin) -> Section | None:
    """Return how the contract compares with that of the superseded pin; None without one."""
    known, older = pin.status.evolution, pin.spec.supersedes
    if older is None or known is None:
        return None
    notes = pin.spec.migration.notes if pin.spec.migration is not None else None
    left = known.changes - len(known.first)
    return Section(
        "What changed of what is promised?",
        (
            Words(_MEANS.get(known.compatibility, f"Nothing is known: {known.message}.")),
            facts(
                ("Compared with", f"DatasetPin {known.against}"),
                ("Its contract", words.digest(known.against_contract)),
                ("This contract", words.digest(known.contract)),
                ("Compared", words.time(known.compared_time)),
                ("What its users have to change", notes),
            ),
            Table(
                ("Column", "Rule", "Breaks", "What was promised, and is"),
                tuple(
                    (
                        Code(each.column) if each.column else "the tables",
                        each.rule,
                        each.breaks,
                        each.message,
                    )
                    for each in known.first
                ),
                f"{words.number(left)} more are not listed." if left > 0 else "",
            ),
        ),
        Mark(known.compatibility, _TONES.get(known.compatibility, Tone.PLAIN)),
    )
