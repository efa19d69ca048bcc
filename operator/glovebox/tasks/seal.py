"""The task that seals an experiment: inputs verified, artifacts listed and hashed, evidence signed.

Made once, whoever asks how often: the seal that is in the store already is the result. Bounded in
memory by the largest page, whatever a run wrote; a restart goes on with the digests of the versions
that were read. An input that is gone is a finding inside the signed statement and never keeps the
seal from being made.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from glovebox.api import reasons
from glovebox.data.compare import ListedVersion
from glovebox.data.digest import canonical_json, digest_of
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.artifacts import Artifact
from glovebox.evidence.statement import FINDING, SealInputs, statement
from glovebox.store.connection import Stop, Store
from glovebox.store.pins import ManifestLocation, Source, verify_pin
from glovebox.store.sealing import Sealed, Watching, write_seal
from glovebox.store.telling import Progress as Counted
from glovebox.store.telling import Telling
from glovebox.tasks.checkpoints import StoredCheckpoint, checkpoint_prefix
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.journal import HashJournal, journaled, progress_of

SEAL: Final = "seal"
_FINDINGS_MAX: Final = 16
_FINDING_LENGTH: Final = 1024


@dataclass(frozen=True, slots=True)
class SealedDataset:
    """An input whose versions are asked for once more before the seal.

    Attributes:
        name: Of the input.
        store: Where its data and its manifest are; None when that is not known any more.
        source: As it was pinned; None when that is not known any more.
        manifest: The list of its versions; None when that is not known any more.
        lost: Why it cannot be verified again, when that is known beforehand: `its pin is gone`.
    """

    name: str
    store: Store | None = None
    source: Source | None = None
    manifest: ManifestLocation | None = None
    lost: str = ""


@dataclass(frozen=True, slots=True)
class SealRequest:
    """Everything a seal is made of, as values.

    Attributes:
        uid: Of the Experiment; its check-points lie under it.
        store: Of the bucket of artifacts.
        bucket: The bucket of artifacts.
        prefix: The experiment's own key prefix, ending in `/`.
        folder: Where the evidence goes, ending in `/`; see `store.sealing.seal_folder`.
        snapshot: What the experiment's digest was computed from.
        about: What the statement says; `sealed` is filled in here, and `findings` are added to.
        inputs: The datasets to verify again.
        signer: Makes the envelope of a payload.
        locked: Whether the bucket has an object lock.
        patient_until: Until then, a store of an input that does not answer, or an object that it
            fails to give, is an error, and the seal is tried again; afterwards a finding. None is
            not patient at all.
    """

    uid: str
    store: Store
    bucket: str
    prefix: str
    folder: str
    snapshot: bytes
    about: SealInputs
    inputs: tuple[SealedDataset, ...]
    signer: Callable[[bytes], bytes]
    locked: bool = True
    patient_until: datetime | None = None

    @property
    def basis(self) -> str:
        """Whatever the result depends on."""
        endpoint = self.store.settings.endpoint
        return digest_of([endpoint, self.bucket, self.prefix, self.folder, self.uid])


@dataclass(frozen=True, slots=True)
class SealResult:
    """What the status says of a seal.

    Attributes:
        uri: Folder of the evidence, ending in `/`.
        attestation_version: Version of the signed statement.
        list_digest: Digest of the list of artifacts.
        versions: How many object versions it holds.
        bytes: Their size.
        retain_until_time: The earliest end of a lock among them, RFC 3339; empty when nothing is
            locked.
        key_id: Of the key that signed.
        sealed_time: When it was made, RFC 3339.
        findings: What the seal cannot vouch for, at most 16; all of them are in the statement.
    """

    uri: str
    attestation_version: str
    list_digest: str
    versions: int
    bytes: int
    retain_until_time: str
    key_id: str
    sealed_time: str
    findings: tuple[str, ...]


def _now() -> datetime:
    return datetime.now(UTC)


async def seal_experiment(
    context: TaskContext, request: SealRequest, *, now: Callable[[], datetime] = _now
) -> SealResult:
    """Seal an experiment, or return the seal that is there.

    Raises:
        GloveboxError: The store of the artifacts does not answer or denies it; what was hashed
            until then is kept, and calling again is safe.
    """
    final = request.patient_until is None or now() >= request.patient_until
    doubts = [
        doubt
        for dataset in request.inputs
        if (doubt := await _verified_again(context, dataset, final=final))
    ]
    sealed = await _seal(context, request, tuple(doubts), now, final=final)
    return _result(sealed)


async def _verified_again(context: TaskContext, dataset: SealedDataset, *, final: bool) -> str:
    """Ask again for every pinned version of an input; return what is wrong, or an empty text."""
    context.report(Progress(phase="VerifyingInputs"))
    unable = f"input `{dataset.name}`: could not be verified again: "
    if dataset.lost or None in (dataset.store, dataset.source, dataset.manifest):
        return unable + (dataset.lost or "its pin or its store is gone")
    assert dataset.store is not None  # noqa: S101 - told by the line above
    assert dataset.source is not None  # noqa: S101 - as above
    assert dataset.manifest is not None  # noqa: S101 - as above
    try:
        # A stop of its own: a failure here must not stop what follows.
        findings = await verify_pin(dataset.store, dataset.source, dataset.manifest, stop=Stop())
    except InvalidInput as error:
        return unable + error.message
    except GloveboxError as error:
        if not final:
            raise
        return unable + error.message
    return "" if findings.intact else f"input `{dataset.name}`: {findings.summary()}"


async def _seal(
    context: TaskContext,
    request: SealRequest,
    doubts: tuple[str, ...],
    now: Callable[[], datetime],
    *,
    final: bool,
) -> Sealed:
    checkpoint = context.checkpoint or StoredCheckpoint(
        request.store,
        request.bucket,
        checkpoint_prefix(request.uid, SEAL, request.basis),
        locked=request.locked,
        stop=context.stop,
    )
    journal = HashJournal(checkpoint, every_seconds=context.checkpoint_seconds)

    def tell(counted: Counted) -> None:
        context.report(progress_of(counted, journal, "Sealing"))

    told = Telling(tell)

    def listed(page: list[ListedVersion]) -> None:
        told.list(len(page), sum(row.size for row in page))

    def signing(artifacts: Iterable[Artifact], digest: str, findings: tuple[str, ...]) -> bytes:
        moment = now().strftime("%Y-%m-%dT%H:%M:%SZ")
        about = replace(
            request.about, sealed=moment, findings=(*request.about.findings, *doubts, *findings)
        )
        return request.signer(canonical_json(statement(about, artifacts, digest)))

    def job(stop: Stop) -> Sealed:
        return write_seal(
            request.store,
            bucket=request.bucket,
            prefix=request.prefix,
            folder=request.folder,
            snapshot=request.snapshot,
            signing=signing,
            stop=stop,
            watching=Watching(
                recall=journal.entries,
                on_hashed=journal.add,
                on_page=listed,
                on_artifact=lambda artifact: told.add(artifact.size),
            ),
            final=final,
        )

    return await journaled(request.store, journal, request.store.run_job(job, context.stop))


def _result(sealed: Sealed) -> SealResult:
    """Return what the status says of a seal, out of its own documents.

    It may be of an earlier attempt, or of another operator.
    """
    try:
        envelope: dict[str, Any] = orjson.loads(sealed.envelope)
        document: dict[str, Any] = orjson.loads(base64.b64decode(envelope["payload"]))
        byproducts = document["predicate"]["runDetails"]["byproducts"]
        key_id = str(envelope["signatures"][0]["keyid"])
        stated = [
            str(each["annotations"]["message"]) for each in byproducts if each["name"] == FINDING
        ]
        moment = str(byproducts[0]["annotations"]["sealedOn"])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, f"the statement in {sealed.uri} is none of an experiment"
        ) from error
    return SealResult(
        uri=sealed.uri,
        attestation_version=sealed.version_id,
        list_digest=sealed.list_digest,
        versions=sealed.versions,
        bytes=sealed.bytes,
        retain_until_time=sealed.retain_until_time,
        key_id=key_id,
        sealed_time=moment,
        findings=tuple(finding[:_FINDING_LENGTH] for finding in stated[:_FINDINGS_MAX]),
    )
