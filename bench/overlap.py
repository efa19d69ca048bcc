"""Measures comparing two datasets by their manifests, against sets in memory in the same run.

    python bench/overlap.py --objects 1000000

Each row is a process of its own, so that its peak is its own. One object in a thousand is shared.
Ratios are what counts: the machine is shared.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.data.manifest import DigestSource, Entry, ManifestWriter
from glovebox.data.manifest_scan import scan_manifest
from glovebox.data.overlap import Compared, find_overlap
from support.own_process import took

ROLES = ("train", "test")
CHUNK = 1 << 20


def main() -> None:
    """Write two manifests, then compare them in each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--here", nargs=2, metavar=("WAY", "FOLDER"))
    options = parser.parse_args()
    if options.here:
        way, folder = options.here
        print(WAYS[way](Path(folder)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
        return
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        for role in ROLES:
            write(Path(folder), role, options.objects)
        print(f"{options.objects:,} objects in each of two manifests")
        print(f"{'':34}{'seconds':>9}{'cpu s':>8}{'peak MiB':>10}")
        times = [run(way, folder) for way in WAYS]
    print(f"sets in memory / find_overlap: {times[0] / times[1]:.2f} of its speed")


def run(way: str, folder: str) -> float:
    """Print the row of one way; return its seconds."""
    own = took(__file__, way, folder)
    print(f"{way:34}{own.seconds:9.1f}{own.cpu:8.1f}{own.said[-1]:>10}")
    return own.seconds


def write(folder: Path, role: str, count: int) -> None:
    """Write a manifest and, beside it, its digest."""
    with (folder / role).open("wb") as file:
        writer = ManifestWriter(file.write)
        for number in range(count):
            path = f"{role}/part-{number:09d}.parquet"
            body = f"{number}" if number % 1000 == 0 else path
            digest = hashlib.sha256(body.encode()).hexdigest()
            version = f"{number:032x}"
            writer.add(Entry(path, 1, digest, "data", path, version, DigestSource.COMPUTED))
        writer.finish()
    (folder / f"{role}.digest").write_text(writer.digest)


def by_overlap(folder: Path) -> int:
    """Compare as an Experiment's inputs are."""
    (shared,) = find_overlap(
        Compared(
            role,
            role,
            scan_manifest(chunks(folder / role), (folder / f"{role}.digest").read_text()),
        )
        for role in ROLES
    ).shared
    return shared.first_count


def by_sets(folder: Path) -> int:
    """Compare as a script of ten lines does."""
    found = []
    for role in ROLES:
        with gzip.open(folder / role) as lines:
            entries = (orjson.loads(line) for line in lines)
            found.append({entry["sha256"] for entry in entries if "sha256" in entry})
    return len(found[0] & found[1])


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


WAYS: dict[str, Callable[[Path], int]] = {
    "sets in memory": by_sets,
    "find_overlap": by_overlap,
}


if __name__ == "__main__":
    main()
