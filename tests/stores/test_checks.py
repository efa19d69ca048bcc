"""The conformance checks, and what the product makes of them: Ready, or refused with the cause."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from glovebox.api.object_store import ObjectStoreSpec
from glovebox.data.proofs import Outcome, Proof
from glovebox.status.object_store import StoreFacts, judge_store
from glovebox.store.probes import CHECKS, prove_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.store.connection import Store
    from stores.expected import Expected
    from support.running_stores import OtherStore

RETENTION = {"mode": "Compliance", "days": 1}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def spec(running: OtherStore, bucket: str, worm: str = "Required") -> ObjectStoreSpec:
    document = {
        "endpoint": running.endpoint,
        "artifacts": {"bucket": bucket, "worm": worm},
    }
    sts = {"sts": {"roleArn": running.role}} if running.role is not None else {}
    return ObjectStoreSpec.model_validate(document | sts)


def require(proofs: list[Proof], outcome: Outcome, wanted: Mapping[str, str]) -> None:
    """Require that just these came out so, each with words of its own."""
    found = {proof.name: proof.message for proof in proofs if proof.outcome is outcome}
    assert found.keys() == wanted.keys(), found
    for name, words in wanted.items():
        assert words in found[name], name


async def test_every_check_comes_out_as_the_table_says_and_so_does_the_verdict(
    store: Store, locked_bucket: str, running: OtherStore, expected: Expected
) -> None:
    for _ in range(2):  # the second time on what the first one left behind
        proofs = await prove_store(store, bucket=locked_bucket, role_arn=running.role, now=now())
        assert [proof.name for proof in proofs] == [check.name for check in CHECKS]
        require(proofs, Outcome.FAILED, expected.failed)
        require(proofs, Outcome.UNKNOWN, expected.unknown)
    verdict = judge_store(
        spec(running, locked_bucket), StoreFacts(now(), locked_bucket, RETENTION, proofs)
    )
    assert verdict.is_done is not bool(expected.not_ready), verdict
    assert expected.not_ready in verdict.message


async def test_without_a_lock_best_effort_takes_a_store_whose_sessions_stay_where_they_are(
    store: Store, data_bucket: str, running: OtherStore, expected: Expected
) -> None:
    proofs = await prove_store(store, bucket=data_bucket, role_arn=running.role, now=now())
    failed = {proof.condition for proof in proofs if proof.outcome is Outcome.FAILED}
    assert failed == {"LockProven", *expected.without_lock}, proofs
    facts = StoreFacts(now(), data_bucket, None, proofs)
    assert not judge_store(spec(running, data_bucket), facts).is_done
    lenient = spec(running, data_bucket, "BestEffort")
    verdict = judge_store(lenient, facts)
    assert verdict.is_done is not bool(expected.refused_always), verdict
    assert expected.refused_always in verdict.message
    # Who issues no sessions gives nobody more than the operator has.
    assert judge_store(lenient.model_copy(update={"sts": None}), facts).is_done
