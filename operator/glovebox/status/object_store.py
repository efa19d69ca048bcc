"""The conditions of an ObjectStore: what a check found in, status out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore, ObjectStoreSpec
from glovebox.data.counting import counted
from glovebox.data.proofs import Outcome as Shown
from glovebox.data.proofs import Proof, condition_outcome
from glovebox.errors import InvalidInput, Unavailable
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Grace, Outcome, done, of_error
from glovebox.status.summary import summarise
from glovebox.status.text import format_time

PROVEN: Final = (
    types.VERSIONING_PROVEN,
    types.LOCK_PROVEN,
    types.CONDITIONAL_WRITES_PROVEN,
    types.CREDENTIAL_SCOPE_PROVEN,
)
CONDITIONS: Final = (
    types.READY,
    *PROVEN,
    types.CONNECTION_ENCRYPTED,
    types.KEY_PUBLISHED,
    types.RECORDS_FOUND,
)
REQUIRED: Final = (types.VERSIONING_PROVEN,)
# Without these no store is Ready, whatever `worm` says.
_ALWAYS: Final = frozenset({types.VERSIONING_PROVEN, types.ENCRYPTION_PROVEN})
# What a bucket that is not set up so says before anything is tried with it.
_DENIED_BY: Final = {
    reasons.VERSIONING_REQUIRED: types.VERSIONING_PROVEN,
    reasons.LOCK_REQUIRED: types.LOCK_PROVEN,
    reasons.ENCRYPTION_REQUIRED: types.ENCRYPTION_PROVEN,
}
_SHOWN: Final = 5
# Who knows every head that is signed: the bucket, and the status itself.
OWN_ANCHORS: Final = frozenset({"Bucket", "Status"})
READY: Final = (reasons.PROVEN, "the store did what is expected of it")


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a check that came to its end found.

    Attributes:
        time: When it began.
        bucket: Of the artifacts.
        retention: The bucket's default retention as the status shows it; None without one.
        proofs: Every attack with what it showed.
        digest: Of what was checked.
        archiving: The rule of the bucket that archives evidence; empty without one.
        archiving_denied: Why nobody knows of such a rule; empty where that is known.
    """

    time: datetime
    bucket: str
    retention: Mapping[str, Any] | None
    proofs: Sequence[Proof]
    digest: str = ""
    archiving: str = ""
    archiving_denied: str = ""


def judge_store(spec: ObjectStoreSpec, facts: StoreFacts) -> Outcome:
    """Return whether the store may be used.

    With `worm: Required` everything counts. Else versioning does, the encryption that was asked
    for, and that no session was seen to reach further than it must: without a lock credentials that
    are too wide destroy even more.
    """
    strict = spec.artifacts.worm == "Required"
    counting = [proof for proof in facts.proofs if strict or proof.condition in _ALWAYS]
    for proof in [*counting, *_of_sessions(spec, facts)]:
        if proof.outcome == Shown.FAILED:
            message = f"proof `{proof.name}` failed: {proof.message}"
            return of_error(InvalidInput(reasons.PROOF_FAILED, message))
    for proof in counting:
        without_role = proof.condition == types.CREDENTIAL_SCOPE_PROVEN and spec.sts is None
        if proof.outcome != Shown.PASSED and not without_role:
            message = f"proof `{proof.name}` could not be made: {proof.message}"
            return of_error(Unavailable(reasons.PROOF_INCONCLUSIVE, message))
    if facts.retention is None and strict:
        message = (
            f"bucket {spec.artifacts.bucket} has object lock but no default retention, so nothing"
            " that a run writes would be locked; set a default retention on the bucket"
        )
        return of_error(InvalidInput(reasons.PROOF_FAILED, message))
    return done()


def _of_sessions(spec: ObjectStoreSpec, facts: StoreFacts) -> list[Proof]:
    """Return what was tried with credentials for runs, where there are any."""
    if spec.sts is None:
        return []
    return [proof for proof in facts.proofs if proof.condition == types.CREDENTIAL_SCOPE_PROVEN]


def is_usable(store: ObjectStore) -> bool:
    """Return whether the operator can go on with what it keeps in a store.

    One that is being deleted is not Ready, so that nothing new begins to use it. As long as it is
    held for those who do, it is checked, and its checks say whether it works.
    """
    ready = store.status.condition(types.READY)
    if not store.is_deleting or ready is None:
        return ready is not None and ready.is_true
    return names.FINALIZER_IN_USE in store.metadata.finalizers and _did_all(store)


def _did_all(store: ObjectStore) -> bool:
    """Return whether no check has failed that counts for this store; see `judge_store`."""
    spec = store.spec
    counting = {*_ALWAYS, *(PROVEN if spec.artifacts.worm == "Required" else ())}
    if spec.sts is not None:
        counting.add(types.CREDENTIAL_SCOPE_PROVEN)
    shown = [store.status.condition(each) for each in counting]
    failed = any(entry is not None and entry.status == types.FALSE for entry in shown)
    return store.status.last_verified_time is not None and not failed


def compute_status(
    obj: Mapping[str, Any],
    outcome: Outcome,
    now: datetime,
    *,
    facts: StoreFacts | None = None,
    has_role: bool = False,
) -> dict[str, Any]:
    """Return the status that one look at a store comes to.

    Args:
        obj: The store as it was read.
        outcome: How the look ended; see `judge_store`.
        now: The present time.
        facts: What the check found; None where it did not come to its end.
        has_role: Whether the spec names a role for credentials of one experiment alone.
    """
    generation = obj["metadata"].get("generation", 0)
    optional = {types.ENCRYPTION_PROVEN} if obj["spec"].get("encryption") else set()
    if _may_be_archived(obj, facts):
        optional.add(types.EVIDENCE_READABLE)
    lasting = _shown_types(optional)
    builder = StatusBuilder(obj.get("status"), generation, lasting, now)
    if facts is not None:
        _record(builder, facts)
        for condition in (each for each in lasting if each in {*PROVEN, types.ENCRYPTION_PROVEN}):
            _mark_proven(builder, condition, facts.proofs, has_role=has_role)
    elif (denied := _DENIED_BY.get(outcome.reason)) in lasting and outcome.error is not None:
        # The check did not begin: what it would have shown is known all the same.
        builder.mark_false(denied, outcome.reason, outcome.message)
    _mark_encrypted(builder, obj["spec"])
    _mark_archived(builder, facts)
    summarise(builder, outcome, REQUIRED, READY)
    return builder.render()


def _shown_types(optional: Collection[str]) -> tuple[str, ...]:
    """Return the conditions that are shown, of which some are only where there is reason to."""
    encryption = [types.ENCRYPTION_PROVEN] if types.ENCRYPTION_PROVEN in optional else []
    readable = [types.EVIDENCE_READABLE] if types.EVIDENCE_READABLE in optional else []
    place = len(PROVEN) + 1
    return (*CONDITIONS[:place], *encryption, *CONDITIONS[place:], *readable)


def _may_be_archived(obj: Mapping[str, Any], facts: StoreFacts | None) -> bool:
    """Return whether evidence may be archived; a look that found out nothing changes no answer."""
    if facts is not None:
        return bool(facts.archiving or facts.archiving_denied)
    before = (obj.get("status") or {}).get("conditions") or ()
    return any(entry["type"] == types.EVIDENCE_READABLE for entry in before)


def _mark_archived(builder: StatusBuilder, facts: StoreFacts | None) -> None:
    if facts is not None and facts.archiving:
        message = (
            f"of bucket {facts.bucket}, {facts.archiving}, those below `.glovebox/` among them:"
            " seals, records and manifests cannot be read then, and a seal may be made twice. Give"
            " the rule a filter with the prefixes that it is for, and restore what it archived"
        )
        builder.mark_false(types.EVIDENCE_READABLE, reasons.EVIDENCE_ARCHIVED, message)
    elif facts is not None and facts.archiving_denied:
        message = (
            "whether a rule of the bucket archives evidence is not known:"
            f" {facts.archiving_denied} (`s3:GetLifecycleConfiguration`)"
        )
        builder.mark_unknown(types.EVIDENCE_READABLE, reasons.STORE_FORBIDDEN, message)


def _mark_encrypted(builder: StatusBuilder, spec: Mapping[str, Any]) -> None:
    """Mark whether anybody on the way can read along."""
    sts = spec.get("sts") or {}
    endpoints = {"endpoint": spec["endpoint"], "sts.endpoint": sts.get("endpoint", "")}
    plain = [field for field, url in endpoints.items() if url.startswith("http://")]
    if not plain:
        message = "every connection is encrypted, and the store's certificate is checked"
        builder.mark_true(types.CONNECTION_ENCRYPTED, reasons.ENCRYPTED, message)
        return
    message = (
        f"`spec.{plain[0]}` begins with `http://`: whoever is on the way reads data, results and"
        " sessions; use `https://`, with `spec.tls.caBundle` where the authority is"
        " your own"
    )
    builder.mark_false(types.CONNECTION_ENCRYPTED, reasons.PLAIN_HTTP, message)


def with_keys(status: Mapping[str, Any], keys: Outcome, now: datetime) -> dict[str, Any]:
    """Return a status with what a look at the signing keys found; nothing else of it changes.

    What could not be seen changes no answer that there was.
    """
    builder = _as_it_was(status, now)
    if keys.is_done:
        message = "the key that signs now is published, and everybody may read it"
        builder.mark_true(types.KEY_PUBLISHED, reasons.KEY_PUBLISHED, message)
    elif not keys.is_failed:
        builder.mark_false(types.KEY_PUBLISHED, keys.reason, keys.message)
    elif builder.status_of(types.KEY_PUBLISHED) == types.UNKNOWN:
        builder.mark_unknown(types.KEY_PUBLISHED, keys.reason, keys.message)
    return builder.render()


def with_records(
    status: Mapping[str, Any], only_cluster: Sequence[str], only_store: int, now: datetime
) -> dict[str, Any]:
    """Return a status with what a comparison of records found; nothing else of it changes.

    Args:
        status: As it is shown.
        only_cluster: Experiments whose run or seal the store does not have.
        only_store: How many runs the store has on record that no Experiment here says of itself.
        now: The present time.
    """
    builder = _as_it_was(status, now)
    beside = (
        f"; besides {counted(only_store, 'run')} of Experiments that are not here, or were created"
        " again: `glovebox adopt --dry-run` lists them"
        if only_store
        else ""
    )
    if not only_cluster:
        message = f"the store has every run and seal that the cluster knows{beside}"
        builder.mark_true(types.RECORDS_FOUND, reasons.RECORDS_FOUND, message)
        return builder.render()
    some = ", ".join(only_cluster[:_SHOWN])
    message = (
        f"the store lost the records of {counted(len(only_cluster), 'Experiment')}, among them"
        f" {some}: it was emptied or restored, or another one answers at its endpoint. Bring the"
        f" bucket back; nothing is written again{beside}"
    )
    builder.mark_false(types.RECORDS_FOUND, reasons.RECORDS_LOST, message)
    return builder.render()


def with_ledger(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    ledger: Outcome | None,
    head: Mapping[str, Any] | None,
    grace: Grace,
    now: datetime,
) -> dict[str, Any] | None:
    """Return a status that says how writing the ledger goes; nothing else of it changes.

    What could not be seen changes no answer that there was before it lasts.

    Args:
        obj: The store as it was read.
        found: The status that its own look came to; None where it leaves what there is.
        ledger: How it went; None where nothing is new.
        head: What `status.ledger` holds from now on; None leaves it as it is.
        grace: How long a failure that may pass changes no answer.
        now: The present time.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    if not status.get("conditions"):
        return found  # not looked at yet: nothing is said of it alone
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(before, generation, (types.LEDGER_WRITTEN,), now)
    if ledger is not None and ledger.is_done:
        message = "entries are written, and the newest head is signed: `status.ledger`"
        builder.mark_true(types.LEDGER_WRITTEN, reasons.LEDGER_WRITTEN, message)
    elif ledger is not None and (not ledger.is_failed or ledger.definite):
        builder.mark_false(types.LEDGER_WRITTEN, ledger.reason, ledger.message)
    elif ledger is not None and (
        ledger.is_lasting(grace) or builder.status_of(types.LEDGER_WRITTEN) == types.UNKNOWN
    ):
        builder.mark_unknown(types.LEDGER_WRITTEN, ledger.reason, ledger.message)
    entry = builder.render()["conditions"][0]
    told = {**status, "ledger": _as_head(status, head)} if head is not None else status
    return {**told, "conditions": with_last(without_ledger(status)["conditions"], entry)}


def _as_head(status: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, Any]:
    """Return a head with what is recorded beside it.

    Entries are of the same organisation's ledger alone, and others who know a head of its epoch.
    """
    before: Mapping[str, Any] = status.get("ledger") or {}
    is_same = before.get("organisation") == head["organisation"]
    found = dict(head)
    if is_same and before.get("epoch") == head["epoch"]:
        others = [each for each in before.get("anchors") or () if each["kind"] not in OWN_ANCHORS]
        found["anchors"] = [*head["anchors"], *others]
    entries = before.get("entries") if is_same else None
    return {**found, "entries": entries} if entries else found


def with_entries(status: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a status that records where the ledger tells of the keys of seals."""
    head = {**(status.get("ledger") or {}), "entries": [dict(entry) for entry in entries]}
    return {**status, "ledger": head}


def without_ledger(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status that says nothing of a ledger that is not written any more.

    The head that was seen stays: who turns the ledger on again is held to it.
    """
    return without_condition(status, types.LEDGER_WRITTEN)


def without_condition(status: Mapping[str, Any], condition: str) -> dict[str, Any]:
    """Return a status that does not have one of its conditions any more."""
    others = [one for one in status["conditions"] if one["type"] != condition]
    return {**status, "conditions": others}


def with_last(others: list[dict[str, Any]], entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return conditions with one more behind those that last."""
    lasting = [one for one in others if one["type"] not in {types.RECONCILING, types.STALLED}]
    return [*lasting, entry, *others[len(lasting) :]]


def _as_it_was(status: Mapping[str, Any], now: datetime) -> StatusBuilder:
    """Return a builder that changes nothing yet, what is passing included."""
    shown = [each["type"] for each in status.get("conditions") or ()]
    lasting = _shown_types(shown)
    builder = StatusBuilder(status, status.get("observedGeneration", 0), lasting, now)
    for passing in (types.RECONCILING, types.STALLED):
        answer, reason, message = builder.current(passing)
        if reason != reasons.NOT_LOOKED:
            builder.mark(passing, answer, reason, message)
    return builder


def keys_reason(status: Mapping[str, Any] | None) -> str:
    """Return the reason of the condition on the signing keys; empty without one."""
    for entry in (status or {}).get("conditions") or ():
        if entry["type"] == types.KEY_PUBLISHED:
            return str(entry["reason"])
    return ""


def _record(builder: StatusBuilder, facts: StoreFacts) -> None:
    moment = format_time(facts.time)
    proofs = [
        {
            "name": proof.name,
            "outcome": str(proof.outcome),
            "message": proof.message,
            "verifiedTime": moment,
        }
        for proof in facts.proofs
    ]
    retention = dict(facts.retention) if facts.retention is not None else None
    builder.set(
        bucket=facts.bucket,
        retention=retention,
        lastVerifiedTime=moment,
        verifiedDigest=facts.digest,
        proofs=proofs,
    )


def _mark_proven(
    builder: StatusBuilder, condition: str, proofs: Sequence[Proof], *, has_role: bool
) -> None:
    if condition == types.CREDENTIAL_SCOPE_PROVEN and not has_role:
        message = "`spec.sts` is not set: credentials for one experiment alone cannot be issued"
        builder.mark_unknown(condition, reasons.STS_NOT_CONFIGURED, message)
        return
    outcome = condition_outcome(proofs, condition)
    words = [
        proof.message
        for proof in proofs
        if proof.condition == condition and proof.outcome == outcome
    ]
    if outcome == Shown.PASSED:
        message = f"{counted(len(words), 'attempt')}, each answered as it must be"
        builder.mark_true(condition, reasons.PROVEN, message)
        return
    message = "; ".join(dict.fromkeys(words))
    if outcome == Shown.FAILED:
        builder.mark_false(condition, reasons.PROOF_FAILED, message)
        return
    builder.mark_unknown(condition, reasons.PROOF_INCONCLUSIVE, message)
