"""Imports modules of the product with another text than the disk holds."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from simulation.planted.bugs import Bug

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


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from a given text."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the text; no cache knows of it."""
        del fullname
        code: CodeType = compile(self._text, self.path, "exec", dont_inherit=True)
        return code


class _Finder(MetaPathFinder):
    """Finds the modules that are to have another text."""

    def __init__(self, texts: Mapping[str, tuple[Path, str]]) -> None:
        self._texts = texts

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how a module is loaded, if it is one of these."""
        del path, target
        if fullname not in self._texts:
            return None
        file, text = self._texts[fullname]
        loader = _Loader(fullname, str(file), text)
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)


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
        if name in sys.modules:
            raise RuntimeError(f"{name} was imported before the bug was planted")
        path = PRODUCT / file
        text = texts[name][1] if name in texts else path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise LookupError(f"{file} holds {text.count(old)} times: {old!r}")
        texts[name] = (path, text.replace(old, new))
    sys.meta_path.insert(0, _Finder(texts))
