"""What breaks lineage and evidence is counted over all objects, and counts go back with it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from glovebox.metrics.consistency import Consistency
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally

Json = dict[str, Any]


def condition(name: str, status: str, reason: str) -> Json:
    return {"type": name, "status": status, "reason": reason}


def obj(
    kind: str, *conditions: Json, uid: str = "u", spec: Json | None = None, **more: Any
) -> Json:
    return {
        "kind": kind,
        "metadata": {"name": "x", "namespace": "t", "uid": uid, "generation": 1},
        "spec": spec or {},
        "status": {"conditions": list(conditions), **more},
    }


def experiment(*inputs: tuple[str, str], features: tuple[str, ...] = (), **status: Any) -> Json:
    """Return an Experiment that uses contents in roles, and FeatureSetPins by UID."""
    names = [f"i{number}" for number in range(len(inputs))]
    datasets = [{"name": n, "role": role} for n, (role, _) in zip(names, inputs, strict=True)]
    entries = [
        {"name": n, "kind": "DatasetPin", "digest": content}
        for n, (_, content) in zip(names, inputs, strict=True)
    ] + [{"name": "f", "kind": "FeatureSetPin", "uid": uid} for uid in features]
    return obj("Experiment", spec={"inputs": {"datasets": datasets}}, inputs=entries, **status)


def counted(*objects: Json) -> Consistency[int]:
    found: Consistency[int] = Consistency()
    for key, each in enumerate(objects):
        found.upsert(key, each)
    return found


SOURCE_GONE = obj(
    "DatasetPin",
    condition("ProvenanceComplete", "False", "ProvenanceGaps"),
    provenance={"gaps": [{"field": "spec.provenance.sources[0]", "message": "not there"}]},
)


@pytest.mark.parametrize(
    ("pin", "link"),
    [
        pytest.param(SOURCE_GONE, "source", id="a source that is gone"),
        pytest.param(
            obj("DatasetPin", condition("Ready", "False", "SplitNotFound")),
            "split",
            id="a part of no split",
        ),
        pytest.param(
            obj("SplitPin", condition("Ready", "False", "PinNotFound")),
            "split",
            id="a split of no pin",
        ),
        pytest.param(
            obj("FeatureSetPin", condition("Ready", "False", "InputNotFound")),
            "input",
            id="features of no pin",
        ),
        pytest.param(
            obj("FeatureSetPin", condition("Ready", "False", "InputDigestMismatch")),
            "input",
            id="features of a pin that is another by now",
        ),
        pytest.param(
            obj("DatasetPin", condition("DistributionStable", "Unknown", "ReferenceGone")),
            "reference",
            id="a reference that is gone",
        ),
    ],
)
def test_a_broken_link_is_counted_until_the_pin_is_whole_or_gone(pin: Json, link: str) -> None:
    found = counted(pin, pin)
    assert +found.links == {link: 2}
    found.upsert(0, obj(pin["kind"], condition("Ready", "True", "Verified")))
    assert +found.links == {link: 1}
    found.delete(1)
    assert +found.links == {}


def test_a_source_that_nobody_read_yet_and_a_field_that_is_not_said_break_nothing() -> None:
    pending = obj(
        "DatasetPin",
        condition("ProvenanceComplete", "Unknown", "SourcesNotReady"),
        provenance={"gaps": [{"field": "spec.provenance.sources[0]", "message": "later"}]},
    )
    unsaid = obj(
        "DatasetPin",
        condition("ProvenanceComplete", "False", "ProvenanceGaps"),
        provenance={"gaps": [{"field": "spec.owner", "message": "not said"}]},
    )
    assert +counted(pending, unsaid).links == {}


def test_expired_features_count_while_an_experiment_that_is_not_sealed_uses_them() -> None:
    expired = obj("FeatureSetPin", condition("Retiring", "True", "Expired"), uid="old")
    soon = obj("FeatureSetPin", condition("Retiring", "True", "ExpiresSoon"), uid="young")
    found = counted(expired, soon)
    assert found.expired_in_use == 0
    found.upsert(2, experiment(features=("old", "young")))
    found.upsert(3, experiment(features=("old",)))
    assert found.expired_in_use == 1
    found.upsert(2, experiment(features=("old",), seal={"uri": "s3://x"}))
    assert found.expired_in_use == 1
    found.delete(3)
    assert found.expired_in_use == 0


def test_what_one_learns_from_and_another_is_judged_by_counts_and_not_within_one() -> None:
    found = counted(experiment(("train", "a"), ("test", "a"), ("test", "b")))
    assert found.opposed == 0, "the gate refused it, or it was allowed with a reason"
    found.upsert(1, experiment(("train", "b"), ("reference", "a")))
    assert found.opposed == 1
    found.upsert(2, experiment(("holdout", "a")))
    assert found.opposed == 2
    found.delete(1)
    assert found.opposed == 1
    found.upsert(2, experiment(("holdout", "a"), seal={"uri": "s3://x"}))
    assert found.opposed == 0


def test_features_are_of_no_role() -> None:
    """Their digest is of definitions, and a dataset of the same name has nothing to do with it."""
    one, other = experiment(("train", "a")), experiment(("test", "b"))
    for each in (one, other):
        entry = {"name": "i0", "kind": "FeatureSetPin", "uid": "f", "digest": "c"}
        each["status"]["inputs"].append(entry)
    assert counted(one, other).opposed == 0


def test_values_that_are_otherwise_than_defined_are_counted() -> None:
    differs = obj(
        "FeatureSetPin",
        condition("SchemaMatches", "False", "SchemaDiffers"),
        spec={"materialized": {"pinRef": {"name": "v"}}},
    )
    found = counted(differs, obj("FeatureSetPin"))
    assert (found.schemas["Differs"], found.schemas["None"]) == (1, 1)
    found.delete(0)
    assert found.schemas["Differs"] == 0


def test_the_run_that_waits_longest_for_its_seal_is_known() -> None:
    first, second = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    found = counted(
        experiment(run={"completionTime": second}), experiment(run={"completionTime": first})
    )
    assert found.oldest_unsealed == datetime.fromisoformat(first).timestamp()
    found.upsert(1, experiment(run={"completionTime": first}, seal={"uri": "s3://x"}))
    assert found.oldest_unsealed == datetime.fromisoformat(second).timestamp()
    found.delete(0)
    assert found.oldest_unsealed is None


@pytest.mark.parametrize(
    ("frozen", "state", "waits"),
    [
        pytest.param({}, "Sealed", True, id="over"),
        pytest.param({"desired": "Frozen"}, "Frozen", False, id="kept from it by its user"),
        pytest.param({"desired": "Frozen"}, "Sealed", True, id="closed for good before"),
        pytest.param({"broken": True}, "Frozen", False, id="kept from it by a broken input"),
        pytest.param({"broken": True}, "Sealed", True, id="stopped by a broken input"),
    ],
)
def test_a_run_that_is_over_waits_for_its_seal_unless_it_is_frozen(
    frozen: Json, state: str, *, waits: bool
) -> None:
    over = experiment(run={"completionTime": "2026-01-01T00:00:00Z"}, state=state)
    over["spec"]["lifecycle"] = {"desired": frozen.get("desired", "Active")}
    over["status"]["brokenInputs"] = [{"name": "i0"}] if frozen.get("broken") else None
    assert (counted(over).oldest_unsealed is not None) == waits


def test_a_ledger_that_went_back_counts_until_its_store_is_well_or_gone() -> None:
    back = obj("ObjectStore", condition("LedgerWritten", "False", "LedgerWentBack"))
    away = obj("ObjectStore", condition("LedgerWritten", "Unknown", "StoreUnreachable"))
    found = counted(back, back, away)
    assert found.went_back == 2
    found.upsert(0, obj("ObjectStore", condition("LedgerWritten", "True", "LedgerWritten")))
    found.delete(1)
    assert found.went_back == 0


def test_a_ledger_that_cannot_be_written_counts_until_it_is() -> None:
    back = obj("ObjectStore", condition("LedgerWritten", "False", "LedgerUnavailable"))
    away = obj("ObjectStore", condition("LedgerWritten", "Unknown", "StoreUnreachable"))
    unseen = obj("ObjectStore", condition("LedgerWritten", "Unknown", "NotLooked"))
    found = counted(back, away, unseen)
    assert found.unwritten == 2
    found.upsert(0, obj("ObjectStore", condition("LedgerWritten", "True", "LedgerWritten")))
    found.delete(1)
    assert found.unwritten == 0


@pytest.mark.parametrize("sealed", [False, True], ids=["before the seal", "after it"])
def test_evidence_that_is_overdue_counts_until_it_is_written(*, sealed: bool) -> None:
    seal: dict[str, Any] = {"seal": {"uri": "s3://results/x"}} if sealed else {}
    late = obj("Experiment", condition("EvidenceWritten", "False", "EvidenceOverdue"), **seal)
    found = counted(late, obj("Experiment", **seal))
    assert found.overdue == 1
    found.upsert(0, obj("Experiment", **seal))
    assert found.overdue == 0


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Forbidden", 1),
        ("IsolationIncomplete", 1),
        ("WriterFight", 1),
        ("Provisioning", 0),
        ("Deleting", 0),
        pytest.param("DriftDetected", 0, id="what a profile wants alerted is told by kind"),
    ],
)
def test_isolation_that_is_not_restored_counts_and_one_that_is_being_made_does_not(
    reason: str, expected: int
) -> None:
    bad = obj("Experiment", condition("NamespaceReady", "False", reason), state="Open")
    going = obj("Experiment", condition("NamespaceReady", "False", reason), state="Open")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    unseen = obj("Experiment", condition("NamespaceReady", "Unknown", reason), state="Open")
    whole = obj("Experiment", condition("NamespaceReady", "True", "Provisioned"), state="Open")
    unbound = obj("Experiment", condition("NamespaceReady", "False", reason))
    found = counted(bad, unbound, going, unseen, whole)
    assert found.incomplete == expected
    found.delete(0)
    assert found.incomplete == 0


def certificate(days: int) -> str:
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM).decode()


def _without_a_year() -> str:
    whole = x509.load_pem_x509_certificate(certificate(365 * 100).encode())
    end = whole.not_valid_after_utc.strftime("%Y%m%d%H%M%SZ").encode()
    body = whole.public_bytes(Encoding.DER).replace(end, b"00000101000000Z")
    text = base64.encodebytes(body).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


# It is read, and only its date says what is wrong with it.
ENDS_IN_THE_YEAR_ZERO = _without_a_year()


def test_a_store_ends_with_the_last_of_its_authorities_and_stores_with_the_first() -> None:
    def store(*days: int) -> Json:
        bundle = "".join(certificate(each) for each in days)
        return obj("ObjectStore", spec={"tls": {"caBundle": bundle}})

    broken = obj("ObjectStore", spec={"tls": {"caBundle": "-----BEGIN CERTIFICATE-----"}})
    odd = obj("ObjectStore", spec={"tls": {"caBundle": ENDS_IN_THE_YEAR_ZERO}})
    found = counted(store(1, 30), store(90), broken, odd, obj("ObjectStore"))
    assert found.first_authorities is not None
    left = found.first_authorities - datetime.now(UTC).timestamp()
    assert 29 < left / 86400 <= 30


OBJECTS = st.sampled_from(
    [
        SOURCE_GONE,
        obj("FeatureSetPin", condition("Retiring", "True", "Expired"), uid="old"),
        obj("Experiment", condition("NamespaceReady", "False", "Forbidden"), state="Open"),
        obj("ObjectStore", condition("LedgerWritten", "False", "LedgerWentBack")),
        experiment(("train", "a"), features=("old",)),
        experiment(("test", "a"), run={"completionTime": "2026-01-01T00:00:00Z"}),
        experiment(("test", "a"), seal={"uri": "s3://x"}),
    ]
)


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | OBJECTS), max_size=30))
def test_whatever_happened_before_counts_are_those_of_what_is_there(
    changes: list[tuple[int, Json | None]],
) -> None:
    tally: StateTally[int] = StateTally()
    there: dict[int, Json] = {}
    for key, change in changes:
        if change is None:
            tally.delete(key)
            there.pop(key, None)
        else:
            tally.upsert(key, change)
            there[key] = change
    fresh: StateTally[int] = StateTally()
    for key, each in there.items():
        fresh.upsert(key, each)
    assert shown(tally) == shown(fresh)


def shown(tally: StateTally[int]) -> list[tuple[str, Any, float]]:
    registry = CollectorRegistry()
    registry.register(
        StateCollector(tally, queues=dict, reflectors=dict, sweeps=dict, drifting=list)
    )
    return [
        (sample.name, sample.labels, sample.value)
        for family in registry.collect()
        if family.name != "glovebox_object_unhealthy"
        for sample in family.samples
    ]
