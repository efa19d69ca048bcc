"""Files that are made from the models and committed: written, or compared with what is there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path


def stale_files(wanted: Mapping[Path, str]) -> list[Path]:
    """Return the files that are missing or differ from what the models say."""
    return [
        path
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(make: Callable[[Path], Mapping[Path, str]], target: Path, *, module: str) -> int:
    """Run a generator's command line: write the files, or with `--check` name the stale ones.

    Args:
        make: Returns the wanted files below the target.
        target: Where the files are when the command line does not say.
        module: Name of the calling module, for the cure in the message.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument(
        "target",
        nargs="?",
        type=Path,
        default=target,
        help=f"where the files are (default: {target})",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare instead of writing; exit 1 when a file is stale",
    )
    options = parser.parse_args()
    wanted = make(options.target)
    stale = stale_files(wanted)
    if options.check:
        for path in stale:
            sys.stderr.write(f"{path} is stale: run 'python -m {module}' and commit the result\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        sys.stdout.write(f"wrote {path}\n")
    return 0
