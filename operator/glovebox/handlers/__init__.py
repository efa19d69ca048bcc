"""The only package that imports kopf: small functions that turn events into changes of the store.

kopf brings the official client into the process wherever that is installed, for types that are
never used here: 40 MiB and seconds at the start. It is hidden while kopf is imported, and only
then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

_OFFICIAL_CLIENT = "kubernetes"


@contextmanager
def _hidden(package: str, modules: MutableMapping[str, object]) -> Iterator[None]:
    if package in modules:
        yield  # it is there already: nothing is saved
        return
    modules[package] = None  # the import system takes this as: there is no such package
    try:
        yield
    finally:
        del modules[package]


with _hidden(_OFFICIAL_CLIENT, sys.modules):  # type: ignore[arg-type]
    import kopf as _kopf

__all__: list[str] = []
del _kopf
