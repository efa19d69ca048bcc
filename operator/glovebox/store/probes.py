"""What is proven of a store before it is trusted: a table of attacks, each with its outcome.

A store that only *says* that it locks, versions, or scopes credentials is the most expensive kind.
So each claim is attacked, on canaries below `.glovebox/probe/`, and judged by what is left. An
attack that could not be made is `Unknown`, never `Passed`.
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
from glovebox.store.probe_bench import Bench, DisprovenError, NotProvableError

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
class Attack:
    """A row of the table: its function returns what it saw, or raises.

    It raises `DisprovenError` or `NotProvableError`.
    """

    name: str
    condition: str
    make: Callable[[Bench], str]


ATTACKS: Final = (
    Attack("VersioningEnabled", VERSIONING_PROVEN, lock.versioning_enabled),
    Attack("OverwrittenVersionKept", VERSIONING_PROVEN, lock.overwritten_version_kept),
    Attack("LockedOnRequest", LOCK_PROVEN, lock.locked_on_request),
    Attack("LockedByDefault", LOCK_PROVEN, lock.locked_by_default),
    Attack("RetentionNotShortened", LOCK_PROVEN, lock.keeps_its_end),
    Attack("RetentionNotDowngraded", LOCK_PROVEN, lock.keeps_its_mode),
    Attack("LockSurvivesOverwrite", LOCK_PROVEN, lock.survives_overwrite),
    Attack("LockSurvivesDelete", LOCK_PROVEN, lock.survives_delete),
    Attack("LockSurvivesBypass", LOCK_PROVEN, lock.survives_bypass),
    Attack("SecondWriteRefused", CONDITIONAL_WRITES_PROVEN, lock.second_write_refused),
    Attack("OneOfManyWritersWins", CONDITIONAL_WRITES_PROVEN, race.one_of_many_writers_wins),
    Attack("SessionUsesOwnPrefix", CREDENTIAL_SCOPE_PROVEN, scope.may_use_own_prefix),
    Attack("SessionDeniedOtherPrefix", CREDENTIAL_SCOPE_PROVEN, scope.denied_other_prefix),
    Attack("SessionDeniedSiblingPrefix", CREDENTIAL_SCOPE_PROVEN, scope.denied_sibling_prefix),
    Attack("SessionDeniedForeignRead", CREDENTIAL_SCOPE_PROVEN, scope.denied_foreign_read),
    Attack("SessionDeniedForeignList", CREDENTIAL_SCOPE_PROVEN, scope.denied_foreign_list),
    Attack("SessionDeniedForeignCopy", CREDENTIAL_SCOPE_PROVEN, scope.denied_foreign_copy),
    Attack("SessionDeniedWeakerLock", CREDENTIAL_SCOPE_PROVEN, scope.denied_weaker_lock),
    Attack("SessionDeniedFolderKey", CREDENTIAL_SCOPE_PROVEN, scope.denied_folder_key),
    Attack("SessionDeniedHiddenKey", CREDENTIAL_SCOPE_PROVEN, scope.denied_hidden_key),
    Attack("SessionDeniedRetention", CREDENTIAL_SCOPE_PROVEN, scope.denied_retention),
    Attack("SessionDeniedHold", CREDENTIAL_SCOPE_PROVEN, scope.denied_hold),
    Attack("SessionDeniedDelete", CREDENTIAL_SCOPE_PROVEN, scope.denied_delete),
    Attack("SessionDeniedGrowth", CREDENTIAL_SCOPE_PROVEN, scope.denied_growth),
)

# Made before them where the settings of the store say what it has to encrypt with: whatever is
# written asks for it, and where that does not work nothing else does either.
ENCRYPTION_ATTACKS: Final = (
    Attack("EncryptedOnRequest", ENCRYPTION_PROVEN, encryption.encrypted_on_request),
    Attack("EncryptedByDefault", ENCRYPTION_PROVEN, encryption.encrypted_by_default),
    Attack("SessionEncrypts", CREDENTIAL_SCOPE_PROVEN, encryption.session_encrypts),
)


async def prove_store(
    store: Store, *, bucket: str, role_arn: str | None, now: datetime
) -> list[Proof]:
    """Make all attacks on a bucket in turn; never raises for what the store answers or not.

    Args:
        store: Opened with the operator's credentials.
        bucket: The bucket of artifacts, which exists.
        role_arn: The role for runs; without it the proofs of sessions are Unknown.
        now: The current time, with a time zone.

    Returns:
        One proof for each row of `ATTACKS`, in that order, after those of `ENCRYPTION_ATTACKS`
        where the store was opened with an encryption.
    """
    wanted = store.settings.encryption
    key_ids = (wanted.key_id,) if wanted is not None else ()
    attacks = ATTACKS if wanted is None else (*ENCRYPTION_ATTACKS, *ATTACKS)

    def job(stop: Stop) -> list[Proof]:
        bench = Bench(store, bucket, role_arn, now, stop, key_ids)
        return [_proof(attack, bench, stop) for attack in attacks]

    return await store.run_job(job)


def _proof(attack: Attack, bench: Bench, stop: Stop) -> Proof:
    stop.check()
    try:
        return Proof(attack.name, attack.condition, Outcome.PASSED, attack.make(bench))
    except DisprovenError as error:
        return Proof(attack.name, attack.condition, Outcome.FAILED, str(error))
    except NotProvableError as error:
        return Proof(attack.name, attack.condition, Outcome.UNKNOWN, f"not proven: {error}")
    except GloveboxError as error:
        return Proof(attack.name, attack.condition, Outcome.UNKNOWN, f"not proven: {error.message}")
