"""The volume that inputs are delivered into: where files wait, move to, and what may remain.

    <inputs>/<name>/<path>                 a delivered file, 0444, in folders of 0555
    <inputs>/.glovebox/<name>.json         the proof, written last
    <inputs>/.glovebox/partial/<hash>      bytes on their way; the hash names the object version

Nobody else may write here while we do: what is neither a file nor a folder is refused before
anything is written, so that no link leads out of the volume. Files are not synced one by one:
whatever a later attempt finds is hashed again before it counts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from typing import IO, TYPE_CHECKING, Final

from glovebox.data.paths import MAX_PATH_BYTES
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from glovebox.data.manifest import Entry

FOREIGN_FILE: Final = "ForeignFile"
_OWN: Final = ".glovebox"
_FILE_MODE: Final = 0o444
_FOLDER_MODE: Final = 0o555
_OPEN_FOLDER_MODE: Final = 0o755


class Volume:
    """One volume of inputs.

    Args:
        root: Where it is mounted.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = root / _OWN
        self._partial = self._own / "partial"

    def prepare(self, names: Iterable[str]) -> None:
        """Make the volume writable again, remove old proofs, and refuse what leads out of it.

        Raises:
            InvalidInput: `ForeignFile`: there is a link, a device or a socket.
            OSError: The volume cannot be written.
        """
        os.umask(0o022)
        self._reopen(self._own)
        self._partial.mkdir(parents=True, exist_ok=True)
        for name in names:
            (self._own / f"{name}.json").unlink(missing_ok=True)
            self._reopen(self._root / name)
            (self._root / name).mkdir(exist_ok=True)

    def file(self, name: str, path: str) -> str:
        """Return where a file of an input goes.

        A string, because a thousand of them are made each second.
        """
        return f"{self._root}/{name}/{path}"

    def partial(self, entry: Entry) -> str:
        """Return where the bytes of exactly this object version wait."""
        identity = hashlib.sha256()
        for part in (entry.bucket, entry.key, entry.version_id, entry.sha256, entry.path):
            identity.update(len(part).to_bytes(4, "big") + part.encode())
        return f"{self._partial}/{identity.hexdigest()}"

    def scratch(self) -> IO[bytes]:
        """Return a file without a name, gone when it is closed.

        The container's own file system is read-only.
        """
        return tempfile.TemporaryFile(dir=self._own)

    def place(self, descriptor: int, partial: str, target: str) -> None:
        """Make a complete file read-only and give it its name."""
        os.fchmod(descriptor, _FILE_MODE)
        try:
            os.rename(partial, target)  # noqa: PTH104 - as `file`
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH120, PTH103 - as `file`
            os.rename(partial, target)  # noqa: PTH104 - as `file`

    def write(self, name: str, path: str, content: bytes) -> None:
        """Write one small file in a single step."""
        target = self.file(name, path)
        partial = f"{self._partial}/{hashlib.sha256(target.encode()).hexdigest()}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            self.place(descriptor, partial, target)

    def seal(self, name: str, objects: int, paths: Iterable[str]) -> None:
        """Make an input's folders read-only, after checking that only its files are there.

        Args:
            name: The input.
            objects: How many files it has.
            paths: Those files; looked at only when the number is wrong, to name the one that is
                foreign.

        Raises:
            InvalidInput: `ForeignFile`.
        """
        top = self._root / name
        found = 0
        for folder, folders, files in os.walk(top, topdown=False, onerror=_raise):
            found += len(files)
            if not files and not folders and folder != str(top):
                raise _foreign(os.path.relpath(folder, top), "an empty folder")
        if found != objects:
            known = set(paths)
            foreign = next((path for path in _files_below(top) if path not in known), None)
            raise _foreign(foreign or "?", f"one of {found} files where {objects} are pinned")
        for folder, _, _ in os.walk(top, topdown=False, onerror=_raise):
            os.chmod(folder, _FOLDER_MODE)  # noqa: PTH101 - as `file`

    def finish(self, proofs: dict[str, bytes]) -> None:
        """Write the proofs, and only then; nothing else of ours stays."""
        shutil.rmtree(self._partial)
        for name, proof in proofs.items():
            descriptor = os.open(
                self._own / f".{name}.json",
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW,
                0o600,
            )
            with os.fdopen(descriptor, "wb") as file:
                file.write(proof)
                file.flush()
                os.fsync(descriptor)
                self.place(
                    descriptor, str(self._own / f".{name}.json"), str(self._own / f"{name}.json")
                )
        self._own.chmod(_FOLDER_MODE)

    def _reopen(self, top: Path, depth: int = 0) -> None:
        """Give us back the folders that an earlier attempt closed."""
        # A path of so many folders is longer than any that is pinned.
        if depth > MAX_PATH_BYTES // 2:
            raise _foreign(top.name, "a folder that is deeper than any path")
        try:
            kind = top.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(kind):
            raise _foreign(top.name, "no folder")
        top.chmod(_OPEN_FOLDER_MODE)
        with os.scandir(top) as found:
            entries = list(found)  # none stays open while others are
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._reopen(top / entry.name, depth + 1)
            elif not entry.is_file(follow_symlinks=False):
                raise _foreign(entry.name, "neither a file nor a folder")


def _files_below(top: Path) -> Iterator[str]:
    for folder, _, files in os.walk(top):
        for file in files:
            yield os.path.relpath(f"{folder}/{file}", top)


def _raise(error: OSError) -> None:
    raise error


def _foreign(path: str, what: str) -> InvalidInput:
    return InvalidInput(
        FOREIGN_FILE,
        f"{path!r} in the volume of the inputs is {what}; only pinned files may be there. Use an"
        " empty volume",
    )
