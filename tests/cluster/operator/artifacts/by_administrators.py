"""What the operator's keys and the store's administrator try against locked versions: all fails.

They may do what the session may not. So only the lock stands between them and the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cluster.operator.artifacts.scene import Scene, status

Client = Any


@dataclass(frozen=True)
class AdministratorAttack:
    """A row of the table; as `Attack`, for whichever administrator's client."""

    name: str
    answer: int
    why: str
    make: Callable[[Scene, Client], int]


def _first(scene: Scene) -> dict[str, str]:
    return {"Bucket": scene.bucket, "Key": scene.model, "VersionId": scene.version_of(scene.model)}


def _calls(operation: str, **arguments: Any) -> Callable[[Scene, Client], int]:
    return lambda scene, client: status(
        lambda: getattr(client, operation)(**_first(scene), **arguments)
    )


def _retention(
    mode: str, ahead: timedelta, *, bypass: bool = True
) -> Callable[[Scene, Client], int]:
    def make(scene: Scene, client: Client) -> int:
        wanted = {"Mode": mode, "RetainUntilDate": datetime.now(UTC) + ahead}
        return _calls("put_object_retention", Retention=wanted, BypassGovernanceRetention=bypass)(
            scene, client
        )

    return make


def _batch(scene: Scene, client: Client) -> int:
    objects = [{"Key": each.key, "VersionId": each.version_id} for each in scene.recorded]
    return status(
        lambda: client.delete_objects(
            Bucket=scene.bucket, Delete={"Objects": objects}, BypassGovernanceRetention=True
        )
    )


def _key(tail: str, **arguments: Any) -> Callable[[Scene, Client], int]:
    """Return the attack that deletes a key made from the model's, without naming a version."""
    return lambda scene, client: status(
        lambda: client.delete_object(
            Bucket=scene.bucket,
            Key=scene.model + tail.format(version=scene.version_of(scene.model)),
            **arguments,
        )
    )


def _marker(scene: Scene, client: Client) -> int:
    covered = f"{scene.own.prefix}covered.bin"
    marker = client.delete_object(Bucket=scene.bucket, Key=covered)
    # Markers are not protected; taking one away uncovers what it hid.
    return status(
        lambda: client.delete_object(
            Bucket=scene.bucket, Key=covered, VersionId=marker["VersionId"]
        )
    )


def _bucket(operation: str, **arguments: Any) -> Callable[[Scene, Client], int]:
    return lambda scene, client: status(
        lambda: getattr(client, operation)(Bucket=scene.bucket, **arguments)
    )


@contextmanager
def _lock_kept(scene: Scene) -> Iterator[None]:
    before = scene.admin.get_object_lock_configuration(Bucket=scene.bucket)[
        "ObjectLockConfiguration"
    ]
    try:
        yield
    finally:
        scene.admin.put_object_lock_configuration(
            Bucket=scene.bucket, ObjectLockConfiguration=before
        )


def _without_default(scene: Scene, client: Client) -> int:
    """Take the default away; the versions that are there keep their locks."""
    with _lock_kept(scene):
        answer = _bucket(
            "put_object_lock_configuration",
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
        )(scene, client)
        assert scene.lost() == []
        refused = _calls("delete_object", BypassGovernanceRetention=True)(scene, client)
        assert refused == 403
        return answer


def _lock_off(scene: Scene, client: Client) -> int:
    with _lock_kept(scene):
        return _bucket(
            "put_object_lock_configuration",
            ObjectLockConfiguration={"ObjectLockEnabled": "Disabled"},
        )(scene, client)


def _lifecycle(scene: Scene, client: Client) -> int:
    rule = {
        "ID": "gone",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    try:
        return _bucket(
            "put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [rule]}
        )(scene, client)
    finally:
        scene.admin.delete_bucket_lifecycle(Bucket=scene.bucket)


def _write_over(scene: Scene, client: Client) -> int:
    return status(
        lambda: client.put_object(Bucket=scene.bucket, Key=scene.model, Body=b"the administrator's")
    )


def _copy_over(scene: Scene, client: Client) -> int:
    """Copy a version onto itself with other metadata, which some stores do in place."""
    source = _first(scene)
    return status(
        lambda: client.copy_object(
            Bucket=scene.bucket,
            Key=scene.model,
            CopySource=source,
            MetadataDirective="REPLACE",
            Metadata={"by": "administrator"},
        )
    )


def _complete_over(scene: Scene, client: Client) -> int:
    where = {"Bucket": scene.bucket, "Key": scene.model}
    upload = client.create_multipart_upload(**where)["UploadId"]
    part = client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"in one part")
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return status(
        lambda: client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=done)
    )


BY_ADMINISTRATORS = (
    AdministratorAttack("delete-version", 403, "locked in COMPLIANCE", _calls("delete_object")),
    AdministratorAttack(
        "delete-version-bypass",
        403,
        "COMPLIANCE has no bypass",
        _calls("delete_object", BypassGovernanceRetention=True),
    ),
    AdministratorAttack("delete-batch-bypass", 403, "every version of the batch is locked", _batch),
    AdministratorAttack(
        "retention-shorten",
        403,
        "COMPLIANCE is only ever extended",
        _retention("COMPLIANCE", timedelta(seconds=30)),
    ),
    AdministratorAttack(
        "retention-downgrade",
        403,
        "GOVERNANCE could be bypassed",
        _retention("GOVERNANCE", timedelta(days=3)),
    ),
    AdministratorAttack(
        "retention-past", 400, "no date that is over", _retention("COMPLIANCE", timedelta(days=-1))
    ),
    AdministratorAttack(
        "retention-empty",
        400,
        "would take the lock off",
        _calls("put_object_retention", Retention={}, BypassGovernanceRetention=True),
    ),
    AdministratorAttack(
        "hold-off",
        200,
        "a hold that is not there; the retention stays",
        _calls("put_object_legal_hold", LegalHold={"Status": "OFF"}),
    ),
    AdministratorAttack(
        "marker-and-back", 204, "by design: markers hide and uncover, the version stays", _marker
    ),
    AdministratorAttack(
        "delete-null", 204, "a version that is not there", _key("", VersionId="null")
    ),
    AdministratorAttack(
        "delete-inner-folder",
        204,
        "where SeaweedFS keeps the versions: it answers with success, and nothing is gone",
        _key(".versions/"),
    ),
    AdministratorAttack(
        "delete-inner-file",
        204,
        "as above: a marker for a key of that name",
        _key(".versions/v_{version}"),
    ),
    AdministratorAttack(
        "versioning-suspend",
        409,
        "not while the bucket has a lock",
        _bucket("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
    ),
    AdministratorAttack("lock-off", 400, "a lock is for good", _lock_off),
    AdministratorAttack(
        "lock-remove-default",
        200,
        "as on AWS; what is there stays locked, the next check of the ObjectStore reports it",
        _without_default,
    ),
    AdministratorAttack(
        "lifecycle",
        200,
        "the rule is taken; whether its worker heeds locks was not tried",
        _lifecycle,
    ),
    AdministratorAttack(
        "bucket-delete", 409, "not while there are versions", _bucket("delete_bucket")
    ),
    AdministratorAttack("put-over", 200, "a new version", _write_over),
    AdministratorAttack("copy-over", 200, "as above", _copy_over),
    AdministratorAttack("complete-over", 200, "as above", _complete_over),
)
