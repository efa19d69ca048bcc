"""Keys beside the evidence on a real store: written once, held, and believed for a signature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import TrustBundle, encode_bundle, trusted
from glovebox.evidence.rotation import with_current
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.store.connection import Stop
from glovebox.store.key_records import (
    PAYLOAD_TYPE,
    PREFIX,
    has_records,
    publish_keys,
    read_record,
)

if TYPE_CHECKING:
    from glovebox.store.connection import Store

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SIGNER, OTHER = (LocalSigner.of(new_key_pair().private) for _ in range(2))
BUNDLE = with_current(TrustBundle(()), trusted(SIGNER.public), NOW)


def test_what_is_published_is_found_again_and_cannot_be_deleted(
    store: Store, locked_bucket: str
) -> None:
    assert not has_records(store, locked_bucket, Stop())
    publish_keys(store, locked_bucket, SIGNER, BUNDLE, locked=True)
    publish_keys(store, locked_bucket, SIGNER, TrustBundle(()), locked=True)
    assert has_records(store, locked_bucket, Stop())
    assert read_record(store, locked_bucket, SIGNER, Stop()) == BUNDLE
    assert read_record(store, locked_bucket, OTHER, Stop()) is None
    found = store.s3.list_object_versions(Bucket=locked_bucket, Prefix=PREFIX)["Versions"]
    assert len(found) == 2
    for each in found:
        with pytest.raises(store.s3.exceptions.ClientError):
            store.s3.delete_object(
                Bucket=locked_bucket, Key=each["Key"], VersionId=each["VersionId"]
            )
        held = store.s3.get_object_legal_hold(
            Bucket=locked_bucket, Key=each["Key"], VersionId=each["VersionId"]
        )
        assert held["LegalHold"] == {"Status": "ON"}


def test_a_list_that_somebody_else_signed_under_its_name_is_not_believed(
    store: Store, locked_bucket: str
) -> None:
    forged = sign(encode_bundle(BUNDLE), OTHER, PAYLOAD_TYPE)
    key = f"{PREFIX}{SIGNER.key_id}.dsse.json"
    store.s3.put_object(Bucket=locked_bucket, Key=key, Body=forged)
    assert read_record(store, locked_bucket, SIGNER, Stop()) is None


def test_a_bucket_without_a_lock_is_published_in_as_well(store: Store, data_bucket: str) -> None:
    publish_keys(store, data_bucket, SIGNER, BUNDLE, locked=False)
    assert read_record(store, data_bucket, SIGNER, Stop()) == BUNDLE
