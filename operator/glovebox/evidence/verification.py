"""Verifies a seal without the cluster: its signature, and that all its parts say the same.

The parts are statement, list, snapshot and bytes.

It answers with findings, each with what differs and where; no findings means that everything that
was looked at holds. What was looked at is counted, and what was not is never passed over in
silence. `remarks` are what a reader should know of a seal that holds: what the operator signed that
it could not vouch for, and the like.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.after_seal import Conclusion, Supplement, envelope_digest
from glovebox.evidence.artifacts import Artifact, decode_artifacts, list_digest
from glovebox.evidence.envelope import Opened, names_another_key, opened
from glovebox.evidence.keys import TrustBundle, TrustedKey
from glovebox.evidence.locks import LockCount, ends_earlier
from glovebox.evidence.run_facts import UNKNOWN
from glovebox.evidence.statement import (
    FINDING,
    LIST_NAME,
    PREDICATE_TYPE,
    SNAPSHOT_NAME,
    STATEMENT_NAME,
    STATEMENT_TYPE,
    list_digest_of,
    subjects,
)

_NO_STATEMENT: Final = "it is signed, and is no statement of an experiment"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold: a word for it, where, and what was found."""

    what: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the seal has to be of; empty is not asked for.

    Attributes:
        experiment: `namespace/name`.
        uid: The Experiment's UID.
        digest: The experiment's identity, `sha256:<hex>`.
        builder: The installation's `builder.id`.
    """

    experiment: str = ""
    uid: str = ""
    digest: str = ""
    builder: str = ""


@dataclass(slots=True)
class Report:
    """What a verification found.

    Attributes:
        findings: What does not hold; empty when all does.
        remarks: What a reader should know although it holds.
        artifacts: The listed versions, as far as the list could be read.
        statement: The signed statement, when its signature holds.
        seal: Digest of the signed statement as it is stored.
        key: The key that signed it.
        sealed: When, by its own words.
        locks: Of the artifacts.
        logs: How many logs are as the seal says.
        supplement: The last listing, when it holds.
        later: The versions that are in the last list alone.
        conclusion: What a person concluded, when it holds.
        concluded: Digest of the signed conclusion as it is stored, and the key that signed it.
    """

    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    statement: Mapping[str, Any] = field(default_factory=dict)
    seal: str = ""
    key: TrustedKey | None = None
    sealed: datetime | None = None
    locks: LockCount = field(default_factory=LockCount)
    logs: int = 0
    supplement: Supplement | None = None
    later: list[Artifact] = field(default_factory=list)
    conclusion: Conclusion | None = None
    concluded: tuple[str, TrustedKey] | None = None

    def note(self, what: str, where: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(what, where, message))

    @property
    def definition(self) -> Mapping[str, Any]:
        """What the statement says of the run's beginning."""
        definition: Mapping[str, Any] = self.statement["predicate"]["buildDefinition"]
        return definition


def verify_evidence(
    envelope: bytes,
    artifact_list: bytes,
    snapshot: bytes,
    trust: TrustBundle,
    expected: Expected | None = None,
) -> Report:
    """Verify the three documents of a seal against each other and against public keys."""
    report = verify_statement(envelope, snapshot, trust, expected)
    if not report.statement or any(each.what == "StatementInvalid" for each in report.findings):
        return report
    try:
        _check_documents(report, artifact_list)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        report.note("StatementInvalid", STATEMENT_NAME, f"{_NO_STATEMENT}: {type(error).__name__}")
    return report


def verify_statement(
    envelope: bytes, snapshot: bytes, trust: TrustBundle, expected: Expected | None = None
) -> Report:
    """Verify statement and snapshot of a seal, and nothing of its list.

    That is for whoever goes through a list line by line: it is the signed one where it has the
    digest of `list_digest_of(report.statement)`, and its prefix is `signed_prefix(report)`.
    """
    report = Report()
    try:
        signed = opened(envelope, trust)
        document = orjson.loads(signed.payload)
    except (GloveboxError, orjson.JSONDecodeError) as error:
        report.note("SignatureInvalid", STATEMENT_NAME, why_not_signed(error, envelope, trust))
        return report
    if not isinstance(document, dict) or (
        document.get("_type"),
        document.get("predicateType"),
    ) != (STATEMENT_TYPE, PREDICATE_TYPE):
        report.note("StatementInvalid", STATEMENT_NAME, "it is no provenance statement of in-toto")
        return report
    report.statement = document
    report.seal = envelope_digest(envelope)
    try:
        _check_key(report, signed)
        _check_expected(report, expected or Expected())
        _check_builder(report, (expected or Expected()).builder)
        _check_snapshot(report, snapshot)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        report.note("StatementInvalid", STATEMENT_NAME, f"{_NO_STATEMENT}: {type(error).__name__}")
    return report


def signed_prefix(report: Report) -> str:
    """Return the key prefix below which a signed list lies.

    Raises:
        KeyError: The statement names none.
    """
    place = str(report.definition["internalParameters"]["artifacts"])
    return place.removeprefix("s3://").partition("/")[2]


def stated_list_digest(envelope: bytes) -> str:
    """Return the digest of the list that a statement names; unverified: only where to look.

    Raises:
        InvalidInput: The envelope cannot be read.
    """
    try:
        digest = list_digest_of(_unverified(envelope))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the signed statement cannot be read"
        ) from error
    if digest is None:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the signed statement names no list of artifacts"
        )
    return f"{DIGEST_PREFIX}{digest}"


def stated_snapshot_digest(envelope: bytes) -> str:
    """Return the digest of the snapshot that a statement names; unverified, as above.

    Raises:
        InvalidInput: The envelope cannot be read, or names none.
    """
    try:
        digest = _snapshot_digest(_unverified(envelope)["predicate"]["buildDefinition"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the signed statement cannot be read"
        ) from error
    return f"{DIGEST_PREFIX}{digest}"


def stated_uid(envelope: bytes) -> str:
    """Return the UID of the Experiment that a seal is of; unverified; empty where it says none."""
    try:
        definition = _unverified(envelope)["predicate"]["buildDefinition"]
        return str(definition["internalParameters"]["uid"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""


def is_statement_of(envelope: bytes, experiment: str, uid: str) -> bool:
    """Return whether an envelope holds a statement of a seal that is of this Experiment.

    Unverified: who signed it is another question.

    Args:
        envelope: As it lies in the store.
        experiment: `namespace/name`.
        uid: The Experiment's UID.
    """
    try:
        document = _unverified(envelope)
        definition = document["predicate"]["buildDefinition"]
        return (document["_type"], document["predicateType"]) == (
            STATEMENT_TYPE,
            PREDICATE_TYPE,
        ) and (
            definition["externalParameters"]["experiment"],
            definition["internalParameters"]["uid"],
        ) == (experiment, uid)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def check_bytes(report: Report, artifact: Artifact, sha256: str, size: int) -> None:
    """Compare the bytes of one artifact, as they were read, with the list."""
    if (sha256, size) != (artifact.sha256, artifact.size):
        report.note(
            "BytesDiffer",
            artifact.key,
            f"{size} bytes with sha256:{sha256}, sealed are {artifact.size} with"
            f" sha256:{artifact.sha256}",
        )


def check_versions(report: Report, found: Iterable[Artifact]) -> None:
    """Compare what a store holds now with the list, and with the last one.

    Reported are a version that is gone, one that came later, and a lock that ends earlier or became
    weaker.
    """
    now = {(artifact.key, artifact.version_id): artifact for artifact in found}
    signed = (*report.artifacts, *report.later)
    sealed = {(artifact.key, artifact.version_id): artifact for artifact in signed}
    for identity, artifact in sealed.items():
        live = now.get(identity)
        if live is None:
            report.note("VersionMissing", artifact.key, f"version {artifact.version_id} is gone")
        elif artifact.retain_until_time and (
            live.lock_mode != artifact.lock_mode
            or ends_earlier(live.retain_until_time, artifact.retain_until_time)
        ):
            report.note(
                "LockShortened",
                artifact.key,
                f"version {artifact.version_id} is locked {live.lock_mode or 'not'} until"
                f" {live.retain_until_time or 'never'}, sealed was {artifact.lock_mode} until"
                f" {artifact.retain_until_time}",
            )
    for identity, artifact in now.items():
        if identity not in sealed:
            kind = "a delete marker" if artifact.delete_marker else f"version {artifact.version_id}"
            report.note(
                "WrittenAfterSeal",
                artifact.key,
                f"{kind} is not in the seal; the sealed versions are read by their ids",
            )


def check_written(report: Report, written: datetime | None) -> None:
    """Compare when the store says that the statement was written with the key's validity.

    What a statement says of its own time is worth as much as its key: a key that was replaced, and
    stolen, dates back. The store's own time cannot be chosen by whoever writes.
    """
    key, sealed = report.key, report.sealed
    if key is None or sealed is None or not key.is_valid_at(sealed):
        return
    if written is None:
        if key.valid_until is not None:
            report.remarks.append(
                f"the key {key.key_id} ended on {key.valid_until.isoformat()}, and nobody says here"
                " when the store took the statement in: whoever has that key can date one back;"
                " verify it in the store"
            )
    elif not key.is_valid_at(written):
        report.note("KeyNotValid", STATEMENT_NAME, dated_back(key, sealed, written))


def why_not_signed(error: Exception, envelope: bytes, trust: TrustBundle) -> str:
    """Return why an envelope could not be opened, with the cure where keys may be missing."""
    is_unsigned = isinstance(error, InvalidInput) and error.reason == reasons.DIGEST_MISMATCH
    if not is_unsigned or not names_another_key(envelope, trust):
        return str(error)
    where = f"`{names.SIGNING_KEYS_FILE}` of the ConfigMap {names.SIGNING_KEYS_CONFIG_MAP}"
    return (
        f"{error}. Was the signing key rotated since you got the keys? Get the keys again: rotated"
        f" keys are published in {where}"
    )


def dated_back(key: TrustedKey, stated: datetime, written: datetime) -> str:
    """Return what is wrong with a date that the store does not bear out."""
    return (
        f"it says that it was signed on {stated.isoformat()}, and the store has it since"
        f" {written.isoformat()}, when the key {key.key_id} was not valid"
    )


def _unverified(envelope: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))
    return document


def _check_key(report: Report, signed: Opened) -> None:
    """Note which key signed, and whether it was valid when it did."""
    byproducts = report.statement["predicate"]["runDetails"]["byproducts"]
    words = {FINDING: "the seal does not vouch for this", UNKNOWN: "the seal does not know this"}
    report.remarks += [
        f"{words[entry['name']]}: {entry['annotations']['message']}"
        for entry in byproducts
        if entry.get("name") in words
    ]
    sealed = datetime.fromisoformat(byproducts[0]["annotations"]["sealedOn"])
    if sealed.tzinfo is None:
        raise ValueError(sealed)
    report.sealed = sealed
    valid = [key for key in signed.keys if key.is_valid_at(sealed)]
    report.key = (valid or signed.keys)[0]
    if not valid:
        report.note(
            "KeyNotValid",
            STATEMENT_NAME,
            f"it was signed on {sealed.isoformat()}, when the key {report.key.key_id} was not"
            " valid",
        )


def _check_expected(report: Report, expected: Expected) -> None:
    definition = report.definition
    stated = Expected(
        str(definition["externalParameters"]["experiment"]),
        str(definition["internalParameters"]["uid"]),
        f"{DIGEST_PREFIX}{_snapshot_digest(definition)}",
    )
    pairs = (
        ("experiment", expected.experiment, stated.experiment),
        ("UID", expected.uid, stated.uid),
        ("digest", expected.digest, stated.digest),
    )
    for name, wanted, found in pairs:
        if wanted and wanted != found:
            report.note(
                "OtherExperiment",
                STATEMENT_NAME,
                f"it is of the {name} {found}, and {wanted} is expected",
            )


def _check_builder(report: Report, wanted: str) -> None:
    builder = report.statement["predicate"]["runDetails"]["builder"]["id"]
    if wanted and builder != wanted:
        report.note(
            "OtherBuilder",
            STATEMENT_NAME,
            f"it was made by {builder}, and {wanted} is expected",
        )


def _check_documents(report: Report, artifact_list: bytes) -> None:
    try:
        prefix, report.artifacts = decode_artifacts(artifact_list)
    except GloveboxError as error:
        report.note("ListInvalid", LIST_NAME, error.message)
        return
    if signed_prefix(report) != prefix:
        place = str(report.definition["internalParameters"]["artifacts"])
        report.note("ListDiffers", LIST_NAME, f"it is of the prefix {prefix}, signed is {place}")
    elif any(not artifact.key.startswith(prefix) for artifact in report.artifacts):
        report.note("ListInvalid", LIST_NAME, "it lists what is not below its prefix")
    _check_subjects(report, prefix, artifact_list)


def _check_subjects(report: Report, prefix: str, artifact_list: bytes) -> None:
    document = report.statement
    stated: dict[str, str] = {}
    twice = []
    for entry in document["subject"]:
        if "name" not in entry:
            continue
        name = str(entry["name"])
        if name in stated:
            twice.append(name)
        stated[name] = str(entry["digest"].get("sha256"))
    for name in twice:
        report.note("SubjectDiffers", name, "the signed statement names it twice")
    digest = list_digest(artifact_list).removeprefix(DIGEST_PREFIX)
    if list_digest_of(document) != digest:
        report.note(
            "ListDiffers",
            LIST_NAME,
            f"it has the digest sha256:{digest}, which is not the signed one",
        )
    listed = {
        entry["name"]: entry["digest"]["sha256"] for entry in subjects(prefix, report.artifacts)
    }
    for name in sorted(stated.keys() | listed.keys()):
        if stated.get(name) != listed.get(name):
            report.note(
                "SubjectDiffers",
                name,
                "the signed statement and the list of artifacts do not say the same of it",
            )


def _snapshot_digest(definition: Mapping[str, Any]) -> str | None:
    return next(
        (
            entry["digest"].get("sha256")
            for entry in definition["resolvedDependencies"]
            if entry.get("name") == SNAPSHOT_NAME
        ),
        None,
    )


def _check_snapshot(report: Report, snapshot: bytes) -> None:
    digest = hashlib.sha256(snapshot).hexdigest()
    stated = _snapshot_digest(report.definition)
    if digest != stated:
        report.note(
            "SnapshotDiffers",
            SNAPSHOT_NAME,
            f"it has the digest sha256:{digest}, signed is sha256:{stated}",
        )
    elif orjson.loads(snapshot) != report.definition["externalParameters"].get("snapshot"):
        report.note(
            "SnapshotDiffers",
            SNAPSHOT_NAME,
            "the statement repeats another snapshot than the one it names by digest",
        )
