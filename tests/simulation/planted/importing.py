"""Plants a bug in what this process imports, and reads by which seed it was found last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from simulation.planted.bugs import Bug
from support.importing import Source, import_instead

REPOSITORY: Final = Path(__file__).parents[3]
PRODUCT: Final = REPOSITORY / "operator" / "glovebox"
PAGE: Final = REPOSITORY / "docs" / "reference" / "simulation.md"
_ROW: Final = re.compile(r"^\| (?P<name>[^|]+) \| (?P<seed>\d+) \| (?P<promise>[^|]+) \|$")


def read_finds(page: Path = PAGE) -> dict[str, tuple[int, str]]:
    """Return by which seed and promise each bug was found last; nothing without a page."""
    if not page.exists():
        return {}
    rows = map(_ROW.match, page.read_text(encoding="utf-8").splitlines())
    return {row["name"].strip(): (int(row["seed"]), row["promise"].strip()) for row in rows if row}


def plant(bug: Bug) -> None:
    """Let what this process imports from now on hold a bug.

    Raises:
        LookupError: A text is not there, or not once: whoever changed the place says again how it
            could go wrong.
        RuntimeError: A module of the product was imported already.
    """
    texts: dict[str, tuple[Path, str]] = {}
    for file, old, new in ((bug.file, bug.old, bug.new), *bug.also):
        name = f"glovebox.{file.removesuffix('.py').replace('/', '.')}"
        path = PRODUCT / file
        text = texts[name][1] if name in texts else path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise LookupError(f"{file} holds {text.count(old)} times: {old!r}")
        texts[name] = (path, text.replace(old, new))
    sources: dict[str, tuple[Path, Source]] = {**texts}
    import_instead(sources)
