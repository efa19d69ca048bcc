"""What is done to a seal after it was made: listed once more, and concluded.

Each is made once, whoever asks how often: the signed statement that is there already is the result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from glovebox.api import reasons
from glovebox.data.digest import canonical_json, digest_of
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    CONCLUSION_TYPE,
    SUPPLEMENT_NAME,
    SUPPLEMENT_TYPE,
    Conclusion,
    Supplement,
    conclusion,
    envelope_digest,
    is_about,
    payload_of,
    read_supplement,
    supplement,
)
from glovebox.evidence.envelope import sign
from glovebox.evidence.run_facts import SESSIONS_END
from glovebox.evidence.standing import NONE_READ_WAIT, UNREAD_WAIT, Judge, Rule
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.evidence.verification import stated_list_digest
from glovebox.status.text import format_time
from glovebox.store.artifact_lists import Watching
from glovebox.store.connection import Stop, Store
from glovebox.store.evidence_objects import (
    Statement,
    find_seal,
    find_signed,
    put_signed,
)
from glovebox.store.last_listing import LastList, write_last_list
from glovebox.store.retention import lock_of, retain
from glovebox.store.version_lock import Lock, LockHiddenError
from glovebox.store.waits import Waits, paced
from glovebox.tasks.checkpoints import StoredCheckpoint, checkpoint_prefix
from glovebox.tasks.context import TaskContext
from glovebox.tasks.journal import HashJournal, journaled
from glovebox.tasks.seal_request import SealKeys

LAST_LISTING = "last-listing"


@dataclass(frozen=True, slots=True)
class SealPlace:
    """A seal that is there, and what may sign beside it.

    Attributes:
        uid: Of the Experiment.
        experiment: `namespace/name`.
        store: Of the bucket of artifacts.
        bucket: The bucket of artifacts.
        prefix: The experiment's own key prefix, ending in `/`.
        folder: Of the evidence, ending in `/`.
        locked: Whether the bucket has an object lock.
        keys: Returns the key that signs and those whose seals are taken for ours.
        seal_version: Version of the statement that is on record as the seal; empty where none is.
    """

    uid: str
    experiment: str
    store: Store
    bucket: str
    prefix: str
    folder: str
    locked: bool
    keys: Callable[[], Awaitable[SealKeys]]
    seal_version: str = ""

    @property
    def basis(self) -> str:
        """Whatever the result depends on."""
        endpoint = self.store.settings.endpoint
        return digest_of([endpoint, self.bucket, self.prefix, self.folder, self.uid])


@dataclass(frozen=True, slots=True)
class SupplementResult:
    """What the status says of the last listing."""

    attestation_version: str
    key_id: str
    said: Supplement


@dataclass(frozen=True, slots=True)
class ConclusionResult:
    """What the status says of a conclusion."""

    attestation_version: str
    key_id: str
    signed: str
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class _About:
    """A statement that lies beside a seal.

    Attributes:
        name: Under which it lies.
        predicate_type: Of its kind.
        seal: Digest of the seal that it is about.
        now: The time.
        not_before: None was made before.
    """

    name: str
    predicate_type: str
    seal: str
    now: datetime
    not_before: datetime | None = None


def _now() -> datetime:
    return datetime.now(UTC)


async def list_once_more(
    context: TaskContext, place: SealPlace, *, now: Callable[[], datetime] = _now
) -> SupplementResult:
    """List a sealed prefix once more, and sign what was found; or return what was signed before.

    Raises:
        InvalidInput: There is no seal, or its list is gone.
        Unavailable: `SealNotFound`: the recorded one is gone; a session may still write; or the
            store does not answer: calling again is safe.
        NotReady: `ArtifactUnread`: a version that cannot be read is waited for.
    """
    keys = await place.keys()
    seal = await _seal(place, keys)
    digest = envelope_digest(seal.envelope)
    ends = sessions_end_of(seal.envelope)
    due = datetime.fromisoformat(ends)
    about = _About(SUPPLEMENT_NAME, SUPPLEMENT_TYPE, digest, now(), due)
    found = await _signed(place, keys, about)
    if found is not None:
        await _retain(place, SUPPLEMENT_NAME, found, seal)
        return _supplement_result(found, keys)
    if now() < due:
        raise Unavailable(reasons.SEALING, f"a session may still write until {ends}")
    journal = HashJournal(
        context.checkpoint
        or StoredCheckpoint(
            place.store,
            place.bucket,
            checkpoint_prefix(place.uid, LAST_LISTING, place.basis),
            locked=place.locked,
            stop=context.stop,
        ),
        every_seconds=context.checkpoint_seconds,
    )

    waits = Waits(due + UNREAD_WAIT, due + NONE_READ_WAIT)

    def job(stop: Stop) -> LastList:
        return write_last_list(
            place.store,
            bucket=place.bucket,
            prefix=place.prefix,
            folder=place.folder,
            sealed=stated_list_digest(seal.envelope),
            stop=stop,
            watching=Watching(recall=journal.entries, on_hashed=journal.add),
            waits=waits.at(now()),
        )

    async def attempt() -> SupplementResult:
        listed = format_time(now())
        last = await place.store.run_job(job, context.stop)
        said = Supplement(
            experiment=place.experiment,
            uid=place.uid,
            seal=digest,
            list_digest=last.digest,
            listed=listed,
            sessions_end=ends,
            added=last.added,
            missing=last.missing,
            uploads_ended=last.uploads_ended,
            findings=last.findings,
        )
        signing = await place.keys()
        made = await _put(place, signing, replace(about, now=now()), supplement(said))
        await _retain(place, SUPPLEMENT_NAME, made, seal, last.lock)
        return _supplement_result(made, signing)

    try:
        return await journaled(place.store, journal, attempt())
    except GloveboxError as error:
        raise paced(error, waits, now()) from error


async def sign_conclusion(
    place: SealPlace,
    verdict: str,
    text: str,
    by: str,
    *,
    now: Callable[[], datetime] = _now,
) -> ConclusionResult:
    """Sign a conclusion about a seal, or return the one that was signed before.

    Raises:
        InvalidInput: There is no seal.
        GloveboxError: The recorded one is gone (`SealNotFound`), or the store does not answer or
            denies it; calling again is safe.
    """
    keys = await place.keys()
    seal = await _seal(place, keys)
    digest = envelope_digest(seal.envelope)
    about = _About(CONCLUSION_NAME, CONCLUSION_TYPE, digest, now())
    found = await _signed(place, keys, about)
    if found is None:
        said = Conclusion(
            experiment=place.experiment,
            uid=place.uid,
            seal=digest,
            verdict=verdict,
            text=text,
            by=by,
            signed=format_time(now()),
        )
        found = await _put(place, keys, about, conclusion(said))
    await _retain(place, CONCLUSION_NAME, found, seal)
    document: dict[str, Any] = payload_of(found.envelope)
    return ConclusionResult(
        found.version_id,
        keys.signer_of(found.envelope),
        str(document["predicate"]["signedOn"]),
        str(document["predicate"]["verdict"]),
        str(document["predicate"]["text"]),
    )


def sessions_end_of(envelope: bytes) -> str:
    """Return until when a session may have written, as a seal says.

    Raises:
        InvalidInput: It does not say so.
    """
    try:
        return str(payload_of(envelope)["predicate"]["runDetails"]["metadata"][SESSIONS_END])
    except (KeyError, TypeError) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the seal does not say when the last session ends"
        ) from error


async def _seal(place: SealPlace, keys: SealKeys) -> Statement:
    found = await place.store.run_job(
        lambda stop: find_seal(
            place.store,
            place.bucket,
            place.folder,
            place.experiment,
            place.uid,
            Rule(keys.trust, recorded=place.seal_version),
            stop,
        )
    )
    if found is None or not found.is_trusted:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, f"there is no seal in s3://{place.bucket}/{place.folder}"
        )
    return found


def _judge(keys: SealKeys, about: _About) -> Judge:
    predicate_type, seal = about.predicate_type, about.seal
    rule = Rule(
        keys.trust,
        not_before=about.not_before,
        now=about.now,
        gives_up=about.not_before is not None and about.now >= about.not_before + UNREAD_WAIT,
    )
    return Judge(rule, lambda each: is_about(payload_of(each), predicate_type, seal))


async def _signed(place: SealPlace, keys: SealKeys, about: _About) -> Statement | None:
    trusted, key = _judge(keys, about), place.folder + about.name
    found = await place.store.run_job(
        lambda stop: find_signed(place.store, place.bucket, key, trusted, stop)
    )
    return found if found is not None and found.is_trusted else None


async def _put(
    place: SealPlace, keys: SealKeys, about: _About, document: dict[str, Any]
) -> Statement:
    trusted = _judge(keys, about)
    envelope, key = sign(canonical_json(document), keys.signer), place.folder + about.name

    def job(stop: Stop) -> Statement:
        put_signed(place.store, place.bucket, key, envelope, trusted, stop)
        made = find_signed(place.store, place.bucket, key, trusted, stop)
        if made is None or not made.is_trusted:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"s3://{place.bucket}/{key} was written and cannot be read back",
            )
        return made

    return await place.store.run_job(job)


async def _retain(
    place: SealPlace, name: str, made: Statement, seal: Statement, lock: Lock | None = None
) -> None:
    """Keep a statement as long as the seal that it is about, and as what it lists."""
    signed, store, bucket = (place.folder + name, made.version_id), place.store, place.bucket

    def job(stop: Stop) -> None:
        try:
            of_seal = lock_of(store, bucket, place.folder + STATEMENT_NAME, seal.version_id)
        except LockHiddenError:
            of_seal = Lock()  # no right is waited for: the seal says that it is missing
        wanted = of_seal if lock is None else of_seal.longest(lock.mode, lock.until)
        # Where that is not possible, the seal says so already.
        retain(store, bucket, [signed], wanted, stop, final=True)

    await store.run_job(job)


def _supplement_result(found: Statement, keys: SealKeys) -> SupplementResult:
    try:
        said = read_supplement(payload_of(found.envelope))
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the signed supplement of the seal cannot be read"
        ) from error
    return SupplementResult(found.version_id, keys.signer_of(found.envelope), said)
