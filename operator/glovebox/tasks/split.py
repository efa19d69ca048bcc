"""Dividing a dataset into the parts of a split: each with a manifest and roots of its own.

Whole objects go to parts by the manifest alone (`split_objects.py`); rows are read and written
(`split_rows.py`). Memory does not grow with the dataset. Everything is written under names that the
content gives, so that an attempt which is repeated, after whatever went wrong, ends with the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.data.digest import digest_of
from glovebox.data.split_result import PartFound, SplitFound
from glovebox.data.splits import Rule
from glovebox.errors import UnfitData
from glovebox.store.connection import Stop, Store
from glovebox.store.errors import translated
from glovebox.store.listing import head_version
from glovebox.store.manifests import ManifestLocation, ManifestLock, protect_manifest
from glovebox.store.part_objects import read_splits, record_split, split_prefix
from glovebox.store.pin_checks import are_all_there
from glovebox.store.source_access import SourceAccess
from glovebox.store.sources import PrefixSource, Source
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.split_objects import split_objects
from glovebox.tasks.split_parts import PartBuilder, Splitting
from glovebox.tasks.split_rows import split_rows

SPLIT: Final = "split"


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """A dataset to divide.

    Attributes:
        store: Where the data are, and the bucket of artifacts.
        source: As its pin was made.
        manifest: As its pin was made.
        access: Which objects may be read, and the role to read them with.
        artifacts_bucket: Where manifests go, and rows.
        lock: How manifests are protected; None on a bucket without object lock.
        rule: How it is divided.
        parts: Names of the parts, in the order of the rule.
        digest: Of the split: it names what is written.
        namespace: Of the SplitPin.
        objects: How many objects the dataset has, for the progress.
    """

    store: Store
    source: Source
    manifest: ManifestLocation
    access: SourceAccess
    artifacts_bucket: str
    lock: ManifestLock | None
    rule: Rule
    parts: tuple[str, ...]
    digest: str
    namespace: str
    objects: int = 0

    @property
    def basis(self) -> str:
        """What the result depends on; another makes another task."""
        return digest_of(
            {
                "access": self.access.document,
                "artifacts": self.artifacts_bucket,
                "endpoint": self.store.settings.endpoint,
                "manifest": [self.manifest.digest, self.manifest.version_id],
                "source": repr(self.source),
                "split": self.digest,
            }
        )


async def split_dataset(context: TaskContext, request: SplitRequest) -> SplitFound:
    """Divide a dataset; safe to repeat.

    Raises:
        Refused: `NotGranted`: an object may not be read any more.
        UnfitData: The data cannot be divided so: `KeyMissing`, `AssignmentWrong`, `PartEmpty`,
            `TableUnreadable`, `TooManyObjects`.
        GloveboxError: The store does not answer, denies it, or lost what was pinned.
    """

    def report(objects: int, read: int) -> None:
        context.report(
            Progress(
                objects_done=objects,
                objects_total=request.objects,
                bytes_read=read,
                phase="Splitting",
            )
        )

    return await request.store.run_job(functools.partial(_split, request, report), context.stop)


def _split(request: SplitRequest, report: Callable[[int, int], None], stop: Stop) -> SplitFound:
    store, bucket = request.store, request.artifacts_bucket
    prefix = split_prefix(request.namespace, request.digest)
    writes = request.rule.granularity == "Rows"
    stands = functools.partial(_stands, request, prefix, stop)
    if writes:
        before = next(filter(stands, read_splits(store, bucket, prefix, stop)), None)
        if before is not None:
            _protect(request, before)
            return before
    work = Splitting(
        store,
        request.source,
        request.manifest,
        request.access,
        bucket,
        request.rule,
        request.parts,
        prefix,
        report,
        stop,
    )
    with ExitStack() as stack:
        parts = tuple(stack.enter_context(PartBuilder(name)) for name in request.parts)
        left_out = (split_rows if writes else split_objects)(work, parts)
        for part in parts:
            if not part.objects:
                raise _empty(request, part.name)
        found = SplitFound(
            tuple(part.finish(store, bucket, request.lock, stop) for part in parts), left_out
        )
    return record_split(store, bucket, prefix, found, stop, stands) if writes else found


def _stands(request: SplitRequest, prefix: str, stop: Stop, found: SplitFound) -> bool:
    """Return whether all that a recorded split made is there: manifests, and objects.

    What is gone for good (its retention is over, and somebody deleted it) is made again: the rule
    gives the same rows the same parts.
    """
    if tuple(part.name for part in found.parts) != request.parts:
        return False
    store = request.store
    for part in found.parts:
        where = _manifest(part)
        with translated(f"look for s3://{where.bucket}/{where.key}"):
            there = head_version(store.wire, where.bucket, where.key, where.version_id)
        if there is None:
            return False
        rows = PrefixSource(request.artifacts_bucket, f"{prefix}{part.name}/")
        if not are_all_there(store, rows, where, stop):
            return False
    return True


def _protect(request: SplitRequest, found: SplitFound) -> None:
    if request.lock is not None:
        for part in found.parts:
            protect_manifest(request.store, _manifest(part), request.lock)


def _manifest(part: PartFound) -> ManifestLocation:
    return ManifestLocation(
        part.bucket, part.key, part.version_id, part.digest, part.manifest_bytes
    )


def _empty(request: SplitRequest, part: str) -> UnfitData:
    what = "row" if request.rule.granularity == "Rows" else "object"
    cures = {
        "Key": "give it a larger share, choose another salt, or a key of more values",
        "Time": "choose boundaries within the times of the data",
        "Assignment": f"list a key for it in `{request.rule.path}`, or leave the part out",
    }
    return UnfitData(
        reasons.PART_EMPTY,
        f"part `{part}` would have no {what}, and nothing can be tested on it: create another"
        f" SplitPin; {cures[request.rule.by]}",
    )
