"""Public keys: which texts are a trust bundle, and what a key with a validity counts for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import opened, sign
from glovebox.evidence.keys import (
    TrustBundle,
    encode_bundle,
    load_public_key,
    read_bundle,
    trusted,
)
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.verification import Report, check_written
from unit.evidence.test_verification import ARTIFACTS, sealed, verified

PAIR, OTHER = new_key_pair(), new_key_pair()
# When `sealed` says that the seal was made.
SEALED = datetime(2026, 11, 25, 5, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = trusted(PAIR.public)


def bundle(**validity: Any) -> TrustBundle:
    return TrustBundle((trusted(OTHER.public), replace(KEY, **validity)))


def pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def test_what_is_published_is_read_back() -> None:
    keys = bundle(valid_from=SEALED - HOUR, valid_until=SEALED)
    assert read_bundle(encode_bundle(keys).decode()) == keys


def test_several_keys_in_one_file_are_all_trusted() -> None:
    text = f"# ours\n{PAIR.public}\n{OTHER.public}"
    assert [key.key_id for key in read_bundle(text).keys] == [
        KEY.key_id,
        trusted(OTHER.public).key_id,
    ]


def _published(**changes: Any) -> str:
    document = json.loads(encode_bundle(bundle(valid_from=SEALED)))
    document["keys"][1] |= changes
    return json.dumps(document)


# What is no trust bundle, and a word of why.
REFUSED = {
    "nothing": ("", "no public key"),
    "no key in PEM": ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "PEM"),
    "a private key": (PAIR.private, "PEM"),
    "a private key beside the public one": (PAIR.public + PAIR.private, "PEM"),
    "another document": ("{}", "not as"),
    "no document": ("{", "not as"),
    "another format": ('{"format": "x", "keys": []}', "format"),
    "no keys": ('{"format": "glovebox.dev/keys/v1", "keys": []}', "no key"),
    "a key under the id of another": (_published(keyId="0" * 64), "does not have the id"),
    "a key twice": (
        _published(keyId=trusted(OTHER.public).key_id, publicKey=OTHER.public),
        "twice",
    ),
    "a time without a zone": (_published(validFrom="2026-11-25T00:00:00"), "time zone"),
    "no time": (_published(validFrom="soon"), "not as"),
    "a key of RSA": (pem(rsa.generate_private_key(65537, 2048)), "kind"),
    "a curve that nobody signs with": (pem(ec.generate_private_key(ec.SECP521R1())), "kind"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_trust_bundle_is_refused_and_not_repeated(name: str) -> None:
    text, word = REFUSED[name]
    with pytest.raises(InvalidInput, match=word) as refused:
        read_bundle(text)
    assert "PRIVATE" not in str(refused.value)


# Validity of the key that signed, and whether the seal counts.
VALIDITY: dict[str, tuple[dict[str, Any], bool]] = {
    "always": ({}, True),
    "since before": ({"valid_from": SEALED - HOUR}, True),
    "since that very moment": ({"valid_from": SEALED}, True),
    "until that very moment": ({"valid_until": SEALED}, True),
    "only later": ({"valid_from": SEALED + HOUR}, False),
    "not any more": ({"valid_from": SEALED - 2 * HOUR, "valid_until": SEALED - HOUR}, False),
}


@pytest.mark.parametrize("name", VALIDITY)
def test_a_key_counts_while_it_is_valid(name: str) -> None:
    validity, holds = VALIDITY[name]
    report = verified(*sealed(ARTIFACTS, PAIR.private), bundle(**validity))
    assert [each.what for each in report.findings] == ([] if holds else ["KeyNotValid"])
    assert report.key is not None
    assert report.key.key_id == KEY.key_id


def test_of_two_periods_of_one_signature_the_valid_one_counts() -> None:
    """Two operators that signed one statement: one valid key is enough."""
    envelope, raw, snapshot = sealed(ARTIFACTS, PAIR.private)
    document = json.loads(envelope)
    document["signatures"] += json.loads(sealed(ARTIFACTS, OTHER.private)[0])["signatures"]
    keys = TrustBundle(
        (replace(KEY, valid_until=SEALED - HOUR), replace(trusted(OTHER.public), valid_from=SEALED))
    )
    report = verified(json.dumps(document).encode(), raw, snapshot, keys)
    assert report.findings == []
    assert report.key == keys.keys[1]


def test_the_key_id_in_an_envelope_decides_nothing() -> None:
    envelope = json.loads(sign(b"{}", LocalSigner.of(PAIR.private)))
    envelope["signatures"][0]["keyid"] = trusted(OTHER.public).key_id
    found = opened(json.dumps(envelope).encode(), bundle())
    assert [key.key_id for key in found.keys] == [KEY.key_id]


# When the store took the statement in, the validity of the key, and whether that is told.
WRITTEN: dict[str, tuple[datetime | None, dict[str, Any], bool]] = {
    "at once": (SEALED, {"valid_until": SEALED + HOUR}, False),
    "while the former key still counts": (
        SEALED + HOUR / 2,
        {"valid_until": SEALED + HOUR},
        False,
    ),
    "by a stolen key that dates back": (SEALED + 2 * HOUR, {"valid_until": SEALED + HOUR}, True),
    "by the key of now": (SEALED + 2 * HOUR, {}, False),
    "unknown": (None, {"valid_until": SEALED + HOUR}, False),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_key_that_was_replaced_cannot_date_back_what_the_store_took_in_later(name: str) -> None:
    written, validity, told = WRITTEN[name]
    report = Report(key=replace(KEY, **validity), sealed=SEALED)
    check_written(report, written)
    assert [each.what for each in report.findings] == (["KeyNotValid"] if told else [])
    # What cannot be known is said of each key that has an end, and of no other.
    assert len(report.remarks) == (written is None)
    assert all("date one back" in each for each in report.remarks)


@pytest.mark.parametrize(
    "report",
    [
        Report(sealed=SEALED),
        Report(key=replace(KEY, valid_until=SEALED - HOUR)),
        Report(key=replace(KEY, valid_until=SEALED - HOUR), sealed=SEALED),
        Report(key=replace(KEY, valid_from=SEALED + HOUR), sealed=SEALED),
        Report(key=KEY, sealed=SEALED),
    ],
    ids=["no key", "no time", "had ended before", "had not begun", "without an end"],
)
@pytest.mark.parametrize("written", [None, SEALED + 2 * HOUR], ids=["unknown", "known"])
def test_the_store_s_time_adds_nothing_where_no_key_counted_that_ended_since(
    report: Report, written: datetime | None
) -> None:
    check_written(report, written)
    assert (report.findings, report.remarks) == ([], [])


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_keys_that_management_services_offer_can_be_loaded(curve: ec.EllipticCurve) -> None:
    text = pem(ec.generate_private_key(curve))
    assert load_public_key(text) is not None
