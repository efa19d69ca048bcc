"""What a check of pinned data found, in words."""

from __future__ import annotations

from typing import Final

from glovebox.api import reasons
from glovebox.data.compare import Findings

# Which finding is named first, and the word for it.
FINDINGS: Final = (
    ("missing", reasons.OBJECTS_MISSING),
    ("changed", reasons.OBJECTS_CHANGED),
    ("unreadable", reasons.OBJECTS_UNREADABLE),
    ("hidden", reasons.OBJECTS_HIDDEN),
    ("extra", reasons.OBJECTS_EXTRA),
)


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
