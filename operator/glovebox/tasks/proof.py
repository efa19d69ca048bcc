"""The task that looks at pinned objects again: asks for them, or reads and hashes them.

One task takes what the store's budget allows now, and ends; how far it came is recorded with what
it found, and the next one goes on there. So an interruption costs one task, never a proof.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import structlog

from glovebox.data.digest import digest_of
from glovebox.data.proof_levels import Level, ProofSlice
from glovebox.errors import GloveboxError
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pin_doubts import note_doubt
from glovebox.store.pin_proofs import ProofPlan, prove_pin
from glovebox.store.source_access import SourceAccess, narrowed
from glovebox.store.sources import Source
from glovebox.store.telling import Progress as Counted
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.lock_records import StoredLocks

PROVE: str = "prove"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LockBooks:
    """The records of locks of a proof of level `Head`.

    Attributes:
        before: Which one to compare with; empty for none.
        current: Which one is written.
        bucket: The bucket of artifacts, in which they lie.
        locked: Whether it has an object lock.
    """

    before: str
    current: str
    bucket: str
    locked: bool


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """A part of a proof.

    Attributes:
        uid: Of the DatasetPin.
        store: Where the data and the manifest are.
        source: As the pin was made.
        manifest: As the pin was made.
        plan: What to look at.
        started: When the proof began, as recorded.
        done: How many objects were looked at before.
        objects: How many objects are looked at in all, for the progress.
        bytes: Their size.
        locks: Of level `Head`.
        access: As in `PinRequest`.
    """

    uid: str
    store: Store
    source: Source
    manifest: ManifestLocation
    plan: ProofPlan
    started: str
    done: int = 0
    objects: int | None = None
    bytes: int | None = None
    locks: LockBooks | None = None
    access: SourceAccess | None = None

    @property
    def basis(self) -> str:
        """What the result depends on; each part of each proof is another.

        How much it may take is no part of it: what runs already goes on with what it was given.
        """
        access = self.access.document if self.access is not None else None
        plan = self.plan
        return digest_of(
            [self.manifest.version_id, plan.level.value, self.started, plan.after, access]
        )


async def prove_dataset(context: TaskContext, request: ProofRequest) -> ProofSlice:
    """Look at a part of the pinned objects.

    Raises:
        GloveboxError: As `prove_pin`: the store as a whole does not answer, or the manifest is not
            what it was. An object that is lost or changed is a finding.
    """

    def tell(now: Counted) -> None:
        context.report(
            Progress(
                objects_done=request.done + now.objects,
                objects_total=request.objects,
                bytes_done=now.bytes,
                bytes_total=request.bytes,
                phase="Proving",
            )
        )

    books = request.locks if request.plan.level is Level.HEAD else None
    locks = (
        StoredLocks(
            request.store,
            books.bucket,
            request.uid,
            before=books.before,
            current=books.current,
            done=request.done,
            stop=context.stop,
            locked=books.locked,
        )
        if books is not None
        else None
    )
    with contextlib.closing(locks) if locks is not None else contextlib.nullcontext():
        part = await prove_pin(
            narrowed(request.store, request.access, request.source),
            request.manifest,
            request.plan,
            locks=locks,
            access=request.access,
            artifacts_store=request.store,
            on_progress=tell,
            stop=context.stop,
        )
    if not part.findings.intact and request.locks is not None:
        await _note(context, request, request.locks.bucket, part)
    return part


async def _note(context: TaskContext, request: ProofRequest, bucket: str, part: ProofSlice) -> None:
    """Note that what is recorded of the pin is not to be believed when it is created again.

    Before the status says what was found: whoever deletes the pin in between changes nothing. What
    was found is told whether the note can be written or not; while it stands it is looked at again
    within a day, and noted then.
    """
    found = part.findings.summary()
    try:
        await request.store.run_job(
            lambda stop: note_doubt(
                request.store, bucket, request.plan.pin_root, found, request.started, stop
            ),
            context.stop,
        )
    except GloveboxError as error:
        log.warning("that a pin is broken could not be noted in the store", error=error.message)
