"""The checks of encryption: what is written is encrypted as the store's settings say.

It is judged by what a HEAD of the very version says, never by what the request asked for: there are
stores that take the request and store plain bytes. What a run writes asks for nothing, so that the
default of the bucket has to say the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from glovebox.errors import GloveboxError
from glovebox.store.answers import PRECONDITION_STATUS
from glovebox.store.buckets import read_encryption
from glovebox.store.encryption import named, shown
from glovebox.store.errors import translated
from glovebox.store.probe_bench import (
    CANARY,
    MAX_LEFTOVERS,
    OVERWRITE_BODY,
    ROOT,
    DisprovenError,
    NotProvableError,
    attempt,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.store.connection import Store
    from glovebox.store.encryption import Encryption
    from glovebox.store.probe_bench import CheckedBucket

_CURE: Final = (
    "Set up the store's KMS and its key, use a store that has one, or take `spec.encryption` out"
)
_LOCK: Final = timedelta(minutes=2)
_BODY: Final = b"Written by the session of a run, which asks for no encryption.\n"


def encrypted_on_request(checked: CheckedBucket) -> str:
    """What the operator writes is encrypted as it asks."""
    wanted = _wanted(checked)
    try:
        found = _written(checked, checked.store)
    except GloveboxError as error:
        _written(checked, checked.store.without_encryption())
        raise DisprovenError(
            f"the store takes an object, and not with the request for {wanted}: {error.message}."
            f" {_CURE}"
        ) from error
    if not wanted.is_shown(found):
        raise DisprovenError(
            f"an object written with the request for {wanted} shows {shown(found)}: the store takes"
            f" the request and does something else. {_CURE}"
        )
    return f"what asks for it is encrypted: {wanted}"


def encrypted_by_default(checked: CheckedBucket) -> str:
    """What asks for nothing is encrypted by the bucket: SDKs of runs ask for nothing."""
    wanted = _wanted(checked)
    found = _written(checked, checked.store.without_encryption())
    if not wanted.is_shown(found):
        default = named(*read_encryption(checked.store, checked.bucket))
        raise DisprovenError(
            f"an object written without a word on encryption, as runs write, shows {shown(found)};"
            f" the bucket's default is {default}. Set the default encryption of bucket"
            f" {checked.bucket} to {wanted} (put-bucket-encryption)"
        )
    return f"what asks for nothing is encrypted by the bucket: {wanted}"


def session_encrypts(checked: CheckedBucket) -> str:
    """A run's session may use the key: it writes and reads what the bucket encrypts.

    Written once for each key: what lies there stays for as long as the bucket locks it.
    """
    wanted = _wanted(checked)
    session = checked.session.without_encryption()
    key = f"{ROOT}x/encrypted-{wanted.trial}"
    refusal = attempt(lambda: checked.write(session, key, _BODY, IfNoneMatch="*"))
    if refusal is not None and refusal.status != PRECONDITION_STATUS:
        raise DisprovenError(
            f"a session may not write what the bucket encrypts with {wanted} (the store said"
            f" {refusal.shown}); allow the role of spec.sts.roleArn kms:GenerateDataKey and"
            " kms:Decrypt on this key, and give `spec.encryption.keyId` as the key's ARN"
        )
    read = attempt(lambda: session.s3.get_object(Bucket=checked.bucket, Key=key))
    if read is not None:
        raise DisprovenError(
            f"a session may not read what it wrote, encrypted with {wanted} (the store said"
            f" {read.shown}); allow the role of spec.sts.roleArn kms:Decrypt on this key"
        )
    with translated(f"look at s3://{checked.bucket}/{key}"):
        found = checked.store.wire.head(checked.bucket, key, {})
    if not wanted.is_shown(found):
        raise DisprovenError(
            f"what a session wrote shows {shown(found)}, and not {wanted}; set the default"
            f" encryption of bucket {checked.bucket} (put-bucket-encryption)"
        )
    return f"a session writes and reads what the bucket encrypts: {wanted}"


def _wanted(checked: CheckedBucket) -> Encryption:
    wanted = checked.store.settings.encryption
    if wanted is None:
        raise NotProvableError("spec.encryption is not set")
    return wanted


def _written(checked: CheckedBucket, store: Store) -> Mapping[str, str]:
    """Write over the canary as somebody, and return what a HEAD of that version says.

    It is locked for two minutes and swept by a later check, as every overwrite of the checks is.
    """
    if checked.leftovers >= MAX_LEFTOVERS:
        raise NotProvableError(
            f"{checked.leftovers} objects of earlier checks could not be deleted, so no more are"
            " written; allow the operator s3:DeleteObjectVersion on .glovebox/probe/*"
        )
    lock: dict[str, Any] = (
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": checked.now + _LOCK}
        if checked.lock[0]
        else {}
    )
    with translated(f"write s3://{checked.bucket}/{CANARY} to see how it is encrypted"):
        version = checked.write(store, CANARY, OVERWRITE_BODY, **lock)
    if not version or version == "null":
        raise NotProvableError(f"bucket {checked.bucket} gives no versions")
    with translated(f"look at s3://{checked.bucket}/{CANARY} version {version}"):
        return checked.store.wire.head(checked.bucket, CANARY, {"versionId": version})
