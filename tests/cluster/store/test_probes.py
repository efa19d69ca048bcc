"""Each proof is seen to pass on a store that holds, and to fail on one that lies."""

from __future__ import annotations

import datetime as dt
import re
import threading
from typing import TYPE_CHECKING

import pytest

from glovebox.data.proofs import Outcome, Proof, condition_outcome
from glovebox.store import probe_bench
from glovebox.store.probe_race import WRITERS
from glovebox.store.probes import CHECKS, LOCK_PROVEN, prove_store
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import OPEN_ROLE, ROLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Store, Stores, StoreSettings
    from support.own_store import RunningStore

SUCCESS = Answered(204)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def failed(proofs: list[Proof]) -> set[str]:
    return {proof.name for proof in proofs if proof.outcome is Outcome.FAILED}


async def test_a_store_that_holds_passes_every_proof(store: Store, locked_bucket: str) -> None:
    proofs = await prove_store(store, bucket=locked_bucket, role_arn=ROLE, now=now())
    assert [proof.name for proof in proofs] == [check.name for check in CHECKS]
    assert [proof for proof in proofs if proof.outcome is not Outcome.PASSED] == []


async def test_proofs_repeat_on_one_canary_and_do_not_pile_up(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_bench, "MAX_LEFTOVERS", 3)
    for _ in range(6):
        proofs = await prove_store(store, bucket=locked_bucket, role_arn=ROLE, now=now())
    assert failed(proofs) == set()
    versions = store.s3.list_object_versions(Bucket=locked_bucket)
    assert versions.get("DeleteMarkers", []) == []
    keys = [version["Key"].removeprefix(".glovebox/probe/") for version in versions["Versions"]]
    assert sorted(keys) == ["default-lock", *["lock-canary"] * 4, "raced", "x/canary"]


async def test_the_lock_of_the_canary_follows_the_clock(store: Store, locked_bucket: str) -> None:
    for hours in (0, 2):
        await prove_store(
            store, bucket=locked_bucket, role_arn=None, now=now() + dt.timedelta(hours=hours)
        )
    canaries = [
        version
        for version in store.s3.list_object_versions(Bucket=locked_bucket)["Versions"]
        if version["Size"] == len(probe_bench.CANARY_BODY) and version["Key"] == probe_bench.CANARY
    ]
    assert len(canaries) == 1
    head = store.s3.head_object(
        Bucket=locked_bucket, Key=probe_bench.CANARY, VersionId=canaries[0]["VersionId"]
    )
    assert head["ObjectLockRetainUntilDate"] > now() + dt.timedelta(hours=2, minutes=50)


async def test_a_bucket_without_lock_fails_the_lock_alone(store: Store, data_bucket: str) -> None:
    proofs = await prove_store(store, bucket=data_bucket, role_arn=None, now=now())
    assert failed(proofs) == {check.name for check in CHECKS if check.condition == LOCK_PROVEN}
    assert {proof.message for proof in proofs if proof.outcome is Outcome.FAILED} == {
        f"bucket {data_bucket} has no object lock; use a bucket that was created with one"
    }
    assert condition_outcome(proofs, "CredentialScopeProven") is Outcome.UNKNOWN


async def test_a_bucket_without_versions_fails_versioning(store: Store) -> None:
    store.s3.create_bucket(Bucket="unversioned")
    proofs = await prove_store(store, bucket="unversioned", role_arn=None, now=now())
    assert {"VersioningEnabled", "OverwrittenVersionKept"} <= failed(proofs)


async def test_a_bucket_without_a_default_retention_fails_that_proof(store: Store) -> None:
    store.s3.create_bucket(Bucket="no-default", ObjectLockEnabledForBucket=True)
    assert failed(await prove_store(store, bucket="no-default", role_arn=ROLE, now=now())) == {
        "LockedByDefault"
    }


async def test_a_store_that_is_away_leaves_everything_unknown(
    stores: Stores, settings: StoreSettings
) -> None:
    away = stores.open(type(settings)("http://127.0.0.1:9", credentials=settings.credentials))
    proofs = await prove_store(away, bucket="any", role_arn=ROLE, now=now())
    assert {proof.outcome for proof in proofs} == {Outcome.UNKNOWN}
    assert "does not answer" in proofs[0].message


async def test_a_role_that_trusts_everybody_does_not_free_a_session(
    store: Store, locked_bucket: str
) -> None:
    """The session policy denies `sts:AssumeRole`: this mistake in the role opens nothing."""
    assert (
        failed(await prove_store(store, bucket=locked_bucket, role_arn=OPEN_ROLE, now=now()))
        == set()
    )


async def test_an_operator_that_may_not_delete_proves_nothing_by_being_refused(
    stores: Stores, settings: StoreSettings, seaweed: RunningStore, locked_bucket: str
) -> None:
    def forbid_deletes(asked: Asked, _: Liar) -> Answered | None:
        denied = Answered(
            403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"}
        )
        return denied if asked.method == "DELETE" and "versionId" in asked.query else None

    proofs = await proofs_of(forbid_deletes, stores, settings, seaweed, locked_bucket)
    unknown = {proof.name: proof.message for proof in proofs if proof.outcome is Outcome.UNKNOWN}
    assert list(unknown) == ["LockSurvivesDelete"]
    assert "allow it s3:DeleteObjectVersion" in unknown["LockSurvivesDelete"]


async def proofs_of(
    lie: Callable[[Asked, Liar], Answered | None],
    stores: Stores,
    settings: StoreSettings,
    seaweed: RunningStore,
    bucket: str,
) -> list[Proof]:
    assert settings.credentials is not None
    with lying(seaweed.endpoint, settings.credentials, lie) as endpoint:
        liar = stores.open(type(settings)(endpoint, credentials=settings.credentials))
        return await prove_store(liar, bucket=bucket, role_arn=ROLE, now=now())


def is_canary(asked: Asked) -> bool:
    return asked.path.endswith("lock-canary")


class Destroyed:
    """A store that destroys a locked version when told to, in the way `when` recognises."""

    def __init__(self, when: Callable[[Asked], bool]) -> None:
        self._when = when
        self._gone: set[str] = set()

    def __call__(self, asked: Asked, _: Liar) -> Answered | None:
        version = asked.query.get("versionId", "")
        if self._when(asked):
            self._gone.add(version)
            return SUCCESS
        if version in self._gone and asked.method in ("GET", "HEAD"):
            return Answered(404, b"<Error><Code>NoSuchVersion</Code></Error>")
        return None


def deletes(asked: Asked) -> bool:
    # A delete marker is another version; only the real one is pinned down by being read back.
    return (
        asked.method == "DELETE"
        and "versionId" in asked.query
        and "x-amz-bypass-governance-retention" not in asked.headers
    )


def bypasses(asked: Asked) -> bool:
    return asked.method == "DELETE" and "x-amz-bypass-governance-retention" in asked.headers


def reads_the_latest(asked: Asked, liar: Liar) -> Answered | None:
    """Ignores version ids, and gives out one for every read all the same."""
    if asked.method == "GET" and is_canary(asked) and "versionId" in asked.query:
        return liar.truth(Asked("GET", asked.path, asked.headers, b""))
    return None


def ignores_conditions(asked: Asked, liar: Liar) -> Answered | None:
    conditional = (
        asked.method == "PUT" and "if-none-match" in asked.headers and not asked.from_session
    )
    return liar.as_admin(asked.without("if-none-match")) if conditional else None


class LooksAndThenWrites:
    """Looks whether a key is free, and then writes: refuses whoever comes later, and no other."""

    def __init__(self) -> None:
        self._all_looked = threading.Barrier(WRITERS)

    def __call__(self, asked: Asked, liar: Liar) -> Answered | None:
        if asked.method != "PUT" or not asked.path.endswith("raced"):
            return None
        self._all_looked.wait(30)
        return liar.as_admin(asked.without("if-none-match"))


class TellsTwoThatTheyWon:
    """Writes once, and says so to two: the second one's bytes are nowhere."""

    def __init__(self) -> None:
        self._lied = threading.Lock()

    def __call__(self, asked: Asked, liar: Liar) -> Answered | None:
        if asked.method != "PUT" or not asked.path.endswith("raced"):
            return None
        truth = liar.truth(asked)
        if truth.status == 412 and self._lied.acquire(blocking=False):
            return Answered(200, headers={"x-amz-version-id": "0" * 32})
        return truth


def forgets_default_locks(asked: Asked, liar: Liar) -> Answered | None:
    return shows_no_lock(asked, liar) if asked.path.endswith("default-lock") else None


def shows_no_lock(asked: Asked, liar: Liar) -> Answered | None:
    """Answer as if a version had no lock, in both ways of asking for it."""
    if asked.method == "GET" and "retention" in asked.query:
        return Answered(404, b"<Error><Code>NoSuchObjectLockConfiguration</Code></Error>")
    if asked.method != "HEAD":
        return None
    truth = liar.truth(asked)
    kept = {
        name: value for name, value in truth.headers.items() if "object-lock" not in name.lower()
    }
    return Answered(truth.status, headers=kept)


class Rewrites:
    """A store that accepts a change of retention that it must refuse, and shows it afterwards."""

    def __init__(self, mode: str | None = None, until: str | None = None) -> None:
        self._mode, self._until = mode, until
        self._rewritten = False

    def __call__(self, asked: Asked, liar: Liar) -> Answered | None:
        if (
            asked.method == "PUT"
            and "retention" in asked.query
            and is_canary(asked)
            and "x-amz-bypass-governance-retention" in asked.headers
        ):
            wanted = re.search(rb"<Mode>(\w+)</Mode>", asked.body)
            self._rewritten |= wanted is not None and (
                self._mode is None or wanted[1].decode() == self._mode
            )
            return Answered(200)
        if not (self._rewritten and asked.method == "HEAD" and is_canary(asked)):
            return None
        truth = liar.truth(asked)
        changed = {
            "x-amz-object-lock-mode": self._mode,
            "x-amz-object-lock-retain-until-date": self._until,
        }
        return Answered(
            truth.status,
            headers={
                name: changed.get(name.lower()) or value for name, value in truth.headers.items()
            },
        )


def ignores_locks(asked: Asked, liar: Liar) -> Answered | None:
    return shows_no_lock(asked, liar) if is_canary(asked) else None


def forgets_versioning(asked: Asked, _: Liar) -> Answered | None:
    return Answered(200, b"<VersioningConfiguration/>") if "versioning" in asked.query else None


def everything_for_sessions(asked: Asked, liar: Liar) -> Answered | None:
    """Hears a session's token and forgets its policy."""
    return liar.as_admin(asked) if asked.from_session else None


def nothing_for_sessions(asked: Asked, _: Liar) -> Answered | None:
    return Answered(403, b"<html>no</html>") if asked.from_session else None


SESSION_DENIALS = {
    "SessionDeniedOtherPrefix",
    "SessionDeniedSiblingPrefix",
    "SessionDeniedForeignRead",
    "SessionDeniedForeignList",
    "SessionDeniedForeignCopy",
    "SessionDeniedWeakerLock",
    "SessionDeniedFolderKey",
    "SessionDeniedHiddenKey",
    "SessionDeniedDelete",
    "SessionDeniedRetention",
    "SessionDeniedHold",
    "SessionDeniedGrowth",
}

LIES: list[tuple[str, Callable[[Asked, Liar], Answered | None], set[str]]] = [
    ("deletes a locked version", Destroyed(deletes), {"LockSurvivesDelete"}),
    ("lets anybody bypass COMPLIANCE", Destroyed(bypasses), {"LockSurvivesBypass"}),
    (
        "shortens COMPLIANCE",
        Rewrites(until="2026-01-01T00:00:00Z", mode="COMPLIANCE"),
        {"RetentionNotShortened"},
    ),
    ("downgrades COMPLIANCE", Rewrites(mode="GOVERNANCE"), {"RetentionNotDowngraded"}),
    (
        "accepts a lock and forgets it",
        ignores_locks,
        {"LockedOnRequest", "RetentionNotShortened", "RetentionNotDowngraded"},
    ),
    ("forgets the default lock", forgets_default_locks, {"LockedByDefault"}),
    (
        "reads the latest for any version",
        reads_the_latest,
        {"OverwrittenVersionKept", "LockSurvivesOverwrite"},
    ),
    ("says that versioning is off", forgets_versioning, {"VersioningEnabled"}),
    (
        "ignores If-None-Match",
        ignores_conditions,
        {"SecondWriteRefused", "OneOfManyWritersWins"},
    ),
    ("lets two in that come together", LooksAndThenWrites(), {"OneOfManyWritersWins"}),
    ("tells two that they won", TellsTwoThatTheyWon(), {"OneOfManyWritersWins"}),
    ("forgets session policies", everything_for_sessions, SESSION_DENIALS),
    ("denies sessions everything", nothing_for_sessions, {"SessionUsesOwnPrefix"}),
]


@pytest.mark.parametrize(("lie", "caught"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
async def test_a_lie_is_caught_by_the_proof_that_it_concerns(
    lie: Callable[[Asked, Liar], Answered | None],
    caught: set[str],
    stores: Stores,
    settings: StoreSettings,
    seaweed: RunningStore,
    locked_bucket: str,
) -> None:
    proofs = await proofs_of(lie, stores, settings, seaweed, locked_bucket)
    told = {proof.name: f"{proof.outcome}: {proof.message}" for proof in proofs}
    assert caught <= failed(proofs), told
    # A destroyed canary spoils what comes after it; nothing else may be accused.
    assert failed(proofs) - caught <= {
        "LockSurvivesDelete",
        "LockSurvivesBypass",
        "LockSurvivesOverwrite",
        "SecondWriteRefused",
    }, told


def test_every_proof_is_seen_to_fail() -> None:
    assert set().union(*(caught for _, _, caught in LIES)) == {check.name for check in CHECKS}
