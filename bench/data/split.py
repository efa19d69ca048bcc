"""Rows divided into three parts, each way by its own rule: all of them count the rows written.

The script divides by the remainder of a number, which costs next to nothing. A split hashes keys
with SHA-256, and DuckDB here does as well; a split also sorts the keys of each part for its digest.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.data.contract import write
from bench.data.step import OURS, Step, ask_duckdb, table_of

from glovebox.data.row_keys import Kind
from glovebox.data.splits import HASH_BYTES, ByShare, salted
from glovebox.store.connection import Stop
from glovebox.tasks.split_parts import PartBuilder
from glovebox.tasks.table_process import TableProcess

PARTS = 3
SHARES = (1000, 1000, 8000)


def by_key(folder: Path) -> int:
    """Divide as a SplitPin does; return how many rows were written."""
    members = ByShare(SHARES)
    names = [f"part-{number}" for number in range(PARTS)]
    rows = 0
    kinds: tuple[Kind, ...] = ("Text", "Integer")
    with TableProcess(Stop()) as process, ExitStack() as stack:
        parts = [stack.enter_context(PartBuilder(name)) for name in names]
        out = stack.enter_context(tempfile.TemporaryFile())

        def decide(hashes: bytes) -> bytes:
            nonlocal rows
            values = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
            found = bytes(members.part_of(value) for value in values)
            for number, part in enumerate(parts):
                part.add_keys(
                    {value for at, value in zip(found, values, strict=True) if at == number}
                )
            rows += len(found)
            return found

        for path in sorted(folder.iterdir()):

            def keep(part: int, data: bytes) -> None:
                del part
                out.write(data)

            process.split(
                table_of(path), ("flight", "day"), kinds, salted("one"), PARTS, decide, keep
            )
    return rows


def by_script(folder: Path) -> int:
    """Divide as a script of ten lines does, a file at a time."""
    import pyarrow.compute as pc  # noqa: PLC0415 - the process that splits has none of it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    written = 0
    with tempfile.TemporaryDirectory() as out:
        for path in sorted(folder.iterdir()):
            table = parquet.read_table(path, use_threads=False)
            days = table["day"]
            tenth = pc.subtract(days, pc.multiply(pc.divide(days, 10), 10))
            for part, chosen in enumerate(
                (pc.equal(tenth, 0), pc.equal(tenth, 1), pc.greater(tenth, 1))
            ):
                rows = table.filter(chosen)
                parquet.write_table(rows, f"{out}/{part}-{path.name}", compression="snappy")
                written += rows.num_rows
    return written


def by_duckdb(folder: Path) -> int:
    """Divide by SQL, by the first digits of a SHA-256 of the key."""
    with tempfile.TemporaryDirectory() as out:
        digits = "sha256(concat(flight, ':', day))[:4]"
        part = f"CASE WHEN {digits} < '1999' THEN 0 WHEN {digits} < '3333' THEN 1 ELSE 2 END"
        return ask_duckdb(
            f"COPY (SELECT *, {part} AS part FROM read_parquet('{folder}/*'))"
            f" TO '{out}/parts' (FORMAT parquet, PARTITION_BY part)"
        )


STEP = Step(
    "rows in 10 files",
    write,
    {OURS: by_key, "pyarrow, by a remainder": by_script, "DuckDB": by_duckdb},
)
