"""Environments of their own, for libraries that do not go together with ours."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

ROOT: Final = Path(__file__).parents[2]


def own_python(folder: Path, temporary: pytest.TempPathFactory) -> Path:
    """Return a Python that has what the `requirements.txt` of a folder names, kept for next time.

    Args:
        folder: Below tests/.
        temporary: Where one is made that cannot be kept.
    """
    pinned = folder / "requirements.txt"
    # A venv leads to the Python that made it, which another root file system has elsewhere.
    known_by = pinned.read_bytes() + sys.base_prefix.encode()
    digest = hashlib.sha256(known_by).hexdigest()[:16]
    cache = Path(os.environ.get("GLOVEBOX_CACHE") or Path.home() / ".cache" / "glovebox")
    made = cache / folder.name / digest
    if not (made / "complete").exists():
        # A venv knows its own path, so it is made in place; two that come at once make two.
        made = temporary.mktemp(folder.name) if made.exists() else made
        uv = str(ROOT / ".ci" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", str(made)], check=True)
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--require-hashes", "--requirement", str(pinned)],
            check=True,
            env=os.environ | {"VIRTUAL_ENV": str(made)},
        )
        (made / "complete").touch()
    return made / "bin" / "python"
