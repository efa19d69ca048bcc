"""How a page names what something was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.api.derived import UpstreamInput, UpstreamPart


def called(read: UpstreamInput) -> str:
    """Return the name of an input, and of what was made from it in turn."""
    return f"{read.name}, behind {read.behind}" if read.behind else read.name


def parts(of: Iterable[UpstreamPart]) -> str:
    """Return of which splits something is a part; empty of a whole dataset."""
    return "; ".join(
        f"{each.part} of {each.source_digest}, split {each.split_digest}" for each in of
    )
