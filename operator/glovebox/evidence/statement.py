"""The statement: which artifacts came of which inputs, images and settings.

An in-toto Statement v1 with a SLSA provenance v1 predicate.

Its subjects are the artifacts as a reader without versions sees them, by name, and the list of all
versions, by URI: whatever name a run gives to an object, it can never stand for the list. A run
with very many artifacts, or very long names of them, has the list alone as its subject, which holds
the digest of each; so a statement stays small whatever a run writes.

What the run depended on is told twice: in `externalParameters`, which is the snapshot word for
word, and in `resolvedDependencies`, where each has its digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from glovebox.api.attempt_status import TenantPods
from glovebox.api.experiment_status import RunStatus
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.evidence.artifacts import Artifact
from glovebox.evidence.run_facts import (
    PASSED_OVER,
    SESSIONS_END,
    UNKNOWN,
    UPLOADS_ENDED,
    findings_of,
    logs_of,
    metadata_of,
    unknowns_of,
)

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://glovebox.dev/experiment-run/v1"
# Of every installation that names none of its own.
BUILDER: Final = "https://glovebox.dev/operator"
LIST_NAME: Final = "artifacts.jsonl"
# The subject that is the list. It has no name: names belong to the run.
LIST_URI: Final = "https://glovebox.dev/artifacts/v1"
# With more artifacts than this, or with names that are longer together as JSON has them, none is
# named beside the list. A letter that JSON escapes takes six bytes, so the number alone bounds
# nothing: a run could make its own statement longer than any that is read back.
SUBJECTS_MAX: Final = 10_000
SUBJECT_NAMES_BYTES: Final = 40 << 20
SNAPSHOT_NAME: Final = "snapshot.json"
STATEMENT_NAME: Final = "attestation.dsse.json"
# Digest algorithms of our own: roots over the objects of a dataset, see docs/reference/manifest.md.
CONTENT_ROOT: Final = "gloveboxContentRootV1"
PIN_ROOT: Final = "gloveboxPinRootV1"
FEATURES: Final = "FeatureSetPin"
MANIFEST_TYPE: Final = "application/jsonl"
# The name of a byproduct that says what the seal cannot vouch for.
FINDING: Final = "finding"
# The annotation of an input that is artifacts of a sealed Experiment.
ORIGIN: Final = "sealedOrigin"
# And of one that is a part of splits.
PART_OF: Final = "partOf"


@dataclass(frozen=True, slots=True)
class SealedManifest:
    """The list of the versions of a dataset: where it is, which version, and its SHA-256.

    The digest is of its lines; it is stored compressed, as an encoding for the transport.
    """

    bucket: str
    key: str
    version_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class SealedInput:
    """An input as the statement names it.

    Attributes:
        name: Of the input.
        kind: `DatasetPin` or `FeatureSetPin`.
        digest: Of its content: for a dataset a root over its objects, which no other program
            computes; for features the SHA-256 of their canonical JSON.
        pin_digest: The root over its exact copies; datasets only.
        manifest: Where its versions are listed; datasets only.
        stated: What the pin said of its data when the snapshot was taken; datasets only.
        grants: The AccessGrants by which it was used, and which use of each that was.
        origin: The sealed Experiment whose artifacts it is, and what it was made from, as its pin
            knew it; empty of any other.
        part_of: Of which splits it is a part, the innermost first.
    """

    name: str
    kind: str
    digest: str
    pin_digest: str = ""
    manifest: SealedManifest | None = None
    stated: Mapping[str, str] = field(default_factory=dict, hash=False)
    grants: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    origin: Mapping[str, Any] = field(default_factory=dict, hash=False)
    part_of: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)


@dataclass(frozen=True, slots=True)
class SealInputs:
    """Everything that the statement says beside the artifacts.

    Attributes:
        experiment: `namespace/name`.
        uid: The Experiment's UID.
        digest: The experiment's identity.
        snapshot: What the digest was computed from, as canonical JSON.
        inputs: What was read.
        images: References by digest.
        prefix: `s3://bucket/prefix/` of the artifacts.
        outcome: `Succeeded` or `Failed`, and the reason; empty for an experiment without a run.
        reason: Of the outcome.
        attempts: How many pods were tried.
        started: When the run began, RFC 3339; empty without a run.
        finished: When it was over.
        sealed: When the seal was made.
        version: Of the operator.
        findings: What the seal cannot vouch for, in words.
        purpose: Why, as it was said before the run.
        leakage: What was known of leaks between the inputs before the run, a row for each type.
        run: The run as it was seen; None without one.
        tenant_pods: Who else had pods in the namespace; None when nobody was seen.
        sessions_end: When the last session ends that may write below the prefix.
        uploads_ended: How many open uploads in parts were ended for the seal.
        passed_over: Versions under the name of the seal that could not be read when it was made.
        builder: URI of the installation; empty for `BUILDER`.
    """

    experiment: str
    uid: str
    digest: str
    snapshot: str
    inputs: tuple[SealedInput, ...]
    images: tuple[str, ...]
    prefix: str
    outcome: str
    reason: str
    attempts: int
    started: str
    finished: str
    sealed: str
    version: str
    findings: tuple[str, ...] = ()
    purpose: Mapping[str, str] = field(default_factory=dict)
    leakage: tuple[Mapping[str, object], ...] = ()
    run: RunStatus | None = None
    tenant_pods: TenantPods | None = None
    sessions_end: str = ""
    uploads_ended: int = 0
    passed_over: tuple[str, ...] = ()
    builder: str = ""


def statement(
    about: SealInputs, artifacts: Iterable[Artifact], artifact_list_digest: str
) -> dict[str, Any]:
    """Return the statement over an experiment's artifacts."""
    bucket, _, prefix = about.prefix.removeprefix("s3://").partition("/")
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            *subjects(prefix, artifacts),
            {"uri": LIST_URI, "digest": _digest(artifact_list_digest)},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "experiment": about.experiment,
                    "snapshot": orjson.loads(about.snapshot),
                },
                "internalParameters": {
                    "artifacts": about.prefix,
                    "uid": about.uid,
                    **({"purpose": dict(about.purpose)} if about.purpose else {}),
                    **({"leakage": list(about.leakage)} if about.leakage else {}),
                },
                "resolvedDependencies": list(_dependencies(about)),
            },
            "runDetails": {
                "builder": {"id": about.builder or BUILDER, "version": {"glovebox": about.version}},
                "metadata": {
                    name: value
                    for name, value in (
                        ("invocationId", f"{about.uid}/{about.attempts}"),
                        ("startedOn", about.started),
                        ("finishedOn", about.finished),
                        (SESSIONS_END, about.sessions_end),
                    )
                    if value
                }
                | {UPLOADS_ENDED: about.uploads_ended}
                | ({PASSED_OVER: list(about.passed_over)} if about.passed_over else {})
                | metadata_of(about.run, about.tenant_pods),
                "byproducts": [
                    {
                        "name": "outcome",
                        "annotations": {
                            "outcome": about.outcome,
                            "reason": about.reason,
                            "sealedOn": about.sealed,
                        },
                    },
                    *(
                        {"name": FINDING, "annotations": {"message": finding}}
                        for finding in (*about.findings, *findings_of(about.run))
                    ),
                    *(
                        {"name": UNKNOWN, "annotations": {"message": unknown}}
                        for unknown in unknowns_of(about.run)
                    ),
                    *logs_of(about.run, bucket),
                ],
            },
        },
    }


def subjects(prefix: str, artifacts: Iterable[Artifact]) -> list[dict[str, Any]]:
    """Return the artifacts that a reader without versions sees, by path below the prefix.

    There are none when they are more than `SUBJECTS_MAX`, or their names more than
    `SUBJECT_NAMES_BYTES`; nor where a store calls two versions of a key the latest one: a name that
    stands there twice could be verified by nobody.
    """
    named: list[tuple[str, str]] = []
    length = 0
    for artifact in artifacts:
        if artifact.is_latest and artifact.sha256:
            name = artifact.key.removeprefix(prefix)
            named.append((name, artifact.sha256))
            length += len(canonical_json(name))
            if len(named) > SUBJECTS_MAX or length > SUBJECT_NAMES_BYTES:
                return []
    if len(dict(named)) < len(named):
        return []
    return [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(named)]


def list_digest_of(document: Mapping[str, Any]) -> str | None:
    """Return the hex digest of the list that a statement has as its subject, or None."""
    return next(
        (
            str(entry["digest"]["sha256"])
            for entry in document["subject"]
            if entry.get("uri") == LIST_URI and "name" not in entry
        ),
        None,
    )


def _dependencies(about: SealInputs) -> Iterable[Mapping[str, Any]]:
    yield {"name": SNAPSHOT_NAME, "digest": _digest(about.digest)}
    code = orjson.loads(about.snapshot).get("code")
    if code:
        # The name of a digest of Git, whichever hash the repository uses.
        yield {"uri": f"git+{code['repository']}", "digest": {"gitCommit": code["commit"]}}
    for entry in about.inputs:
        yield _input(entry)
    for image in about.images:
        repository, _, digest = image.partition("@")
        yield {"uri": f"oci://{repository}", "digest": _digest(digest)}


def _input(entry: SealedInput) -> Mapping[str, Any]:
    """Return an input as a resource whose `sha256` any program can check.

    A dataset is its manifest, which names every version with its SHA-256. Roots of our own have
    algorithm names of their own, which others skip: a root is the SHA-256 of no file.
    """
    about: dict[str, Any] = {"kind": entry.kind}
    if entry.stated:
        about["stated"] = dict(entry.stated)
    if entry.grants:
        about["grants"] = [dict(each) for each in entry.grants]
    if entry.origin:
        about[ORIGIN] = dict(entry.origin)
    if entry.part_of:
        about[PART_OF] = [dict(each) for each in entry.part_of]
    described: dict[str, Any] = {"name": entry.name, "annotations": about}
    if entry.kind == FEATURES:
        return described | {"digest": _digest(entry.digest)}
    roots = ((CONTENT_ROOT, entry.digest), (PIN_ROOT, entry.pin_digest))
    digest = {name: root.removeprefix(DIGEST_PREFIX) for name, root in roots if root}
    manifest = entry.manifest
    if manifest is None:
        return described | {"digest": digest}
    return described | {
        "digest": digest | _digest(manifest.digest),
        "downloadLocation": f"s3://{manifest.bucket}/{manifest.key}",
        "mediaType": MANIFEST_TYPE,
        "annotations": about | {"contentEncoding": "gzip", "versionId": manifest.version_id},
    }


def _digest(text: str) -> dict[str, str]:
    return {"sha256": text.removeprefix(DIGEST_PREFIX)}
