"""What the measures of tables share: files on the local disk, and a process for each way.

Each row of the printed table is a process of its own, so that its peak is its own; what reads
tables beside the task is a second process, whose peak has a column.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.tasks.table_process import TableFile
from support.own_process import Took, took

FILES = 10


def measure(
    program: str,
    description: str | None,
    ways: Mapping[str, Callable[[Path], int]],
    write: Callable[[Path, int], None],
    *,
    what: str,
    found: str,
) -> dict[str, Took]:
    """Write the files, then go each way and print its row; return what each took.

    Called again by itself in the processes that it starts, where it ends the program.

    Args:
        program: The file of the measure.
        description: What it says of itself.
        ways: What is measured: given the folder, each returns a number that is printed.
        write: Writes so many rows into a folder.
        what: What of so many rows was written, in words.
        found: The heading of the number.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=tuple(ways), help="leave the other ways out")
    parser.add_argument("--write", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--here", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        way, folder = options.here
        number = ways[way](Path(folder))
        peaks = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        print(number, *(resource.getrusage(each).ru_maxrss >> 10 for each in peaks))
        sys.exit()
    if options.write:
        write(Path(options.write), options.rows)
        sys.exit()
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        # Elsewhere: a process begins with the peak of the one that started it.
        command = [sys.executable, program, "--rows", str(options.rows), "--write", folder]
        subprocess.run(command, check=True)
        print(f"{options.rows:,} rows in {what}")
        print(f"{'':24}{'seconds':>9}{'cpu s':>8}{found:>9}{'peak MiB':>10}{'reader MiB':>12}")
        return {way: _row(program, way, folder) for way in ways if options.only in {None, way}}


def _row(program: str, way: str, folder: str) -> Took:
    own = took(program, way, folder)
    number, peak, reader = own.said[-3:]
    columns = f"{own.seconds:9.1f}{own.cpu:8.1f}{number:>9}{peak:>10}{reader:>12}"
    print(f"{way:24}{columns}", flush=True)
    return own


def table_of(path: Path) -> TableFile:
    """Return a file as a task reads it: in parts."""

    def read(first: int, size: int) -> bytes:
        with path.open("rb") as file:
            file.seek(first)
            return file.read(size)

    return TableFile(path.name, path.stat().st_size, read)
