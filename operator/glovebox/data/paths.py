"""Which paths a dataset may hold, checked one by one in order, in constant memory.

A pinned object becomes a file under its path, so a path that cannot be a file next to all the
others is refused before anything is pinned: that is kinder than a volume that cannot be filled a
week later. Names that differ only in case or in Unicode normalisation are allowed: they are
different files wherever Linux mounts them.
"""

from __future__ import annotations

from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput

# The longest key that S3 stores, and the longest name that Linux file systems store; both in bytes.
MAX_PATH_BYTES: Final = 1024
MAX_NAME_BYTES: Final = 255


class PathOrder:
    """Accepts the ascending paths (UTF-8 bytes) of one dataset; refuses what is no file tree.

    Keeps only those earlier paths that are a textual prefix of the latest one: in byte order
    nothing else can still turn out to be both a file and a folder.
    """

    def __init__(self) -> None:
        self._last: bytes | None = None
        self._open: list[bytes] = []

    def check(self, path: str) -> None:
        """Accept the next path.

        Raises:
            InvalidInput: The path is no relative file path, repeats the last one, comes out of
                order, or lies below a path that is itself a file.
        """
        raw = checked_path(path)
        if self._last is not None and raw <= self._last:
            self._refuse_order(path, raw)
        while self._open and not raw.startswith(self._open[-1]):
            self._open.pop()
        for earlier in self._open:
            if raw[len(earlier)] == ord("/"):
                raise bad_path(
                    path,
                    f"lies below {earlier.decode()!r}, which is itself an object; a file cannot be"
                    " a folder too",
                )
        self._open.append(raw)
        self._last = raw

    def _refuse_order(self, path: str, raw: bytes) -> None:
        if raw == self._last:
            raise bad_path(path, "appears twice; each path names one object")
        raise InvalidInput(
            "Unordered",
            f"path {path!r} comes after {(self._last or b'').decode()!r}; sort the entries by the"
            " bytes of their path (LC_ALL=C sort)",
        )


def checked_path(path: str) -> bytes:
    """Return the UTF-8 bytes of a path that can be a file's, relative to the root of its dataset.

    Raises:
        InvalidInput: It is empty, absolute, too long, ends in `/`, holds NUL, text that is not
            Unicode, or an empty, `.` or `..` segment.
    """
    try:
        raw = path.encode()
    except UnicodeEncodeError as error:
        raise bad_path(path, "is not Unicode; rename the object") from error
    defect = _defect(path, raw)
    if defect:
        raise bad_path(path, defect)
    return raw


def is_folder_marker(key: str, size: int) -> bool:
    """Whether an object is what consoles and Hadoop leave for a folder: a name, and no byte."""
    return size == 0 and key.endswith("/")


def bad_path(path: str, defect: str) -> InvalidInput:
    """Return the refusal of one path."""
    return InvalidInput(reasons.KEY_REFUSED, f"path {path!r} {defect}")


def _defect(path: str, raw: bytes) -> str | None:
    segments = path.split("/")
    defects = {
        "is empty; an object needs a name below the prefix": not path,
        "is absolute; paths are relative to the root of the dataset": path.startswith("/"),
        "ends in '/', as only the empty marker of a folder may; rename the object": (
            path.endswith("/")
        ),
        "has a NUL character; rename the object": "\0" in path,
        f"is longer than {MAX_PATH_BYTES} bytes": len(raw) > MAX_PATH_BYTES,
        "has an empty, '.' or '..' segment; rename the object": any(
            segment in ("", ".", "..") for segment in segments
        ),
        f"has a name longer than {MAX_NAME_BYTES} bytes, which no Linux file system stores": (
            _has_long_name(raw)
        ),
    }
    return next((defect for defect, found in defects.items() if found), None)


def _has_long_name(raw: bytes) -> bool:
    return len(raw) > MAX_NAME_BYTES and any(
        len(segment) > MAX_NAME_BYTES for segment in raw.split(b"/")
    )
