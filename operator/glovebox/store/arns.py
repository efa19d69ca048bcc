"""Names of buckets, objects and keys as policies of a session write them. Pure.

Every ARN that the product makes is made here, in the partition of the role that the policy narrows:
`aws-us-gov` and `aws-cn` are clouds of their own, and a policy that names a bucket of `aws` allows
nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

DEFAULT_PARTITION: Final = "aws"
_ROLE: Final = re.compile(r"arn:([a-z0-9-]+):")
_ROLE_NAME: Final = re.compile(r"arn:([a-z0-9-]+):iam::([0-9]*:)?role/(?:.*/)?([^/]+)")
_KMS_KEY: Final = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]+:key/[A-Za-z0-9-]+")


def partition_of(role_arn: str) -> str:
    """Return the partition of a role; that of AWS itself where its ARN names none."""
    found = _ROLE.match(role_arn)
    return found[1] if found else DEFAULT_PARTITION


def sessions_of(role_arn: str) -> str:
    """Return a pattern of the ARNs of all sessions of a role; empty where it is no ARN.

    Its only group is the name of the session. Stores that know one account alone let it be left
    out of the role; SeaweedFS names it in the session all the same.
    """
    found = _ROLE_NAME.fullmatch(role_arn)
    if found is None:
        return ""
    account = re.escape(found[2]) if found[2] else "(?:[0-9]*:)?"
    return f"arn:{found[1]}:sts::{account}assumed-role/{re.escape(found[3])}/(.+)"


def bucket_arn(partition: str, bucket: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:{partition}:s3:::{bucket}"


def objects_arn(partition: str, bucket: str, keys: str) -> str:
    """Return the ARN of one object, or of all whose keys fit a pattern."""
    return f"{bucket_arn(partition, bucket)}/{keys}"


def kms_rights(key_ids: Iterable[str], *actions: str) -> tuple[dict[str, Any], ...]:
    """Return the statement that allows actions on keys of KMS; none where there is no such key.

    Elsewhere than on AWS a key has a plain name, and nobody's rights on it are asked for.
    """
    keys = list(dict.fromkeys(each for each in key_ids if _KMS_KEY.fullmatch(each)))
    return ({"Effect": "Allow", "Action": list(actions), "Resource": keys},) if keys else ()
