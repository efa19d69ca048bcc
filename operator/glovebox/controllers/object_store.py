"""An ObjectStore: trusted only after it was proven, and proven again on an interval.

A store that does not do what it says is worse than none, so the proofs are real attacks on a canary
(`store/probes.py`). While a proof of before is still good, a store that merely does not answer
stays Ready: what depends on it fails by itself and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import BucketRetention, ObjectStore
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import open_store
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.builder import StatusBuilder, counted, format_time
from glovebox.status.outcome import Outcome as LookOutcome
from glovebox.status.outcome import done, of_error
from glovebox.status.summary import holds_back, summarise
from glovebox.store.buckets import DefaultRetention, default_retention, ensure_bucket
from glovebox.store.probes import Outcome, Proof, condition_outcome, prove_store

KIND: Final = OBJECT_STORE.kind
PROVEN: Final = (
    types.VERSIONING_PROVEN,
    types.LOCK_PROVEN,
    types.CONDITIONAL_WRITES_PROVEN,
    types.CREDENTIAL_SCOPE_PROVEN,
)
CONDITIONS: Final = (types.READY, *PROVEN)
REQUIRED: Final = (types.VERSIONING_PROVEN,)
_READY: Final = (reasons.PROVEN, "the store did what is expected of it")
# A check that failed is made again this often: somebody may have repaired the store.
_FAILED_RETRY_SECONDS: Final = 300.0
# A store that merely does not answer is asked again sooner, and growing later.
_UNANSWERED_RETRY_SECONDS: Final = (5.0, 15.0, 60.0)


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check the store if it is new, was changed, or is due."""
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    metadata, now = obj["metadata"], ports.now()
    builder = StatusBuilder(obj.get("status"), metadata.get("generation", 0), CONDITIONS, now)
    key = Key.of(obj)
    try:
        store = ObjectStore.model_validate(obj)
    except ValidationError as error:
        summarise(builder, of_error(invalid_spec(error)), REQUIRED, _READY)
        return Look(obj, builder.render())
    wait = _seconds_until_due(ports, store)
    if wait > 0:
        return Look(obj, None, retry_seconds=wait)
    try:
        await _check(ports, store, builder)
    except GloveboxError as error:
        ports.store_credentials.clear()  # the next look reads the keys again
        outcome = of_error(error).with_failure(*ports.failures.note(key, "check"))
        if holds_back(obj, outcome, ports.grace):
            ports.metrics.problem_counter(outcome.reason, OBJECT_STORE.kind.lower()).inc()
            return Look(obj, None, retry_seconds=_retry(outcome))
        summarise(builder, outcome, REQUIRED, _READY)
        return Look(obj, builder.render(), retry_seconds=_retry(outcome))
    ports.failures.clear(key, "check")
    summarise(builder, done(), REQUIRED, _READY)
    return Look(obj, builder.render(), retry_seconds=float(store.spec.verify_interval_seconds))


def _retry(outcome: LookOutcome) -> float:
    if not outcome.is_failed:
        return _FAILED_RETRY_SECONDS
    tries = min(outcome.attempts, len(_UNANSWERED_RETRY_SECONDS)) - 1
    return _UNANSWERED_RETRY_SECONDS[max(tries, 0)]


async def _check(ports: Ports, store: ObjectStore, builder: StatusBuilder) -> None:
    spec = store.spec
    connection = await open_store(ports, store, fresh=True)
    retention = spec.artifacts.retention
    await ensure_bucket(
        connection,
        spec.artifacts.bucket,
        create=spec.artifacts.create,
        lock_required=spec.artifacts.worm == "Required",
        retention=_default_lock(retention),
    )
    found = await default_retention(connection, spec.artifacts.bucket)
    builder.set(
        retention=(
            {"mode": found.mode.capitalize(), "days": found.days} if found is not None else None
        )
    )
    now = ports.now()
    role = spec.sts.role_arn if spec.sts is not None else None
    async with ports.metrics.on_store("prove"):
        proofs = await prove_store(connection, bucket=spec.artifacts.bucket, role_arn=role, now=now)
    moment = format_time(now)
    builder.set(
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
        _answer(builder, condition, proofs, has_role=role is not None)
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


def _answer(builder: StatusBuilder, condition: str, proofs: list[Proof], *, has_role: bool) -> None:
    if condition == types.CREDENTIAL_SCOPE_PROVEN and not has_role:
        builder.mark_unknown(
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
            builder.mark_true(condition, reasons.PROVEN, message)
        case Outcome.FAILED:
            builder.mark_false(condition, reasons.PROOF_FAILED, message)
        case _:
            builder.mark_unknown(condition, reasons.PROOF_INCONCLUSIVE, message)


def _judge(store: ObjectStore, proofs: list[Proof]) -> None:
    """Raise what keeps the store from being Ready.

    With `worm: Required` that is everything, else only missing versioning.
    """
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
            raise Unavailable(
                reasons.PROOF_INCONCLUSIVE,
                f"proof `{proof.name}` could not be made: {proof.message}",
            )


def _seconds_until_due(ports: Ports, store: ObjectStore) -> float:
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
    return (due - ports.now()).total_seconds()


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of a store that is gone."""
    del uid
    ports.failures.forget(key)
