"""Read-only sessions for the fetcher: exactly the prefixes that pins cover and the manifests that list them, by version, and nothing else.

A session policy holds at most 2,048 characters, so it names prefixes and never single objects: for a pin of listed
objects that is the longest prefix they share, cut at a `/`. Wider than the pin, but only to be read, and what is read
is checked against the pinned digests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from glovebox.errors import InvalidInput
from glovebox.store.credentials import MAX_POLICY, SessionCredentials, assume_with_policy
from glovebox.store.sources import ManifestSource, ObjectsSource, PrefixSource, Source

if TYPE_CHECKING:
    from glovebox.store.connection import Store

_READ: Final = ("s3:GetObject", "s3:GetObjectVersion")
_PATTERN: Final = frozenset("*?$")


@dataclass(frozen=True, slots=True)
class PinnedInput:
    """What the fetcher has to read for one pin.

    Attributes:
        source: As the pin was made.
        manifest_bucket: Where its manifest lies.
        manifest_key: Its whole key.
    """

    source: Source
    manifest_bucket: str
    manifest_key: str


def input_policy(inputs: Iterable[PinnedInput]) -> str:
    """Return the session policy that reads these pins, as compact JSON; the same pins give the same text.

    Raises:
        InvalidInput: A prefix holds a letter that a policy reads as a pattern, or the policy gets too long.
    """
    resources = sorted({resource for pinned in inputs for resource in _resources(pinned)})
    statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": list(_READ), "Resource": resources}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(policy) > MAX_POLICY:
        raise InvalidInput(
            "PolicyTooLong",
            f"the inputs of one store lie under {len(resources)} prefixes, and their session policy has {len(policy)} characters where "
            f"AssumeRole takes {MAX_POLICY}; use fewer pins, or pins under shorter or common prefixes",
        )
    return policy


async def issue_input_credentials(
    store: Store, *, role_arn: str, inputs: Iterable[PinnedInput], session_name: str, duration_seconds: int
) -> SessionCredentials:
    """Assume the role for reading these pins alone.

    Args:
        store: Opened as the only user that the role trusts.
        role_arn: `spec.sts.roleArn` of the ObjectStore.
        inputs: The pins that lie in this store.
        session_name: Shows up in the store's audit log.
        duration_seconds: 900 to 3600.

    Raises:
        InvalidInput: As `input_policy`.
        GloveboxError: The store does not answer, or does not let the operator assume the role.
    """
    policy = input_policy(inputs)
    doing = f"assume role {role_arn} for reading inputs"
    return await store.run(assume_with_policy, store, doing, role_arn, policy, session_name, duration_seconds)


def _resources(pinned: PinnedInput) -> Iterable[str]:
    yield _arn(pinned.manifest_bucket, pinned.manifest_key)
    source = pinned.source
    match source:
        case PrefixSource():
            yield f"{_arn(source.bucket, source.prefix)}*"
        case ObjectsSource():
            for bucket in sorted({entry.bucket for entry in source.objects}):
                shared = _shared_prefix([entry.key for entry in source.objects if entry.bucket == bucket])
                yield f"{_arn(bucket, shared)}*"
        case ManifestSource():
            # What it lists is not known here: everything beside and below the list itself.
            yield f"{_arn(source.bucket, source.key.rpartition('/')[0] + '/' if '/' in source.key else '')}*"


def _shared_prefix(keys: list[str]) -> str:
    first, last = min(keys), max(keys)
    length = next((index for index, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last)))
    return first[: first[:length].rfind("/") + 1]


def _arn(bucket: str, key: str) -> str:
    if _PATTERN.intersection(key):
        raise InvalidInput(
            "BadPrefix", f"s3://{bucket}/{key} cannot be granted: a policy reads * ? and $ in it as a pattern; pin other keys"
        )
    return f"arn:aws:s3:::{bucket}/{key}"
