"""What a check of pinned data found, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from glovebox.api import reasons
from glovebox.data.compare import Findings

# Which finding is named first, and the word for it.
FINDINGS: Final = (
    ("missing", reasons.OBJECTS_MISSING),
    ("changed", reasons.OBJECTS_CHANGED),
    ("unreadable", reasons.OBJECTS_UNREADABLE),
    ("weakened", reasons.RETENTION_SHORTENED),
    ("hidden", reasons.OBJECTS_HIDDEN),
    ("extra", reasons.OBJECTS_EXTRA),
)
# What a listing can find.
COUNTED: Final = tuple(name for name, _ in FINDINGS if name != "weakened")


def describe(findings: Findings) -> tuple[str, str]:
    """Return the reason word of the gravest finding, and all findings in words."""
    found = [
        (name, reason, getattr(findings, name))
        for name, reason in FINDINGS
        if getattr(findings, name)
    ]
    counts = ", ".join(f"{count} {name}" for name, _, count in found)
    samples = ", ".join(findings.samples[:3])
    return found[0][1], f"{counts} (for example {samples})" if samples else counts


def describe_all(found: Sequence[tuple[str, Findings]]) -> tuple[str, str]:
    """Return the reason word of the gravest of several findings, and all of them in words.

    Args:
        found: Findings of which none is clean, each with the level of the proof that found it;
            empty for a listing.
    """
    told = [(level, *describe(each)) for level, each in found]
    order = [reason for _, reason in FINDINGS]
    gravest = min((reason for _, reason, _ in told), key=order.index)
    words = [
        f"{message}, by the proof `{level}`" if level else message for level, _, message in told
    ]
    return gravest, "; ".join(words)
