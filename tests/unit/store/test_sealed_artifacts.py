"""What of a seal counts for a pin, by its documents alone; and what nobody is told of others."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from glovebox.api import reasons
from glovebox.data.compare import ListedVersion
from glovebox.data.digest import canonical_json, digest_of
from glovebox.errors import InvalidInput, Unavailable
from glovebox.evidence.artifacts import Artifact, encode_artifacts, list_digest
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import TrustBundle, trusted
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import (
    SNAPSHOT_NAME,
    STATEMENT_NAME,
    SealedInput,
    SealInputs,
    statement,
)
from glovebox.store import evidence_objects, sealed_artifacts, unreadable
from glovebox.store.connection import Stop, Store
from glovebox.store.evidence_objects import list_key
from glovebox.store.sealed_artifacts import ReadSeal, SealToRead, read_sealed, sealed_candidates
from glovebox.store.sealing import seal_folder
from glovebox.store.sources import SealSource, candidates

PREFIX = "team/build/u1/"
PAIR, FOREIGN = new_key_pair(), new_key_pair()
KEY = trusted(PAIR.public)
IMAGE = "registry.example/fit@sha256:" + "d" * 64
DIGEST = "sha256:" + "a" * 64
SEALED = datetime(2026, 11, 27, tzinfo=UTC)
RUN = {"images": {"fit": IMAGE}, "stages": [{"name": "fit", "image": "fit"}]}
STORE = cast("Store", None)


def artifact(name: str, **changes: Any) -> Artifact:
    fields = {
        "key": PREFIX + name,
        "version_id": "v1",
        "size": 7,
        "sha256": "b" * 64,
        "is_latest": True,
        "lock_mode": "Compliance",
    }
    return Artifact.model_validate(fields | changes)


class Kept:
    """What lies in a bucket: bodies by key, the oldest first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        self.read: list[str] = []
        self.written: datetime | None = SEALED
        for module in (evidence_objects, sealed_artifacts, unreadable):
            monkeypatch.setattr(module, "object_chunks", self.chunks)
        for module in (evidence_objects, sealed_artifacts):
            monkeypatch.setattr(module, "written_at", lambda *_: self.written)
        monkeypatch.setattr(evidence_objects, "rows_of", self.rows)

    def rows(self, _store: Store, _bucket: str, key: str, _stop: Stop) -> list[ListedVersion]:
        bodies = self.bodies.get(key, ())
        return [
            ListedVersion(key, str(at), len(body), is_latest=False)
            for at, body in enumerate(bodies)
        ]

    def chunks(
        self, _store: Store, _bucket: str, key: str, version: str, _stop: Stop
    ) -> Iterator[bytes]:
        self.read.append(key)
        yield self.bodies[key][int(version)]

    def seal(
        self,
        *artifacts: Artifact,
        folder: str = "u1",
        private: str = PAIR.private,
        snapshot: dict[str, Any] | None = None,
        prefix: str = PREFIX,
        **changes: Any,
    ) -> None:
        """Lay down the documents of a seal."""
        covered = snapshot if snapshot is not None else RUN
        raw = encode_artifacts(prefix, artifacts)
        about: dict[str, Any] = {
            "experiment": "team/build",
            "uid": "u1",
            "digest": digest_of(covered),
            "snapshot": canonical_json(covered).decode(),
            "inputs": (),
            "images": (),
            "prefix": f"s3://bucket/{PREFIX}",
            "outcome": "Succeeded",
            "reason": "",
            "attempts": 1,
            "started": "",
            "finished": "",
            "sealed": SEALED.isoformat(),
            "version": "1",
        }
        document = statement(SealInputs(**about | changes), artifacts, list_digest(raw))
        envelope = sign(canonical_json(document), LocalSigner.of(private))
        at = seal_folder(folder)
        for key, body in (
            (at + STATEMENT_NAME, envelope),
            (at + SNAPSHOT_NAME, canonical_json(covered)),
            (list_key(at, list_digest(raw)), raw),
        ):
            self.bodies.setdefault(key, []).append(body)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(monkeypatch)


def wanted(**changes: Any) -> SealToRead:
    seal = SealToRead("bucket", "team/build", "u1", "", "", TrustBundle((KEY,)), locked=True)
    return replace(seal, **changes)


def read(seal: SealToRead | None = None) -> ReadSeal:
    return read_sealed(STORE, seal or wanted(), Stop())


def pinned(**changes: Any) -> list[str]:
    """Return the paths that are pinned."""
    seal = wanted(**changes)
    found = sealed_candidates(STORE, seal, read(seal), Stop())
    return [each.path for each in found]


def refused(**changes: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        pinned(**changes)
    return caught.value


def test_what_a_reader_saw_is_pinned_by_its_versions(kept: Kept) -> None:
    kept.seal(
        artifact("a"),
        artifact("b", is_latest=False),
        artifact("b", version_id="v2", size=0, sha256="", delete_marker=True),
        artifact("c", version_id="v1", is_latest=False),
        artifact("c", version_id="v2"),
    )
    found = list(sealed_candidates(STORE, wanted(), read(), Stop()))
    assert [(each.path, each.version_id) for each in found] == [("a", "v1"), ("c", "v2")]
    assert {each.declared for each in found} == {"b" * 64}
    assert {each.bucket for each in found} == {"bucket"}


def test_an_older_seal_of_another_experiment_under_the_uid_hides_none(kept: Kept) -> None:
    kept.seal(artifact("forged"), experiment="mallory/build")
    kept.seal(artifact("a"))
    assert pinned() == ["a"]


@pytest.mark.parametrize(
    ("outcome", "snapshot", "is_refused"),
    [
        pytest.param("Succeeded", RUN, False, id="a run that succeeded"),
        pytest.param("Failed", RUN, True, id="a run that failed"),
        pytest.param("", RUN, True, id="a run of which nobody knows how it ended"),
        pytest.param("", {"images": {}}, False, id="none at all"),
        pytest.param("Failed", {"images": {}}, True, id="an orphan of a run"),
    ],
)
def test_a_run_has_to_have_succeeded(
    kept: Kept, outcome: str, snapshot: dict[str, Any], *, is_refused: bool
) -> None:
    kept.seal(artifact("a"), outcome=outcome, snapshot=snapshot)
    if not is_refused:
        assert pinned() == ["a"]
        return
    assert refused().reason == reasons.EXPERIMENT_FAILED


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"experiment": "team/other"}, id="another name"),
        pytest.param({"digest": DIGEST}, id="another identity"),
    ],
)
def test_of_its_own_namespace_one_is_told_what_the_seal_is_of(
    kept: Kept, changes: dict[str, Any]
) -> None:
    kept.seal(artifact("a"))
    error = refused(**changes)
    assert error.reason == reasons.SEAL_OF_OTHER
    assert "is expected" in error.message


def test_a_seal_that_lies_under_another_uid_does_not_count(kept: Kept) -> None:
    kept.seal(artifact("a"), folder="u2")
    error = refused(uid="u2")
    assert error.reason == reasons.SEAL_OF_OTHER
    assert "the UID u1, and u2 is expected" in error.message


def test_whose_seal_it_is_is_told_to_nobody_of_another_namespace(kept: Kept) -> None:
    kept.seal(artifact("a"))
    error = refused(experiment="spies/build")
    assert error.reason == reasons.SEAL_OF_OTHER
    assert "it is of none of this namespace" in error.message
    assert "team/build" not in error.message


def test_what_nobody_trusted_signed_has_nothing_read_that_it_names(kept: Kept) -> None:
    kept.seal(artifact("a"), private=FOREIGN.private)
    assert refused().reason == reasons.SEAL_INVALID
    assert set(kept.read) == {seal_folder("u1") + STATEMENT_NAME}


def test_what_somebody_laid_in_front_does_not_count(kept: Kept) -> None:
    kept.seal(artifact("theirs"), private=FOREIGN.private)
    kept.seal(artifact("a"))
    assert pinned() == ["a"]


def test_the_seal_that_is_on_record_is_pinned_whatever_a_former_key_laid_in_front(
    kept: Kept,
) -> None:
    ended = replace(KEY, valid_until=datetime(2026, 11, 28, tzinfo=UTC))
    trust = TrustBundle((ended, trusted(FOREIGN.public)))
    kept.seal(artifact("theirs"))
    kept.seal(artifact("a"), private=FOREIGN.private)
    assert pinned(trust=trust) == ["a"], "where both count, the present key's is the seal"
    assert pinned(trust=trust, version="0") == ["theirs"], "by what is on record, and nothing else"
    assert pinned(trust=trust, version="1") == ["a"]
    with pytest.raises(Unavailable, match=r"version gone .* restore that version") as failed:
        pinned(trust=trust, version="gone")
    assert failed.value.reason == reasons.SEAL_NOT_FOUND
    kept.written = datetime(2026, 11, 29, tzinfo=UTC)
    assert pinned(trust=trust) == ["a"]


def test_the_seal_of_another_one_that_was_laid_in_front_does_not_count(kept: Kept) -> None:
    kept.seal(artifact("theirs"), uid="u0")
    kept.seal(artifact("a"))
    assert pinned() == ["a"]


def test_a_snapshot_that_is_another_one_than_the_statement_repeats_is_refused(
    kept: Kept,
) -> None:
    kept.seal(artifact("a"), digest=digest_of({"images": {}}))
    kept.bodies[seal_folder("u1") + SNAPSHOT_NAME].append(canonical_json({"images": {}}))
    error = refused()
    assert error.reason == reasons.SEAL_INVALID
    assert "repeats another snapshot" in error.message


def test_a_key_that_ended_counts_only_where_the_store_says_since_when_it_has_the_seal(
    kept: Kept,
) -> None:
    kept.seal(artifact("a"))
    ended = replace(KEY, valid_until=datetime(2026, 11, 28, tzinfo=UTC))
    trust = TrustBundle((ended,))
    assert pinned(trust=trust) == ["a"]
    kept.written = None
    assert "its key has ended" in refused(trust=trust).message
    assert pinned() == ["a"]
    kept.written = datetime(2026, 11, 29, tzinfo=UTC)
    assert refused(trust=trust).reason == reasons.SEAL_INVALID


def test_a_list_of_another_prefix_than_is_signed_is_refused(kept: Kept) -> None:
    kept.seal(artifact("a"), prefix="team/other/")
    assert "its list is of another prefix" in refused().message
    kept.bodies.clear()
    kept.seal(artifact("a"), artifact("z", key="team/other/z"))
    assert "names what is not below its prefix" in refused().message


def test_a_list_that_is_another_one_when_it_is_read_again_is_refused(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.seal(artifact("a"))
    seal = read()
    (key,) = (each for each in kept.bodies if "/artifacts." in each)
    genuine = kept.chunks
    edited = encode_artifacts(PREFIX, [artifact("b")])

    def swapped(*args: Any) -> Iterator[bytes]:
        yield from [edited] if args[2] == key else genuine(*args)

    monkeypatch.setattr(sealed_artifacts, "object_chunks", swapped)
    with pytest.raises(InvalidInput) as caught:
        list(sealed_candidates(STORE, wanted(), seal, Stop()))
    assert caught.value.reason == reasons.MANIFEST_DIFFERS


def test_what_cannot_be_pinned_is_named_below_the_prefix_alone(kept: Kept) -> None:
    kept.seal(
        *(artifact(f"f/{at}", lock_mode="") for at in range(7)),
        artifact("f/line\nbreak", sha256="", unreadable="Denied"),
        artifact("m/a"),
        artifact("m/old", is_latest=False, lock_mode=""),
    )
    error = refused(below="f/")
    assert error.reason == reasons.ARTIFACTS_UNUSABLE
    assert "`f/0` (no lock protects it)" in error.message
    assert " and 3 more" in error.message
    assert "\n" not in error.message
    assert pinned(below="m/") == ["a"]
    # Where the store locks nothing, that nothing is locked is no defect of the artifacts.
    assert "`f/line" in refused(below="f/", locked=False).message


def test_the_seal_says_what_was_read_and_behind_which_input_the_rest_lies(kept: Kept) -> None:
    behind = {
        "name": "raw",
        "kind": "DatasetPin",
        "role": "train",
        "digest": DIGEST,
        "readBy": "team/first",
    }
    origin = {"experiment": "team/first", "uid": "u0", "seal": DIGEST, "inputs": [behind]}
    part = {"splitDigest": DIGEST, "part": "train", "sourceDigest": DIGEST}
    inputs = (
        SealedInput("clean", "DatasetPin", "sha256:" + "c" * 64, origin=origin),
        SealedInput("part", "DatasetPin", "sha256:" + "e" * 64, part_of=(part,)),
    )
    covered = RUN | {
        "inputs": [
            {"name": each.name, "kind": each.kind, "role": "train", "digest": each.digest}
            for each in inputs
        ]
    }
    kept.seal(artifact("a"), inputs=inputs, snapshot=covered)
    told = read().origin
    assert [(each.name, each.behind, each.read_by) for each in told.inputs] == [
        ("clean", "", "team/build"),
        ("part", "", "team/build"),
        ("raw", "clean", "team/first"),
    ]
    assert [[each.part for each in entry.part_of] for entry in told.inputs] == [[], ["train"], []]
    assert not told.more_inputs


def test_a_version_that_can_be_overwritten_in_place_is_refused(kept: Kept) -> None:
    kept.seal(artifact("a", version_id="null"))
    seal = wanted()
    listed = functools.partial(sealed_candidates, STORE, seal, read(seal))
    source = SealSource("build", "u1", "")
    with pytest.raises(InvalidInput) as caught:
        list(candidates(STORE, source, Stop(), sealed=listed))
    assert caught.value.reason == reasons.VERSIONING_REQUIRED


def test_what_is_not_there_is_waited_for(kept: Kept) -> None:
    with pytest.raises(Unavailable, match="is not whole") as caught:
        read()
    assert caught.value.reason == reasons.SEAL_NOT_FOUND
    kept.seal(artifact("a"))
    seal = read()
    del kept.bodies[next(each for each in kept.bodies if "/artifacts." in each)]
    with pytest.raises(Unavailable):
        list(sealed_candidates(STORE, wanted(), seal, Stop()))
    del kept.bodies[seal_folder("u1") + SNAPSHOT_NAME]
    with pytest.raises(Unavailable):
        read()
