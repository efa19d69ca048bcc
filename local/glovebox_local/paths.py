"""Where the local environment keeps things.

A cache of built programs, and one state directory for each name.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from glovebox_local.errors import LocalError

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


def checkout() -> Path | None:
    """Return the clone of the repository that this program was installed from, if it was."""
    folder = Path(__file__).resolve().parents[2]
    chart, example = folder / "helm" / "glovebox" / "Chart.yaml", folder / "docs" / "examples"
    return folder if chart.exists() and example.is_dir() else None


def default_name(base: str, folder: Path | None = None) -> str:
    """Return the name of an environment that nobody named: in a clone it is that clone's own.

    Args:
        base: What it is for, such as `demo`.
        folder: The clone; by default the one that this program was installed from.
    """
    where = folder or checkout()
    if where is None:
        return base
    return f"{base}-{hashlib.sha256(str(where).encode()).hexdigest()[:6]}"


def cache_dir() -> Path:
    """Return the per-user cache.

    `$GLOVEBOX_CACHE`, or `glovebox` in `$XDG_CACHE_HOME` (`~/.cache`).
    """
    own = os.environ.get("GLOVEBOX_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    return _xdg("XDG_CACHE_HOME", ".cache") / "glovebox"


def state_root() -> Path:
    """Return the folder that holds one state directory for each local environment of this user."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "glovebox"


def environment_names() -> list[str]:
    """Return the names of this user's environments that were brought up and not taken down."""
    return sorted(file.parent.name for file in state_root().glob("*/environment.json"))


def _xdg(variable: str, default: str) -> Path:
    # The specification says that a relative path in these variables is to be ignored.
    value = Path(os.environ.get(variable) or "")
    return value if value.is_absolute() else Path.home() / default


@dataclass(frozen=True)
class StateDir:
    """The state directory of one local environment.

    Every file in it is for its user's eyes only.
    """

    root: Path

    @classmethod
    def named(cls, name: str) -> StateDir:
        """Return the per-user state directory of that name.

        Raises:
            LocalError: The name could not be part of a path or of a cluster's name.
        """
        if not _NAME.fullmatch(name):
            raise LocalError(
                "Naming the environment",
                f"{name!r} is not a valid name: use up to 32 of a-z, 0-9 and '-', not '-' at an"
                " end,"
                " e.g. 'local'",
            )
        return cls(state_root() / name)

    @property
    def description(self) -> Path:
        """What was asked for and which ports were chosen (JSON)."""
        return self.root / "environment.json"

    @property
    def lock(self) -> Path:
        """Beside the directory, so that `down` can remove the directory while it holds the lock."""
        return self.root.with_name(f".{self.root.name}.lock")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def store(self) -> Path:
        """What a client of the store needs: endpoint, region, keys, role (JSON)."""
        return self.root / "store.json"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Configuration files of the programs."""
        return self.root / "config"

    @property
    def data(self) -> Path:
        """What the programs remember: etcd's and the store's data."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """One log for each program, and the audit log."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """One record for each process that was started."""
        return self.root / "run"

    @property
    def users(self) -> Path:
        """Kubeconfigs of other users, made on request."""
        return self.root / "users"

    def create(self) -> None:
        """Make the directory and its folders, closed to other users."""
        for folder in (
            self.root,
            self.pki,
            self.config,
            self.data,
            self.logs,
            self.run,
            self.users,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)


def write_private(path: Path, content: bytes | str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    raw = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
    temporary.replace(path)
