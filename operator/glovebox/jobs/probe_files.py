"""Attempts to change what a pod must not be able to change: input mounts, and its own rights.

Nothing is harmed where they work.

A write has to fail with EROFS: the mount itself refuses it, for every user and whatever the modes
of the files say. EACCES or EPERM only say that this user may not; the next one might.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glovebox.data.probing import Expected, Group, Observation, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MS_RDONLY: Final = 1
_MS_REMOUNT: Final = 32
_MS_BIND: Final = 4096
_MNT_DETACH: Final = 2
_MOUNT_POINT: Final = 4
_FILTERED: Final = "2"


def probe_mount(path: str) -> Iterator[Observation]:
    """Try to write in a mount, and in every mount below it.

    A read-only mount does not cover those unless it is recursive.
    """
    if not Path(path).is_dir():
        yield Observation(
            f"mount:{path}", Group.FILES, Expected.REFUSED, Seen.UNTRIED, "there is no such folder"
        )
        return
    for each in (path, *_mounts_below(path)):
        yield _writes(each)
        yield _remount(each)


def probe_process() -> Iterator[Observation]:
    """Check the rights of this process as the kernel reports them, and attempt to mount."""
    status = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        if ":\t" in line
    )
    uids = status["Uid"].split()
    yield _holds("process:uid", f"runs as uid {uids[0]}", holds="0" not in uids)
    held = [
        f"{name} {status[name]}"
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
        if int(status[name], 16)
    ]
    yield _holds("process:capabilities", ", ".join(held) or "none", holds=not held)
    yield _holds(
        "process:no-new-privileges",
        f"NoNewPrivs {status.get('NoNewPrivs')}",
        holds=status.get("NoNewPrivs") == "1",
    )
    yield _holds(
        "process:seccomp",
        f"Seccomp {status.get('Seccomp')}",
        holds=status.get("Seccomp") == _FILTERED,
    )
    yield _new_mount()


def probe_token(folder: str) -> Observation:
    """Look for a token of the API server."""
    try:
        found = sorted(entry.name for entry in os.scandir(folder))
    except FileNotFoundError:
        found = []
    except OSError as error:
        return Observation(
            "token", Group.FILES, Expected.REFUSED, Seen.UNTRIED, f"{folder}: {error.strerror}"
        )
    return _holds("token", f"in {folder}: {', '.join(found) or 'nothing'}", holds=not found)


def _writes(path: str) -> Observation:
    name = f"{path}/.glovebox-probe-{secrets.token_hex(6)}"
    attempts: dict[str, Callable[[], None]] = {
        "create": lambda: _create(name),
        "mkdir": lambda: _mkdir(name),
        "symlink": lambda: _symlink(name),
        # The kernel asks the mount before it looks for the name, so that nothing needs to be there.
        "rename": lambda: os.rename(name, f"{name}-2"),  # noqa: PTH104 - the bare system call is what is checked
        "delete": lambda: os.unlink(name),  # noqa: PTH108 - as above
        "chmod": lambda: os.chmod(path, os.stat(path).st_mode & 0o7777),  # noqa: PTH101, PTH116 - as above
    }
    file = _any_file(path)
    if file is not None:
        # To the size that it has: opening it for writing would be refused for its mode before the
        # mount is asked.
        attempts["truncate"] = lambda: os.truncate(file, os.stat(file).st_size)  # noqa: PTH116 - as above
    return _judged_writes(
        f"mount:{path}", {what: _errno_of(attempt) for what, attempt in attempts.items()}
    )


def _any_file(path: str) -> str | None:
    try:
        return next(
            (
                f"{path}/{entry.name}"
                for entry in os.scandir(path)
                if entry.is_file(follow_symlinks=False)
            ),
            None,
        )
    except OSError:
        return None


def _judged_writes(name: str, results: dict[str, int]) -> Observation:
    worked = [what for what, code in results.items() if code == 0]
    weak = [
        f"{what} {errno.errorcode.get(code, code)}"
        for what, code in results.items()
        if code not in (0, errno.EROFS)
    ]
    if worked:
        return Observation(
            name, Group.FILES, Expected.REFUSED, Seen.WORKED, f"writable: {', '.join(worked)}"
        )
    if weak:
        said = f"refused, but not by the mount: {', '.join(weak)}; mount it readOnly"
        return Observation(name, Group.FILES, Expected.REFUSED, Seen.WEAKLY_REFUSED, said)
    return Observation(
        name, Group.FILES, Expected.REFUSED, Seen.REFUSED, f"EROFS for {', '.join(results)}"
    )


def _remount(path: str) -> Observation:
    code = _mount(None, path, None, _MS_REMOUNT | _MS_BIND)
    if code == 0:
        _mount(None, path, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    return _refused(f"remount:{path}", code)


def _new_mount() -> Observation:
    try:
        with tempfile.TemporaryDirectory(prefix="glovebox-probe-") as folder:
            code = _mount("none", folder, "tmpfs", 0)
            if code == 0:
                _libc().umount2(folder.encode(), _MNT_DETACH)
    except OSError:
        # No folder can be made here: whether this process may mount at all is asked before what it
        # mounts.
        code = _mount(None, "/proc", None, _MS_REMOUNT | _MS_BIND)
    return _refused("process:mount", code)


def _refused(name: str, code: int) -> Observation:
    word = errno.errorcode.get(code, str(code))
    seen = (
        Seen.WORKED
        if code == 0
        else Seen.REFUSED
        if code in (errno.EPERM, errno.EACCES)
        else Seen.UNTRIED
    )
    return Observation(name, Group.PROCESS, Expected.REFUSED, seen, "worked" if code == 0 else word)


def _holds(name: str, detail: str, *, holds: bool) -> Observation:
    return Observation(
        name, Group.PROCESS, Expected.REFUSED, Seen.REFUSED if holds else Seen.WORKED, detail
    )


def _errno_of(attempt: Callable[[], None]) -> int:
    try:
        attempt()
    except OSError as error:
        return error.errno or -1
    return 0


def _create(name: str) -> None:
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    Path(name).unlink()


def _mkdir(name: str) -> None:
    os.mkdir(name)  # noqa: PTH102 - the bare system call is what is checked
    Path(name).rmdir()


def _symlink(name: str) -> None:
    os.symlink("nowhere", name)  # noqa: PTH211 - as above
    Path(name).unlink()


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> int:
    """Call mount(2); return 0 or the errno."""
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    return 0 if _libc().mount(*texts, ctypes.c_ulong(flags), None) == 0 else ctypes.get_errno()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mounts_below(path: str) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = {line.split(" ")[_MOUNT_POINT].replace("\\040", " ") for line in lines}
    return sorted(
        point
        for point in points
        if point.startswith(path.rstrip("/") + "/") and Path(point).is_dir()
    )
