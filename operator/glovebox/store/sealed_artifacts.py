"""The artifacts of a sealed Experiment as a source of pins: the very versions that its seal lists.

Nothing is listed, and nothing believed for its place. The statement counts when a trusted key
signed it, at a time at which the key was valid by the store's own clock, for the very Experiment;
the list when it has the digest that is signed. What lies below the prefix by now, put there after
the seal, or in front of it under the name of an artifact, is in no list and never looked at.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

import orjson

from glovebox.api import reasons
from glovebox.api.derived import DerivedFrom
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.printable import printable
from glovebox.errors import InvalidInput, Unavailable
from glovebox.evidence.after_seal import envelope_digest
from glovebox.evidence.artifacts import read_artifact_list
from glovebox.evidence.derivation import SealedRun, sealed_run
from glovebox.evidence.envelope import opened
from glovebox.evidence.standing import Rule
from glovebox.evidence.statement import SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import (
    Expected,
    Report,
    check_written,
    signed_prefix,
    stated_list_digest,
    stated_snapshot_digest,
    verify_statement,
)
from glovebox.store.evidence_objects import (
    find_by_digest,
    find_seal,
    list_key,
    written_at,
)
from glovebox.store.list_summary import lines_of, require_digest
from glovebox.store.manifests import SPOOL_BYTES, object_chunks
from glovebox.store.sealing import seal_folder
from glovebox.store.sources import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.evidence.artifacts import Artifact
    from glovebox.evidence.keys import TrustBundle
    from glovebox.store.connection import Stop, Store

_NAMED: Final = 5
_OTHER: Final = "OtherExperiment"


@dataclass(frozen=True, slots=True)
class SealToRead:
    """A seal, and what it has to be.

    Attributes:
        bucket: The bucket of artifacts.
        experiment: `namespace/name` of the Experiment.
        uid: Its UID, under which the seal lies.
        digest: Its identity, where it is expected; else empty.
        below: Prefix below that of the artifacts; empty for all.
        trust: The keys whose seals count.
        locked: Whether each artifact has to be locked, by the seal's own list.
        version: Of the statement that is on record as the seal; empty where none is.
    """

    bucket: str
    experiment: str
    uid: str
    digest: str
    below: str
    trust: TrustBundle
    locked: bool
    version: str = ""

    @property
    def what(self) -> str:
        """The seal, in words."""
        return f"the seal of Experiment '{self.experiment}' (UID {self.uid})"


@dataclass(frozen=True, slots=True)
class ReadSeal:
    """A seal that was verified.

    Attributes:
        run: What it says.
        seal: Digest of the signed statement.
        version: Of the statement.
        list_digest: Of the list of artifacts, as it is signed.
        prefix: Below which they lie.
        key_id: Of the key that signed.
    """

    run: SealedRun
    seal: str
    version: str
    list_digest: str
    prefix: str
    key_id: str

    @property
    def origin(self) -> DerivedFrom:
        """What a pin records of it."""
        run = self.run
        return DerivedFrom.model_validate(
            {
                "experiment": run.experiment,
                "uid": run.uid,
                "digest": run.digest,
                "seal": self.seal,
                "seal_version": self.version,
                "manifest_digest": self.list_digest,
                "key_id": self.key_id,
                "sealed_time": run.sealed,
                "artifacts": run.artifacts,
                "code": run.code,
                "image": run.image,
                "findings": run.findings,
                "inputs": run.inputs,
                "more_inputs": run.more_inputs,
            }
        )


def read_sealed(store: Store, wanted: SealToRead, stop: Stop) -> ReadSeal:
    """Return a seal, verified; of its list the digest alone is known by then. Blocks.

    Raises:
        Unavailable: `SealNotFound`: it is not in the store, or not yet; or the store fails.
        InvalidInput: `SealInvalid`, `SealOfOther`: it is not what it has to be.
            `ExperimentFailed`: it is of a run that did not succeed.
    """
    folder = seal_folder(wanted.uid)
    statement = find_seal(
        store,
        wanted.bucket,
        folder,
        wanted.experiment,
        wanted.uid,
        Rule(wanted.trust, recorded=wanted.version, digest=wanted.digest),
        stop,
    )
    if statement is None:
        raise _not_found(wanted, f"{folder}{STATEMENT_NAME}")
    if not statement.is_trusted:
        _require_signed(wanted, statement.envelope)
    snapshot = _snapshot(store, wanted, folder, statement.envelope, stop)
    expected = Expected(wanted.experiment, wanted.uid, wanted.digest)
    report = verify_statement(statement.envelope, snapshot, wanted.trust, expected)
    if report.statement:
        key = folder + STATEMENT_NAME
        written = written_at(store, wanted.bucket, key, statement.version_id)
        check_written(report, written)
        if written is None and report.key is not None and report.key.valid_until is not None:
            # Whoever has a key that was replaced could have dated it back.
            raise _invalid(wanted, "its key has ended, and the store does not say since when it is")
    _require_holds(wanted, report)
    run = sealed_run(report)
    if run.outcome == "Failed" or (run.has_run and run.outcome != "Succeeded"):
        raise InvalidInput(
            reasons.EXPERIMENT_FAILED,
            f"{wanted.what} is of a run that did not succeed: what it left is not a result. Pin the"
            " artifacts of a run that succeeded",
        )
    return ReadSeal(
        run,
        envelope_digest(statement.envelope),
        statement.version_id,
        stated_list_digest(statement.envelope),
        signed_prefix(report),
        report.key.key_id if report.key is not None else "",
    )


def sealed_candidates(
    store: Store, wanted: SealToRead, seal: ReadSeal, stop: Stop
) -> Iterator[Candidate]:
    """Yield what a reader saw below the prefix when the seal was made, in its versions. Blocks.

    The whole list is read and compared with what is signed before the first one.

    Raises:
        Unavailable: `SealNotFound`: the list is not there.
        InvalidInput: `SealInvalid`: it is not as it was signed. `ArtifactsUnusable`: something
            below the prefix could not be read when it was sealed, or is not locked.
    """
    key = list_key(seal_folder(wanted.uid), seal.list_digest)
    version = find_by_digest(store, wanted.bucket, key, seal.list_digest, stop)
    if version is None:
        raise _not_found(wanted, key)
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-sealed-") as file:
        for chunk in object_chunks(store, wanted.bucket, key, version, stop):
            file.write(chunk)
        _check_list(file, wanted, seal, key, stop)
        below = seal.prefix + wanted.below
        for artifact in _artifacts(file, stop):
            if _is_shown(artifact, below):
                yield Candidate(
                    artifact.key.removeprefix(below),
                    wanted.bucket,
                    artifact.key,
                    artifact.version_id,
                    artifact.size,
                    artifact.sha256,
                )


def _check_list(file: IO[bytes], wanted: SealToRead, seal: ReadSeal, key: str, stop: Stop) -> None:
    """Accept a list that is the signed one, with nothing below the prefix that cannot be pinned."""
    file.seek(0)
    hashed = hashlib.sha256()
    for line in lines_of(file, stop):
        hashed.update(line)
    require_digest(DIGEST_PREFIX + hashed.hexdigest(), seal.list_digest, wanted.bucket, key)
    file.seek(0)
    header = orjson.loads(file.readline())
    if not isinstance(header, dict) or header.get("prefix") != seal.prefix:
        raise _invalid(wanted, "its list is of another prefix than is signed")
    unusable: list[str] = []
    more = 0
    for artifact in _artifacts(file, stop):
        if not artifact.key.startswith(seal.prefix):
            raise _invalid(wanted, "its list names what is not below its prefix")
        why = (
            _why_unusable(artifact, wanted)
            if _is_shown(artifact, seal.prefix + wanted.below)
            else ""
        )
        if why and len(unusable) < _NAMED:
            unusable.append(f"`{printable(artifact.key.removeprefix(seal.prefix))}` ({why})")
        elif why:
            more += 1
    if unusable:
        others = f" and {more:,} more" if more else ""
        raise InvalidInput(
            reasons.ARTIFACTS_UNUSABLE,
            f"{wanted.what} lists what cannot be pinned: {', '.join(unusable)}{others}. Name a"
            " `prefix` in `spec.source.experimentRef` that leaves it out, or run the Experiment"
            " again under another name",
        )


def _artifacts(file: IO[bytes], stop: Stop) -> Iterator[Artifact]:
    file.seek(0)
    return read_artifact_list(lines_of(file, stop))


def _is_shown(artifact: Artifact, below: str) -> bool:
    """Whether a reader without versions saw it below a prefix when the seal was made."""
    return artifact.is_latest and not artifact.delete_marker and artifact.key.startswith(below)


def _why_unusable(artifact: Artifact, wanted: SealToRead) -> str:
    if artifact.is_unreadable:
        return artifact.unreadable or "it could not be read"
    return "no lock protects it" if wanted.locked and not artifact.lock_mode else ""


def _require_signed(wanted: SealToRead, envelope: bytes) -> None:
    """Refuse what nobody signed before anything is read that it names.

    What is signed, and of another Experiment, is told apart later.
    """
    try:
        opened(envelope, wanted.trust)
    except InvalidInput as error:
        raise _invalid(wanted, f"{STATEMENT_NAME}: {error.message}") from error


def _snapshot(store: Store, wanted: SealToRead, folder: str, envelope: bytes, stop: Stop) -> bytes:
    """Return the snapshot that a statement names.

    Raises:
        Unavailable: It is not there.
        InvalidInput: The statement cannot be read.
    """
    try:
        digest = stated_snapshot_digest(envelope)
    except InvalidInput as error:
        raise _invalid(wanted, error.message) from error
    key = folder + SNAPSHOT_NAME
    version = find_by_digest(store, wanted.bucket, key, digest, stop)
    if version is None:
        raise _not_found(wanted, key)
    return b"".join(object_chunks(store, wanted.bucket, key, version, stop))


def _require_holds(wanted: SealToRead, report: Report) -> None:
    if not report.findings:
        return
    first = report.findings[0]
    if first.what == _OTHER:
        said = first.message
        if not _is_of_the_team(wanted, report):
            said = "it is of none of this namespace"  # whose, and what it is called, is theirs
        raise InvalidInput(
            reasons.SEAL_OF_OTHER,
            f"{wanted.what} is of another one: {said}. Correct name, UID or digest in"
            " `spec.source.experimentRef` of a new pin",
        )
    raise _invalid(wanted, f"{first.where}: {first.message}")


def _is_of_the_team(wanted: SealToRead, report: Report) -> bool:
    stated = str(report.definition["externalParameters"]["experiment"])
    return stated.partition("/")[0] == wanted.experiment.partition("/")[0]


def _invalid(wanted: SealToRead, why: str) -> InvalidInput:
    return InvalidInput(
        reasons.SEAL_INVALID,
        f"{wanted.what} does not verify, so nothing of it is pinned: {why}. Look at it with"
        " `glovebox verify`",
    )


def _not_found(wanted: SealToRead, key: str) -> Unavailable:
    return Unavailable(
        reasons.SEAL_NOT_FOUND,
        f"{wanted.what} is not whole in the store: there is no s3://{wanted.bucket}/{key} as it was"
        " written. Wait until the Experiment is sealed, or restore the evidence",
    )
