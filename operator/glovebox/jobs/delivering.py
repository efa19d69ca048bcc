"""Delivers one dataset into a folder: every entry of its manifest by version id, hashed while it is written, and nothing else.

It refuses to deliver anything that is not exactly as pinned, and to leave a file under its name before all of its
bytes were hashed. What an earlier attempt left is used again: whole files are hashed and kept, partial ones are gone
on with.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import urllib3

from glovebox.api import reasons
from glovebox.data.delivery import PlannedDataset
from glovebox.data.roots import RootBuilder
from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.errors import translated
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.reading import CHUNK, in_order

if TYPE_CHECKING:
    from glovebox.data.manifest import Entry
    from glovebox.store.connection import Stop, Store

_FILE_MODE: Final = 0o444
_FOLDER_MODE: Final = 0o555
_WINDOW: Final = 16


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was done for one dataset: objects and bytes in all, and how many bytes came over the network this time."""

    objects: int
    bytes: int
    fetched_bytes: int


def deliver(store: Store, dataset: PlannedDataset, target: Path, partial: Path, stop: Stop) -> Delivered:
    """Bring a dataset into a folder. Blocks; repeating it goes on where it ended.

    Args:
        store: Where the data and their manifest are.
        dataset: What to bring, and the digests to know it by.
        target: The dataset's folder.
        partial: Folder for files that are not complete, on the same file system.
        stop: Looked at between pieces.

    Raises:
        InvalidInput: Something differs from what was pinned.
        GloveboxError: The store does not answer, or denies it.
    """
    _check_manifest(store, dataset, stop)
    partial.mkdir(parents=True, exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    wanted: set[Path] = set()
    fetched = total = 0
    work = functools.partial(_bring, store, target, partial, stop)
    for entry, count in in_order(store, work, _entries(store, dataset, stop), stop, _WINDOW):
        wanted.add(target / entry.path)
        total += entry.size
        fetched += count
    _close(target, wanted)
    return Delivered(len(wanted), total, fetched)


def _entries(store: Store, dataset: PlannedDataset, stop: Stop) -> Iterator[Entry]:
    manifest = dataset.manifest
    return fetch_manifest(store, ManifestLocation(manifest.bucket, manifest.key, manifest.version_id, manifest.digest, 0), stop)


def _check_manifest(store: Store, dataset: PlannedDataset, stop: Stop) -> None:
    """Read the whole list first: nothing may be acted upon before it has proven to be the pinned one."""
    roots = RootBuilder()
    for entry in _entries(store, dataset, stop):
        roots.add(entry)
    found = roots.finish()
    if (found.content, found.pin, found.objects, found.bytes) != (dataset.digest, dataset.pin_digest, dataset.objects, dataset.bytes):
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"the manifest lists {found.objects} objects with the content digest {found.content}, pinned are {dataset.objects} with "
            f"{dataset.digest}",
        )


def _bring(store: Store, target: Path, partial: Path, stop: Stop, entry: Entry) -> int:
    """Make one file be there with the pinned bytes; return how many bytes had to be fetched."""
    path = target / entry.path
    if path.is_file() and not path.is_symlink() and _digest_of(path) == entry.sha256:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    piece = partial / hashlib.sha256(f"{target.name}/{entry.path}\0{entry.version_id}".encode()).hexdigest()
    fetched = _fetch(store, entry, piece, stop)
    piece.chmod(_FILE_MODE)
    piece.replace(path)
    return fetched


def _fetch(store: Store, entry: Entry, piece: Path, stop: Stop) -> int:
    where = f"s3://{entry.bucket}/{entry.key} version {entry.version_id}"
    digest = hashlib.sha256()
    fetched = 0
    with piece.open("a+b") as file, translated(f"fetch {where}"):
        have = _resume(file.fileno(), entry, digest)
        if have < entry.size:
            headers = {"Range": f"bytes={have}-"} if have else {}
            response = store.wire.get(entry.bucket, entry.key, {"versionId": entry.version_id}, headers)
            try:
                answered = response.headers.get("x-amz-version-id")
                if answered is not None and answered != entry.version_id:
                    raise InvalidInput(reasons.DIGEST_MISMATCH, f"asked for {where}, the store sent version {answered}")
                for chunk in response.stream(CHUNK, decode_content=False):
                    digest.update(chunk)
                    file.write(chunk)
                    fetched += len(chunk)
                    stop.check()
            except urllib3.exceptions.ProtocolError as error:
                raise Unavailable(reasons.STORE_UNREACHABLE, f"the connection broke while fetching {where}") from error
            finally:
                response.close()
    if have + fetched < entry.size:
        raise Unavailable(reasons.STORE_FAILED, f"{have + fetched} of {entry.size} bytes of {where} arrived")
    if digest.hexdigest() != entry.sha256 or have + fetched != entry.size:
        piece.unlink()
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"`{entry.path}`: {where} has {have + fetched} bytes with sha256:{digest.hexdigest()}, pinned are {entry.size} with "
            f"sha256:{entry.sha256}",
        )
    return fetched


def _resume(descriptor: int, entry: Entry, digest: hashlib._Hash) -> int:
    """Hash what an earlier attempt left, and return how much that is; more than the object holds is thrown away."""
    size = os.fstat(descriptor).st_size
    if size > entry.size:
        os.ftruncate(descriptor, 0)
        return 0
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return size


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _close(target: Path, wanted: set[Path]) -> None:
    """Refuse what the manifest does not list, and take the write bits off."""
    for folder, _, files in os.walk(target, topdown=False):
        for name in files:
            if Path(folder, name) not in wanted:
                raise InvalidInput(
                    reasons.OBJECTS_EXTRA, f"{Path(folder, name)} is no part of the dataset; the volume was used by somebody else"
                )
        Path(folder).chmod(_FOLDER_MODE)
