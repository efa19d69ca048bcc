"""Short-lived credentials for one experiment: AssumeRole with a session policy for one prefix.

The session may write and read below its own prefix and list it. It may not delete, change retention
or holds, bypass a lock, touch any other prefix, or assume a role again. What it writes is locked by
the bucket's default retention. It may not write keys that a store was seen to leave without a lock,
or out of its lists: no seal could hold those.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.store.answers import answer_of
from glovebox.store.arns import bucket_arn, kms_rights, objects_arn, partition_of
from glovebox.store.connection import Credentials
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from datetime import datetime

    from glovebox.store.connection import Store

# The limit of AssumeRole for an inline session policy, in characters.
MAX_POLICY: Final = 2048
MIN_SECONDS: Final = 900
MAX_SECONDS: Final = 3600
_SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
# Letters that mean something in a policy's resource, and those that a key should not hold anyway.
_PLAIN_PREFIX: Final = re.compile(r"[A-Za-z0-9!_.()/=@+-]+/")
DECRYPT: Final = "kms:Decrypt"
_WRITE: Final = (
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:GetObject",
    "s3:GetObjectVersion",
)
_READ: Final = ("s3:GetObject", "s3:GetObjectVersion")
# Writing an object takes the first, an upload in parts both.
_ENCRYPT: Final = ("kms:GenerateDataKey", DECRYPT)
# What no session of ours may ever do, whatever the role allows.
NEVER: Final = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:BypassGovernanceRetention",
    "sts:AssumeRole",
)
# What some stores take for no action at all, and refuse the whole policy for.
_GROWTH: Final = NEVER[-1]
_REFUSED_AS_WRITTEN: Final = 400
# Seen on SeaweedFS 4.48: a key that ends in `/` gets no version and no lock, and what lies in a
# folder whose name is or ends in one of the other two is locked, but told by no list. `*` matches
# `/` as well; the bucket need not be named where everything is denied.
_UNSEALABLE: Final = ("*/", "*.versions/*", "*/.uploads/*")


@dataclass(frozen=True)
class SessionCredentials:
    """Credentials of a session; printing them shows the key's id and the end alone."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expire_time: datetime

    def as_credentials(self) -> Credentials:
        """Return them as what a store is opened with."""
        return Credentials(
            self.access_key_id, self.secret_access_key, self.session_token, self.expire_time
        )


def session_policy(
    bucket: str,
    prefix: str,
    role_arn: str = "",
    key_ids: tuple[str, ...] = (),
    readable: tuple[str, ...] = (),
) -> str:
    """Return the session policy for one prefix, as compact JSON.

    Args:
        bucket: The bucket of artifacts.
        prefix: Ends in `/`, so that `run7/` never covers `run70/`.
        role_arn: The role that is narrowed; its partition is that of the bucket.
        key_ids: Keys of KMS that the bucket encrypts with; those that are no ARN need no right.
        readable: Other prefixes of the bucket, which it reads and does not write.

    Raises:
        InvalidInput: A prefix does not end in `/`, holds a letter that a policy reads as a pattern,
            or makes the policy longer than AssumeRole takes.
    """
    for each in (prefix, *readable):
        _require_plain(each)
    partition = partition_of(role_arn)
    own = objects_arn(partition, bucket, f"{prefix}*")
    listed = (prefix, *readable)
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": list(_WRITE), "Resource": [own]},
        *_reading(partition, bucket, readable),
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [bucket_arn(partition, bucket)],
            "Condition": {"StringLike": {"s3:prefix": [f"{each}*" for each in listed]}},
        },
        *kms_rights(key_ids, *_ENCRYPT),
        # Not allowed above either; said again, because a store that forgets to intersect may still
        # honour a Deny.
        {"Effect": "Deny", "Action": list(NEVER), "Resource": ["*"]},
        {
            "Effect": "Deny",
            "Action": ["s3:PutObject"],
            "Resource": [bucket_arn(partition, each) for each in _UNSEALABLE],
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(policy) > MAX_POLICY:
        raise InvalidInput(
            "PolicyTooLong",
            f"the session policy has {len(policy)} characters, AssumeRole takes {MAX_POLICY};"
            " shorten the prefix",
        )
    return policy


def _require_plain(prefix: str) -> None:
    if not _PLAIN_PREFIX.fullmatch(prefix) or prefix.startswith("/") or "//" in prefix:
        raise InvalidInput(
            "BadPrefix",
            f"prefix {prefix!r} cannot be granted: it must end in '/', not start with one, and hold"
            " no pattern such as * ? or ${",
        )


def _reading(partition: str, bucket: str, prefixes: tuple[str, ...]) -> list[dict[str, Any]]:
    if not prefixes:
        return []
    resources = [objects_arn(partition, bucket, f"{each}*") for each in prefixes]
    return [{"Effect": "Allow", "Action": list(_READ), "Resource": resources}]


async def issue_credentials(
    store: Store,
    *,
    role_arn: str,
    bucket: str,
    prefix: str,
    session_name: str,
    duration_seconds: int = 1800,
    key_ids: tuple[str, ...] = (),
    readable: tuple[str, ...] = (),
) -> SessionCredentials:
    """Assume the role for one prefix.

    Args:
        store: Opened as the only user that the role trusts.
        role_arn: `spec.sts.roleArn` of the ObjectStore.
        bucket: The bucket of artifacts.
        prefix: The experiment's own, ending in `/`.
        session_name: Shows up in the store's audit log; 2 to 64 of letters, digits and `+=,.@_-`.
        duration_seconds: 900 to 3600.
        key_ids: As in `session_policy`.
        readable: As in `session_policy`.

    Raises:
        InvalidInput: An argument is out of its range.
        GloveboxError: The store does not answer, or does not let the operator assume the role.
    """
    return await store.run(
        assume_for_prefix,
        store,
        role_arn,
        bucket,
        prefix,
        session_name,
        duration_seconds,
        key_ids,
        readable,
    )


def assume_for_prefix(
    store: Store,
    role_arn: str,
    bucket: str,
    prefix: str,
    session_name: str,
    duration_seconds: int,
    key_ids: tuple[str, ...] = (),
    readable: tuple[str, ...] = (),
) -> SessionCredentials:
    """Do what `issue_credentials` says. Blocks: for jobs."""
    return assume_with_policy(
        store,
        role_arn,
        session_policy(bucket, prefix, role_arn, key_ids, readable),
        f"prefix {prefix}",
        session_name,
        duration_seconds,
    )


def assume_with_policy(
    store: Store, role_arn: str, policy: str, purpose: str, session_name: str, duration_seconds: int
) -> SessionCredentials:
    """Assume the role under a session policy. Blocks.

    MinIO takes no policy that names `sts:AssumeRole`, not even to deny it. Where a store says so,
    it is asked again without: whether a session can then grow is what `SessionDeniedGrowth` tries,
    with a policy that the store took in the same way.

    Args:
        store: Opened as the only user that the role trusts.
        role_arn: `spec.sts.roleArn` of the ObjectStore.
        policy: Compact JSON within `MAX_POLICY`.
        purpose: What for, as in `prefix team/run7/`.
        session_name: As in `issue_credentials`.
        duration_seconds: As in `issue_credentials`.

    Raises:
        InvalidInput: An argument is out of its range.
        GloveboxError: The store does not answer, or does not let the operator assume the role.
    """
    if not _SESSION_NAME.fullmatch(session_name):
        raise InvalidInput(
            reasons.INTERNAL_ERROR,
            f"session name {session_name!r} is not 2 to 64 letters, digits or +=,.@_-",
        )
    if not MIN_SECONDS <= duration_seconds <= MAX_SECONDS:
        raise InvalidInput(
            reasons.INTERNAL_ERROR,
            f"credentials for {duration_seconds} s cannot be issued; {MIN_SECONDS} to {MAX_SECONDS}"
            " s can",
        )
    with translated(f"assume role {role_arn} for {purpose}"):
        ask = functools.partial(
            store.sts.assume_role,
            RoleArn=role_arn,
            RoleSessionName=session_name,
            DurationSeconds=duration_seconds,
        )
        try:
            answer = ask(Policy=policy)
        except ClientError as error:
            if not _takes_no_growth(error):
                raise
            answer = ask(Policy=without_growth(policy))
    keys = answer["Credentials"]
    return SessionCredentials(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"]
    )


def without_growth(policy: str) -> str:
    """Return a session policy that says nothing of assuming a role again, as compact JSON."""
    document = json.loads(policy)
    for statement in document["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != _GROWTH]
    return json.dumps(document, separators=(",", ":"))


def _takes_no_growth(error: ClientError) -> bool:
    """Whether a store refused a policy because it names that action."""
    answer = answer_of(error)
    return (
        answer is not None
        and answer.status == _REFUSED_AS_WRITTEN
        and _GROWTH.lower() in answer.words.lower()
    )
