"""Comparing the texts of inputs: see `data/text_overlap.py`.

Tables are read as for the comparison of rows (`rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from glovebox.data.row_overlap import Keyed
from glovebox.data.text_overlap import NearTexts, find_near_texts
from glovebox.store.connection import Stop
from glovebox.tasks.context import Progress
from glovebox.tasks.rows import KeyedDataset, UnreadableError, by_key, reading_tables


@dataclass(slots=True)
class TextsFound(NearTexts):
    """What was found.

    Attributes:
        textless: Of the input whose texts cannot be read: a table, and why. Nothing else is known
            then.
    """

    textless: dict[str, tuple[str, str]] = field(default_factory=dict)


def compare_texts(
    datasets: Iterable[KeyedDataset], stop: Stop, report: Callable[[Progress], None]
) -> TextsFound:
    """Return which texts of the datasets are near. Blocks.

    Args:
        datasets: In the order of the inputs; `rows.key` names the columns of their texts.
        stop: Looked at between parts.
        report: Takes the progress.

    Raises:
        Refused, InvalidInput, GloveboxError: As `rows.compare_rows`.
    """
    asked, found = tuple(datasets), TextsFound()
    if not asked:
        return found
    with reading_tables(asked[0].store, "ReadingTexts", stop, report) as reading:
        try:
            for group in by_key(asked):
                read = reading.texts(group[0].rows.key)
                texts = (Keyed(each.name, each.role, reading.files(each, read)) for each in group)
                near = find_near_texts(texts, stop.check)
                found.near += near.near
                found.texts |= near.texts
                found.wordless |= near.wordless
                found.crowded += near.crowded
        except UnreadableError as error:
            return TextsFound(textless={error.name: (error.path, error.why)})
    return found
