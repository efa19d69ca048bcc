"""What a verification says of locks: of the artifacts, and of the evidence over them.

Where the store does not show them to whoever verifies, that is said, and nothing of the locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox.evidence.locks import count_locks, defect_of_lock, ends_earlier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from glovebox.evidence.artifacts import Artifact
    from glovebox.evidence.verification import Report
    from glovebox.store.evidence_objects import EvidenceObject


def id_of(artifact: Artifact) -> tuple[str, str]:
    """Return what names a version."""
    return artifact.key, artifact.version_id


def locked_as_sealed(live: Artifact, sealed: Mapping[tuple[str, str], Artifact]) -> Artifact:
    """Return a version as if it were locked as it was sealed."""
    was = sealed.get(id_of(live))
    if was is None:
        return live
    lock = {"lock_mode": was.lock_mode, "retain_until_time": was.retain_until_time}
    return live.model_copy(update=lock)


def tell_hidden(report: Report, where: str, what: str, *, demanded: bool) -> None:
    """Say of what the store does not show how it is locked; a finding where locks are demanded."""
    message = f"{what}: the store does not show how they are locked; it takes s3:GetObjectRetention"
    if demanded:
        report.note("LocksHidden", where, message)
        return
    report.remarks.append(f"{where}: {message}")


def check_locks(
    report: Report,
    artifacts: list[Artifact],
    now: datetime,
    *,
    demanded: bool,
    unreadable: set[tuple[str, str]] | None = None,
    sealed_only: bool = False,
) -> None:
    """Count the locks of artifacts, and note what nothing protects.

    Args:
        report: Gets the count, and a finding for each where locks are demanded.
        artifacts: As they are, or as they were sealed.
        now: When they have to be locked.
        demanded: Whether a version that nothing protects is a finding.
        unreadable: Key and version of what nothing can be said of.
        sealed_only: Whether it is about the moment of the seal.
    """

    def is_unreadable(artifact: Artifact) -> bool:
        return artifact.is_unreadable if unreadable is None else id_of(artifact) in unreadable

    def unprotected(artifact: Artifact, defect: str) -> None:
        if demanded:
            when = "when it was sealed: " if sealed_only else ""
            report.note("Unlocked", artifact.key, f"version {artifact.version_id}: {when}{defect}")

    report.locks = count_locks(artifacts, now, is_unreadable=is_unreadable, unprotected=unprotected)


def check_evidence_locks(
    report: Report, objects: Mapping[str, EvidenceObject], now: datetime, *, demanded: bool
) -> None:
    """Note what of the evidence nothing protects, or for a shorter time than the artifacts."""
    last = max((artifact.retain_until_time for artifact in report.artifacts), default="")
    seen: set[tuple[str, str]] = set()
    for name, found in objects.items():
        if (found.key, found.version_id) in seen:
            continue  # where nothing came, the last list is the sealed one
        seen.add((found.key, found.version_id))
        if found.is_held:
            continue
        if found.is_lock_hidden:
            tell_hidden(report, name, f"version {found.version_id}", demanded=demanded)
            continue
        defect = defect_of_lock(found.lock_mode, found.retain_until_time, now)
        if defect and demanded:
            report.note("Unlocked", name, f"version {found.version_id}: {defect}")
        elif not defect and last and ends_earlier(found.retain_until_time, last):
            report.remarks.append(
                f"{name} is locked until {found.retain_until_time}, and artifacts until {last}"
            )
