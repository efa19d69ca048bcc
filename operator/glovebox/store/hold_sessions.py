"""Sessions that see and set legal holds on versions of a source, and do nothing else.

They can neither read nor write what they hold, nor touch a version of any other place.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from glovebox.store.arns import bucket_arn, objects_arn, partition_of
from glovebox.store.credentials import NEVER, assume_with_policy
from glovebox.store.source_access import compact_policy, fewest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.store.connection import Credentials, Store
    from glovebox.store.source_access import Location

_HOLD: Final = ("s3:PutObjectLegalHold", "s3:GetObjectLegalHold")
# The SDK renews a session a quarter of an hour before its end.
_SESSION_SECONDS: Final = 1800


def holding(store: Store, locations: Iterable[Location], role_arn: str, namespace: str) -> Store:
    """Return a store through sessions that see and set legal holds in some places, and no more.

    The store itself where it issues none.

    Raises:
        InvalidInput: No session policy can say which places these are.
    """
    if not role_arn:
        return store
    policy = hold_policy(locations, role_arn)
    tenant = hashlib.sha256(namespace.encode()).hexdigest()[:10]

    def issue() -> Credentials:
        return assume_with_policy(
            store,
            role_arn,
            policy,
            "holding pinned versions",
            f"glovebox-holds-{tenant}",
            _SESSION_SECONDS,
        ).as_credentials()

    return store.renewing(issue)


def hold_policy(locations: Iterable[Location], role_arn: str = "") -> str:
    """Return the session policy that sees and sets legal holds there, as compact JSON.

    Raises:
        InvalidInput: As `source_policy`.
    """
    partition, needed = partition_of(role_arn), fewest(locations)
    denied = [each for each in NEVER if each not in _HOLD]
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(_HOLD),
            "Resource": [objects_arn(partition, each.bucket, f"{each.prefix}*") for each in needed],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetBucketObjectLockConfiguration"],
            "Resource": [
                bucket_arn(partition, bucket) for bucket in sorted({each.bucket for each in needed})
            ],
        },
        {
            "Effect": "Deny",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", *denied],
            "Resource": ["*"],
        },
    ]
    return compact_policy(statements, len(needed))
