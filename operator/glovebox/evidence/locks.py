"""What keeps each version of a seal from being deleted: counted, and told where there is nothing.

A lock that ended protects as much as none. One in Governance mode can be taken off by whoever has
the right to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from glovebox.evidence.artifacts import Artifact


@dataclass(slots=True)
class LockCount:
    """How many versions are protected how.

    Attributes:
        locked: By a lock that nobody can take off before it ends.
        governance: By a lock that some may take off.
        unlocked: By nothing, or by a lock that ended.
        unreadable: Listed, and not to be looked at.
        markers: Delete markers; there is nothing to protect.
        until: The earliest end of a lock, RFC 3339; empty without one.
    """

    locked: int = 0
    governance: int = 0
    unlocked: int = 0
    unreadable: int = 0
    markers: int = 0
    until: str = ""

    def __str__(self) -> str:
        parts = [f"{self.locked:,} locked"]
        if self.governance:
            parts.append(f"{self.governance:,} locked in Governance mode")
        parts += [f"{self.unlocked:,} unlocked", f"{self.unreadable:,} unreadable"]
        if self.markers:
            parts.append(f"{self.markers:,} delete markers")
        end = f"; the first lock ends on {self.until}" if self.until else ""
        return ", ".join(parts) + end


def defect_of_lock(mode: str, until: str, now: datetime) -> str:
    """Return why nothing protects a version, or an empty text."""
    if not mode or not until:
        return "no lock protects it: it can be deleted"
    if datetime.fromisoformat(until) <= now:
        return f"its lock ended on {until}: it can be deleted"
    return ""


def ends_earlier(one: str, other: str) -> bool:
    """Whether a lock ends before another one; stores spell the same moment in several ways."""
    return not one or datetime.fromisoformat(one) < datetime.fromisoformat(other)


def count_locks(
    artifacts: Iterable[Artifact],
    now: datetime,
    *,
    is_unreadable: Callable[[Artifact], bool],
    unprotected: Callable[[Artifact, str], object],
) -> LockCount:
    """Count the locks of artifacts.

    Args:
        artifacts: As they are, or as they were sealed.
        now: When they have to be locked.
        is_unreadable: Whether one could not be looked at.
        unprotected: Called with each that nothing protects, and why.
    """
    count = LockCount()
    for artifact in artifacts:
        if artifact.delete_marker:
            count.markers += 1
            continue
        if is_unreadable(artifact):
            count.unreadable += 1
            continue
        defect = defect_of_lock(artifact.lock_mode, artifact.retain_until_time, now)
        if defect:
            count.unlocked += 1
            unprotected(artifact, defect)
            continue
        if artifact.lock_mode == "Compliance":
            count.locked += 1
        else:
            count.governance += 1
        if not count.until or artifact.retain_until_time < count.until:
            count.until = artifact.retain_until_time
    return count
