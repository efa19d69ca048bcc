"""Four columns described: a day, a delay that is another one in each row, two of text."""

from __future__ import annotations

import random
from pathlib import Path

from bench.data.step import FILES, OURS, Step, ask_duckdb, table_of

from glovebox.api.statistics import StatisticsColumn
from glovebox.data.statistics import Asked
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


def by_statistics(folder: Path) -> int:
    """Describe the files as a task does; return how many columns are described."""
    with TableProcess(Stop()) as process:
        process.begin_statistics(ASKED.rules)
        for path in sorted(folder.iterdir()):
            process.add_statistics(table_of(path))
        return len(process.statistics().columns)


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


def by_duckdb(folder: Path) -> int:
    """Describe by SQL, with approximate quantiles."""
    shares = [at / 20 for at in range(1, 20)]
    told = (
        *(f"approx_quantile({name}, {shares})" for name in ("day", "delay")),
        *(f"approx_top_k({name}, 100)" for name in ("flight", "origin")),
    )
    columns = ", ".join(f"({each} IS NOT NULL)::INT AS c{at}" for at, each in enumerate(told))
    return ask_duckdb(
        f"SELECT c0 + c1 + c2 + c3 FROM (SELECT {columns} FROM read_parquet('{folder}/*'))"
    )


STEP = Step(
    "rows in 10 files",
    write,
    {OURS: by_statistics, "pyarrow, a file at a time": by_scan, "DuckDB": by_duckdb},
)
