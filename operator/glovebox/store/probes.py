"""What is proven of a store before it is trusted: a table of conformance checks.

A store that only *says* that it locks, versions, or scopes credentials is the most expensive kind.
So each claim is tested by what would break it, on canaries below `.glovebox/probe/`, and judged by
what is left. A check that could not be made is `Unknown`, never `Passed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.data.proofs import Outcome, Proof
from glovebox.errors import GloveboxError
from glovebox.store import probe_encryption as encryption
from glovebox.store import probe_lock as lock
from glovebox.store import probe_race as race
from glovebox.store import probe_scope as scope
from glovebox.store.probe_bench import CheckedBucket, DisprovenError, NotProvableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from glovebox.store.connection import Stop, Store

VERSIONING_PROVEN: Final = "VersioningProven"
LOCK_PROVEN: Final = "LockProven"
CONDITIONAL_WRITES_PROVEN: Final = "ConditionalWritesProven"
CREDENTIAL_SCOPE_PROVEN: Final = "CredentialScopeProven"
ENCRYPTION_PROVEN: Final = "EncryptionProven"


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table: its function returns what it saw, or raises.

    It raises `DisprovenError` or `NotProvableError`.
    """

    name: str
    condition: str
    make: Callable[[CheckedBucket], str]


CHECKS: Final = (
    Check("VersioningEnabled", VERSIONING_PROVEN, lock.versioning_enabled),
    Check("OverwrittenVersionKept", VERSIONING_PROVEN, lock.overwritten_version_kept),
    Check("LockedOnRequest", LOCK_PROVEN, lock.locked_on_request),
    Check("LockedByDefault", LOCK_PROVEN, lock.locked_by_default),
    Check("RetentionNotShortened", LOCK_PROVEN, lock.keeps_its_end),
    Check("RetentionNotDowngraded", LOCK_PROVEN, lock.keeps_its_mode),
    Check("LockSurvivesOverwrite", LOCK_PROVEN, lock.survives_overwrite),
    Check("LockSurvivesDelete", LOCK_PROVEN, lock.survives_delete),
    Check("LockSurvivesBypass", LOCK_PROVEN, lock.survives_bypass),
    Check("SecondWriteRefused", CONDITIONAL_WRITES_PROVEN, lock.second_write_refused),
    Check("OneOfManyWritersWins", CONDITIONAL_WRITES_PROVEN, race.one_of_many_writers_wins),
    Check("SessionUsesOwnPrefix", CREDENTIAL_SCOPE_PROVEN, scope.may_use_own_prefix),
    Check("SessionDeniedOtherPrefix", CREDENTIAL_SCOPE_PROVEN, scope.denied_other_prefix),
    Check("SessionDeniedSiblingPrefix", CREDENTIAL_SCOPE_PROVEN, scope.denied_sibling_prefix),
    Check("SessionDeniedForeignRead", CREDENTIAL_SCOPE_PROVEN, scope.denied_foreign_read),
    Check("SessionDeniedForeignList", CREDENTIAL_SCOPE_PROVEN, scope.denied_foreign_list),
    Check("SessionDeniedForeignCopy", CREDENTIAL_SCOPE_PROVEN, scope.denied_foreign_copy),
    Check("SessionDeniedWeakerLock", CREDENTIAL_SCOPE_PROVEN, scope.denied_weaker_lock),
    Check("SessionDeniedFolderKey", CREDENTIAL_SCOPE_PROVEN, scope.denied_folder_key),
    Check("SessionDeniedHiddenKey", CREDENTIAL_SCOPE_PROVEN, scope.denied_hidden_key),
    Check("SessionDeniedRetention", CREDENTIAL_SCOPE_PROVEN, scope.denied_retention),
    Check("SessionDeniedHold", CREDENTIAL_SCOPE_PROVEN, scope.denied_hold),
    Check("SessionDeniedDelete", CREDENTIAL_SCOPE_PROVEN, scope.denied_delete),
    Check("SessionDeniedGrowth", CREDENTIAL_SCOPE_PROVEN, scope.denied_growth),
)

# Made before them where the settings of the store say what it has to encrypt with: whatever is
# written asks for it, and where that does not work nothing else does either.
ENCRYPTION_CHECKS: Final = (
    Check("EncryptedOnRequest", ENCRYPTION_PROVEN, encryption.encrypted_on_request),
    Check("EncryptedByDefault", ENCRYPTION_PROVEN, encryption.encrypted_by_default),
    Check("SessionEncrypts", CREDENTIAL_SCOPE_PROVEN, encryption.session_encrypts),
)


async def prove_store(
    store: Store, *, bucket: str, role_arn: str | None, now: datetime
) -> list[Proof]:
    """Make all checks of a bucket in turn; never raises for what the store answers or not.

    Args:
        store: Opened with the operator's credentials.
        bucket: The bucket of artifacts, which exists.
        role_arn: The role for runs; without it the proofs of sessions are Unknown.
        now: The current time, with a time zone.

    Returns:
        One proof for each row of `CHECKS`, in that order, after those of `ENCRYPTION_CHECKS`
        where the store was opened with an encryption.
    """
    wanted = store.settings.encryption
    key_ids = (wanted.key_id,) if wanted is not None else ()
    checks = CHECKS if wanted is None else (*ENCRYPTION_CHECKS, *CHECKS)

    def job(stop: Stop) -> list[Proof]:
        checked = CheckedBucket(store, bucket, role_arn, now, stop, key_ids)
        return [_proof(check, checked, stop) for check in checks]

    return await store.run_job(job)


def _proof(check: Check, checked: CheckedBucket, stop: Stop) -> Proof:
    stop.check()
    try:
        return Proof(check.name, check.condition, Outcome.PASSED, check.make(checked))
    except DisprovenError as error:
        return Proof(check.name, check.condition, Outcome.FAILED, str(error))
    except NotProvableError as error:
        return Proof(check.name, check.condition, Outcome.UNKNOWN, f"not proven: {error}")
    except GloveboxError as error:
        return Proof(check.name, check.condition, Outcome.UNKNOWN, f"not proven: {error.message}")
