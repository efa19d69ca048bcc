"""The legal hold on one version: whether it is on, and how it is put on and taken off.

Whose it is, and when it goes, is a matter of records: `holding.py`, `letting_go.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.store.answers import answer_of
from glovebox.store.buckets import read_lock
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from glovebox.data.manifest import Entry
    from glovebox.store.connection import Store

# How stores say that a version has no hold of its own.
_NO_HOLD: Final = frozenset(
    {"NoSuchObjectLockConfiguration", "NoSuchObjectLegalHold", "NoSuchLegalHold"}
)
# How stores say that a bucket takes none.
_TAKES_NONE: Final = frozenset(
    {
        "InvalidRequest",
        "InvalidBucketObjectLockConfiguration",
        "MethodNotAllowed",
        "NoSuchObjectLockConfiguration",
        "NotImplemented",
        "ObjectLockConfigurationNotFoundError",
    }
)


def require_lock(narrow: Store, bucket: str) -> None:
    """Accept that versions in a bucket are held. Blocks.

    There are stores that take a hold in a bucket without object lock as well.

    Raises:
        InvalidInput: `HoldRefused`.
        GloveboxError: The store does not answer or denies it.
    """
    if not read_lock(narrow, bucket)[0]:
        raise _takes_none(bucket, "it has no object lock")


def is_held(narrow: Store, entry: Entry) -> bool:
    """Return whether there is a legal hold on a version. Blocks.

    Raises:
        InvalidInput: `HoldRefused`, `ObjectNotFound`.
        GloveboxError: The store does not answer or denies it.
    """
    with translated(f"look at the legal hold of {_where(entry)}"):
        try:
            answer = narrow.s3.get_object_legal_hold(**_version(entry))
        except Exception as error:
            said = answer_of(error)
            if said is not None and said.code in _NO_HOLD:
                return False
            raise _refused(entry, error) from error
    return str((answer.get("LegalHold") or {}).get("Status", "")).upper() == "ON"


def set_hold(narrow: Store, entry: Entry, *, on: bool) -> None:
    """Put a legal hold on a version, or take it off. Blocks.

    Raises:
        InvalidInput: `HoldRefused`, `ObjectNotFound`.
        GloveboxError: The store does not answer or denies it.
    """
    doing = "put a legal hold on" if on else "take the legal hold off"
    with translated(f"{doing} {_where(entry)}"):
        try:
            narrow.s3.put_object_legal_hold(
                **_version(entry), LegalHold={"Status": "ON" if on else "OFF"}
            )
        except Exception as error:
            raise _refused(entry, error) from error


def _refused(entry: Entry, error: Exception) -> Exception:
    """Return what a refusal means, where it is that the bucket takes no holds."""
    said = answer_of(error)
    if said is None or said.code not in _TAKES_NONE:
        return error
    return _takes_none(entry.bucket, f"the store said {said.shown}")


def _takes_none(bucket: str, why: str) -> InvalidInput:
    return InvalidInput(
        reasons.HOLD_REFUSED,
        f"`spec.hold`: bucket {bucket} takes no legal hold ({why}); pin the data from a bucket that"
        " was created with object lock, or create the pin without `spec.hold`",
    )


def _where(entry: Entry) -> str:
    return f"s3://{entry.bucket}/{entry.key} version {entry.version_id}"


def _version(entry: Entry) -> dict[str, Any]:
    return {"Bucket": entry.bucket, "Key": entry.key, "VersionId": entry.version_id}
