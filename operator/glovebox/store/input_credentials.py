"""Short-lived credentials that can read the inputs of one run, by version, and nothing else.

They allow no write, no listing, and no other prefix.

A session policy takes 2,048 characters, so that it cannot name every object of a dataset. What is
few is named key by key; what is many is covered by the longest folder that holds all of it, never
by less than a folder: a pin whose objects have nothing in common but their bucket is refused,
unless the pin itself is the whole bucket.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from glovebox.errors import InvalidInput
from glovebox.store.credentials import MAX_POLICY, NEVER, SessionCredentials, assume_with_policy
from glovebox.store.sources import PrefixSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.store.connection import Store
    from glovebox.store.manifests import ManifestLocation

_READ: Final = ("s3:GetObject", "s3:GetObjectVersion")
# A store that forgets to intersect with the session policy may still honour a Deny.
_DENIED: Final = ("s3:PutObject", *NEVER)
# Letters that stores read as a pattern in a policy's resource, and those that no key should hold.
_PATTERN: Final = re.compile(r"[*?$\[\]\\\x00-\x1f]")
# With more keys than this per pin a folder reads better in an audit log, and leaves room for other
# pins.
_MAX_KEYS: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Readable:
    """What a session may read: one key, or everything below a prefix.

    Attributes:
        bucket: Where.
        key: The whole key; or a prefix, ending in `/`, or empty for the whole bucket.
        is_prefix: Which of the two.
    """

    bucket: str
    key: str
    is_prefix: bool

    @property
    def resource(self) -> str:
        """The resource of a policy statement."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}{'*' if self.is_prefix else ''}"

    def covers(self, other: Readable) -> bool:
        """Whether the other is granted with this one."""
        return self.is_prefix and self.bucket == other.bucket and other.key.startswith(self.key)


def readable_prefix(source: PrefixSource) -> Readable:
    """Return what a pin of a prefix needs: that prefix, or the whole bucket if it pins that."""
    return Readable(source.bucket, source.prefix, is_prefix=True)


def readable_manifest(manifest: ManifestLocation) -> Readable:
    """Return what reading a manifest needs: its key."""
    return Readable(manifest.bucket, manifest.key, is_prefix=False)


def readable_objects(objects: Iterable[tuple[str, str]]) -> tuple[Readable, ...]:
    """Return what a pin of listed objects needs, in constant memory.

    For each bucket that is up to four keys, or their longest common folder.

    Args:
        objects: Bucket and key of each, in any order.

    Raises:
        InvalidInput: `InputsTooScattered`: more than four objects of one bucket share no folder.
    """
    few: dict[str, set[str]] = {}
    common: dict[str, str] = {}
    for bucket, key in objects:
        folder = key[: key.rfind("/") + 1]
        common[bucket] = _shared_folder(common.get(bucket, folder), folder)
        keys = few.setdefault(bucket, set())
        if len(keys) <= _MAX_KEYS:
            keys.add(key)
    found: list[Readable] = []
    for bucket, keys in sorted(few.items()):
        if len(keys) <= _MAX_KEYS and not any(_PATTERN.search(key) for key in keys):
            found += [Readable(bucket, key, is_prefix=False) for key in sorted(keys)]
        elif common[bucket]:
            found.append(Readable(bucket, common[bucket], is_prefix=True))
        else:
            raise InvalidInput(
                "InputsTooScattered",
                f"the pinned objects in bucket {bucket} share no folder, so that only the whole"
                " bucket could be granted to a run; copy them below one prefix and pin that",
            )
    return tuple(found)


def input_policy(readables: Iterable[Readable]) -> str:
    """Return the session policy that reads these, as compact JSON.

    Raises:
        InvalidInput: `BadPrefix`: a prefix does not end in `/` or holds what a policy reads as a
            pattern. `PolicyTooLong`: they do not fit in one session policy.
    """
    wanted = sorted(set(readables))
    for each in wanted:
        _require_plain(each)
    needed = [
        each
        for each in wanted
        if not any(other is not each and other.covers(each) for other in wanted)
    ]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": list(_READ), "Resource": [each.resource for each in needed]},
        {"Effect": "Deny", "Action": list(_DENIED), "Resource": ["*"]},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if not needed:
        raise InvalidInput(
            "NothingToRead", "credentials for no inputs at all are not issued; leave them out"
        )
    if len(policy) > MAX_POLICY:
        raise InvalidInput(
            "PolicyTooLong",
            f"reading these inputs takes a session policy of {len(policy)} characters, AssumeRole"
            f" takes {MAX_POLICY}: keep the inputs of one store below fewer or shorter prefixes"
            f" ({len(needed)} keys and prefixes are needed now)",
        )
    return policy


async def issue_input_credentials(
    store: Store,
    *,
    role_arn: str,
    readables: Iterable[Readable],
    session_name: str,
    duration_seconds: int = 1800,
) -> SessionCredentials:
    """Assume the role for reading these inputs alone.

    Args:
        store: Opened as the only user that the role trusts.
        role_arn: `spec.sts.roleArn` of the ObjectStore.
        readables: The prefixes and keys of all inputs of this store, and their manifests.
        session_name: As in `issue_credentials`.
        duration_seconds: As in `issue_credentials`.

    Raises:
        InvalidInput: As `input_policy`, or an argument is out of its range.
        GloveboxError: The store does not answer, or does not let the operator assume the role.
    """
    policy = input_policy(readables)
    return await store.run(
        assume_with_policy,
        store,
        role_arn,
        policy,
        "reading inputs",
        session_name,
        duration_seconds,
    )


def _shared_folder(one: str, other: str) -> str:
    """Return the longest folder that holds both, with its `/`; empty when there is none."""
    same = next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return one[: one.rfind("/", 0, same) + 1]


def _require_plain(each: Readable) -> None:
    if each.is_prefix and each.key and not each.key.endswith("/"):
        raise InvalidInput(
            "BadPrefix",
            f"prefix {each.key!r} cannot be granted: it must end in '/', or be empty for the whole"
            " bucket",
        )
    if _PATTERN.search(each.key):
        raise InvalidInput(
            "BadPrefix",
            f"{each.key!r} in bucket {each.bucket} cannot be granted: a policy reads * ? $ [ ] and"
            " \\ as patterns; copy the data below a prefix without them and pin that",
        )
