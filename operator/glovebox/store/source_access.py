"""Which objects of a store one namespace may pin, and a session that reads no others.

The check comes before any request that is about the object, so that a refusal tells nothing about
what is there. Where the store issues sessions, it enforces the same list itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Refused
from glovebox.store.arns import bucket_arn, kms_rights, objects_arn, partition_of
from glovebox.store.credentials import DECRYPT, MAX_POLICY, NEVER, assume_with_policy
from glovebox.store.sources import ManifestSource, PartSource, PrefixSource, SealSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from glovebox.store.connection import Credentials, Store
    from glovebox.store.sources import Source

# Below it lie the rows of the parts of splits, by namespace: see `store/part_objects.py`.
SPLITS: Final = ".glovebox/splits/"
# The SDK renews a session a quarter of an hour before its end.
_SESSION_SECONDS: Final = 1800
_READ: Final = ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention")
_LIST: Final = ("s3:ListBucket", "s3:ListBucketVersions")
# Letters that stores read as a pattern in a policy's resource, and those that no key should hold.
_PATTERN: Final = re.compile(r"[*?$\[\]\\\x00-\x1f]")


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """All keys of a bucket that begin with a prefix; an empty one is the whole bucket."""

    bucket: str
    prefix: str

    def covers(self, bucket: str, key: str) -> bool:
        """Return whether a key, or all keys that begin with it, lie here."""
        return bucket == self.bucket and key.startswith(self.prefix)

    def __str__(self) -> str:
        """Return it as a URI."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """What one namespace may pin from one store.

    Args:
        namespace: The team's.
        store: Name of the ObjectStore.
        locations: What was granted to the namespace.
        artifacts: The store's own bucket of artifacts. It holds the results of all teams, and the
            evidence: nothing in it is a source, whatever was granted, but what the namespace's own
            experiments wrote.
        reserved: Buckets of artifacts of other stores, each with the name of its ObjectStore: two
            stores may be one and the same by another address. Nothing in them is a source.
        role_arn: The role whose sessions read no more than that; empty where the store issues
            none, and the check here is the only one.
        key_ids: Keys of the store's KMS that its objects are encrypted with.
        parts: Whether what splits of the namespace's pins wrote may be read: by pins of their parts
            alone.
    """

    namespace: str
    store: str
    locations: tuple[Location, ...]
    artifacts: str
    reserved: tuple[tuple[str, str], ...] = ()
    role_arn: str = ""
    key_ids: tuple[str, ...] = ()
    parts: bool = False

    def reading(self, source: Source) -> SourceAccess:
        """Return the same for a source: the rows of splits are read by pins of parts alone."""
        return replace(self, parts=isinstance(source, PartSource))

    @property
    def document(self) -> dict[str, Any]:
        """The same as plain values, in a fixed order."""
        return {
            "namespace": self.namespace,
            "store": self.store,
            "locations": [[each.bucket, each.prefix] for each in sorted(self.locations)],
            "artifacts": self.artifacts,
            "reserved": [list(each) for each in sorted(self.reserved)],
            "role_arn": self.role_arn,
            "key_ids": list(self.key_ids),
            "parts": self.parts,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> SourceAccess:
        """Return what `document` said."""
        return cls(
            document["namespace"],
            document["store"],
            tuple(Location(bucket, prefix) for bucket, prefix in document["locations"]),
            document["artifacts"],
            tuple((bucket, store) for bucket, store in document["reserved"]),
            document["role_arn"],
            tuple(document["key_ids"]),
            document["parts"],
        )

    @property
    def own_artifacts(self) -> Location:
        """What the namespace's own experiments wrote."""
        return Location(self.artifacts, f"{self.namespace}/")

    @property
    def own_parts(self) -> Location:
        """What splits of the namespace's own pins wrote."""
        return Location(self.artifacts, f"{SPLITS}{self.namespace}/")

    @property
    def sources(self) -> tuple[Location, ...]:
        """What was granted and lies in no bucket of artifacts."""
        closed = {self.artifacts, *(bucket for bucket, _ in self.reserved)}
        return tuple(each for each in self.locations if each.bucket not in closed)

    def check(self, bucket: str, key: str) -> None:
        """Accept an object, or all below a prefix.

        Raises:
            Refused: `NotGranted`.
        """
        if bucket == self.artifacts:
            own = (self.own_artifacts, *([self.own_parts] if self.parts else ()))
            if not any(location.covers(bucket, key) for location in own):
                raise Refused(
                    reasons.NOT_GRANTED,
                    f"s3://{bucket}/{key} is not granted to namespace '{self.namespace}': bucket"
                    f" {bucket} is for artifacts, and a pin may cover only those below"
                    f" '{self.namespace}/'; pin the data where their owner keeps them",
                )
            return
        other = next((store for reserved, store in self.reserved if reserved == bucket), None)
        if other is not None:
            raise Refused(
                reasons.NOT_GRANTED,
                f"s3://{bucket}/{key} is not granted to namespace '{self.namespace}': ObjectStore"
                f" '{other}' keeps artifacts in a bucket {bucket}, and no pin of another store may"
                f" cover those. If it is another bucket of that name, or should not be there, ask"
                f" the platform's owner to correct ObjectStore '{other}'",
            )
        if not any(location.covers(bucket, key) for location in self.locations):
            granted = ", ".join(map(str, sorted(self.locations)[:10])) or "nothing"
            raise Refused(
                reasons.NOT_GRANTED,
                f"s3://{bucket}/{key} is not granted to namespace '{self.namespace}': `spec.access`"
                f" of ObjectStore '{self.store}' grants it {granted}; pin what is granted, or ask"
                " the platform's owner to list more there",
            )

    def check_source(self, source: Source) -> None:
        """Check all that a source itself names: its prefix, its manifest, or its objects.

        Raises:
            Refused: `NotGranted`.
        """
        for bucket, key in named_by(source):
            self.check(bucket, key)

    def needed(self, source: Source) -> tuple[Location, ...]:
        """Return what has to be read for a source that was checked, as few and narrow as known.

        The lines of a manifest may name anything that is granted.
        """
        if isinstance(source, PrefixSource):
            return (Location(source.bucket, source.prefix),)
        if isinstance(source, PartSource):
            return (*self.sources, self.own_artifacts, self.own_parts)
        if isinstance(source, SealSource):
            own = self.own_artifacts
            return (Location(own.bucket, f"{own.prefix}{source.experiment}/"),)
        named = tuple(named_by(source))
        may_be_own = any(bucket == self.artifacts for bucket, _ in named)
        readable = (*self.sources, *((self.own_artifacts,) if may_be_own else ()))
        if isinstance(source, ManifestSource):
            return readable
        return tuple(sorted(each for each in readable if any(each.covers(*one) for one in named)))


def narrowed(store: Store, access: SourceAccess | None, source: Source) -> Store:
    """Return a store through sessions that read a source and nothing else.

    The store itself where it issues none, or where all may be read.

    Raises:
        InvalidInput: No session policy can say what was granted.
    """
    if access is None or not access.role_arn:
        return store
    policy = source_policy(access.needed(source), access.role_arn, access.key_ids)
    tenant = hashlib.sha256(access.namespace.encode()).hexdigest()[:10]

    def issue() -> Credentials:
        return assume_with_policy(
            store,
            access.role_arn,
            policy,
            "reading sources of pins",
            f"glovebox-sources-{tenant}",
            _SESSION_SECONDS,
        ).as_credentials()

    return store.renewing(issue)


def named_by(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the objects and prefixes that a source itself names."""
    match source:
        case PrefixSource():
            yield source.bucket, source.prefix
        case ManifestSource():
            yield source.bucket, source.key
        case SealSource():
            return  # what its seal lists is checked, line by line
        case PartSource():
            return  # its manifest is the operator's own, and each line of it is checked
        case _:
            for each in source.objects:
                yield each.bucket, each.key


def source_policy(
    locations: Iterable[Location], role_arn: str = "", key_ids: tuple[str, ...] = ()
) -> str:
    """Return the session policy that lists and reads these locations, as compact JSON.

    Args:
        locations: What to read.
        role_arn: The role that is narrowed.
        key_ids: Keys of KMS that it may be encrypted with; those that are no ARN need no right.

    Raises:
        InvalidInput: `BadPrefix`: a prefix holds what a policy reads as a pattern.
            `PolicyTooLong`: they do not fit in one session policy.
    """
    partition, needed = partition_of(role_arn), fewest(locations)
    buckets = sorted({each.bucket for each in needed})
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(_READ),
            "Resource": [objects_arn(partition, each.bucket, f"{each.prefix}*") for each in needed],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetBucketVersioning"],
            "Resource": [bucket_arn(partition, bucket) for bucket in buckets],
        },
        *(
            {
                "Effect": "Allow",
                "Action": list(_LIST),
                "Resource": [bucket_arn(partition, bucket)],
                "Condition": {
                    "StringLike": {
                        "s3:prefix": [f"{each.prefix}*" for each in needed if each.bucket == bucket]
                    }
                },
            }
            for bucket in buckets
        ),
        *kms_rights(key_ids, DECRYPT),
        {"Effect": "Deny", "Action": ["s3:PutObject", *NEVER], "Resource": ["*"]},
    ]
    return compact_policy(statements, len(needed))


def fewest(locations: Iterable[Location]) -> list[Location]:
    """Return the places that cover the others.

    Raises:
        InvalidInput: `BadPrefix`.
    """
    wanted = sorted(set(locations))
    for each in wanted:
        if _PATTERN.search(each.prefix):
            raise InvalidInput(
                "BadPrefix",
                f"prefix {each.prefix!r} in bucket {each.bucket} cannot be granted: a policy reads"
                " * ? $ [ ] and \\ as patterns; copy the data below a prefix without them",
            )
    return [
        each
        for each in wanted
        if not any(other is not each and other.covers(each.bucket, each.prefix) for other in wanted)
    ]


def compact_policy(statements: list[dict[str, Any]], prefixes: int) -> str:
    """Return a session policy as compact JSON.

    Raises:
        InvalidInput: `PolicyTooLong`.
    """
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(policy) > MAX_POLICY:
        raise InvalidInput(
            "PolicyTooLong",
            f"this source takes a session policy of {len(policy)} characters, AssumeRole"
            f" takes {MAX_POLICY}: `spec.access` of the ObjectStore grants {prefixes} prefixes;"
            " grant fewer and shorter ones, or pin a prefix instead of a manifest",
        )
    return policy
