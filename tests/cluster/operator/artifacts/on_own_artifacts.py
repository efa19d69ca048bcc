"""What a run tries against its own artifacts: delete, unlock, or write past locks and lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cluster.operator.artifacts.scene import Attack, Scene, status

_DEEP = "a/deep/folder/file"
_FAR = timedelta(days=3000)


def _calls(operation: str, **arguments: Any) -> Callable[[Scene], int]:
    """Return the attack that calls an operation of the client on the first version of the model."""

    def make(scene: Scene) -> int:
        where = {
            "Bucket": scene.bucket,
            "Key": scene.model,
            "VersionId": scene.version_of(scene.model),
        }
        return status(lambda: getattr(scene.s3, operation)(**where, **arguments))

    return make


def _retention(mode: str, ahead: timedelta, *, bypass: bool = False) -> Callable[[Scene], int]:
    def make(scene: Scene) -> int:
        wanted = {"Mode": mode, "RetainUntilDate": datetime.now(UTC) + ahead}
        return _calls(
            "put_object_retention",
            Retention=wanted,
            **({"BypassGovernanceRetention": True} if bypass else {}),
        )(scene)

    return make


def _batch(*, bypass: bool, versions: bool) -> Callable[[Scene], int]:
    def make(scene: Scene) -> int:
        own = [each for each in scene.recorded if each.key.startswith(scene.own.prefix)]
        objects = [
            {"Key": each.key} | ({"VersionId": each.version_id} if versions else {}) for each in own
        ]
        options = {"BypassGovernanceRetention": True} if bypass else {}
        return status(
            lambda: scene.s3.delete_objects(
                Bucket=scene.bucket, Delete={"Objects": objects}, **options
            )
        )

    return make


def _marker(scene: Scene) -> int:
    return status(lambda: scene.s3.delete_object(Bucket=scene.bucket, Key=scene.model))


def _put(key: str, **options: Any) -> Callable[[Scene], int]:
    """Return the attack that writes below the own prefix."""
    return lambda scene: status(
        lambda: scene.s3.put_object(
            Bucket=scene.bucket, Key=f"{scene.own.prefix}{key}", Body=b"attack", **options
        )
    )


def _locked(mode: str, ahead: timedelta, key: str = "model.bin") -> Callable[[Scene], int]:
    def make(scene: Scene) -> int:
        return _put(key, ObjectLockMode=mode, ObjectLockRetainUntilDate=datetime.now(UTC) + ahead)(
            scene
        )

    return make


def _locked_in_parts(scene: Scene) -> int:
    lock = {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(minutes=1),
    }
    return status(
        lambda: scene.s3.create_multipart_upload(Bucket=scene.bucket, Key=scene.model, **lock)
    )


def _copy_with_a_short_lock(scene: Scene) -> int:
    lock = {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(minutes=1),
    }
    source = {"Bucket": scene.bucket, "Key": scene.model}
    copy = f"{scene.own.prefix}copy.bin"
    answer = status(
        lambda: scene.s3.copy_object(Bucket=scene.bucket, Key=copy, CopySource=source, **lock)
    )
    head = scene.admin.head_object(Bucket=scene.bucket, Key=copy)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(hours=23)
    return answer


def _write_over(scene: Scene) -> int:
    answer = scene.s3.put_object(Bucket=scene.bucket, Key=scene.model, Body=b"other weights")
    # A run that rewrites its results is seen: the new version stands beside the old ones, and is
    # locked too.
    scene.record(scene.model, answer["VersionId"], b"other weights")
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def _after_a_marker(scene: Scene) -> int:
    """Cover a key by the administrator's marker, then let the run write it "for the first time"."""
    covered = f"{scene.own.prefix}covered.bin"
    scene.admin.delete_object(Bucket=scene.bucket, Key=covered)
    answer = scene.s3.put_object(
        Bucket=scene.bucket, Key=covered, Body=b"as if new", IfNoneMatch="*"
    )
    assert answer["VersionId"] != scene.version_of(covered)
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def _folder_in_parts(scene: Scene) -> int:
    return status(
        lambda: scene.s3.create_multipart_upload(
            Bucket=scene.bucket, Key=f"{scene.own.prefix}folder/"
        )
    )


def _folder_by_copy(scene: Scene) -> int:
    source = {"Bucket": scene.bucket, "Key": scene.model}
    return status(
        lambda: scene.s3.copy_object(
            Bucket=scene.bucket, Key=f"{scene.own.prefix}folder/", CopySource=source
        )
    )


def _version_file(scene: Scene) -> int:
    return _put(f"model.bin.versions/v_{scene.version_of(scene.model)}")(scene)


def _same_key(path: str, key: str) -> Callable[[Scene], int]:
    """Return the attack that writes a recorded key in another spelling."""

    def versions(scene: Scene) -> int:
        name = f"{scene.own.prefix}{key}"
        listed = scene.admin.list_object_versions(Bucket=scene.bucket, Prefix=name)["Versions"]
        return sum(each["Key"] == name for each in listed)

    def make(scene: Scene) -> int:
        before = versions(scene)
        answer = scene.send("PUT", path.format(prefix=scene.own.prefix), body=b"attack")
        assert versions(scene) == before + 1
        return answer

    return make


def _complete_after_abort(scene: Scene) -> int:
    """Begin an upload before the end, have the operator end it, and complete it afterwards."""
    where = {"Bucket": scene.bucket, "Key": f"{scene.own.prefix}late.bin"}
    upload = scene.s3.create_multipart_upload(**where)["UploadId"]
    part = scene.s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"late")
    listed = scene.operator.list_multipart_uploads(Bucket=scene.bucket, Prefix=scene.own.prefix)[
        "Uploads"
    ]
    assert (where["Key"], upload) in {(each["Key"], each["UploadId"]) for each in listed}
    scene.operator.abort_multipart_upload(**where, UploadId=upload)
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    answer = status(
        lambda: scene.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=done)
    )
    assert (
        scene.admin.list_object_versions(Bucket=scene.bucket, Prefix=where["Key"]).get(
            "Versions", []
        )
        == []
    )
    return answer


def _unnameable(scene: Scene) -> int:
    """Write a key that XML has no letter for: no list can tell its name."""
    below = f"{scene.own.prefix}unnameable/"
    answer = scene.s3.put_object(Bucket=scene.bucket, Key=f"{below}\x01", Body=b"attack")
    listed = scene.admin.list_object_versions(Bucket=scene.bucket, Prefix=below)["Versions"]
    assert {each["Key"] for each in listed} == {f"{below}\ufffd"}
    assert answer["VersionId"] in {each["VersionId"] for each in listed}
    head = scene.admin.head_object(
        Bucket=scene.bucket, Key=f"{below}\x01", VersionId=answer["VersionId"]
    )
    assert head["ObjectLockMode"] == "COMPLIANCE"
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def _public(scene: Scene) -> int:
    answer = _put("public.bin", ACL="public-read")(scene)
    assert scene.anonymous(f"{scene.own.prefix}public.bin") == 403
    return answer


ON_OWN_ARTIFACTS = (
    Attack(
        "delete-version",
        403,
        "the session's policy denies it, and the lock would",
        _calls("delete_object"),
    ),
    Attack(
        "delete-version-bypass",
        403,
        "no right to bypass, and COMPLIANCE has no bypass",
        _calls("delete_object", BypassGovernanceRetention=True),
    ),
    Attack(
        "delete-marker",
        403,
        "a marker would hide a result from anybody who reads without a version",
        _marker,
    ),
    Attack(
        "delete-null-version",
        403,
        "no delete of any version",
        lambda scene: scene.send("DELETE", f"{scene.own.prefix}model.bin", query="versionId=null"),
    ),
    Attack(
        "delete-batch",
        403,
        "every key of a batch is judged alone",
        _batch(bypass=False, versions=True),
    ),
    Attack("delete-batch-bypass", 403, "as above", _batch(bypass=True, versions=True)),
    Attack("delete-batch-markers", 403, "as above", _batch(bypass=False, versions=False)),
    Attack(
        "delete-recursive",
        403,
        "a parameter of the store's inner interface, tried on the outer one",
        lambda scene: scene.send(
            "DELETE", f"{scene.own.prefix}model.bin.versions", query="recursive=true"
        ),
    ),
    Attack(
        "retention-shorten",
        403,
        "the session may not touch retention",
        _retention("COMPLIANCE", timedelta(seconds=30)),
    ),
    Attack(
        "retention-shorten-bypass",
        403,
        "as above",
        _retention("COMPLIANCE", timedelta(seconds=30), bypass=True),
    ),
    Attack(
        "retention-downgrade", 403, "GOVERNANCE could be bypassed", _retention("GOVERNANCE", _FAR)
    ),
    Attack("retention-past", 403, "as above", _retention("COMPLIANCE", timedelta(days=-1))),
    Attack(
        "retention-empty",
        403,
        "an empty retention would take the lock off",
        _calls("put_object_retention", Retention={}),
    ),
    Attack(
        "retention-extend",
        403,
        "a run must not keep the bucket's owner paying for ever",
        _retention("COMPLIANCE", _FAR),
    ),
    Attack("hold-on", 403, "as above", _calls("put_object_legal_hold", LegalHold={"Status": "ON"})),
    Attack(
        "hold-off",
        403,
        "holds are the operator's",
        _calls("put_object_legal_hold", LegalHold={"Status": "OFF"}),
    ),
    Attack(
        "put-governance",
        403,
        "a weaker lock than the bucket's default may not be asked for",
        _locked("GOVERNANCE", timedelta(seconds=30)),
    ),
    Attack("put-shorter", 403, "nor a shorter one", _locked("COMPLIANCE", timedelta(seconds=30))),
    Attack("put-longer", 403, "nor a longer one", _locked("COMPLIANCE", _FAR)),
    Attack("put-past", 400, "nor one that is over", _locked("COMPLIANCE", timedelta(days=-1))),
    Attack("put-with-hold", 403, "nor a hold", _put("model.bin", ObjectLockLegalHoldStatus="ON")),
    Attack("put-governance-in-parts", 403, "nor for an upload in parts", _locked_in_parts),
    Attack(
        "copy-with-short-lock",
        200,
        "the store ignores it: the copy has the bucket's default lock",
        _copy_with_a_short_lock,
    ),
    Attack(
        "put-over", 200, "by design: a new version, and the old one keeps its bytes", _write_over
    ),
    Attack(
        "put-once-again",
        412,
        "`If-None-Match: *` on a key that is there",
        _put("metrics.json", IfNoneMatch="*"),
    ),
    Attack(
        "put-once-after-marker",
        200,
        "by design: what was read by its version is still there",
        _after_a_marker,
    ),
    Attack(
        "folder",
        403,
        "SeaweedFS gives keys that end in `/` no version and no lock",
        _put("folder/"),
    ),
    Attack("folder-of-prefix", 403, "as above", _put("")),
    Attack("folder-in-parts", 403, "as above", _folder_in_parts),
    Attack("folder-by-copy", 403, "as above", _folder_by_copy),
    Attack("folder-by-backslash", 403, "SeaweedFS reads a backslash as a slash", _put("folder\\")),
    Attack("folder-by-slashes", 403, "as above", _put("folder//")),
    Attack(
        "version-file",
        403,
        "SeaweedFS keeps versions in a folder `<key>.versions`: no run writes into one",
        _version_file,
    ),
    Attack(
        "hidden-in-versions",
        403,
        "SeaweedFS leaves such keys out of every list, so no seal would hold them",
        _put("any.versions/hidden"),
    ),
    Attack("hidden-in-versions-in-capitals", 403, "as above", _put("any.Versions/hidden")),
    Attack("hidden-in-uploads", 403, "as above", _put(".uploads/hidden")),
    Attack("hidden-in-deep-uploads", 403, "as above", _put("a/.uploads/hidden")),
    Attack(
        "unnameable",
        200,
        "locked and counted, but lists show U+FFFD for a control character",
        _unnameable,
    ),
    Attack("below-an-object", 200, "by design: an object is no folder", _put("model.bin/child")),
    Attack(
        "double-slash",
        200,
        "SeaweedFS reads it as one slash: a further version of the key",
        _same_key("{prefix}a//deep/folder/file", _DEEP),
    ),
    Attack(
        "leading-double-slash", 200, "as above", _same_key("/{prefix}a/deep/folder/file", _DEEP)
    ),
    Attack(
        "backslash",
        200,
        "SeaweedFS reads it as a slash, as above",
        _same_key("{prefix}a%5Cdeep/folder/file", _DEEP),
    ),
    Attack(
        "complete-after-abort",
        404,
        "an upload that the operator has ended gives no version any more",
        _complete_after_abort,
    ),
    Attack("dots-within", 400, "a path with dots is no key", _put("a/../model.bin")),
    Attack("null-byte", 400, "no key", _put("model.bin\0")),
    Attack(
        "tagging",
        403,
        "a lifecycle rule could select by tags",
        _calls("put_object_tagging", Tagging={"TagSet": [{"Key": "keep", "Value": "no"}]}),
    ),
    Attack(
        "acl",
        403,
        "a run may not decide who may read",
        lambda scene: status(
            lambda: scene.s3.put_object_acl(Bucket=scene.bucket, Key=scene.model, ACL="public-read")
        ),
    ),
    Attack(
        "put-public", 200, "the store takes the header and gives nobody anything by it", _public
    ),
    Attack(
        "metadata-oversize",
        200,
        "AWS takes 2 KiB; SeaweedFS takes more, and locks it like anything else",
        _put("fat.bin", Metadata={"fat": "x" * 5000}),
    ),
    Attack("key-oversize", 400, "bounded", _put("k" * 1100)),
    Attack(
        "read-own",
        200,
        "by design: a run reads what it wrote",
        lambda scene: status(lambda: scene.s3.get_object(Bucket=scene.bucket, Key=scene.model)),
    ),
    Attack("read-own-version", 200, "as above", _calls("get_object")),
    Attack("head-own-version", 200, "as above", _calls("head_object")),
    Attack(
        "list-own",
        200,
        "as above",
        lambda scene: status(
            lambda: scene.s3.list_objects_v2(Bucket=scene.bucket, Prefix=scene.own.prefix)
        ),
    ),
    Attack(
        "list-own-versions",
        403,
        "a run has no need of it",
        lambda scene: status(
            lambda: scene.s3.list_object_versions(Bucket=scene.bucket, Prefix=scene.own.prefix)
        ),
    ),
)
