"""Reading objects: strict where a person writes, tolerant of the API server, without loss."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from glovebox.api import conditions, reasons
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.kinds import BY_NAME, KINDS
from glovebox.api.scalars import Cidr, DeclaredTime, HostAddress, Quantity
from glovebox.api.validity import Validity
from glovebox.status.text import format_time
from support.examples import FLIGHTS, REPOSITORY, documents, flights, merged

_CASES = REPOSITORY / "tests" / "cluster" / "api"
OURS = [document for document in documents(FLIGHTS) if document["kind"] in BY_NAME]


def _refusals() -> list[Any]:
    return [
        pytest.param(kind.kind, case, id=f"{kind.singular}-{case['case']}")
        for kind in KINDS
        for case in yaml.safe_load(
            (_CASES / "refusals" / f"{kind.singular}.yaml").read_text(encoding="utf-8")
        )
    ]


def _accepted() -> list[Any]:
    cases = yaml.safe_load((_CASES / "accepted.yaml").read_text(encoding="utf-8"))
    return [pytest.param(case, id=f"{case['kind']}-{case['case']}") for case in cases]


@pytest.mark.parametrize(
    "document",
    OURS,
    ids=[f"{document['kind']}-{document['metadata']['name']}" for document in OURS],
)
def test_what_is_read_is_written_again(document: dict[str, Any]) -> None:
    read = BY_NAME[document["kind"]].model.model_validate(document)
    written = read.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    # Amounts are text, whichever way they were written.
    stated = document["spec"]
    for at, stage in enumerate(stated.get("stages", ())):
        amounts = {name: str(each) for name, each in stage.get("resources", {}).items()}
        if amounts:
            stated = merged(stated, {"stages": {at: {"resources": amounts}}})

    assert merged(written, stated) == written


@pytest.mark.parametrize(("kind", "case"), _refusals())
def test_models_and_api_server_refuse_the_same(kind: str, case: dict[str, Any]) -> None:
    """The table of the cluster's tests; `offline: false` marks rules only the server knows."""
    bad = merged(flights(kind), case["change"])
    model = BY_NAME[kind].model

    if case.get("offline", True):
        with pytest.raises(ValidationError):
            model.model_validate(bad)
    else:
        model.model_validate(bad)


@pytest.mark.parametrize("case", _accepted())
def test_models_and_api_server_accept_the_same(case: dict[str, Any]) -> None:
    BY_NAME[case["kind"]].model.model_validate(merged(flights(case["kind"]), case["change"]))


@pytest.mark.parametrize("kind", KINDS, ids=[kind.kind for kind in KINDS])
def test_unknown_fields_of_metadata_and_status_are_no_error(kind: Any) -> None:
    unknown = {"later": {"a": [1]}}
    body = {
        **flights(kind.kind),
        "metadata": {"name": "a", "managedFields": [{}], "ownerReferences": None, **unknown},
        "later": 1,
    }
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        **unknown,
    }
    body["status"] = {"observedGeneration": 4, "conditions": [condition], **unknown}

    read = kind.model.model_validate(body)

    assert read.status.observed_generation == 4
    assert read.status.condition("Ready").is_true
    assert read.status.condition("Stalled") is None


@pytest.mark.parametrize(
    "metadata", [{}, {"finalizers": None, "labels": None, "annotations": None}]
)
def test_absent_and_null_read_as_empty(metadata: dict[str, Any]) -> None:
    body = {**flights("Experiment"), "metadata": metadata, "status": None}

    read = Experiment.model_validate(body)

    assert (read.name, read.metadata.finalizers, read.metadata.labels, read.is_deleting) == (
        "",
        (),
        {},
        False,
    )
    assert read.status.observed_generation == -1


def test_a_field_that_nobody_acts_on_is_refused_in_a_spec() -> None:
    with pytest.raises(ValidationError, match="gates"):
        Experiment.model_validate(merged(flights("Experiment"), {"spec": {"gates": []}}))


def test_an_error_never_shows_the_value() -> None:
    value = "AKIAIOSFODNN7EXAMPLE"
    with pytest.raises(ValidationError) as refusal:
        Experiment.model_validate(
            merged(flights("Experiment"), {"spec": {"config": {"parameters": {"store": value}}}})
        )

    assert "must not contain a secret" in str(refusal.value)
    assert value not in str(refusal.value)


def test_drift_of_a_kind_that_is_not_listed_is_repaired() -> None:
    profile = IsolationProfile.model_validate(
        merged(
            flights("IsolationProfile"),
            {"spec": {"drift": [{"kind": "RoleBinding", "policy": "Alert"}]}},
        )
    )

    assert profile.spec.drift_policy("RoleBinding") == "Alert"
    assert profile.spec.drift_policy("NetworkPolicy") == "Repair"


@pytest.mark.parametrize(
    ("window", "early", "over"),
    [
        pytest.param({}, False, False, id="no window is always open"),
        pytest.param({"notBeforeTime": "2026-01-02T00:00:00Z"}, True, False, id="before its begin"),
        pytest.param(
            {"notBeforeTime": "2026-01-01T00:00:00Z"}, False, False, id="the begin belongs to it"
        ),
        pytest.param({"notAfterTime": "2026-01-01T00:00:00Z"}, False, True, id="the end does not"),
        pytest.param(
            {"notAfterTime": "2026-01-01T01:00:01+01:00"},
            False,
            False,
            id="zones are compared as instants",
        ),
    ],
)
def test_a_window_has_a_begin_and_an_end(
    window: dict[str, str], *, early: bool, over: bool
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    validity = Validity.model_validate(window)

    assert (validity.is_early(now), validity.is_over(now)) == (early, over)


@given(st.ip_addresses(), st.integers(0, 128))
def test_only_networks_without_host_bits_outside_of_link_local_pass(
    address: Any, length: int
) -> None:
    text = f"{address}/{length}"
    fine = _is_fine(text)
    try:
        passed = TypeAdapter(Cidr).validate_python(text) == text
    except ValidationError:
        passed = False

    assert passed is fine


def _is_fine(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    if isinstance(network, ipaddress.IPv4Network):
        return not network.subnet_of(ipaddress.IPv4Network("169.254.0.0/16"))
    return network.network_address.ipv4_mapped is None and not network.subnet_of(
        ipaddress.IPv6Network("fe80::/10")
    )


@pytest.mark.parametrize(
    "text", ["0", "2", "500m", "1.5", "4Gi", "10G", "1e9", "1E3", "100n", "3u", "0.5Ti"]
)
def test_a_quantity_is_what_kubernetes_takes_for_one(text: str) -> None:
    assert TypeAdapter(Quantity).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "-1", "4 GB", "4GB", "two", "1,5", "Gi", "1mm", "0x10"])
def test_what_kubernetes_does_not_take_is_no_quantity(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a quantity"):
        TypeAdapter(Quantity).validate_python(text)


@pytest.mark.parametrize("text", ["169.254.20.10", "fd00:53::a", "fe80::a"])
def test_a_host_is_an_address_in_its_usual_spelling(text: str) -> None:
    assert TypeAdapter(HostAddress).validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["fe80::a%eth0", "::ffff:10.0.0.1", "FD00::A", "10.0.0.01", "10.0.0.0/24", "dns.example", ""],
)
def test_what_a_policy_cannot_name_is_no_host(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HostAddress).validate_python(text)


def test_reasons_and_condition_types_are_words_that_the_schema_takes() -> None:
    words = {
        name: value
        for module in (reasons, conditions)
        for name, value in vars(module).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str)
    }

    assert all(word.isalnum() and word[0].isupper() for word in words.values())


def test_every_reason_says_one_thing() -> None:
    words = [
        value
        for name, value in vars(reasons).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str)
    ]

    assert sorted(words) == sorted(set(words))
    # And no module of the package hides the word of another one.
    assert sorted(words) == sorted(reasons.MEANINGS)


@pytest.mark.parametrize("text", ["1000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_declared_time_has_one_a_month_before_it_and_one_in_utc(text: str) -> None:
    moment = TypeAdapter(DeclaredTime).validate_python(text)
    assert moment.astimezone(UTC) - timedelta(days=31) < moment
    assert format_time(moment) == text


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-05T00:00:00Z",
        "0999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.5Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_lies_at_the_end_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a time from the year 1000"):
        TypeAdapter(DeclaredTime).validate_python(text)
