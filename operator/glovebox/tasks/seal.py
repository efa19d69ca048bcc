"""The task that seals an experiment: inputs verified, artifacts listed and hashed, evidence signed.

It has two parts. The evidence is gathered wherever there is room for long work; it is signed by
whoever holds the key, which is the operator alone.

Made once, whoever asks how often: the seal that is in the store already is the result. Bounded in
memory by the largest page, whatever a run wrote; a restart goes on with the digests of the versions
that were read. An input that is gone is a finding inside the signed statement and never keeps the
seal from being made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from glovebox.data.compare import ListedVersion
from glovebox.data.digest import canonical_json
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.artifacts import Artifact
from glovebox.evidence.envelope import sign
from glovebox.evidence.standing import Judge, Rule, judge_of_seal
from glovebox.evidence.stated import read_stated
from glovebox.evidence.statement import SealInputs, statement
from glovebox.status.text import format_end, format_time
from glovebox.store.artifact_lists import Watching, Written, write_artifact_list
from glovebox.store.connection import Stop
from glovebox.store.pins import verify_pin
from glovebox.store.sealing import Sealed, read_seal, sign_artifact_list
from glovebox.store.telling import Progress as Counted
from glovebox.store.telling import Telling
from glovebox.store.unreadable import why_of
from glovebox.store.waits import paced, waited_for
from glovebox.tasks.checkpoints import StoredCheckpoint, checkpoint_prefix
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.journal import HashJournal, journaled, progress_of
from glovebox.tasks.seal_request import (
    Evidence,
    EvidenceRequest,
    SealedDataset,
    SealKeys,
    SealRequest,
    SealResult,
)

SEAL: Final = "seal"
_FINDINGS_MAX: Final = 16
_FINDING_LENGTH: Final = 1024
# Whoever has a former key may write as many as they like.
_OTHERS_MAX: Final = 3
# So many are as long as the list of artifacts may be. With fewer, whoever lays as many there hides
# the operator's own among them.
_PASSED_MAX: Final = 10_000


def _now() -> datetime:
    return datetime.now(UTC)


async def seal_experiment(
    context: TaskContext,
    request: SealRequest,
    *,
    gather: Callable[[TaskContext], Awaitable[Evidence]] | None = None,
    now: Callable[[], datetime] = _now,
) -> SealResult:
    """Seal an experiment, or return the seal that is there.

    Args:
        context: Of the task.
        request: What to seal.
        gather: Gathers the evidence somewhere else; None does it here.
        now: The time of day.

    Raises:
        NotReady: `ArtifactUnread`: a version that cannot be read is waited for.
        GloveboxError: The store of the artifacts does not answer or denies it; what was hashed
            until then is kept, and calling again is safe.
    """
    try:
        return await _sealed(context, request, gather, now)
    except GloveboxError as error:
        raise paced(error, request.evidence.waits, now()) from error


async def _sealed(
    context: TaskContext,
    request: SealRequest,
    gather: Callable[[TaskContext], Awaitable[Evidence]] | None,
    now: Callable[[], datetime],
) -> SealResult:
    wanted = request.evidence
    store = wanted.store
    keys = await request.keys()
    judge = _judge(request, keys, now)
    sealed = await store.run_job(lambda stop: _seal_there(wanted, judge, stop, now), context.stop)
    if sealed is not None:
        return _result(sealed, keys, judge)
    # Whoever reads the seal is to know that another one lies in front of it.
    others, passed = _others(judge), tuple(dict.fromkeys(judge.maybe_ours))[:_PASSED_MAX]
    request = replace(request, about=replace(request.about, passed_over=passed))
    if gather is not None:
        return await _signed(context, request, await gather(context), others, now)
    journal = _journal(context, wanted)

    async def attempt() -> SealResult:
        evidence = await _gathered(context, wanted, journal, now)
        return await _signed(context, request, evidence, others, now)

    # Only a seal that stands makes what was hashed for it worthless.
    return await journaled(store, journal, attempt())


async def gather_evidence(
    context: TaskContext, request: EvidenceRequest, *, now: Callable[[], datetime] = _now
) -> Evidence:
    """Verify the inputs, list and hash the artifacts, and keep the list in the store.

    Raises:
        GloveboxError: As `seal_experiment`.
    """
    journal = _journal(context, request)
    return await journaled(request.store, journal, _gathered(context, request, journal, now))


async def _gathered(
    context: TaskContext,
    request: EvidenceRequest,
    journal: HashJournal,
    now: Callable[[], datetime],
) -> Evidence:
    final = _is_final(request, now)
    doubts = [
        doubt
        for dataset in request.inputs
        if (doubt := await _verified_again(context, dataset, final=final))
    ]

    def tell(counted: Counted) -> None:
        context.report(progress_of(counted, journal, "Sealing"))

    told = Telling(tell)

    def listed(page: list[ListedVersion]) -> None:
        told.list(len(page), sum(row.size for row in page))

    def job(stop: Stop) -> Written:
        return write_artifact_list(
            request.store,
            bucket=request.bucket,
            prefix=request.prefix,
            folder=request.folder,
            snapshot=request.snapshot,
            stop=stop,
            watching=Watching(
                recall=journal.entries,
                on_hashed=journal.add,
                on_page=listed,
                on_artifact=lambda artifact: told.add(artifact.size),
                on_bytes=told.read,
            ),
            final=final,
            waits=request.waits.at(now()),
        )

    written = await request.store.run_job(job, context.stop)
    return Evidence(written.digest, (*doubts, *written.findings), written.uploads_ended)


async def _signed(
    context: TaskContext,
    request: SealRequest,
    evidence: Evidence,
    others: tuple[str, ...],
    now: Callable[[], datetime],
) -> SealResult:
    wanted = request.evidence
    keys = await request.keys()
    judge = _judge(request, keys, now)

    def signing(artifacts: Iterable[Artifact], digest: str, findings: tuple[str, ...]) -> bytes:
        moment = format_time(now())
        said = (*others, *request.about.findings, *evidence.doubts, *findings)
        about = replace(
            request.about,
            sealed=moment,
            findings=said,
            uploads_ended=evidence.uploads_ended,
            sessions_end=_sessions_end(request, now()),
        )
        return sign(canonical_json(statement(about, artifacts, digest)), keys.signer)

    def job(stop: Stop) -> Sealed:
        return sign_artifact_list(
            wanted.store,
            bucket=wanted.bucket,
            folder=wanted.folder,
            digest=evidence.list_digest,
            signing=signing,
            trusted=judge,
            stop=stop,
            others=tuple(_logs(request.about)),
            final=_is_final(wanted, now),
        )

    return _result(await wanted.store.run_job(job, context.stop), keys, judge)


def _judge(request: SealRequest, keys: SealKeys, now: Callable[[], datetime]) -> Judge:
    rule = Rule(
        keys.trust,
        not_before=request.not_before,
        digest=request.about.digest,
        outcome=request.recorded_outcome,
        now=now(),
        gives_up=request.evidence.waits.at(now()).are_over,
    )
    return judge_of_seal(rule, request.about.experiment, request.evidence.uid)


def _seal_there(
    wanted: EvidenceRequest, judge: Judge, stop: Stop, now: Callable[[], datetime]
) -> Sealed | None:
    """Return the seal that is there; what cannot be read in its place is waited for."""
    try:
        return read_seal(wanted.store, wanted.bucket, wanted.folder, judge, stop)
    except GloveboxError as error:
        until = wanted.waits.at(now()).one
        if until is None or not why_of(error):
            raise
        what = f"what lies under the name of the seal in s3://{wanted.bucket}/{wanted.folder}"
        raise waited_for(what, until, "and may be the operator's own", error) from error


def _others(judge: Judge) -> tuple[str, ...]:
    """Return what a seal says of what lies in front of it under its name."""
    others = _bounded(tuple(judge.doubts.values()))
    unread = _bounded(tuple(judge.unread.values()))
    return (
        *(f"another statement lies under its name: {each}" for each in others),
        *(f"what nobody here can read lies under its name: {each}" for each in unread),
    )


def _bounded(told: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is told of versions: of the oldest, and how many more."""
    more = len(told) - _OTHERS_MAX
    few = told[:_OTHERS_MAX]
    return (*few, f"and of {more:,} more versions the same holds") if more > 0 else few


def _is_final(request: EvidenceRequest, now: Callable[[], datetime]) -> bool:
    """Return whether what fails now is a finding, and no reason to try again."""
    return request.patient_until is None or now() >= request.patient_until


def _sessions_end(request: SealRequest, now: datetime) -> str:
    """Return when no session is valid any more that may write below the prefix.

    None is issued once the namespace is closed, so each ends so long from now at the latest. It is
    said in whole seconds, rounded up.
    """
    latest = now + timedelta(seconds=request.session_seconds)
    return max(format_end(latest), request.about.sessions_end)


def _logs(about: SealInputs) -> Iterator[tuple[str, str]]:
    for pod in about.run.pods if about.run is not None else ():
        for container in pod.containers:
            if container.log is not None and container.log.key:
                yield container.log.key, container.log.digest


def _journal(context: TaskContext, request: EvidenceRequest) -> HashJournal:
    checkpoint = context.checkpoint or StoredCheckpoint(
        request.store,
        request.bucket,
        checkpoint_prefix(request.uid, SEAL, request.basis),
        locked=request.locked,
        stop=context.stop,
    )
    return HashJournal(checkpoint, every_seconds=context.checkpoint_seconds)


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
    if not findings.intact:
        return f"input `{dataset.name}`: {findings.summary()}"
    if dataset.shows_newest and (findings.hidden or findings.extra):
        return (
            f"input `{dataset.name}`: its driver shows the newest versions, which the run may have"
            f" read: {findings.summary()}"
        )
    return ""


def _result(sealed: Sealed, keys: SealKeys, judge: Judge) -> SealResult:
    """Return what the status says of a seal, out of its own documents.

    It may be of an earlier attempt, or of another operator, and of a key before this one: the key
    is the one that verifies it, whatever the envelope calls it.
    """
    said = read_stated(sealed.envelope)
    return SealResult(
        uri=sealed.uri,
        attestation_version=sealed.version_id,
        list_digest=sealed.list_digest,
        versions=sealed.versions,
        bytes=sealed.bytes,
        retain_until_time=sealed.retain_until_time,
        key_id=keys.signer_of(sealed.envelope),
        sealed_time=said.sealed_time,
        findings=tuple(finding[:_FINDING_LENGTH] for finding in said.findings[:_FINDINGS_MAX]),
        sessions_end=said.sessions_end,
        not_counted=_bounded(judge.doubts_beside(sealed.version_id)),
    )
