"""The rows of two datasets compared by a key of two columns; one row in a thousand is in both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from bench.data.step import FILES, OURS, Step, ask_duckdb, table_of

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


def by_duckdb(folder: Path) -> int:
    """Compare by SQL."""
    train, test = (f"read_parquet('{folder}/{role}-*')" for role in ROLES)
    return ask_duckdb(f"SELECT count(*) FROM {train} SEMI JOIN {test} USING ({', '.join(KEY)})")


STEP = Step(
    "rows in each of two datasets",
    write,
    {OURS: by_rows, "set in memory": by_set, "DuckDB": by_duckdb},
)
