"""How a pin's columns are distributed, and how that compares with another pin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from glovebox.api import conditions
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.api.statistics_status import ComparedColumn, DistributionStatus, DrawnColumn
from glovebox.report import conditions as shown_conditions
from glovebox.report import words
from glovebox.report.page import (
    Bar,
    Block,
    Cell,
    Code,
    Mark,
    Picture,
    Pictures,
    Section,
    Share,
    Table,
    Tone,
    Words,
    facts,
)

_TONES: Final = {"stable": Tone.GOOD, "moved": Tone.BAD, "unknown": Tone.WAITING}
_WHOLE: Final = 10_000
# A bar is full at a PSI of this: a quarter counts as a great move everywhere.
_FULL_PSI: Final = 5_000
_PARTS: Final = (
    "Each bar is the share of the rows that hold something there; no part has few rows. Point at"
    " one for its numbers. Below: the first part and the last."
)
_PAIRS: Final = f"Grey: the other pin. Blue: this one. {_PARTS}"


def pictures_section(experiment: Experiment, pins: Sequence[DatasetPin]) -> Section:
    """Return how the inputs of an Experiment are distributed, where their pins tell it.

    Args:
        experiment: The Experiment.
        pins: Pins as they are now. Those that it was not bound to are left out.
    """
    known = {pin.uid: pin for pin in pins}
    blocks: list[Block] = []
    for each in experiment.status.inputs:
        pin = known.get(each.uid)
        if pin is None:
            continue
        described, compared = pin.status.statistics, pin.status.distribution
        what = f"Input {each.name}"
        if compared is not None:
            what = f"{what}, against DatasetPin {compared.against}. {_PAIRS}"
            blocks.append(Pictures(pictures_of(compared.drawn, _marks(compared)), what))
        elif described is not None:
            blocks.append(Pictures(pictures_of(described.drawn, {}), f"{what}. {_PARTS}"))
    return Section("How are its data distributed?", tuple(blocks))


def pictures_of(columns: Sequence[DrawnColumn], marks: Mapping[str, Mark]) -> tuple[Picture, ...]:
    """Return a picture of each column, with the mark that it has."""
    return tuple(
        Picture(
            column.name,
            tuple(
                Bar(
                    each.name,
                    each.share / _WHOLE,
                    each.before / _WHOLE if each.before is not None else None,
                )
                for each in column.parts
            ),
            marks.get(column.name),
        )
        for column in columns
        if column.parts
    )


def _marks(compared: DistributionStatus) -> dict[str, Mark]:
    return {
        each.name: Mark(each.verdict, _TONES.get(each.verdict, Tone.PLAIN))
        for each in compared.columns
    }


def distribution_section(pin: DatasetPin) -> Section:
    """Return what is known of the distribution of its columns."""
    described, compared = pin.status.statistics, pin.status.distribution
    blocks: list[Block] = []
    if described is not None:
        blocks.append(
            facts(
                ("Columns described", words.number(described.columns)),
                ("Of these shown", words.number(described.shown)),
                ("Rows", words.number(described.rows)),
                ("Described", words.time(described.computed_time)),
                ("Where", Code(f"{described.document.bucket}/{described.document.key}")),
            )
        )
    if compared is not None:
        blocks += _compared(compared)
    elif described is not None:
        blocks.append(Pictures(pictures_of(described.drawn, {}), _PARTS))
    if (
        compared is None
        and (condition := pin.status.condition(conditions.DISTRIBUTION_STABLE)) is not None
    ):
        blocks.append(Words(condition.message))
    return Section(
        "How is it distributed?",
        tuple(blocks),
        shown_conditions.answer(pin.status, conditions.DISTRIBUTION_STABLE, "Stable", "Moved"),
    )


def _compared(compared: DistributionStatus) -> list[Block]:
    counts = ((compared.moved, "moved"), (compared.stable, "stable"), (compared.unknown, "unknown"))
    told = ", ".join(f"{words.number(count)} {what}" for count, what in counts)
    return [
        facts(
            ("Compared with", f"DatasetPin {compared.against}"),
            ("Its content", words.digest(compared.against_content)),
            ("Columns", told),
            ("Compared", words.time(compared.compared_time)),
            ("All columns", Code(f"{compared.document.bucket}/{compared.document.key}")),
        ),
        Pictures(pictures_of(compared.drawn, _marks(compared)), _PAIRS),
        Table(
            (
                "Column",
                "Verdict",
                "Because",
                "PSI",
                "Distance",
                "Rows that hold nothing",
                "In neither",
            ),
            tuple(_column(each) for each in compared.columns),
            "In brackets: what chance alone comes to with so many rows. The distance is"
            " that of Kolmogorov and Smirnov, of categories the total variation. In neither: how"
            " long at least the times are that lie between those of both.",
        ),
    ]


def _column(column: ComparedColumn) -> tuple[Cell, ...]:
    tone = _TONES.get(column.verdict, Tone.PLAIN)
    psi: Cell = ""
    if column.psi is not None:
        psi = Share(
            min(column.psi / _FULL_PSI, 1.0),
            _with_floor(column.psi, column.psi_floor),
            tone,
        )
    nulls = ""
    if column.null_share is not None and column.null_share_before is not None:
        nulls = f"{column.null_share_before / _WHOLE:.2%} → {column.null_share / _WHOLE:.2%}"
    return (
        Code(column.name),
        Mark(column.verdict, tone),
        column.reason,
        psi,
        _with_floor(column.distance, column.distance_floor),
        nulls,
        f"{words.number(column.gap_seconds)} s" if column.gap_seconds is not None else "",
    )


def _with_floor(value: int | None, floor: int | None) -> str:
    if value is None:
        return ""
    chance = "" if floor is None else f" ({floor / _WHOLE:.4f})"
    return f"{value / _WHOLE:.4f}{chance}"
