"""Tasks of a DatasetPin: resolve and hash it once, and compare it with the store by listing.

Both stream in memory that does not grow with the dataset. Hashing goes on where an earlier attempt
was, after a failure as after a restart of the process: the digests of versions that were read lie
at a check-point.
"""

from __future__ import annotations

from dataclasses import dataclass

from glovebox.data.compare import Findings
from glovebox.data.digest import digest_of
from glovebox.data.manifest import DigestSource
from glovebox.store.connection import Store
from glovebox.store.pins import (
    BuiltPin,
    ManifestLocation,
    ManifestLock,
    Source,
    build_pin,
    verify_pin,
)
from glovebox.store.source_access import SourceAccess, narrowed
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
    """

    uid: str
    store: Store
    source: Source
    artifacts_bucket: str
    lock: ManifestLock | None
    expected: str | None = None
    minimum: DigestSource = DigestSource.COMPUTED
    access: SourceAccess | None = None

    @property
    def basis(self) -> str:
        """What the result depends on; another makes another task, with its own check-points."""
        return digest_of(
            {
                "access": self.access.document if self.access is not None else None,
                "artifacts": self.artifacts_bucket,
                "endpoint": self.store.settings.endpoint,
                "expected": self.expected,
                "minimum": self.minimum.value,
                "source": repr(self.source),
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
    """

    store: Store
    source: Source
    manifest: ManifestLocation
    objects: int | None = None
    bytes: int | None = None
    full: bool = False
    after: str = ""
    access: SourceAccess | None = None

    @property
    def basis(self) -> str:
        """What the result depends on; each check that is due is another."""
        access = self.access.document if self.access is not None else None
        return digest_of([self.manifest.version_id, self.after, access])


async def pin_dataset(context: TaskContext, request: PinRequest) -> BuiltPin:
    """Resolve and hash a dataset and store its manifest; going on where an earlier attempt was.

    Raises:
        GloveboxError: As `build_pin`. What was hashed until then is kept.
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

    attempt = build_pin(
        narrowed(request.store, request.access, request.source),
        request.source,
        artifacts_bucket=request.artifacts_bucket,
        lock=request.lock,
        expected=request.expected,
        minimum=request.minimum,
        on_progress=tell,
        access=request.access,
        artifacts_store=request.store,
        recall=journal.entries,
        on_hashed=journal.add,
        stop=context.stop,
    )
    return await journaled(request.store, journal, attempt)


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

    return await verify_pin(
        narrowed(request.store, request.access, request.source),
        request.source,
        request.manifest,
        full=request.full,
        access=request.access,
        artifacts_store=request.store,
        on_progress=tell,
        stop=context.stop,
    )
