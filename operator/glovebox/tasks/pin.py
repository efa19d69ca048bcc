"""Tasks of a DatasetPin: resolve and hash it once, and compare it with the store by listing.

Both stream in memory that does not grow with the dataset. Hashing goes on where an earlier attempt
was, after a failure as after a restart of the process: the digests of versions that were read lie
at a check-point.

What a pin was resolved to is recorded in the store. A pin that is created again, after a restore of
the cluster, is what it was: the recorded versions where they are there, else the same content, else
it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from glovebox.api import reasons
from glovebox.data.compare import Findings
from glovebox.data.digest import digest_of
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import InvalidInput, Refused
from glovebox.status.text import format_time
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import fetch_manifest, protect_manifest
from glovebox.store.pin_doubts import is_doubted
from glovebox.store.pin_records import PREFIX, PinRecord, pin_key, read_pin, record_pin
from glovebox.store.pins import (
    BuiltPin,
    ManifestLocation,
    ManifestLock,
    Source,
    build_pin,
    verify_pin,
)
from glovebox.store.sealed_artifacts import (
    ReadSeal,
    SealToRead,
    read_sealed,
    sealed_candidates,
)
from glovebox.store.source_access import SourceAccess, narrowed
from glovebox.store.sources import Candidate
from glovebox.store.telling import Progress as Counted
from glovebox.tasks.checkpoints import StoredCheckpoint, checkpoint_prefix
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.journal import HashJournal, journaled, progress_of

HASH: str = "hash"
VERIFY: str = "verify"


@dataclass(frozen=True, slots=True)
class PinRequest:
    """A dataset to hash.

    Attributes:
        uid: Of the DatasetPin; its check-points lie under it.
        store: Where the data are, and the bucket of artifacts.
        source: What to pin.
        artifacts_bucket: Where manifest and check-points go.
        lock: How the manifest is protected; None on a bucket without object lock.
        expected: Content root that the data must have.
        minimum: The weakest source of a digest to accept.
        access: Which objects may be pinned, and the role to read them with; None for all.
        owner: `namespace/name` of the DatasetPin, whose record is kept; empty keeps none.
        sealed: The seal that lists the objects, for a `SealSource`.
    """

    uid: str
    store: Store
    source: Source
    artifacts_bucket: str
    lock: ManifestLock | None
    expected: str | None = None
    minimum: DigestSource = DigestSource.COMPUTED
    access: SourceAccess | None = None
    owner: str = ""
    sealed: SealToRead | None = None

    @property
    def basis(self) -> str:
        """What the result depends on; another makes another task, with its own check-points."""
        seal = self.sealed
        return digest_of(
            {
                "access": self.access.document if self.access is not None else None,
                "artifacts": self.artifacts_bucket,
                "endpoint": self.store.settings.endpoint,
                "expected": self.expected,
                "minimum": self.minimum.value,
                "owner": self.owner,
                "source": repr(self.source),
                # Not which keys are trusted: that another one signs does not begin it again.
                **({"seal": [seal.experiment, seal.digest, seal.locked]} if seal else {}),
            }
        )


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A pin to compare with the store.

    Attributes:
        store: Where the data and the manifest are.
        source: As the pin was made.
        manifest: As the pin was made.
        objects: How many objects are pinned, for the progress.
        bytes: Their size.
        full: Read and hash every byte as well.
        after: The moment of the check before, as recorded: what that one found is no answer.
        access: As in `PinRequest`.
        recorded_root: The pin root of what is taken from a record; every byte is read where these
            versions were ever found broken. Empty for what is pinned already.
    """

    store: Store
    source: Source
    manifest: ManifestLocation
    objects: int | None = None
    bytes: int | None = None
    full: bool = False
    after: str = ""
    access: SourceAccess | None = None
    recorded_root: str = ""

    @property
    def basis(self) -> str:
        """What the result depends on; each check that is due is another."""
        access = self.access.document if self.access is not None else None
        return digest_of([self.manifest.version_id, self.after, access])


def _now() -> datetime:
    return datetime.now(UTC)


async def pin_dataset(
    context: TaskContext, request: PinRequest, *, now: Callable[[], datetime] = _now
) -> BuiltPin:
    """Resolve and hash a dataset and store its manifest; going on where an earlier attempt was.

    Raises:
        InvalidInput: `PinnedDifferently`: it was resolved before, to other content.
        GloveboxError: As `read_sealed`, `sealed_candidates` and `build_pin`. What was hashed until
            then is kept.
    """
    seal = await _read_seal(context, request)
    origin = seal.origin if seal is not None else None
    record = await _recorded(request)
    doubted = record is not None and await _is_doubted(request, record)
    if record is not None and not doubted and await _stands(context, request, record):
        return BuiltPin(record.roots, record.manifest, record.verified, origin)
    expected = record.roots.content if record is not None else request.expected
    try:
        built = await _build(context, request, expected, seal, doubted=record if doubted else None)
        built = replace(built, origin=origin)
    except InvalidInput as error:
        if record is None or error.reason != reasons.DIGEST_MISMATCH:
            raise
        raise _differs(request, record, error.message) from error
    return built if record is not None else await _record(request, built, now())


async def _read_seal(context: TaskContext, request: PinRequest) -> ReadSeal | None:
    """Return the seal that lists the objects, verified; None where the source is none."""
    wanted, store = request.sealed, request.store
    if wanted is None:
        return None
    return await store.run_job(lambda stop: read_sealed(store, wanted, stop), context.stop)


async def _recorded(request: PinRequest) -> PinRecord | None:
    """Return what the pin was resolved to before, or None."""
    if not request.owner:
        return None
    store, bucket = request.store, request.artifacts_bucket
    key = pin_key(request.owner, request.source, request.expected)
    return await store.run_job(lambda stop: read_pin(store, bucket, key, stop))


async def _is_doubted(request: PinRequest, record: PinRecord) -> bool:
    """Return whether a recorded version was ever found broken: then a listing is not believed."""
    store, bucket, root = request.store, request.artifacts_bucket, record.roots.pin
    return await store.run_job(lambda stop: is_doubted(store, bucket, root, stop))


async def _stands(context: TaskContext, request: PinRequest, record: PinRecord) -> bool:
    """Return whether every recorded version is there, by listing.

    Raises:
        Refused: One of them is not granted.
        GloveboxError: The store does not answer.
    """
    check = VerifyRequest(
        request.store,
        request.source,
        record.manifest,
        record.roots.objects,
        record.roots.bytes,
        access=request.access,
    )
    try:
        findings = await verify_dataset(context, check)
    except Refused:
        raise
    except InvalidInput:
        return False  # its manifest is gone, or is not what it was
    lock = request.lock
    if findings.intact and lock is not None:
        # Its hold may have been taken off while nobody used it.
        await request.store.run(protect_manifest, request.store, record.manifest, lock)
    return findings.intact


async def _record(request: PinRequest, built: BuiltPin, now: datetime) -> BuiltPin:
    """Write what the pin was resolved to; of two at once the first one counts."""
    if not request.owner:
        return built
    store, bucket = request.store, request.artifacts_bucket
    key = pin_key(request.owner, request.source, request.expected)
    record = PinRecord(built.roots, built.manifest, format_time(now))

    def job(stop: Stop) -> PinRecord | None:
        is_first = record_pin(store, bucket, key, record, stop)
        return None if is_first else read_pin(store, bucket, key, stop)

    first = await store.run_job(job)
    if first is not None and first.roots.content != built.roots.content:
        raise _differs(request, first, f"what is there now has {built.roots.content}")
    return built


def _differs(request: PinRequest, record: PinRecord, found: str) -> InvalidInput:
    where = f"s3://{request.artifacts_bucket}/{PREFIX}{request.owner}/"
    return InvalidInput(
        reasons.PINNED_DIFFERENTLY,
        f"the pin was resolved before, to the content {record.roots.content} (recorded below"
        f" {where}); those versions are not all there, and what is there now differs: {found}."
        " Restore the recorded versions; or pin the new content under another name, or with its"
        " digest in `spec.digest`",
    )


async def _build(
    context: TaskContext,
    request: PinRequest,
    expected: str | None,
    seal: ReadSeal | None,
    *,
    doubted: PinRecord | None = None,
) -> BuiltPin:
    """Have everything read.

    Args:
        context: Of the task.
        request: What to read.
        expected: Content root that it must have.
        seal: The seal whose artifacts it is over; None for any other source.
        doubted: What was recorded of versions that were found broken since. What earlier attempts
            found other than that is read again: it may have been restored under the same ids.
    """
    checkpoint = context.checkpoint or StoredCheckpoint(
        request.store,
        request.artifacts_bucket,
        checkpoint_prefix(request.uid, HASH, request.basis),
        locked=request.lock is not None,
        stop=context.stop,
    )
    journal = HashJournal(checkpoint, every_seconds=context.checkpoint_seconds)

    def tell(now: Counted) -> None:
        context.report(progress_of(now, journal, "Hashing"))

    def listed(stop: Stop) -> Iterator[Candidate]:
        assert request.sealed is not None  # noqa: S101 - or there would be no seal
        assert seal is not None  # noqa: S101 - as the line below has it
        return sealed_candidates(request.store, request.sealed, seal, stop)

    def recall(stop: Stop) -> Iterator[Entry]:
        known = journal.entries(stop)
        return known if doubted is None else _as_recorded(request.store, doubted, known)

    attempt = build_pin(
        narrowed(request.store, request.access, request.source),
        request.source,
        artifacts_bucket=request.artifacts_bucket,
        lock=request.lock,
        expected=expected,
        minimum=request.minimum,
        on_progress=tell,
        access=request.access,
        artifacts_store=request.store,
        recall=recall,
        on_hashed=journal.add,
        stop=context.stop,
        sealed=listed if seal is not None else None,
    )
    return await journaled(request.store, journal, attempt)


def _as_recorded(store: Store, record: PinRecord, known: Iterable[Entry]) -> Iterator[Entry]:
    """Yield of what was hashed, in the order of paths, what is as the recorded manifest says."""
    try:
        recorded = fetch_manifest(store, record.manifest, Stop())
        last = next(recorded, None)
        for entry in known:
            while last is not None and last.path.encode() < entry.path.encode():
                last = next(recorded, None)
            if last is not None and _said(last) == _said(entry):
                yield entry
    except InvalidInput:
        return  # it is gone, or not what it was: everything is read again


def _said(entry: Entry) -> tuple[str, str, str]:
    return entry.path, entry.version_id, entry.sha256


async def verify_dataset(context: TaskContext, request: VerifyRequest) -> Findings:
    """Compare a pin with what the store holds now.

    Raises:
        GloveboxError: As `verify_pin`: the store as a whole does not answer, or the manifest is not
            what it was. An object that is lost or changed is a finding.
    """

    def tell(now: Counted) -> None:
        context.report(
            Progress(
                objects_done=now.objects,
                objects_total=request.objects,
                bytes_done=now.bytes,
                bytes_total=request.bytes,
                phase="Verifying",
            )
        )

    full, root = request.full, request.recorded_root
    if root and not full:
        store, bucket = request.store, request.manifest.bucket
        full = await store.run_job(lambda stop: is_doubted(store, bucket, root, stop))
    return await verify_pin(
        narrowed(request.store, request.access, request.source),
        request.source,
        request.manifest,
        full=full,
        access=request.access,
        artifacts_store=request.store,
        on_progress=tell,
        stop=context.stop,
    )
