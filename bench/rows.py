"""Measures comparing the rows of two datasets by a key of two columns, against a set in memory.

    python bench/rows.py --rows 1000000

Two datasets of Parquet files lie on the local disk; a store's own speed is no part of it. One row
in a thousand is shared. Each row of the table is a process of its own, so that its peak is its own;
what reads tables beside the task is a second process, whose peak has a column. Ratios are what
counts: the machine is shared.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.table_ways import FILES, measure, table_of

from glovebox.data.row_keys import Kind
from glovebox.data.row_overlap import Keyed, find_shared_rows
from glovebox.store.connection import Stop
from glovebox.tasks.table_process import TableProcess

ROLES = ("train", "test")
KEY = ("day", "flight")
KINDS: tuple[Kind, ...] = ("Integer", "Text")


def write(folder: Path, count: int) -> None:
    """Write the files of both datasets, with two columns beside the key."""
    import pyarrow as pa  # noqa: PLC0415 - the process that compares has none of it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    part = count // FILES
    for role, number in itertools.product(ROLES, range(FILES)):
        rows = range(number * part, (number + 1) * part)
        other = 0 if role == ROLES[0] else count
        table = pa.table(
            {
                "day": pa.array((at if at % 1000 == 0 else at + other for at in rows), pa.int64()),
                "flight": [f"UA{at % 4000}" for at in rows],
                "delay": pa.array((at * 0.5 for at in rows), pa.float64()),
                "remark": [f"remark {at}" for at in rows],
            }
        )
        parquet.write_table(table, folder / f"{role}-{number}.parquet")


def by_rows(folder: Path) -> int:
    """Compare as an Experiment's inputs are."""
    with TableProcess(Stop()) as process:

        def files(role: str) -> Iterator[tuple[str, Iterator[bytes]]]:
            for path in sorted(folder.glob(f"{role}-*")):
                yield path.name, process.keys(table_of(path), KEY, KINDS)

        shared = find_shared_rows(Keyed(role, role, files(role)) for role in ROLES).shared
    return shared[0].first_count


def by_set(folder: Path) -> int:
    """Compare as a script of ten lines does."""
    from pyarrow import parquet  # noqa: PLC0415 - as above

    first: set[tuple[int, str]] = set()
    found = 0
    for role in ROLES:
        for path in sorted(folder.glob(f"{role}-*")):
            table = parquet.read_table(path, columns=list(KEY))
            keys = zip(*(table.column(column).to_pylist() for column in KEY), strict=True)
            if role == ROLES[0]:
                first.update(keys)
            else:
                found += sum(key in first for key in keys)
    return found


WAYS: dict[str, Callable[[Path], int]] = {
    "set in memory": by_set,
    "compare_rows": by_rows,
}


def main() -> None:
    """Write two datasets, then compare them in each way."""
    took = measure(__file__, __doc__, WAYS, write, what="each of two datasets", found="shared")
    if took.keys() == WAYS.keys():
        ratio = took["set in memory"].seconds / took["compare_rows"].seconds
        print(f"set in memory / compare_rows: {ratio:.2f} of its speed")


if __name__ == "__main__":
    main()
