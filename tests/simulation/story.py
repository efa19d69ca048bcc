"""What happened in one run, in order: requests and their outcome, faults, people, restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Story:
    """The lines of one run.

    Args:
        time: Virtual seconds.
    """

    time: Callable[[], float]
    lines: list[tuple[float, str, str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def tell(self, who: str, what: str) -> None:
        """Add a line."""
        self.lines.append((self.time(), who, what))

    def told(self, *, last: int | None = None, reads: bool = False) -> str:
        """Return the story, or its last lines; without reads that went well unless asked."""
        lines = [line for line in self.lines if reads or not line[2].startswith("reads ")]
        shown = lines if last is None else lines[-last:]
        text = [f"{at - 1000:10.3f}  {who:<12} {what}" for at, who, what in shown]
        left = len(lines) - len(shown)
        return "\n".join(([f"... {left} lines before"] if left else []) + text)
