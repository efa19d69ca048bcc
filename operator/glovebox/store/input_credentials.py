"""Short-lived credentials that can read the inputs of one run, by version, and nothing else.

They allow no write, no listing, and no other prefix.

A session policy takes 2,048 characters, so that it cannot name every object of a dataset. What is
few is named key by key; what is many is covered by folders, and each of them lies in a place that
was granted to whoever pinned it: the folders that the objects lie in, or, where these are too many,
the longest one that the objects of one granted place share. What no grant covers is refused, and so
is a whole bucket, unless the pin itself is one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.store.arns import kms_rights, objects_arn, partition_of
from glovebox.store.credentials import (
    DECRYPT,
    MAX_POLICY,
    NEVER,
    SessionCredentials,
    assume_with_policy,
)
from glovebox.store.sources import PrefixSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.store.connection import Store
    from glovebox.store.manifests import ManifestLocation
    from glovebox.store.source_access import Location

_READ: Final = ("s3:GetObject", "s3:GetObjectVersion")
# A store that forgets to intersect with the session policy may still honour a Deny.
_DENIED: Final = ("s3:PutObject", *NEVER)
# Letters that stores read as a pattern in a policy's resource, and those that no key should hold.
_PATTERN: Final = re.compile(r"[*?$\[\]\\\x00-\x1f]")
# With more keys than this per pin a folder reads better in an audit log, and leaves room for other
# pins. Likewise with more folders.
_MAX_KEYS: Final = 4
_MAX_FOLDERS: Final = 8


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

    def resource(self, partition: str) -> str:
        """Return the resource of a policy statement."""
        return objects_arn(partition, self.bucket, f"{self.key}{'*' if self.is_prefix else ''}")

    def covers(self, other: Readable) -> bool:
        """Whether the other is granted with this one."""
        return self.is_prefix and self.bucket == other.bucket and other.key.startswith(self.key)


def readable_prefix(source: PrefixSource) -> Readable:
    """Return what a pin of a prefix needs: that prefix, or the whole bucket if it pins that."""
    return Readable(source.bucket, source.prefix, is_prefix=True)


def readable_manifest(manifest: ManifestLocation) -> Readable:
    """Return what reading a manifest needs: its key."""
    return Readable(manifest.bucket, manifest.key, is_prefix=False)


def readable_objects(
    objects: Iterable[tuple[str, str]], granted: Iterable[Location] = ()
) -> tuple[Readable, ...]:
    """Return what a pin of listed objects needs, in constant memory.

    For each bucket that is up to four keys, or up to eight folders that hold objects themselves, or
    one folder in each place that is granted. A key is granted by a folder, so the folder that it
    lies in is within that grant; a folder further up need not be, and others may have data there.

    Args:
        objects: Bucket and key of each, in any order.
        granted: What whoever pinned them may pin now.

    Raises:
        InvalidInput: `InputsTooScattered`: they lie in more than eight folders that no grant holds
            together, or in no folder.
    """
    places = sorted(granted, key=lambda place: len(place.prefix), reverse=True)
    buckets: dict[str, _Spread] = {}
    for bucket, key in objects:
        buckets.setdefault(bucket, _Spread(bucket, places)).add(key)
    return tuple(each for _, spread in sorted(buckets.items()) for each in spread.readables())


class _Spread:
    """Where the pinned objects of one bucket lie."""

    def __init__(self, bucket: str, places: Iterable[Location]) -> None:
        self._bucket = bucket
        self._places = [place for place in places if place.bucket == bucket]
        self._keys: set[str] = set()
        self._folders: set[str] = set()
        # By the prefix of the narrowest place that covers them; None where none does.
        self._common: dict[str | None, str] = {}

    def add(self, key: str) -> None:
        """Take one key."""
        if len(self._keys) <= _MAX_KEYS:
            self._keys.add(key)
        folder = key[: key.rfind("/") + 1]
        if len(self._folders) <= _MAX_FOLDERS and not _is_below(folder, self._folders):
            self._folders = {each for each in self._folders if not each.startswith(folder)}
            self._folders.add(folder)
        covers = (place.prefix for place in self._places if place.covers(self._bucket, key))
        place = next(covers, None)
        self._common[place] = _shared_folder(self._common.get(place, folder), folder)

    def readables(self) -> list[Readable]:
        """Return the keys or folders to read."""
        if len(self._keys) <= _MAX_KEYS and not any(_PATTERN.search(key) for key in self._keys):
            return [Readable(self._bucket, key, is_prefix=False) for key in sorted(self._keys)]
        folders = self._folders
        if len(folders) > _MAX_FOLDERS and None not in self._common:
            folders = set(self._common.values())
        if len(folders) > _MAX_FOLDERS or "" in folders:
            raise InvalidInput(
                "InputsTooScattered",
                f"the pinned objects in bucket {self._bucket} lie in no folder, or in more than"
                f" {_MAX_FOLDERS} that no grant of the store holds together, so that a run would be"
                " given more than them; copy them below one prefix and pin that",
            )
        return [Readable(self._bucket, folder, is_prefix=True) for folder in sorted(folders)]


def input_policy(
    readables: Iterable[Readable], role_arn: str = "", key_ids: tuple[str, ...] = ()
) -> str:
    """Return the session policy that reads these, as compact JSON.

    Args:
        readables: What to read.
        role_arn: The role that is narrowed.
        key_ids: Keys of KMS that they may be encrypted with; those that are no ARN need no right.

    Raises:
        InvalidInput: `BadPrefix`: a prefix does not end in `/` or holds what a policy reads as a
            pattern. `PolicyTooLong`: they do not fit in one session policy.
    """
    partition = partition_of(role_arn)
    wanted = sorted(set(readables))
    for each in wanted:
        _require_plain(each)
    needed = [
        each
        for each in wanted
        if not any(other is not each and other.covers(each) for other in wanted)
    ]
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(_READ),
            "Resource": [each.resource(partition) for each in needed],
        },
        *kms_rights(key_ids, DECRYPT),
        {"Effect": "Deny", "Action": list(_DENIED), "Resource": ["*"]},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    # No space but those of names is in it. Sent as `+`, some stores leave it so.
    policy = policy.replace(" ", r"\u0020")
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
    key_ids: tuple[str, ...] = (),
) -> SessionCredentials:
    """Assume the role for reading these inputs alone.

    Args:
        store: Opened as the only user that the role trusts.
        role_arn: `spec.sts.roleArn` of the ObjectStore.
        readables: The prefixes and keys of all inputs of this store, and their manifests.
        session_name: As in `issue_credentials`.
        duration_seconds: As in `issue_credentials`.
        key_ids: As in `input_policy`.

    Raises:
        InvalidInput: As `input_policy`, or an argument is out of its range.
        GloveboxError: The store does not answer, or does not let the operator assume the role.
    """
    wanted = tuple(readables)
    policy = input_policy(wanted, role_arn, key_ids)
    try:
        return await store.run(
            assume_with_policy,
            store,
            role_arn,
            policy,
            "reading inputs",
            session_name,
            duration_seconds,
        )
    except InvalidInput as error:
        named = next((each.key for each in wanted if ":" in each.key), "")
        if error.reason != reasons.STORE_REJECTED or not named:
            raise
        raise InvalidInput(
            reasons.STORE_REJECTED,
            f"{error.message}; {named!r} has a ':', which there are stores that take in no name of"
            " a session policy: copy the data below a prefix without one and pin that",
        ) from error


def _is_below(folder: str, folders: Iterable[str]) -> bool:
    return any(folder.startswith(each) for each in folders)


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
