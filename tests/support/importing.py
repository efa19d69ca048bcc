"""Lets this process import modules of the product with another text than the disk holds."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType

Source = str | ast.Module


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from a given source."""

    def __init__(self, name: str, path: str, source: Source) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the source; no cache knows of it."""
        del fullname
        code: CodeType = compile(self._source, self.path, "exec", dont_inherit=True)
        return code


class _Finder(MetaPathFinder):
    """Finds the modules that are to have another source."""

    def __init__(self, sources: Mapping[str, tuple[Path, Source]]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how a module is loaded, if it is one of these."""
        del path, target
        if fullname not in self._sources:
            return None
        file, source = self._sources[fullname]
        loader = _Loader(fullname, str(file), source)
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)


def import_instead(sources: Mapping[str, tuple[Path, Source]]) -> None:
    """Import modules from other sources, from now on.

    Args:
        sources: By the module's name, its file and what is imported in the place of its text.

    Raises:
        RuntimeError: One of them was imported already.
    """
    for name in sources:
        if name in sys.modules:
            raise RuntimeError(f"{name} was imported before it was changed")
    sys.meta_path.insert(0, _Finder(sources))
