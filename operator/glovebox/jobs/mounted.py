"""Compares a mounted dataset with its pin, by the content root over names, sizes and SHA-256.

No manifest and no credential is needed for that, so it holds for a cache, a driver's view of a
bucket and an image alike, and for whatever wrote into them behind our back. The volume is only
read. Whatever is neither a file nor a folder is refused: a link could lead to bytes that were never
hashed.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.delivery import Delivered, MountedDataset
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.paths import MAX_PATH_BYTES, PathOrder
from glovebox.data.roots import RootBuilder
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.jobs.delivering import DeliveryError
from glovebox.jobs.transfer import CHUNK
from glovebox.jobs.volume import FOREIGN_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox.store.connection import Stop

UNREADABLE: Final = "VolumeUnreadable"
# How many files may wait for the first of them to be hashed.
_WINDOW: Final = 64


def check_mounted(dataset: MountedDataset, top: Path, parallel: int, stop: Stop) -> Delivered:
    """Hash everything below a folder and compare it with the pin. Blocks.

    Args:
        dataset: What is pinned.
        top: Where it is mounted.
        parallel: How many files are hashed at once.
        stop: Ends the work.

    Raises:
        DeliveryError: The files are not the pinned ones, or cannot be read.
    """
    start = time.monotonic()
    try:
        _compare(dataset, top, parallel, stop)
    except OSError as error:
        file = error.filename  # bytes, as all of them here
        path = os.path.relpath(file.decode(errors="replace"), top) if file is not None else None
        cause = InvalidInput(
            UNREADABLE,
            f"the mounted files cannot be read: {error.strerror}; they must be readable by"
            " everybody",
        )
        raise DeliveryError(cause, dataset.name, path) from error
    except GloveboxError as error:
        raise DeliveryError(error, dataset.name) from error
    return Delivered(
        name=dataset.name,
        digest=dataset.digest,
        objects=dataset.objects,
        bytes=dataset.bytes,
        seconds=time.monotonic() - start,
        fetched=0,
        kept=dataset.objects,
        transferred=0,
    )


def _compare(dataset: MountedDataset, top: Path, parallel: int, stop: Stop) -> None:
    order, roots = PathOrder(), RootBuilder()
    objects = size = 0
    for path, sha256, length in _hashed_in_order(top, parallel, stop):
        objects, size = objects + 1, size + length
        # Before the whole of it is read: what is too much will not become right.
        if objects > dataset.objects or size > dataset.bytes:
            raise _wrong(
                dataset,
                f"more than {dataset.objects} files and {dataset.bytes} bytes; '{path}' is one too"
                " many or too long",
            )
        order.check(path)
        # The content root covers no place: where the bytes came from is not known here.
        roots.add(Entry(path, length, sha256, "", "", "", DigestSource.COMPUTED))
    if (objects, size) != (dataset.objects, dataset.bytes):
        raise _wrong(dataset, f"{objects} files with {size} bytes")
    found = roots.finish().content
    if found != dataset.digest:
        raise InvalidInput(
            reasons.DIGEST_MISMATCH,
            f"the mounted files have the content root {found}, but {dataset.digest} is pinned:"
            " a name or a byte differs from the pin; nothing of it may be used until the volume"
            " holds the pinned bytes again",
        )


def _hashed_in_order(top: Path, parallel: int, stop: Stop) -> Iterator[tuple[str, str, int]]:
    """Yield path, SHA-256 and size of every file, in the order of the paths' bytes.

    Some of them are hashed at once.
    """
    with ThreadPoolExecutor(parallel) as pool:
        running: deque[tuple[str, Future[tuple[str, int]]]] = deque()
        try:
            for path in _files(os.fsencode(top), b""):
                file = os.path.join(os.fsencode(top), path)  # noqa: PTH118 - bytes
                running.append((_text(path), pool.submit(_hash, file, stop)))
                if len(running) >= _WINDOW:
                    done, future = running.popleft()
                    yield (done, *future.result())
            for done, future in running:
                yield (done, *future.result())
        except BaseException:
            stop.set()
            raise


def _files(top: bytes, folder: bytes) -> Iterator[bytes]:
    """Yield the files below a folder, ordered by the bytes of their whole paths.

    A folder sorts as its name and a slash. Below what is longer than any path no file of a pin can
    be: a volume thousands of folders deep ends as foreign, and not with an error of ours.
    """
    if len(folder) > MAX_PATH_BYTES:
        raise _foreign(folder, "a folder with a longer name than any path has")
    with os.scandir(os.path.join(top, folder)) as found:  # noqa: PTH118 - bytes
        entries = sorted(
            (entry.name + b"/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
            for entry in found
        )
    if not entries and folder:
        raise _foreign(folder, "an empty folder")
    for name, entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(top, folder + name)
        elif entry.is_file(follow_symlinks=False):
            yield folder + name
        else:
            raise _foreign(folder + name, "neither a file nor a folder")


def _hash(path: bytes, stop: Stop) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        while chunk := os.read(descriptor, CHUNK):
            digest.update(chunk)
            size += len(chunk)
            stop.check()
    finally:
        os.close(descriptor)
    return digest.hexdigest(), size


def _text(path: bytes) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise _foreign(path, "no UTF-8") from None


def _wrong(dataset: MountedDataset, found: str) -> InvalidInput:
    return InvalidInput(
        reasons.SIZE_MISMATCH,
        f"the volume has {found}, but {dataset.objects} files with {dataset.bytes} bytes are"
        " pinned",
    )


def _foreign(path: bytes, what: str) -> InvalidInput:
    return InvalidInput(
        FOREIGN_FILE,
        f"{path.decode(errors='replace')!r} in the mounted dataset is {what}; only pinned files may"
        " be there",
    )
