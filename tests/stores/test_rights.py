"""A user who may not see locks is told so; it is not taken for a store without locks."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from cluster.store.test_seals import seal
from cluster.store.test_verifying import found, sealed, verify
from glovebox.data.proofs import Outcome
from glovebox.status.object_store import StoreFacts, judge_store
from glovebox.store.artifact_reading import LOCKS_HIDDEN
from glovebox.store.probes import prove_store
from stores.test_checks import RETENTION, spec
from stores.test_seals import put

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings
    from support.running_stores import OtherStore

# The one of these stores whose users' rights can be told one by one.
pytestmark = pytest.mark.parametrize("running", ["minio"], indirect=True)


@pytest.fixture
def blind(stores: Stores, settings: StoreSettings, running: OtherStore) -> Store:
    return stores.open(type(settings)(settings.endpoint, credentials=running.blind))


async def test_no_check_blames_the_lock_and_the_missing_right_is_named(
    blind: Store, locked_bucket: str, running: OtherStore
) -> None:
    now = dt.datetime.now(dt.UTC)
    proofs = await prove_store(blind, bucket=locked_bucket, role_arn=running.role, now=now)
    assert [proof for proof in proofs if proof.outcome is Outcome.FAILED] == []
    told = {proof.name: proof.message for proof in proofs if proof.outcome is Outcome.UNKNOWN}
    assert "grant s3:GetObjectRetention" in told["LockedOnRequest"]
    facts = StoreFacts(now, locked_bucket, RETENTION, proofs)
    verdict = judge_store(spec(running, locked_bucket), facts)
    assert not verdict.is_done
    assert "grant s3:GetObjectRetention" in verdict.message


async def test_a_seal_that_cannot_see_the_locks_says_so(blind: Store, locked_bucket: str) -> None:
    put(blind, locked_bucket, "model.bin", b"weights")
    result = await seal(blind, locked_bucket)
    assert result.versions == 1
    assert LOCKS_HIDDEN in result.findings


async def test_an_auditor_who_may_not_see_the_locks_is_told_which_right_is_missing(
    store: Store, blind: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin", b"weights")
    await sealed(store, locked_bucket)
    blinded = verify(blind, locked_bucket)
    assert {what for what, _ in found(blinded)} == {"LocksHidden"}
    assert "s3:GetObjectRetention" in blinded.report.findings[0].message
    assert found(verify(blind, locked_bucket, locks=False)) == []
    assert found(verify(store, locked_bucket)) == []
