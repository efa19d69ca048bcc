"""The evidence of a seal: what verifies, and every class of tampering that does not."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from glovebox.data.digest import canonical_json, digest_of
from glovebox.errors import InvalidInput
from glovebox.evidence.artifacts import (
    Artifact,
    decode_artifacts,
    encode_artifacts,
    list_digest,
    read_artifact_list,
)
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import TrustBundle, read_bundle
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import (
    LIST_URI,
    SUBJECTS_MAX,
    SealedInput,
    SealedManifest,
    SealInputs,
    statement,
    subjects,
)
from glovebox.evidence.verification import (
    Expected,
    Report,
    check_bytes,
    check_versions,
    is_statement_of,
    stated_list_digest,
    stated_snapshot_digest,
    stated_uid,
    verify_evidence,
)

PREFIX = "team/exp/u1/"
PAIR = new_key_pair()
TRUST = read_bundle(PAIR.public)
SNAPSHOT = canonical_json({"format": "glovebox.dev/experiment/v1", "profile": "standard"})


def artifact(name: str, version: str = "v1", **changes: Any) -> Artifact:
    fields = {
        "key": PREFIX + name,
        "version_id": version,
        "size": 7,
        "sha256": "a" * 64,
        "is_latest": True,
        "lock_mode": "Compliance",
        "retain_until_time": "2026-11-26T00:00:00Z",
    }
    return Artifact.model_validate(fields | changes)


ARTIFACTS = [
    artifact("model.bin", "v2"),
    artifact("model.bin", is_latest=False, sha256="b" * 64),
    artifact("metrics.json"),
]


TRAIN = SealedInput(
    "train",
    "DatasetPin",
    "sha256:" + "c" * 64,
    "sha256:" + "1" * 64,
    SealedManifest("b", "manifests/k", "mv1", "sha256:" + "2" * 64),
)
FEATURES = SealedInput("delays", "FeatureSetPin", "sha256:" + "3" * 64)


def about(**changes: Any) -> SealInputs:
    fields: dict[str, Any] = {
        "experiment": "team/exp",
        "uid": "u1",
        "digest": digest_of({"format": "glovebox.dev/experiment/v1", "profile": "standard"}),
        "snapshot": SNAPSHOT.decode(),
        "inputs": (TRAIN, FEATURES),
        "images": ("registry.example/trainer@sha256:" + "d" * 64,),
        "prefix": f"s3://bucket/{PREFIX}",
        "outcome": "Succeeded",
        "reason": "RunSucceeded",
        "attempts": 1,
        "started": "2026-11-25T05:00:00Z",
        "finished": "2026-11-25T05:10:00Z",
        "sealed": "2026-11-25T05:11:00Z",
        "version": "0.1.0",
    }
    return SealInputs(**fields | changes)


def sealed(
    artifacts: list[Artifact], pair_private: str = PAIR.private, **changes: Any
) -> tuple[bytes, bytes, bytes]:
    raw = encode_artifacts(PREFIX, artifacts)
    document = statement(about(**changes), artifacts, list_digest(raw))
    return sign(canonical_json(document), LocalSigner.of(pair_private)), raw, SNAPSHOT


def verified(
    envelope: bytes,
    raw: bytes,
    snapshot: bytes,
    trust: TrustBundle = TRUST,
    expected: Expected | None = None,
) -> Report:
    return verify_evidence(envelope, raw, snapshot, trust, expected)


def found(envelope: bytes, raw: bytes, snapshot: bytes) -> list[tuple[str, str]]:
    """Return what a verification finds, and where."""
    return [(each.what, each.where) for each in verified(envelope, raw, snapshot).findings]


def test_what_was_sealed_verifies() -> None:
    report = verified(*sealed(ARTIFACTS))
    assert report.findings == []
    assert len(report.artifacts) == 3


def test_the_order_in_which_artifacts_were_found_changes_nothing() -> None:
    assert encode_artifacts(PREFIX, ARTIFACTS) == encode_artifacts(PREFIX, ARTIFACTS[::-1])


def test_the_subjects_are_what_a_reader_without_versions_sees() -> None:
    hidden = [
        *ARTIFACTS,
        artifact("unnamed", sha256="", lock_mode="", retain_until_time=""),
        artifact("gone.bin", is_latest=False),
        artifact("gone.bin", "m1", sha256="", size=0, delete_marker=True),
    ]
    document = json.loads(base64.b64decode(json.loads(sealed(hidden)[0])["payload"]))
    named = [
        {"name": name, "digest": {"sha256": "a" * 64}} for name in ("metrics.json", "model.bin")
    ]
    list_digest_hex = list_digest(encode_artifacts(PREFIX, hidden)).removeprefix("sha256:")
    assert document["subject"] == [*named, {"uri": LIST_URI, "digest": {"sha256": list_digest_hex}}]


def test_an_artifact_of_the_lists_name_is_an_artifact_and_not_the_list() -> None:
    impostor = [*ARTIFACTS, artifact("artifacts.jsonl"), artifact(LIST_URI)]
    envelope, raw, snapshot = sealed(impostor)
    assert stated_list_digest(envelope) == list_digest(raw)
    assert verified(envelope, raw, snapshot).findings == []


def test_very_many_artifacts_are_bound_by_the_list_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glovebox.evidence.statement.SUBJECTS_MAX", 1)
    envelope, raw, snapshot = sealed(ARTIFACTS)
    document = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    assert [set(entry) for entry in document["subject"]] == [{"uri", "digest"}]
    assert verified(envelope, raw, snapshot).findings == []
    other = raw.replace(b"a" * 64, b"e" * 64)
    assert found(envelope, other, snapshot) == [("ListDiffers", "artifacts.jsonl")]


def test_names_that_json_makes_long_make_no_statement_that_is_not_read_back() -> None:
    """Each control character takes six bytes, and a statement is read up to 64 MiB."""
    rest = "\x01" * (1024 - len(PREFIX) - 5)
    artifacts = [artifact(f"{number:05}{rest}") for number in range(SUBJECTS_MAX)]
    envelope, raw, snapshot = sealed(artifacts)
    assert len(envelope) < 1 << 20
    assert found(envelope, raw, snapshot) == []
    quoted = [artifact(f"{number:05}{rest.replace(chr(1), chr(34))}") for number in range(9)]
    assert len(subjects(PREFIX, quoted)) == 9


def test_a_store_that_calls_two_versions_the_latest_makes_no_seal_that_never_verifies() -> None:
    envelope, raw, snapshot = sealed([artifact("a", "v1"), artifact("a", "v2"), artifact("b")])
    assert found(envelope, raw, snapshot) == []


def test_what_the_seal_cannot_vouch_for_is_signed_with_it() -> None:
    envelope, _, _ = sealed(ARTIFACTS, findings=("input `train`: 1 missing",))
    document = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    assert document["predicate"]["runDetails"]["byproducts"][1] == {
        "name": "finding",
        "annotations": {"message": "input `train`: 1 missing"},
    }


def _signed_by_another() -> tuple[bytes, bytes, bytes]:
    return sealed(ARTIFACTS, new_key_pair().private)


def _statement_edited() -> tuple[bytes, bytes, bytes]:
    envelope, raw, snapshot = sealed(ARTIFACTS)
    document = json.loads(envelope)
    payload = base64.b64decode(document["payload"]).replace(b"Succeeded", b"Succeedee")
    return (
        json.dumps(document | {"payload": base64.b64encode(payload).decode()}).encode(),
        raw,
        snapshot,
    )


def _type_changed() -> tuple[bytes, bytes, bytes]:
    envelope, raw, snapshot = sealed(ARTIFACTS)
    return envelope.replace(b"vnd.in-toto+json", b"vnd.other+json"), raw, snapshot


def _list(change: Any) -> tuple[bytes, bytes, bytes]:
    envelope, raw, snapshot = sealed(ARTIFACTS)
    return envelope, change(raw), snapshot


def _resigned(change: Any) -> tuple[bytes, bytes, bytes]:
    """A statement changed and signed again, by an operator that is not honest or right."""
    envelope, raw, snapshot = sealed(ARTIFACTS)
    document = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    change(document)
    return sign(canonical_json(document), LocalSigner.of(PAIR.private)), raw, snapshot


def _sealed_on(time: str) -> Any:
    def change(document: dict[str, Any]) -> None:
        byproducts = document["predicate"]["runDetails"]["byproducts"]
        byproducts[0]["annotations"]["sealedOn"] = time

    return change


def _signed(payload: Any) -> bytes:
    """Any payload at all, signed by the trusted key."""
    return sign(canonical_json(payload), LocalSigner.of(PAIR.private))


def _subject(name: str) -> Any:
    return lambda document: document["subject"].insert(
        0, {"name": name, "digest": {"sha256": "a" * 64}}
    )


def _parameters(document: dict[str, Any]) -> None:
    document["predicate"]["buildDefinition"]["externalParameters"]["snapshot"]["profile"] = "lax"


STATEMENT = [("StatementInvalid", "attestation.dsse.json")]
SIGNATURE = [("SignatureInvalid", "attestation.dsse.json")]
LIST = [("ListInvalid", "artifacts.jsonl")]
LIST_DIFFERS = [("ListDiffers", "artifacts.jsonl")]
SNAPSHOT_DIFFERS = [("SnapshotDiffers", "snapshot.json")]
# What was done, and exactly what is found.
TAMPERED: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "signed by another key": (_signed_by_another, SIGNATURE),
    "statement edited": (_statement_edited, SIGNATURE),
    "type of the payload changed": (_type_changed, SIGNATURE),
    "no envelope at all": (lambda: (b"{}", *sealed(ARTIFACTS)[1:]), SIGNATURE),
    "list cut short": (
        lambda: _list(lambda raw: raw[: raw.rindex(b"\n", 0, -1) + 1]),
        LIST,
    ),
    "a line of the list removed": (
        lambda: _list(
            lambda raw: b"".join(
                raw.splitlines(keepends=True)[:1] + raw.splitlines(keepends=True)[2:]
            )
        ),
        LIST,
    ),
    "two lines swapped": (
        lambda: _list(
            lambda raw: b"".join(
                line for i in (0, 2, 1, 3, 4) for line in raw.splitlines(keepends=True)[i : i + 1]
            )
        ),
        LIST,
    ),
    "a line spelt otherwise": (
        lambda: _list(lambda raw: raw.replace(b'{"bytes":', b'{ "bytes":')),
        LIST,
    ),
    "an artifact renamed": (
        lambda: _list(lambda raw: raw.replace(b"metrics.json", b"metrics.jso_")),
        [*LIST_DIFFERS, ("SubjectDiffers", "metrics.jso_"), ("SubjectDiffers", "metrics.json")],
    ),
    "a digest of an old version changed": (
        lambda: _list(lambda raw: raw.replace(b"b" * 64, b"e" * 64)),
        LIST_DIFFERS,
    ),
    "a lock made to look shorter": (
        lambda: _list(lambda raw: raw.replace(b"2026-11-26", b"2026-11-25")),
        LIST_DIFFERS,
    ),
    "an artifact added": (
        lambda: (sealed(ARTIFACTS)[0], *sealed([*ARTIFACTS, artifact("x")])[1:]),
        [*LIST_DIFFERS, ("SubjectDiffers", "x")],
    ),
    "another experiment's list": (
        lambda: (sealed(ARTIFACTS)[0], encode_artifacts("team/other/u2/", []), SNAPSHOT),
        [
            ("ListDiffers", "artifacts.jsonl"),
            *LIST_DIFFERS,
            ("SubjectDiffers", "metrics.json"),
            ("SubjectDiffers", "model.bin"),
        ],
    ),
    "snapshot edited": (
        lambda: (*sealed(ARTIFACTS)[:2], SNAPSHOT.replace(b"standard", b"lax")),
        SNAPSHOT_DIFFERS,
    ),
    "a subject signed that the list does not hold": (
        lambda: _resigned(_subject("smuggled.bin")),
        [("SubjectDiffers", "smuggled.bin")],
    ),
    "a subject missing that the list holds": (
        lambda: _resigned(lambda document: document["subject"].pop(0)),
        [("SubjectDiffers", "metrics.json")],
    ),
    "no list among the subjects": (
        lambda: _resigned(lambda document: document["subject"].pop()),
        LIST_DIFFERS,
    ),
    "a named subject in the place of the list": (
        lambda: _resigned(lambda document: document["subject"][-1].update(name="artifacts.jsonl")),
        [*LIST_DIFFERS, ("SubjectDiffers", "artifacts.jsonl")],
    ),
    "parameters that are not those of the snapshot": (
        lambda: _resigned(_parameters),
        SNAPSHOT_DIFFERS,
    ),
    "a subject named twice": (
        lambda: _resigned(_subject("model.bin")),
        [("SubjectDiffers", "model.bin")],
    ),
    "no definition of the run": (
        lambda: _resigned(lambda document: document["predicate"].pop("buildDefinition")),
        STATEMENT,
    ),
    "no time of the seal": (
        lambda: _resigned(lambda document: document["predicate"]["runDetails"].clear()),
        STATEMENT,
    ),
    "a time of the seal that names no zone": (
        lambda: _resigned(_sealed_on("2026-11-25T05:11:00")),
        STATEMENT,
    ),
    "a time of the seal that is none": (lambda: _resigned(_sealed_on("yesterday")), STATEMENT),
    "a subject without a digest": (
        lambda: _resigned(lambda document: document["subject"].insert(0, {"name": "x"})),
        STATEMENT,
    ),
    "a payload that is no object": (lambda: (_signed([]), *sealed(ARTIFACTS)[1:]), STATEMENT),
    "a payload that is no JSON": (
        lambda: (sign(b"{", LocalSigner.of(PAIR.private)), *sealed(ARTIFACTS)[1:]),
        SIGNATURE,
    ),
    "another type of statement": (
        lambda: _resigned(lambda document: document.update(predicateType="https://slsa.dev/x")),
        STATEMENT,
    ),
    "another digest for the snapshot": (
        lambda: sealed(ARTIFACTS, digest="sha256:" + "0" * 64),
        SNAPSHOT_DIFFERS,
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_found_and_named(name: str) -> None:
    make, expected = TAMPERED[name]
    assert found(*make()) == expected


# How a lock was when it was sealed, how it is now, and whether that is told.
LOCKS = {
    "as sealed": ({}, False),
    "longer": ({"retain_until_time": "2030-01-01T00:00:00Z"}, False),
    "ends earlier": ({"retain_until_time": "2026-11-25T00:00:00Z"}, True),
    "weaker, with the same end": ({"lock_mode": "Governance"}, True),
    "weaker, with a later end": (
        {"lock_mode": "Governance", "retain_until_time": "2030-01-01T00:00:00Z"},
        True,
    ),
    "gone": ({"lock_mode": "", "retain_until_time": ""}, True),
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_became_weaker_is_told(name: str) -> None:
    changes, told = LOCKS[name]
    report = verified(*sealed([ARTIFACTS[0]]))
    check_versions(report, [ARTIFACTS[0].model_copy(update=changes)])
    expected = [("LockShortened", PREFIX + "model.bin")] if told else []
    assert [(each.what, each.where) for each in report.findings] == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lock_mode": "Governance"}, "is locked Governance until 2026-11-26T00:00:00Z, sealed"),
        ({"lock_mode": "", "retain_until_time": ""}, "is locked not until never, sealed"),
    ],
    ids=["weaker", "gone"],
)
def test_how_a_lock_is_now_and_was_is_in_the_message(changes: dict[str, Any], said: str) -> None:
    report = verified(*sealed([ARTIFACTS[0]]))
    check_versions(report, [ARTIFACTS[0].model_copy(update=changes)])
    (finding,) = report.findings
    assert f"{said} was Compliance until 2026-11-26T00:00:00Z" in finding.message


@pytest.mark.parametrize(
    ("is_marker", "said"), [(True, "a delete marker is not"), (False, "version v9 is not")]
)
def test_what_came_after_the_seal_is_named_as_what_it_is(is_marker: bool, said: str) -> None:  # noqa: FBT001 - a case
    report = verified(*sealed(ARTIFACTS))
    later = artifact("metrics.json", "v9", delete_marker=is_marker)
    check_versions(report, [*ARTIFACTS, later])
    (finding,) = report.findings
    assert finding.what == "WrittenAfterSeal"
    assert finding.message.startswith(said)


def test_what_a_store_holds_now_is_compared_version_by_version() -> None:
    report = verified(*sealed(ARTIFACTS))
    now = [
        artifact("model.bin", "v2", retain_until_time="2026-11-25T00:00:00Z"),
        artifact("metrics.json"),
        artifact("model.bin", "v3"),
    ]
    check_versions(report, now)
    check_bytes(report, ARTIFACTS[0], "f" * 64, 7)
    told = sorted((each.what, each.where.removeprefix(PREFIX)) for each in report.findings)
    words = ("BytesDiffer", "LockShortened", "VersionMissing", "WrittenAfterSeal")
    assert told == [(word, "model.bin") for word in words]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}\n",
        b"[]\n[]\n",
        b'{"format":"glovebox.dev/artifacts/v2","prefix":"p/"}\n{"bytes":0,"versions":0}\n',
    ],
)
def test_what_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="list of artifacts cannot be read"):
        decode_artifacts(raw)


def test_the_same_bytes_and_what_was_sealed_without_a_lock_are_no_finding() -> None:
    unlocked = artifact("notes.txt", lock_mode="", retain_until_time="")
    report = verified(*sealed([unlocked]))
    check_bytes(report, unlocked, unlocked.sha256, unlocked.size)
    check_versions(report, [unlocked])
    check_versions(report, [artifact("notes.txt")])
    assert report.findings == []


def test_the_snapshot_is_found_by_its_name_among_what_a_run_depends_on() -> None:
    def change(document: dict[str, Any]) -> None:
        found = document["predicate"]["buildDefinition"]["resolvedDependencies"]
        found.insert(0, {"name": "other", "digest": {"sha256": "f" * 64}})

    assert found(*_resigned(change)) == []


# Anything at all may lie where an envelope is looked for.
NO_ENVELOPES = {
    "nothing": b"",
    "no JSON": b"<html>",
    "no object": b"[]",
    "no payload": b"{}",
    "a payload that is no text": b'{"payload":7}',
    "a payload that is no statement": json.dumps({"payload": "MQ=="}).encode(),
    "a statement of nothing": _signed({}),
    "a statement whose parts are no objects": _signed({"predicate": [], "subject": [[]]}),
}


@pytest.mark.parametrize("name", NO_ENVELOPES)
def test_what_is_no_envelope_says_nothing_and_breaks_nothing(name: str) -> None:
    raw = NO_ENVELOPES[name]
    for read in (stated_list_digest, stated_snapshot_digest):
        with pytest.raises(InvalidInput, match="the signed statement"):
            read(raw)
    assert stated_uid(raw) == ""
    assert not is_statement_of(raw, "team/exp", "u1")


def test_a_statement_that_names_no_list_leads_to_none() -> None:
    envelope, *_ = _resigned(lambda document: document["subject"].clear())
    with pytest.raises(InvalidInput, match="names no list of artifacts"):
        stated_list_digest(envelope)


def test_a_statement_is_of_its_experiment_and_type_alone() -> None:
    envelope = sealed(ARTIFACTS)[0]
    other, *_ = _resigned(lambda document: document.update(predicateType="https://slsa.dev/x"))
    asked = [
        is_statement_of(envelope, "team/exp", "u1"),
        is_statement_of(envelope, "team/other", "u1"),
        is_statement_of(envelope, "team/exp", "u2"),
        is_statement_of(other, "team/exp", "u1"),
    ]
    assert asked == [True, False, False, False]
    assert stated_uid(envelope) == "u1"


# How an envelope that cannot be opened is, and whether newer keys may help.
NOT_OPENED = {
    "signed by a key that is not trusted": (_signed_by_another, True),
    "edited, under a trusted key's name": (_statement_edited, False),
    "of another type, by another key": (
        lambda: (_signed_by_another()[0].replace(b"in-toto+json", b"other+json"), b"", b""),
        False,
    ),
}


@pytest.mark.parametrize("name", NOT_OPENED)
def test_newer_keys_are_advised_where_they_may_help(name: str) -> None:
    make, helps = NOT_OPENED[name]
    (finding,) = verified(*make()).findings
    assert finding.what == "SignatureInvalid"
    assert ("Get the keys again" in finding.message) == helps


# What is demanded of a seal, and whether it is this seal.
DEMANDS = {
    "nothing": ({}, True),
    "its experiment": ({"experiment": "team/exp"}, True),
    "its UID": ({"uid": "u1"}, True),
    "its digest": ({"digest": "sha256:" + hashlib.sha256(SNAPSHOT).hexdigest()}, True),
    "another experiment": ({"experiment": "team/other"}, False),
    "another experiment, by its end": ({"experiment": "exp"}, False),
    "another UID": ({"uid": "u2"}, False),
    "another digest": ({"digest": "sha256:" + "0" * 64}, False),
    "one right and one wrong": ({"experiment": "team/exp", "uid": "u2"}, False),
}


@pytest.mark.parametrize("name", DEMANDS)
def test_the_seal_of_another_experiment_is_told(name: str) -> None:
    demand, holds = DEMANDS[name]
    report = verified(*sealed(ARTIFACTS), expected=Expected(**demand))
    assert {each.what for each in report.findings} == (set() if holds else {"OtherExperiment"})


@pytest.mark.parametrize(
    ("made_by", "demanded", "holds"),
    [
        ("", "", True),
        ("", "https://glovebox.dev/operator", True),
        ("", "https://ml.example/regulated", False),
        ("https://ml.example/regulated", "https://ml.example/regulated", True),
        ("https://ml.example/trials", "https://ml.example/regulated", False),
        ("https://ml.example/trials", "", True),
    ],
)
def test_the_seal_of_another_installation_is_told(
    made_by: str, demanded: str, *, holds: bool
) -> None:
    report = verified(*sealed(ARTIFACTS, builder=made_by), expected=Expected(builder=demanded))
    assert {each.what for each in report.findings} == (set() if holds else {"OtherBuilder"})


def test_what_the_operator_could_not_vouch_for_is_remarked() -> None:
    report = verified(*sealed(ARTIFACTS, findings=("input `train`: 1 missing",)))
    assert report.findings == []
    assert report.remarks == ["the seal does not vouch for this: input `train`: 1 missing"]


def test_a_dataset_is_named_by_digests_that_other_programs_can_check() -> None:
    """`sha256` is that of a document; roots, which are of none, have names of their own."""
    document = json.loads(base64.b64decode(json.loads(sealed(ARTIFACTS)[0])["payload"]))
    train, features = document["predicate"]["buildDefinition"]["resolvedDependencies"][1:3]
    assert train == {
        "name": "train",
        "digest": {
            "sha256": "2" * 64,
            "gloveboxContentRootV1": "c" * 64,
            "gloveboxPinRootV1": "1" * 64,
        },
        "downloadLocation": "s3://b/manifests/k",
        "mediaType": "application/jsonl",
        "annotations": {
            "kind": "DatasetPin",
            "contentEncoding": "gzip",
            "versionId": "mv1",
        },
    }
    assert features == {
        "name": "delays",
        "digest": {"sha256": "3" * 64},
        "annotations": {"kind": "FeatureSetPin"},
    }


def test_a_list_that_names_what_is_not_below_its_prefix_is_found() -> None:
    foreign = artifact("x").model_copy(update={"key": "other/exp/u9/x"})
    report = verified(*sealed([*ARTIFACTS, foreign]))
    assert ("ListInvalid", "artifacts.jsonl") in [
        (each.what, each.where) for each in report.findings
    ]


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "not in order"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "not in order"),
        (lambda lines: lines[:-1], "cut short"),
        (lambda lines: [*lines[:-2], lines[-1]], "cut short"),
        (lambda lines: [*lines, lines[1]], "something follows"),
    ],
    ids=["two swapped", "one twice", "without its end", "one taken out", "one behind its end"],
)
def test_a_list_that_is_read_line_by_line_is_refused_when_it_is_not_whole(
    change: Any, defect: str
) -> None:
    lines = encode_artifacts(PREFIX, ARTIFACTS).splitlines(keepends=True)
    assert len(list(read_artifact_list(lines))) == len(ARTIFACTS)
    with pytest.raises(InvalidInput, match=defect):
        list(read_artifact_list(change(lines)))
