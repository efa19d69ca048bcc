"""Two datasets compared by their manifests; one object in a thousand is in both."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
from bench.data.step import OURS, Step, ask_duckdb

from glovebox.data.manifest import DigestSource, Entry, ManifestWriter
from glovebox.data.manifest_scan import scan_manifest
from glovebox.data.overlap import Compared, find_overlap

ROLES = ("train", "test")
CHUNK = 1 << 20


def write(folder: Path, count: int) -> None:
    """Write both manifests and, beside each, its digest."""
    for role in ROLES:
        _write(folder, role, count)


def _write(folder: Path, role: str, count: int) -> None:
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


def by_duckdb(folder: Path) -> int:
    """Compare by SQL."""
    train, test = (
        f"(SELECT sha256 FROM read_json('{folder / role}', format = 'newline_delimited',"
        " compression = 'gzip', columns = {sha256: 'VARCHAR'}) WHERE sha256 IS NOT NULL)"
        for role in ROLES
    )
    return ask_duckdb(f"SELECT count(*) FROM {train} SEMI JOIN {test} USING (sha256)")


STEP = Step(
    "objects in each of two manifests",
    write,
    {OURS: by_overlap, "sets in memory": by_sets, "DuckDB": by_duckdb},
)
