"""What each store cannot hold, by name. What is not here must hold; what is here must be seen.

A store that becomes better fails these tests as one that becomes worse does: then its row goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from glovebox.store.probes import CHECKS, CREDENTIAL_SCOPE_PROVEN


@dataclass(frozen=True)
class Expected:
    """What one store cannot hold.

    Attributes:
        failed: Conformance checks that fail, with words of what they say.
        unknown: Conformance checks that cannot be made, likewise.
        not_ready: Words of why the product refuses the store; empty where it takes it.
        issues_nothing: Words of what asking for a session says; empty where sessions are issued.
        locks_by_default: Whether what is written without a lock has the default of the bucket.
        names_all_uploads: Whether an open upload whose key has a control character can be ended;
            else the seal says that it is open.
        writes_once: Whether a write that must not replace is refused where something is.
        lets: Attempts of a run's session that it gets through with, although all are denied it.
        refused_always: Words of why it is refused under `worm: BestEffort` too, with sessions.
        without_lock: Conditions that fail beside `LockProven` in a bucket without a lock.
        takes_colons: Whether a session policy may name a key with a colon.
        encrypts: Types of `spec.encryption` that the store is refused with, and words of why.
    """

    failed: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    not_ready: str = ""
    issues_nothing: str = ""
    locks_by_default: bool = True
    names_all_uploads: bool = True
    writes_once: bool = True
    lets: frozenset[str] = frozenset()
    refused_always: str = ""
    without_lock: frozenset[str] = frozenset()
    takes_colons: bool = True
    encrypts: Mapping[str, str] = field(default_factory=dict)


_SESSIONS: Final = tuple(
    check.name for check in CHECKS if check.condition == CREDENTIAL_SCOPE_PROVEN
)
_HOLDS_ALL: Final = Expected()
_SEAWEEDFS: Final = Expected(names_all_uploads=False)
# The default of a bucket is enforced when a version is deleted, and stands on no version: without
# the bucket's rule nothing protects them. And there is no AssumeRole.
_VERSITYGW: Final = Expected(
    failed={"LockedByDefault": "shows mode None until None, although the bucket's default is"},
    unknown=dict.fromkeys(_SESSIONS, "spec.sts is not set"),
    not_ready="proof `LockedByDefault` failed",
    issues_nothing="the store does not offer this",
    locks_by_default=False,
    names_all_uploads=False,
    encrypts=dict.fromkeys(("SSE-S3", "SSE-KMS"), "NotImplemented"),
)
# A session passes for the user whom the role's trust names, and so assumes the role again without
# its policy: it reads and deletes what is another team's. The patterns of policies do not
# backtrack, so odd keys are let; they are kept as any other. Lock headers
# take no right of their own.
_CEPH: Final = Expected(
    failed={
        "SecondWriteRefused": "replaced an existing object",
        "OneOfManyWritersWins": "had 16 winners",
        "SessionDeniedWeakerLock": "the store asks for no right to it",
        "SessionDeniedGrowth": "assumed arn:aws:iam:::role/Runner again, without its limits",
    },
    not_ready="proof `SecondWriteRefused` failed",
    writes_once=False,
    lets=frozenset(
        {
            "write with a hold",
            "a folder key",
            "a folder of uploads",
            "assume the role again",
        }
    ),
    refused_always="assumed arn:aws:iam:::role/Runner again, without its limits",
    without_lock=frozenset({"ConditionalWritesProven", "CredentialScopeProven"}),
    takes_colons=False,
    encrypts={"SSE-S3": "shows no encryption", "SSE-KMS": "Failed to retrieve the actual key"},
)

EXPECTED: Final[Mapping[str, Expected]] = MappingProxyType(
    {
        "seaweedfs": _SEAWEEDFS,
        "strict": _SEAWEEDFS,
        "minio": _HOLDS_ALL,
        "ceph": _CEPH,
        "versitygw": _VERSITYGW,
    }
)
