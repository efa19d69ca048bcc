"""Verifies a seal without the cluster: its signature, and that all its parts say the same.

The parts are statement, list, snapshot and bytes.

It answers with findings, each with what differs and where; no findings means that everything that
was looked at holds. What was not looked at (bytes that are not in the bundle) is counted, never
passed over in silence.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.artifacts import Artifact, decode_artifacts, list_digest
from glovebox.evidence.envelope import opened
from glovebox.evidence.statement import (
    LIST_NAME,
    PREDICATE_TYPE,
    SNAPSHOT_NAME,
    STATEMENT_TYPE,
    list_digest_of,
    subjects,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold: a word for it, where, and what was found."""

    what: str
    where: str
    message: str


@dataclass(slots=True)
class Report:
    """What a verification found.

    Attributes:
        findings: What does not hold; empty when all does.
        artifacts: The listed versions, as far as the list could be read.
        statement: The signed statement, when its signature holds.
    """

    findings: list[Finding] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    statement: Mapping[str, Any] = field(default_factory=dict)

    def note(self, what: str, where: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(what, where, message))


def verify_evidence(
    envelope: bytes, artifact_list: bytes, snapshot: bytes, key: Ed25519PublicKey
) -> Report:
    """Verify the three documents of a seal against each other and against a public key."""
    report = Report()
    try:
        document = orjson.loads(opened(envelope, key))
    except (GloveboxError, orjson.JSONDecodeError) as error:
        report.note("SignatureInvalid", "attestation.dsse.json", str(error))
        return report
    report.statement = document
    try:
        prefix, report.artifacts = decode_artifacts(artifact_list)
    except GloveboxError as error:
        report.note("ListInvalid", LIST_NAME, error.message)
        return report
    if (document.get("_type"), document.get("predicateType")) != (STATEMENT_TYPE, PREDICATE_TYPE):
        report.note(
            "StatementInvalid", "attestation.dsse.json", "it is no provenance statement of in-toto"
        )
        return report
    _check_subjects(report, document, prefix, artifact_list)
    _check_snapshot(report, document, snapshot)
    return report


def stated_list_digest(envelope: bytes) -> str:
    """Return the digest of the list that a statement names; unverified: only where to look.

    Raises:
        InvalidInput: The envelope cannot be read.
    """
    try:
        document = orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))
        digest = list_digest_of(document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the signed statement cannot be read"
        ) from error
    if digest is None:
        raise InvalidInput(
            reasons.MANIFEST_INVALID, "the signed statement names no list of artifacts"
        )
    return f"{DIGEST_PREFIX}{digest}"


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
    """Compare what a store holds now with the list.

    Reported are a version that is gone, one that came later, and a lock that ends earlier.
    """
    now = {(artifact.key, artifact.version_id): artifact for artifact in found}
    sealed = {(artifact.key, artifact.version_id): artifact for artifact in report.artifacts}
    for identity, artifact in sealed.items():
        live = now.get(identity)
        if live is None:
            report.note("VersionMissing", artifact.key, f"version {artifact.version_id} is gone")
        elif artifact.retain_until_time and (
            live.lock_mode != artifact.lock_mode
            or live.retain_until_time < artifact.retain_until_time
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


def _check_subjects(
    report: Report, document: Mapping[str, Any], prefix: str, artifact_list: bytes
) -> None:
    stated = {
        str(entry["name"]): str(entry["digest"].get("sha256"))
        for entry in document.get("subject") or ()
        if "name" in entry
    }
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


def _check_snapshot(report: Report, document: Mapping[str, Any], snapshot: bytes) -> None:
    digest = hashlib.sha256(snapshot).hexdigest()
    definition = document["predicate"]["buildDefinition"]
    stated = next(
        (
            entry["digest"].get("sha256")
            for entry in definition["resolvedDependencies"]
            if entry.get("name") == SNAPSHOT_NAME
        ),
        None,
    )
    if digest != stated:
        report.note(
            "SnapshotDiffers",
            SNAPSHOT_NAME,
            f"it has the digest sha256:{digest}, signed is sha256:{stated}",
        )
    elif orjson.loads(snapshot) != definition["externalParameters"].get("snapshot"):
        report.note(
            "SnapshotDiffers",
            SNAPSHOT_NAME,
            "the statement repeats another snapshot than the one it names by digest",
        )
