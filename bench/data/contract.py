"""A contract of four columns over ten Parquet files: by footers, by rows, with a unique key."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.data.step import FILES, OURS, Step, ask_duckdb, table_of

from glovebox.api.contract import Contract
from glovebox.data.contract_keys import KeyCheck
from glovebox.data.contract_rules import file_rules
from glovebox.data.contracts import Judge
from glovebox.data.row_pieces import MAX_SPILLED
from glovebox.store.connection import Stop
from glovebox.tasks.table_process import TableProcess

COLUMNS = [
    {"name": "day", "type": "Integer", "minimum": "0", "maximum": "1000000000", "maxNullShare": 0},
    {"name": "flight", "type": "Text", "pattern": "UA[0-9]+", "maxNullShare": 0},
    {"name": "delay", "type": "Number", "minimum": "0", "maxNullShare": 100},
    {"name": "origin", "type": "Text", "allowed": ["EWR", "JFK", "LGA"]},
]

KEYED = [{"name": "day", "type": "Integer"}, {"name": "flight", "type": "Text"}]


def write(folder: Path, count: int) -> None:
    """Write the files; one value in ten thousand is no airport of the contract."""
    import pyarrow as pa  # noqa: PLC0415 - the process that checks has none of it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    part = count // FILES
    airports = ("EWR", "JFK", "LGA")
    for number in range(FILES):
        rows = range(number * part, (number + 1) * part)
        table = pa.table(
            {
                "day": pa.array(rows, pa.int64()),
                "flight": [f"UA{at % 4000}" for at in rows],
                "delay": pa.array((at * 0.5 for at in rows), pa.float64()),
                "origin": [airports[at % 3] if at % 10_000 else "TEB" for at in rows],
            }
        )
        parquet.write_table(table, folder / f"{number}.parquet")


def by_contract(folder: Path, **more: object) -> int:
    """Check as a pin is."""
    contract = Contract.model_validate({"columns": COLUMNS, **more})
    judge, rules = Judge(contract), file_rules(contract)
    with TableProcess(Stop()) as process, ExitStack() as stack:
        keys = [KeyCheck.unique(each.columns, MAX_SPILLED) for each in contract.unique]
        for key in keys:
            files = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            key.open(*files)
        for path in sorted(folder.iterdir()):
            first, counts = judge.rows, [0] * len(keys)
            for key in keys:
                key.begin(path.name, first)

            def keyed(
                number: int, hashes: bytes, counts: list[int] = counts, first: int = first
            ) -> None:
                counts[number] += keys[number].add(hashes, first + counts[number])

            judge.add(path.name, process.check(table_of(path), rules, keyed))
        for key in keys:
            key.judge(judge, lambda: None)
    return judge.verdict(0).violations


def with_key(folder: Path) -> int:
    """Check a key of two columns that is to be unique."""
    return by_contract(folder, columns=KEYED, unique=[{"columns": ["day", "flight"]}])


def by_footers(folder: Path) -> int:
    """Check what footers say."""
    return by_contract(folder, columns=COLUMNS[:1])


def by_scan(folder: Path) -> int:
    """Check as a script of ten lines does, a file at a time."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above
    from pyarrow import parquet  # noqa: PLC0415 - as above

    at_fault = 0
    for path in sorted(folder.iterdir()):
        table = parquet.read_table(path, use_threads=False)
        wrong = pc.sum(pc.less(table["day"], 0)).as_py() + table["day"].null_count
        wrong += pc.sum(pc.invert(pc.match_substring_regex(table["flight"], "^UA[0-9]+$"))).as_py()
        wrong += pc.sum(pc.less(table["delay"], 0.0)).as_py() + table["delay"].null_count
        airports = pc.is_in(table["origin"], value_set=pa.array(["EWR", "JFK", "LGA"]))
        wrong += pc.sum(pc.invert(airports)).as_py()
        at_fault += wrong > 0
    return at_fault


def footers_by_duckdb(folder: Path) -> int:
    """Check the column that footers speak of, by SQL."""
    return ask_duckdb(
        "SELECT count_if(day < 0 OR day > 1000000000 OR day IS NULL)"
        f" FROM read_parquet('{folder}/*')"
    )


def by_duckdb(folder: Path) -> int:
    """Check by SQL, and count as a contract does: of each file each rule and column once."""
    faults = ", ".join(
        f"count_if({each}) > 0 AS c{number}"
        for number, each in enumerate(
            (
                "day < 0 OR day IS NULL",
                "NOT regexp_full_match(flight, 'UA[0-9]+') OR flight IS NULL",
                "delay < 0 OR delay IS NULL",
                "origin NOT IN ('EWR', 'JFK', 'LGA')",
            )
        )
    )
    return ask_duckdb(
        "SELECT sum(c0::INT + c1::INT + c2::INT + c3::INT) FROM ("
        f"SELECT {faults} FROM read_parquet('{folder}/*', filename = true) GROUP BY filename)"
    )


def key_by_duckdb(folder: Path) -> int:
    """Check the key by SQL."""
    return ask_duckdb(
        f"SELECT count(*) - count(DISTINCT (day, flight)) FROM read_parquet('{folder}/*')"
    )


FOOTERS = Step("rows in 10 files", write, {OURS: by_footers, "DuckDB": footers_by_duckdb})
STEP = Step(
    "rows in 10 files",
    write,
    {OURS: by_contract, "pyarrow, a file at a time": by_scan, "DuckDB": by_duckdb},
)
KEY = Step("rows in 10 files", write, {OURS: with_key, "DuckDB": key_by_duckdb})
