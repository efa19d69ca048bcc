"""Measures comparing the rows of two datasets by a key of two columns, against a set in memory.

    python bench/rows.py --rows 1000000

Two datasets of Parquet files lie on the local disk; a store's own speed is no part of it. One row
in a thousand is shared. Each row of the table is a process of its own, so that its peak is its own;
what reads tables beside the task is a second process, whose peak has a column. Ratios are what
counts: the machine is shared.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.data.row_keys import Kind
from glovebox.data.row_overlap import Keyed, find_shared_rows
from glovebox.store.connection import Stop
from glovebox.tasks.table_process import TableFile, TableProcess
from support.own_process import took

ROLES = ("train", "test")
FILES = 10
KEY = ("day", "flight")
KINDS: tuple[Kind, ...] = ("Integer", "Text")


def main() -> None:
    """Write two datasets, then compare them in each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=tuple(WAYS), help="leave the other way out")
    parser.add_argument("--write", metavar="FOLDER")
    parser.add_argument("--here", nargs=2, metavar=("WAY", "FOLDER"))
    options = parser.parse_args()
    if options.here:
        way, folder = options.here
        found = WAYS[way](Path(folder))
        peaks = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        print(found, *(resource.getrusage(each).ru_maxrss >> 10 for each in peaks))
        return
    if options.write:
        for role in ROLES:
            write(Path(options.write), role, options.rows)
        return
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        # Elsewhere: a process begins with the peak of the one that started it.
        command = [sys.executable, __file__, "--rows", str(options.rows), "--write", folder]
        subprocess.run(command, check=True)
        print(f"{options.rows:,} rows in each of two datasets")
        print(f"{'':24}{'seconds':>9}{'cpu s':>8}{'shared':>9}{'peak MiB':>10}{'reader MiB':>12}")
        times = [run(way, folder) for way in WAYS if options.only in {None, way}]
    if len(times) > 1:
        print(f"set in memory / compare_rows: {times[0] / times[1]:.2f} of its speed")


def run(way: str, folder: str) -> float:
    """Print the row of one way; return its seconds."""
    own = took(__file__, way, folder)
    found, peak, reader = own.said[-3:]
    columns = f"{own.seconds:9.1f}{own.cpu:8.1f}{found:>9}{peak:>10}{reader:>12}"
    print(f"{way:24}{columns}", flush=True)
    return own.seconds


def write(folder: Path, role: str, count: int) -> None:
    """Write the files of a dataset, with two columns beside the key."""
    import pyarrow as pa  # noqa: PLC0415 - the process that compares has none of it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    part = count // FILES
    for number in range(FILES):
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


def table_of(path: Path) -> TableFile:
    """Return a file as a task reads it: in parts."""

    def read(first: int, size: int) -> bytes:
        with path.open("rb") as file:
            file.seek(first)
            return file.read(size)

    return TableFile(path.name, path.stat().st_size, read)


WAYS: dict[str, Callable[[Path], int]] = {
    "set in memory": by_set,
    "compare_rows": by_rows,
}


if __name__ == "__main__":
    main()
