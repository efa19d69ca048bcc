"""The texts of two datasets compared by their words; one in a thousand is an edited copy.

Texts have fifty words, drawn from five thousand.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.data.step import FILES, OURS, Step, table_of

from glovebox.data.row_overlap import Keyed
from glovebox.data.text_overlap import find_near_texts
from glovebox.store.connection import Stop
from glovebox.tasks.table_process import TableProcess

ROLES = ("train", "test")
WORDS = [f"word{number}" for number in range(5000)]


def write(folder: Path, count: int) -> None:
    """Write the files of both datasets."""
    import pyarrow as pa  # noqa: PLC0415 - the process that compares has none of it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    part = count // FILES
    for role, number in itertools.product(ROLES, range(FILES)):
        rows = range(number * part, (number + 1) * part)
        bodies = [_text(role if at % 1000 else "both", at) for at in rows]
        if role == ROLES[1]:
            bodies = [f"Edited, {body.partition(' ')[2].upper()}." for body in bodies]
        parquet.write_table(pa.table({"body": bodies}), folder / f"{role}-{number}.parquet")


def _text(whose: str, number: int) -> str:
    dice = random.Random(f"{whose} {number}")  # noqa: S311 - texts, and no secrets
    return " ".join(dice.choices(WORDS, k=50))


def by_texts(folder: Path) -> int:
    """Compare as an Experiment's inputs are."""
    with TableProcess(Stop()) as process:

        def files(role: str) -> Iterator[tuple[str, Iterator[bytes]]]:
            for path in sorted(folder.glob(f"{role}-*")):
                yield path.name, process.signatures(table_of(path), ("body",))

        near = find_near_texts(Keyed(role, role, files(role)) for role in ROLES).near
    return near[0].second_count


def by_sets(folder: Path) -> int:
    """Compare as a script of twenty lines does: exactly, with all runs of three words in memory."""
    holders: dict[int, list[int]] = {}
    sizes: list[int] = []
    for at, found in enumerate(_shingles(folder, ROLES[0])):
        sizes.append(len(found))
        for each in found:
            holders.setdefault(each, []).append(at)
    near = 0
    for found in _shingles(folder, ROLES[1]):
        common = Counter(at for each in found for at in holders.get(each, ()))
        near += any(
            number >= 0.8 * (sizes[at] + len(found) - number) for at, number in common.items()
        )
    return near


def _shingles(folder: Path, role: str) -> Iterator[set[int]]:
    from pyarrow import parquet  # noqa: PLC0415 - as above

    for path in sorted(folder.glob(f"{role}-*")):
        for text in parquet.read_table(path).column("body").to_pylist():
            words = text.lower().replace(",", "").replace(".", "").split()
            yield {hash(each) for each in zip(words, words[1:], words[2:], strict=False)}


STEP = Step(
    "texts in each of two datasets", write, {OURS: by_texts, "sets of words in memory": by_sets}
)
