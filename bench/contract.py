"""Measures checking a contract, against a scan of the same columns by pyarrow.

    python bench/contract.py --rows 10000000

Ten Parquet files lie on the local disk; a store's own speed is no part of it. Each row of the table
is a process of its own, so that its peak is its own; what reads tables beside the task is a second
process, whose peak has a column. Ratios are what counts: the machine is shared.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.table_ways import FILES, measure, table_of

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
    """Check with a key of two columns that is to be unique."""
    return by_contract(folder, unique=[{"columns": ["day", "flight"]}])


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


WAYS: dict[str, Callable[[Path], int]] = {
    "scan": by_scan,
    "footers": by_footers,
    "columns": by_contract,
    "columns and a key": with_key,
}


def main() -> None:
    """Write a dataset, then check it in each way."""
    took = measure(__file__, __doc__, WAYS, write, what=f"{FILES} files", found="at fault")
    if took.keys() >= {"scan", "columns"}:
        print(f"scan / check of columns: {took['scan'].cpu / took['columns'].cpu:.2f} of its speed")


if __name__ == "__main__":
    main()
