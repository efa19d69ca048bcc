"""The only package that imports kopf: small functions that turn events into changes of the store.

kopf brings the official client into the process wherever that is installed, for types that are
never used here: 40 MiB and seconds at the start. It is hidden while kopf is imported, and only
then.
"""

from __future__ import annotations

from glovebox.hidden import hidden

with hidden("kubernetes"):
    import kopf as _kopf

__all__: list[str] = []
del _kopf
