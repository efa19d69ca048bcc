"""Measures dividing rows into three parts, against a script that does so by pyarrow.

    python bench/split.py --rows 10000000

Ten Parquet files lie on the local disk; a store's own speed is no part of it. The script divides by
the remainder of a number, which costs next to nothing; a split hashes keys with SHA-256. Ratios are
what counts: the machine is shared.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.contract import write
from bench.table_ways import FILES, measure, table_of

from glovebox.data.row_keys import Kind
from glovebox.data.splits import HASH_BYTES, ByShare, salted
from glovebox.store.connection import Stop
from glovebox.tasks.split_parts import PartBuilder
from glovebox.tasks.table_process import TableProcess

PARTS = 3
SHARES = (1000, 1000, 8000)


def by_key(folder: Path) -> int:
    """Divide as a SplitPin does; return how many parts of files were written."""
    members = ByShare(SHARES)
    names = [f"part-{number}" for number in range(PARTS)]
    written: Counter[tuple[str, int]] = Counter()
    kinds: tuple[Kind, ...] = ("Text", "Integer")
    with TableProcess(Stop()) as process, ExitStack() as stack:
        parts = [stack.enter_context(PartBuilder(name)) for name in names]
        out = stack.enter_context(tempfile.TemporaryFile())

        def decide(hashes: bytes) -> bytes:
            values = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
            found = bytes(members.part_of(value) for value in values)
            for number, part in enumerate(parts):
                part.add_keys(
                    {value for at, value in zip(found, values, strict=True) if at == number}
                )
            return found

        for path in sorted(folder.iterdir()):

            def keep(part: int, data: bytes, name: str = path.name) -> None:
                written[name, part] += out.write(data)

            process.split(
                table_of(path), ("flight", "day"), kinds, salted("one"), PARTS, decide, keep
            )
    return len(written)


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
                written += 1
    return written


WAYS: dict[str, Callable[[Path], int]] = {
    "script": by_script,
    "split by two columns": by_key,
}


def main() -> None:
    """Write a dataset, then divide it in each way."""
    took = measure(__file__, __doc__, WAYS, write, what=f"{FILES} files", found="written")
    if took.keys() == WAYS.keys():
        script, split = took.values()
        print(f"script / split: {script.cpu / split.cpu:.2f} of its speed")


if __name__ == "__main__":
    main()
