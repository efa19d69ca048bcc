"""Packages that a library imports where they are installed, and that nobody here uses.

They would cost memory and time at each start. One is hidden while that library is imported, and
only then: whoever wants it later finds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def hidden(package: str, modules: MutableMapping[str, ModuleType] = sys.modules) -> Iterator[None]:
    """Have imports of a package fail as if it were not installed.

    Args:
        package: Its name. One that was imported before stays: nothing would be saved.
        modules: What was imported.
    """
    if package in modules:
        yield
        return
    # The import system takes this as: there is no such package.
    cast("MutableMapping[str, ModuleType | None]", modules)[package] = None
    try:
        yield
    finally:
        del modules[package]
