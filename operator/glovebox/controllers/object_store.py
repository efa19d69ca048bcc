"""An ObjectStore: trusted only after it was proven, and proven again on an interval.

A store that does not do what it says is worse than none, so the proofs are real attacks on a canary
(`store/probes.py`). While a proof of before is still good, a store that merely does not answer
stays Ready: what depends on it fails by itself and says so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import BucketRetention, ObjectStore
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.world import DONE, Result, World
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Unavailable
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft, counted, format_time
from glovebox.store.buckets import DefaultRetention, default_retention, ensure_bucket
from glovebox.store.probes import Outcome, Proof, condition_outcome, prove_store

KIND = OBJECT_STORE.kind
PROVEN = (
    types.VERSIONING_PROVEN,
    types.LOCK_PROVEN,
    types.CONDITIONAL_WRITES_PROVEN,
    types.CREDENTIAL_SCOPE_PROVEN,
)
LASTING = (types.READY, *PROVEN)
REQUIRED: tuple[str, ...] = (types.VERSIONING_PROVEN,)
READY = (reasons.PROVEN, "the store did what is expected of it")
# A failed proof is tried again this often: somebody may have mended the store.
_FAILED_RETRY_SECONDS = 300.0


async def arrange(world: World, obj: dict[str, Any], draft: Draft) -> Result:
    """Prove the store if it is new, was changed, or is due."""
    store = ObjectStore.model_validate(obj)
    if store.is_deleting:
        return DONE
    wait = _seconds_until_due(world, store)
    if wait > 0:
        return Result(retry_seconds=wait)
    try:
        await _prove(world, store, draft)
    except GloveboxError as error:
        if isinstance(error, Unavailable) and _still_good(world, store):
            return Result(retry_seconds=_FAILED_RETRY_SECONDS)
        draft.failed(error)
        return Result(retry_seconds=_FAILED_RETRY_SECONDS)
    return Result(retry_seconds=float(store.spec.verify_interval_seconds))


async def _prove(world: World, store: ObjectStore, draft: Draft) -> None:
    spec = store.spec
    connection = await open_store(world, store, fresh=True)
    retention = spec.artifacts.retention
    await ensure_bucket(
        connection,
        spec.artifacts.bucket,
        create=spec.artifacts.create,
        lock_required=spec.artifacts.worm == "Required",
        retention=_default_lock(retention),
    )
    found = await default_retention(connection, spec.artifacts.bucket)
    draft.set(
        retention=(
            {"mode": found.mode.capitalize(), "days": found.days} if found is not None else None
        )
    )
    now = world.now()
    role = spec.sts.role_arn if spec.sts is not None else None
    async with world.metrics.on_store("prove"):
        proofs = await prove_store(connection, bucket=spec.artifacts.bucket, role_arn=role, now=now)
    moment = format_time(now)
    draft.set(
        bucket=spec.artifacts.bucket,
        lastVerifiedTime=moment,
        proofs=[
            {
                "name": proof.name,
                "outcome": str(proof.outcome),
                "message": proof.message,
                "verifiedTime": moment,
            }
            for proof in proofs
        ],
    )
    for condition in PROVEN:
        _answer(draft, condition, proofs, has_role=role is not None)
    _judge(store, proofs)
    if found is None and spec.artifacts.worm == "Required":
        raise InvalidInput(
            reasons.PROOF_FAILED,
            f"bucket {spec.artifacts.bucket} has object lock but no default retention, so nothing"
            " that a run writes would be locked; set a default retention on the bucket",
        )


def _default_lock(retention: BucketRetention | None) -> DefaultRetention:
    if retention is None:
        return DefaultRetention("COMPLIANCE", 1)
    return DefaultRetention(
        "COMPLIANCE" if retention.mode == "Compliance" else "GOVERNANCE", retention.days
    )


def _answer(draft: Draft, condition: str, proofs: list[Proof], *, has_role: bool) -> None:
    if condition == types.CREDENTIAL_SCOPE_PROVEN and not has_role:
        draft.unknown(
            condition,
            reasons.STS_NOT_CONFIGURED,
            "`spec.sts` is not set: credentials for one experiment alone cannot be issued",
        )
        return
    outcome = condition_outcome(proofs, condition)
    told = [
        proof.message
        for proof in proofs
        if proof.condition == condition and proof.outcome == outcome
    ]
    message = (
        "; ".join(dict.fromkeys(told))
        if outcome != Outcome.PASSED
        else f"{counted(len(told), 'attempt')}, each answered as it must be"
    )
    match outcome:
        case Outcome.PASSED:
            draft.yes(condition, reasons.PROVEN, message)
        case Outcome.FAILED:
            draft.no(condition, reasons.PROOF_FAILED, message)
        case _:
            draft.unknown(condition, reasons.PROOF_INCONCLUSIVE, message)


def _judge(store: ObjectStore, proofs: list[Proof]) -> None:
    """Raise what keeps the store from being Ready: with `worm: Required` everything, else only missing versioning."""
    strict = store.spec.artifacts.worm == "Required"
    counted = [proof for proof in proofs if strict or proof.condition == types.VERSIONING_PROVEN]
    for proof in counted:
        if proof.outcome == Outcome.FAILED:
            raise InvalidInput(
                reasons.PROOF_FAILED, f"proof `{proof.name}` failed: {proof.message}"
            )
    for proof in counted:
        without_role = proof.condition == types.CREDENTIAL_SCOPE_PROVEN and store.spec.sts is None
        if proof.outcome != Outcome.PASSED and not without_role:
            raise NotReady(
                reasons.PROOF_INCONCLUSIVE,
                f"proof `{proof.name}` could not be made: {proof.message}",
            )


def _seconds_until_due(world: World, store: ObjectStore) -> float:
    status = store.status
    ready = status.condition(types.READY)
    if (
        status.observed_generation != store.metadata.generation
        or ready is None
        or not ready.is_true
        or status.last_verified_time is None
    ):
        return 0.0
    due = status.last_verified_time + timedelta(seconds=store.spec.verify_interval_seconds)
    return (due - world.now()).total_seconds()


def _still_good(world: World, store: ObjectStore) -> bool:
    ready = store.status.condition(types.READY)
    verified = store.status.last_verified_time
    if (
        ready is None
        or not ready.is_true
        or verified is None
        or store.status.observed_generation != store.metadata.generation
    ):
        return False
    return world.now() < verified + timedelta(seconds=2 * store.spec.verify_interval_seconds)


def forget(world: World, key: Key) -> None:
    """Drop the credentials of a store that is gone."""
    world.store_credentials.pop(key.name, None)
