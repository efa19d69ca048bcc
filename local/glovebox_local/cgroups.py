"""The cgroups of nodes.

Made before a kubelet starts, removed with all that it and its pods made below.

The kernel keeps a cgroup for as long as nobody removes its folder, so these are the one thing of a
node that outlives its processes. A record of each environment's processes lies beside this
machine's other run-time files: whoever comes next removes the cgroups of those who are dead.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from glovebox_local.errors import LocalError
from glovebox_local.paths import write_private
from glovebox_local.processes import ProcessRecord

RECORDS = Path("/run/glovebox")
_ROOT = Path("/sys/fs/cgroup")
_PATIENCE = 10.0


def hierarchies() -> list[Path]:
    """Return where cgroups are made.

    One folder for each controller of version 1, or the one of version 2.
    """
    if (_ROOT / "cgroup.controllers").exists():
        return [_ROOT]
    return sorted(
        folder
        for folder in _ROOT.glob("*")
        if not folder.is_symlink() and (folder / "cgroup.procs").exists()
    )


def make_cgroups(name: str) -> None:
    """Make the cgroup of that name in every hierarchy, unless it is there."""
    for hierarchy in hierarchies():
        folder = hierarchy / name
        try:
            folder.mkdir(exist_ok=True)
            # A new group of version 1 has no processor and no memory node, and takes no process
            # before it has.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if hierarchy != _ROOT and (folder / file).exists():
                    (folder / file).write_text((hierarchy / file).read_text())
        except OSError as error:
            raise LocalError(f"Making the cgroup {folder}", str(error)) from error


def remove_cgroups(prefix: str) -> None:
    """Remove every cgroup whose name begins so, with all below.

    Their processes must be dead or dying.

    Raises:
        LocalError: One is still in use after 10 s.
    """
    deadline = time.monotonic() + _PATIENCE
    roots = [root for hierarchy in hierarchies() for root in hierarchy.glob(f"{prefix}*")]
    folders = [folder for root in roots for folder in (root, *root.rglob("*")) if folder.is_dir()]
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        _remove(folder, deadline)


def thaw_cgroups(prefix: str) -> None:
    """Thaw every cgroup whose name begins so, with all below.

    With cgroups of version 1 the container runtime freezes a pod's processes to signal them all. If
    it is killed in that moment they stay frozen, and no signal reaches them, not even SIGKILL.
    """
    for root in (_ROOT / "freezer").glob(f"{prefix}*"):
        for file in (root / "freezer.state", *root.rglob("freezer.state")):
            with suppress(OSError):  # removed meanwhile, or never had one
                file.write_text("THAWED")


def record_owner(tag: str, holders: list[ProcessRecord]) -> None:
    """Remember which processes the cgroups of that environment belong to."""
    write_private(
        RECORDS / f"{tag}.json", json.dumps([asdict(holder) for holder in holders]) + "\n"
    )


def forget_owner(tag: str) -> None:
    """Remove that record."""
    (RECORDS / f"{tag}.json").unlink(missing_ok=True)
    if RECORDS.exists() and not any(RECORDS.iterdir()):
        RECORDS.rmdir()


def sweep_dead() -> list[str]:
    """Remove the cgroups of environments whose processes are all dead; return their tags."""
    swept = []
    for file in RECORDS.glob("*.json") if RECORDS.exists() else ():
        try:
            holders = [ProcessRecord(**entry) for entry in json.loads(file.read_text())]
        except (OSError, ValueError, TypeError):
            holders = []
        if not any(holder.alive for holder in holders):
            remove_cgroups(cgroup_prefix(file.stem))
            forget_owner(file.stem)
            swept.append(file.stem)
    return swept


def cgroup_prefix(tag: str) -> str:
    """Return how the names of an environment's cgroups begin."""
    return f"glovebox-{tag}-"


def _remove(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise LocalError(
                    f"Removing the cgroup {folder}", f"{error}: look at its cgroup.procs"
                ) from error
            time.sleep(0.02)
        else:
            return
