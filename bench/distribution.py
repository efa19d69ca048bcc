"""Measures describing a dataset, against a scan of the same columns by pyarrow.

    python bench/distribution.py --rows 10000000

Ten Parquet files lie on the local disk; a store's own speed is no part of it. Each row of the table
is a process of its own, so that its peak is its own; what reads tables beside the task is a second
process, whose peak has a column. Ratios are what counts: the machine is shared.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.table_ways import FILES, measure, table_of

from glovebox.api.statistics import DistributionThresholds, StatisticsColumn
from glovebox.data.distribution import compare
from glovebox.data.statistics import Asked, Counted, reference_rules, statistics_of
from glovebox.store.connection import Stop
from glovebox.tasks.table_process import TableProcess

ASKED = Asked(
    (
        StatisticsColumn(name="day", type="Integer", shown=True),
        StatisticsColumn(name="delay", type="Number", shown=True),
        StatisticsColumn(name="flight", type="Text", shown=True),
        StatisticsColumn(name="origin", type="Text", shown=True),
    ),
    20,
)


def write(folder: Path, count: int) -> None:
    """Write the files: a day, a delay that is another one in each row, and two columns of text."""
    import pyarrow as pa  # noqa: PLC0415 - the process that describes has none of it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    chance = random.Random(1)  # noqa: S311 - the same each time
    part = count // FILES
    airports = ("EWR", "JFK", "LGA")
    for number in range(FILES):
        rows = range(number * part, (number + 1) * part)
        table = pa.table(
            {
                "day": pa.array((at % 365 for at in rows), pa.int64()),
                "delay": pa.array((chance.gauss(10, 40) for _ in rows), pa.float64()),
                "flight": [f"UA{at % 4000}" for at in rows],
                "origin": [airports[at % 3] for at in rows],
            }
        )
        parquet.write_table(table, folder / f"{number}.parquet")


def count(folder: Path, against: dict[str, object]) -> Counted:
    """Count the rows of all files as a task does."""
    with TableProcess(Stop()) as process:
        process.begin_statistics({**ASKED.rules, "against": against})
        for path in sorted(folder.iterdir()):
            process.add_statistics(table_of(path))
        return process.statistics()


def by_statistics(folder: Path) -> int:
    """Describe the files."""
    return sum(not each.withheld for each in count(folder, {}).columns)


def with_reference(folder: Path) -> int:
    """Describe the first file, then all of them, and compare both."""
    with TableProcess(Stop()) as process:
        process.begin_statistics(ASKED.rules)
        process.add_statistics(table_of(min(folder.iterdir())))
        reference = statistics_of(ASKED, process.statistics())
    counted = count(folder, reference_rules(reference))
    return compare(reference, counted, DistributionThresholds()).number("stable")


def by_scan(folder: Path) -> int:
    """Describe as a script of ten lines does, with approximate quantiles, a file at a time."""
    import pyarrow.compute as pc  # noqa: PLC0415 - as above
    from pyarrow import parquet  # noqa: PLC0415 - as above

    described = set()
    for path in sorted(folder.iterdir()):
        table = parquet.read_table(path, use_threads=False)
        for name in ("day", "delay"):
            pc.tdigest(table[name], q=[at / 20 for at in range(1, 20)])
            pc.min_max(table[name])
            described.add(name)
        for name in ("flight", "origin"):
            pc.value_counts(table[name])
            described.add(name)
    return len(described)


WAYS: dict[str, Callable[[Path], int]] = {
    "scan": by_scan,
    "statistics": by_statistics,
    "compared as well": with_reference,
}


def main() -> None:
    """Write a dataset, then describe it in each way."""
    took = measure(__file__, __doc__, WAYS, write, what=f"{FILES} files", found="columns")
    if took.keys() >= {"scan", "statistics"}:
        print(f"scan / statistics: {took['scan'].cpu / took['statistics'].cpu:.2f} of its speed")


if __name__ == "__main__":
    main()
