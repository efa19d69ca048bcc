"""Who uses a manifest, on record beside it; its legal hold goes when nobody has for a while.

    .glovebox/holds/<manifest>/<user>.json       a user; written before its pin is shown
    .glovebox/holds/<manifest>/<user>.gone.json  it is gone, and since when

A user is a pin of one cluster, so that clusters which share a bucket count each other's. Nothing is
taken off for what a list does not show: a cluster that was restored writes no word about users of
others, and about its own only slowly (see `controllers/manifest_holds.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.store.errors import translated
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import manifest_key, object_chunks
from glovebox.store.pin_documents import folder_of
from glovebox.store.putting import put

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/holds/"
_GONE: Final = ".gone.json"
_USER: Final = ".json"


@dataclass(slots=True)
class Users:
    """Who is on record for one manifest."""

    here: set[str]
    gone: set[str]

    @property
    def is_unused(self) -> bool:
        """Whether all who ever used it are gone."""
        return bool(self.here) and self.here <= self.gone


def add_user(store: Store, bucket: str, digest: str, user: str, words: str) -> None:
    """Put a user of a manifest on record, unless it is. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        digest: Of the manifest.
        user: `<cluster>.<uid of the pin>`.
        words: Who that is, for a person.
    """
    body = canonical_json({"user": words})
    put(store, bucket, f"{_folder(digest)}{user}{_USER}", body, only_new=True)


def note_gone(store: Store, bucket: str, digest: str, user: str, time: str) -> None:
    """Put on record that a user is gone, unless it is. Blocks."""
    body = canonical_json({"goneTime": time})
    put(store, bucket, f"{_folder(digest)}{user}{_GONE}", body, only_new=True)


def read_users(store: Store, bucket: str, stop: Stop, digest: str = "") -> dict[str, Users]:
    """Return who is on record, by digest of the manifest; of one of them alone where named. Blocks.

    What is under a delete marker is on record: nothing here is ever taken back.
    """
    found: dict[str, Users] = {}
    for row in list_versions(store.wire, bucket, _folder(digest) if digest else PREFIX, stop):
        manifest, _, name = row.key.removeprefix(PREFIX).partition("/")
        users = found.setdefault(DIGEST_PREFIX + manifest, Users(set(), set()))
        if name.endswith(_GONE):
            users.gone.add(name.removesuffix(_GONE))
        elif name.endswith(_USER):
            users.here.add(name.removesuffix(_USER))
    return found


def unused_since(store: Store, bucket: str, digest: str, users: Users, stop: Stop) -> str:
    """Return when the last user went, RFC 3339; empty where that cannot be read. Blocks."""
    times = []
    for user in users.here:
        key = f"{_folder(digest)}{user}{_GONE}"
        time = ""
        for version in versions_of(store, bucket, key, stop)[:1]:
            body = b"".join(object_chunks(store, bucket, key, version, stop))
            try:
                time = str(orjson.loads(body)["goneTime"])
            except (orjson.JSONDecodeError, KeyError, TypeError):
                time = ""
        times.append(time)
    return max(times) if all(times) else ""


def release(store: Store, bucket: str, digest: str, stop: Stop) -> bool:
    """Take the legal hold off a manifest, and off what lies beside it. Blocks.

    Returns:
        Whether there was one.
    """
    key, folder, released = manifest_key(digest), folder_of(digest), False
    held = [(key, version) for version in versions_of(store, bucket, key, stop)]
    # The manifest last: what is beside it is let go as well, however often this is begun again.
    held[:0] = [
        (row.key, row.version_id)
        for row in list_versions(store.wire, bucket, folder, stop)
        if not row.is_delete_marker
    ]
    for name, version in held:
        where = f"s3://{bucket}/{name} version {version}"
        with translated(f"look at {where}"):
            headers = store.wire.head(bucket, name, {"versionId": version})
        if headers.get("x-amz-object-lock-legal-hold", "").upper() != "ON":
            continue
        with translated(f"take the legal hold off {where}"):
            store.s3.put_object_legal_hold(
                Bucket=bucket, Key=name, VersionId=version, LegalHold={"Status": "OFF"}
            )
        released = True
    return released


def _folder(digest: str) -> str:
    return f"{PREFIX}{digest.removeprefix(DIGEST_PREFIX)}/"
