"""Seals over what cannot be read: what is waited for, until when, and what is signed in the end.

A version that is denied while others are read is the run's; one of a prefix of which nothing is
read is rather a right of the operator that is missing; a store that gives nothing is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from glovebox.api import reasons
from glovebox.errors import Forbidden, GloveboxError, NotReady
from glovebox.evidence.after_seal import payload_of
from glovebox.evidence.artifacts import decode_artifacts
from glovebox.evidence.statement import SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.store.artifact_reading import NONE_READ
from glovebox.store.waits import Waits
from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from glovebox.tasks.seal_request import SealResult
from simulation.object_store import Identity, S3Error, Version
from unit.tasks.test_evidence_attacked import FOLDER, PREFIX, SEALED, Bucket, bucket

__all__ = ["bucket"]

ONE, NONE = SEALED + timedelta(days=1), SEALED + timedelta(days=7)
BEFORE, LONG_BEFORE = ONE - timedelta(minutes=10), ONE - timedelta(hours=20)
NAMES = ("a.bin", "b.bin", "c.bin")
WRITERS_KEY = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be"
    " provided to retrieve the object."
)


def refuses(bucket: Bucket, which: Callable[[str, str], bool], *answer: object) -> None:
    """Have reads of some versions be refused: by key, and by version where one is named."""
    serve = bucket.server.get

    def get(who: Identity, name: str, key: str, version_id: str = "") -> Version:
        if which(key, version_id):
            raise S3Error(*(answer or (403, "AccessDenied")))  # type: ignore[arg-type]
        return serve(who, name, key, version_id)

    bucket.server.get = get  # type: ignore[method-assign, assignment]  # of this one bucket


def of(*names: str) -> Callable[[str, str], bool]:
    return lambda key, _: key.removeprefix(PREFIX) in names


def seal_at(bucket: Bucket, moment: datetime) -> SealResult:
    wanted = bucket.request()
    evidence = replace(wanted.evidence, waits=Waits(ONE, NONE))
    return asyncio.run(
        seal_experiment(TaskContext(), replace(wanted, evidence=evidence), now=lambda: moment)
    )


def written(bucket: Bucket) -> None:
    for name in NAMES:
        bucket.put(f"{PREFIX}{name}", name.encode())


def entries(bucket: Bucket, result: SealResult) -> dict[str, str]:
    """Return why each artifact was not read, as the sealed list says."""
    key = f"{FOLDER}artifacts.{result.list_digest.removeprefix('sha256:')}.jsonl"
    _, listed = decode_artifacts(bucket.versions(key)[-1].body)
    return {each.key.removeprefix(PREFIX): each.unreadable for each in listed}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((403, "AccessDenied"), "Denied"),
        ((403, "AccessDenied", "not authorized to perform: kms:Decrypt"), "Denied"),
        ((403, "InvalidObjectState"), "Archived"),
        ((400, "KMS.DisabledException", "the key is disabled"), "EncryptedWithOtherKey"),
        ((500, "InternalError"), "NotGiven"),
        ((400, "InvalidRequest", "the request could not be processed"), "NotGiven"),
        ((404, ""), "NotFoundByName"),
    ],
    ids=["denied", "its key is denied", "archived", "its key is off", "it fails", "odd", "404"],
)
@pytest.mark.parametrize("name", ["a.bin", "c.bin"], ids=["the first", "the last"])
def test_one_of_three_is_waited_for_and_then_sealed_as_not_read(
    bucket: Bucket, name: str, answer: tuple[object, ...], word: str
) -> None:
    written(bucket)
    refuses(bucket, of(name), *answer)
    # What came to nothing is asked for again as soon as anything else.
    is_failure = answer[0] in {404, 500}
    for moment, rests in ((LONG_BEFORE, 900.0), (BEFORE, 600.0)):
        with pytest.raises(NotReady) as raised:
            seal_at(bucket, moment)
        assert raised.value.reason == reasons.ARTIFACT_UNREAD
        assert f"`{PREFIX}{name}`" in raised.value.message
        assert "until 2026-11-28T00:00:00Z" in raised.value.message
        assert raised.value.retry_seconds == (None if is_failure else rests)
    result = seal_at(bucket, ONE)
    expected = dict.fromkeys(NAMES, "") | {name: word}
    assert entries(bucket, result) == expected
    said_so = "under that name" if word == "NotFoundByName" else f"`{word}`"
    assert any(name in said and said_so in said for said in result.findings)
    assert NONE_READ not in result.findings
    assert bucket.found() == []


def test_what_only_its_writer_can_read_is_not_waited_for(bucket: Bucket) -> None:
    written(bucket)
    refuses(bucket, of("a.bin"), 400, "InvalidRequest", WRITERS_KEY)
    assert entries(bucket, seal_at(bucket, SEALED))["a.bin"] == "EncryptedWithOtherKey"


def test_what_is_given_again_is_sealed_as_read(bucket: Bucket) -> None:
    written(bucket)
    serve = bucket.server.get
    refuses(bucket, of("b.bin"))
    with pytest.raises(NotReady):
        seal_at(bucket, BEFORE)
    bucket.server.get = serve  # type: ignore[method-assign]  # as above
    result = seal_at(bucket, BEFORE)
    assert set(entries(bucket, result).values()) == {""}
    assert not any("cannot be read" in said for said in result.findings)


def test_a_prefix_of_which_nothing_is_read_is_rather_a_right_that_is_missing(
    bucket: Bucket,
) -> None:
    written(bucket)
    refuses(bucket, of(*NAMES))
    with pytest.raises(NotReady) as raised:
        seal_at(bucket, ONE)
    assert "nor is anything else" in raised.value.message
    assert "until 2026-12-04T00:00:00Z" in raised.value.message
    result = seal_at(bucket, NONE)
    assert set(entries(bucket, result).values()) == {"Denied"}
    assert NONE_READ in result.findings


def test_a_policy_that_changes_in_the_midst_of_a_listing_is_no_word_about_what_follows(
    bucket: Bucket,
) -> None:
    written(bucket)
    read: list[str] = []

    def breaks(key: str, version: str) -> bool:
        if key.startswith(PREFIX) and version and "b.bin" in key:
            read.append(key)
        return bool(read) and key.startswith(PREFIX)

    refuses(bucket, breaks)
    with pytest.raises(NotReady) as raised:
        seal_at(bucket, ONE)
    assert "nor is anything else" in raised.value.message


@pytest.mark.parametrize("moment", [SEALED, ONE, NONE + timedelta(days=365)])
def test_a_store_that_gives_nothing_is_waited_for_without_an_end(
    bucket: Bucket, moment: datetime
) -> None:
    written(bucket)
    serve = bucket.server.get
    refuses(bucket, lambda *_: True)
    for _ in range(3):
        with pytest.raises(Forbidden):
            seal_at(bucket, moment)
    assert len(bucket.versions(f"{FOLDER}{SNAPSHOT_NAME}")) == 1, "no copy with each try"
    bucket.server.get = serve  # type: ignore[method-assign]  # as above
    assert set(entries(bucket, seal_at(bucket, moment)).values()) == {""}


@pytest.mark.parametrize("name", [SNAPSHOT_NAME, STATEMENT_NAME])
@pytest.mark.parametrize(
    "answer",
    [(403, "AccessDenied"), (400, "KMS.DisabledException", "the key is disabled")],
    ids=["denied", "its key is off"],
)
def test_what_is_laid_under_the_names_of_the_evidence_holds_up_no_seal_for_ever(
    bucket: Bucket, name: str, answer: tuple[object, ...]
) -> None:
    written(bucket)
    bucket.put(".glovebox/keys/any.pem", b"a key")
    laid = bucket.put(f"{FOLDER}{name}", b"hidden").version_id
    refuses(bucket, lambda _, version: version == laid, *answer)
    with pytest.raises(GloveboxError):
        seal_at(bucket, BEFORE)
    assert len(bucket.versions(f"{FOLDER}{name}")) == 1
    result = seal_at(bucket, ONE)
    first, own = bucket.versions(f"{FOLDER}{name}")
    assert (first.version_id, own.version_id != laid) == (laid, True)
    if name == STATEMENT_NAME:
        assert result.attestation_version == own.version_id
        (said,) = (each for each in result.findings if laid in each)
        assert "waited for without success" in said
        assert said in str(payload_of(own.body))
        remarks = bucket.verify().report.remarks
        assert any("cannot be read, and is not the seal" in each for each in remarks)
    assert seal_at(bucket, NONE).attestation_version == result.attestation_version, "made once"
    assert bucket.found() == []


def test_what_may_be_the_seal_says_until_when_it_is_waited_for(bucket: Bucket) -> None:
    laid = bucket.put(f"{FOLDER}{STATEMENT_NAME}", b"hidden").version_id
    refuses(bucket, lambda _, version: version == laid)
    with pytest.raises(NotReady) as raised:
        seal_at(bucket, BEFORE)
    assert "what lies under the name of the seal" in raised.value.message
    assert "until 2026-11-28T00:00:00Z" in raised.value.message


def test_a_seal_behind_what_is_denied_is_found_at_once(bucket: Bucket) -> None:
    written(bucket)
    own = seal_at(bucket, SEALED).attestation_version
    versions = bucket.versions(f"{FOLDER}{STATEMENT_NAME}")
    laid = bucket.put(f"{FOLDER}{STATEMENT_NAME}", b"hidden")
    versions.insert(0, versions.pop())
    refuses(bucket, lambda _, version: version == laid.version_id)
    assert seal_at(bucket, SEALED).attestation_version == own
    assert bucket.found() == []
