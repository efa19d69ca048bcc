"""Checks what the run's own credentials must and must not be able to do in the store.

Only attempts that should be refused, so that nothing is written into a prefix where everything is
kept for ever. The name in use is random: where a limit is missing, nobody's object is
touched, and the trace says who left it.
"""

from __future__ import annotations

import functools
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.probing import Expected, Group, Observation, S3Attempts, Seen
from glovebox.errors import Forbidden, GloveboxError
from glovebox.jobs.origin import authorities_beside, read_credentials
from glovebox.store.connection import Pools, Store, StoreSettings
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# These say that the store looked for the thing: it would have been allowed.
_LOOKED: Final = frozenset({reasons.OBJECT_NOT_FOUND, reasons.PRECONDITION_FAILED})


def s3_attempts(plan: S3Attempts) -> Mapping[str, tuple[Expected, Callable[[], Observation]]]:
    """Return the attempts, by id."""

    @functools.cache
    def store() -> Store:
        file = Path(plan.credentials)
        keys, authorities = read_credentials(file), authorities_beside(file)
        return Store(
            StoreSettings(
                plan.endpoint,
                plan.region,
                plan.path_style,
                keys,
                ca_bundle=authorities,
                proxy=plan.proxy,
            ),
            Pools(control=1, jobs=1, reads=1),
        )

    name = f".glovebox-probe-{secrets.token_hex(6)}"
    own, other, bucket = f"{plan.prefix}{name}", f"{plan.other_prefix}{name}", plan.bucket
    calls: dict[str, Callable[[Store], object]] = {
        "s3:list-own": lambda s: s.s3.list_objects_v2(Bucket=bucket, Prefix=plan.prefix, MaxKeys=1),
        "s3:list-all": lambda s: s.s3.list_objects_v2(Bucket=bucket, MaxKeys=1),
        "s3:list-other": lambda s: s.s3.list_objects_v2(
            Bucket=bucket, Prefix=plan.other_prefix, MaxKeys=1
        ),
        "s3:list-buckets": _list_buckets,
        "s3:get-other": lambda s: s.s3.get_object(Bucket=bucket, Key=other),
        "s3:put-other": lambda s: s.s3.put_object(Bucket=bucket, Key=other, Body=b""),
        "s3:delete-own": lambda s: s.s3.delete_object(Bucket=bucket, Key=own),
        "s3:delete-other": lambda s: s.s3.delete_object(Bucket=bucket, Key=other),
    }
    expected = {
        key: Expected.ALLOWED if key == "s3:list-own" else Expected.REFUSED for key in calls
    }
    return {
        key: (expected[key], functools.partial(_tried, store, key, expected[key], call))
        for key, call in calls.items()
    }


def _tried(
    store: Callable[[], Store], name: str, expected: Expected, call: Callable[[Store], object]
) -> Observation:
    try:
        opened = store()
        with translated(name):
            call(opened)
    except GloveboxError as error:
        return Observation(name, Group.S3, expected, _meaning(error), error.reason)
    return Observation(name, Group.S3, expected, Seen.WORKED, "allowed")


def _list_buckets(store: Store) -> None:
    # Some stores answer with an empty list instead of a refusal.
    if not store.s3.list_buckets().get("Buckets"):
        raise Forbidden(reasons.STORE_FORBIDDEN, "no bucket is shown")


def _meaning(error: GloveboxError) -> Seen:
    if error.reason in _LOOKED:
        return Seen.WORKED
    return Seen.REFUSED if error.reason == reasons.STORE_FORBIDDEN else Seen.UNTRIED
