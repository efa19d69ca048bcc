"""What a run tries against another experiment's prefix and the operator's evidence.

By name, by spelling, by copy, by upload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster.operator.artifacts.scene import Attack, Scene, status
from support.signing import send, signed_url

_EVIDENCE = ".glovebox/seals/attacked/seal.json"
_MANIFEST = ".glovebox/manifests/attacked.jsonl"


def _on(key: Callable[[Scene], str], operation: str, **arguments: Any) -> Callable[[Scene], int]:
    return lambda scene: status(
        lambda: getattr(scene.s3, operation)(Bucket=scene.bucket, Key=key(scene), **arguments)
    )


def _secret(operation: str, **arguments: Any) -> Callable[[Scene], int]:
    return _on(lambda scene: scene.secret, operation, **arguments)


def _of_version(operation: str) -> Callable[[Scene], int]:
    return lambda scene: _secret(operation, VersionId=scene.version_of(scene.secret))(scene)


def _evidence(operation: str, **arguments: Any) -> Callable[[Scene], int]:
    return _on(lambda _: _EVIDENCE, operation, **arguments)


def _put_beside(change: Callable[[str], str]) -> Callable[[Scene], int]:
    """Return the attack that writes below a prefix that was made from the own one."""
    return _on(lambda scene: f"{change(scene.own.prefix)}x", "put_object", Body=b"attack")


def _spelt(method: str, between: str) -> Callable[[Scene], int]:
    """Return the attack that leaves its own prefix by a path, three folders up and down again."""
    up = between * 3

    def make(scene: Scene) -> int:
        return scene.send(
            method,
            f"{scene.own.prefix}{up}{scene.secret}",
            body=b"attack" if method == "PUT" else b"",
        )

    return make


def _list(operation: str, prefix: Callable[[Scene], str] | None) -> Callable[[Scene], int]:
    return lambda scene: status(
        lambda: getattr(scene.s3, operation)(
            Bucket=scene.bucket, **({"Prefix": prefix(scene)} if prefix is not None else {})
        )
    )


def _list_by_dots(scene: Scene) -> int:
    answer = scene.s3.list_objects_v2(
        Bucket=scene.bucket, Prefix=f"{scene.own.prefix}../../../{scene.other.prefix}"
    )
    assert answer.get("Contents", []) == []
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def _copy(source: Callable[[Scene], str]) -> Callable[[Scene], int]:
    """Return the attack that copies into its own prefix; its source header is sent as given."""
    return lambda scene: scene.send(
        "PUT", f"{scene.own.prefix}stolen.bin", headers={"x-amz-copy-source": source(scene)}
    )


def _copy_part(scene: Scene) -> int:
    where = {"Bucket": scene.bucket, "Key": f"{scene.own.prefix}stolen.bin"}
    upload = scene.s3.create_multipart_upload(**where)["UploadId"]
    source = {"Bucket": scene.bucket, "Key": scene.secret}
    answer = status(
        lambda: scene.s3.upload_part_copy(**where, UploadId=upload, PartNumber=1, CopySource=source)
    )
    assert scene.s3.list_parts(**where, UploadId=upload).get("Parts", []) == []
    # Allowed: an upload of its own. It also leaves nothing behind.
    assert status(lambda: scene.s3.abort_multipart_upload(**where, UploadId=upload)) == 204
    return answer


def _upload(
    operation: str, key: Callable[[Scene], str], **arguments: Any
) -> Callable[[Scene], int]:
    """Return the attack on the neighbour's upload that is under way."""
    return lambda scene: status(
        lambda: getattr(scene.s3, operation)(
            Bucket=scene.bucket, Key=key(scene), UploadId=scene.upload_id, **arguments
        )
    )


def _pending(scene: Scene) -> str:
    return scene.pending


def _own(scene: Scene) -> str:
    return scene.model


def _url(method: str, key: Callable[[Scene], str]) -> Callable[[Scene], int]:
    def make(scene: Scene) -> int:
        url = signed_url(
            scene.store.endpoint, scene.own.keys, method, f"/{scene.bucket}/{key(scene)}"
        )
        return send(scene.store.endpoint, method, url, body=b"attack" if method == "PUT" else b"")

    return make


def _form(scene: Scene) -> int:
    """Upload as a browser's form does.

    `${filename}` is filled in by the store, after the policy was signed.
    """
    form = scene.s3.generate_presigned_post(
        scene.bucket, f"{scene.own.prefix}${{filename}}", ExpiresIn=60
    )
    border = "glovebox-border"
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    name = f"../../../{scene.other.prefix}form.bin"
    parts += [
        f'--{border}\r\nContent-Disposition: form-data; name="file";'  # noqa: ISC004 - one part
        f' filename="{name}"\r\n\r\nattack\r\n--{border}--\r\n'
    ]
    headers = {"content-type": f"multipart/form-data; boundary={border}"}
    return send(
        scene.store.endpoint,
        "POST",
        f"/{scene.bucket}",
        headers=headers,
        body="".join(parts).encode(),
    )


def _in_capitals(scene: Scene) -> int:
    """SeaweedFS compares a policy's resource without regard to case.

    No experiment's prefix has a capital, so that prefix is nobody's.
    """
    return _put_beside(str.upper)(scene)


_BODY = {"Body": b"attack"}
_PARTS = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"00"'}]}}

ON_THE_NEIGHBOUR = (
    Attack("other-put", 403, "another prefix", _secret("put_object", **_BODY)),
    Attack(
        "other-put-once",
        403,
        "refused before it is looked whether the key is there",
        _secret("put_object", IfNoneMatch="*", **_BODY),
    ),
    Attack("other-get", 403, "another prefix", _secret("get_object")),
    Attack(
        "other-get-version", 403, "knowing the version does not help", _of_version("get_object")
    ),
    Attack(
        "other-head",
        403,
        "and the answer does not say that the key is there",
        _secret("head_object"),
    ),
    Attack("other-delete", 403, "another prefix", _secret("delete_object")),
    Attack("other-delete-version", 403, "another prefix", _of_version("delete_object")),
    Attack(
        "other-attributes",
        403,
        "another prefix",
        _secret("get_object_attributes", ObjectAttributes=["ETag"]),
    ),
    Attack("other-retention", 403, "another prefix", _secret("get_object_retention")),
    Attack("other-tags", 403, "another prefix", _secret("get_object_tagging")),
    Attack(
        "other-list",
        403,
        "another prefix",
        _list("list_objects_v2", lambda scene: scene.other.prefix),
    ),
    Attack(
        "other-list-v1",
        403,
        "the older list is denied as well",
        _list("list_objects", lambda scene: scene.other.prefix),
    ),
    Attack(
        "other-list-versions",
        403,
        "another prefix",
        _list("list_object_versions", lambda scene: scene.other.prefix),
    ),
    Attack(
        "list-bucket",
        403,
        "without a prefix it would be everybody's",
        _list("list_objects_v2", None),
    ),
    Attack(
        "list-shorter-prefix",
        403,
        "the own prefix without its last slash covers others",
        _list("list_objects_v2", lambda scene: scene.own.prefix[:-1]),
    ),
    Attack("list-versions", 403, "as above", _list("list_object_versions", None)),
    Attack("list-uploads", 403, "as above", _list("list_multipart_uploads", None)),
    Attack(
        "list-by-dots",
        200,
        "the own prefix with dots behind it: the store finds nothing there",
        _list_by_dots,
    ),
    Attack("longer-name", 403, "run7 is not run70", _put_beside(lambda prefix: f"{prefix[:-1]}0/")),
    Attack(
        "prefix-itself",
        403,
        "the prefix without its slash is not below it",
        _put_beside(lambda prefix: f"{prefix[:-1]}-"),
    ),
    Attack(
        "shorter-name",
        403,
        "a folder above",
        _put_beside(lambda prefix: prefix.rsplit("/", 2)[0] + "/"),
    ),
    Attack(
        "wide-digit",
        403,
        "U+FF17 is no 7",
        _put_beside(lambda prefix: prefix.replace("run7", "run\uff17")),
    ),
    Attack(
        "fraction-slash",
        403,
        "U+2044 is no slash",
        _put_beside(lambda prefix: prefix.replace("/", "\u2044")),
    ),
    Attack(
        "invisible-letter",
        403,
        "U+200B is a letter",
        _put_beside(lambda prefix: prefix.replace("run7", "run7\u200b")),
    ),
    Attack(
        "capitals",
        200,
        "SeaweedFS does not distinguish capitals in a policy; prefixes have none, so that place is"
        " nobody's",
        _in_capitals,
    ),
    Attack("dots-put", 400, "a path with dots is no key", _spelt("PUT", "../")),
    Attack("dots-get", 400, "as above", _spelt("GET", "../")),
    Attack("dots-delete", 400, "as above", _spelt("DELETE", "../")),
    Attack("quoted-dots-put", 400, "as above, when the dots are quoted", _spelt("PUT", "%2e%2e/")),
    Attack("quoted-dots-get", 400, "as above", _spelt("GET", "%2e%2e/")),
    Attack("quoted-slash-get", 400, "as above, when the slashes are", _spelt("GET", "..%2F")),
    Attack("backslash-get", 400, "SeaweedFS reads a backslash as a slash", _spelt("GET", "..%5C")),
    Attack(
        "twice-quoted-get",
        404,
        "a strange key below the own prefix, which is not there",
        _spelt("GET", "%252e%252e/"),
    ),
    Attack(
        "copy-other",
        403,
        "who copies must be let read the source",
        _copy(lambda scene: f"/{scene.bucket}/{scene.secret}"),
    ),
    Attack(
        "copy-other-version",
        403,
        "as above",
        _copy(
            lambda scene: (
                f"/{scene.bucket}/{scene.secret}?versionId={scene.version_of(scene.secret)}"
            )
        ),
    ),
    Attack(
        "copy-double-slash", 403, "as above", _copy(lambda scene: f"{scene.bucket}//{scene.secret}")
    ),
    Attack(
        "copy-by-dots",
        400,
        "as above",
        _copy(lambda scene: f"{scene.bucket}/{scene.own.prefix}../../../{scene.secret}"),
    ),
    Attack(
        "copy-by-quoted-dots",
        400,
        "as above",
        _copy(
            lambda scene: f"{scene.bucket}/{scene.own.prefix}%2e%2e/%2e%2e/%2e%2e/{scene.secret}"
        ),
    ),
    Attack("copy-part-other", 403, "as above, in parts", _copy_part),
    Attack(
        "upload-part-other",
        403,
        "another prefix",
        _upload("upload_part", _pending, PartNumber=1, **_BODY),
    ),
    Attack(
        "upload-complete-other",
        403,
        "another prefix",
        _upload("complete_multipart_upload", _pending, **_PARTS),
    ),
    Attack(
        "upload-abort-other", 403, "another prefix", _upload("abort_multipart_upload", _pending)
    ),
    Attack("upload-parts-other", 403, "another prefix", _upload("list_parts", _pending)),
    Attack(
        "upload-part-own-key",
        404,
        "an upload belongs to its key",
        _upload("upload_part", _own, PartNumber=1, **_BODY),
    ),
    Attack(
        "upload-complete-own-key",
        404,
        "as above",
        _upload("complete_multipart_upload", _own, **_PARTS),
    ),
    Attack("upload-abort-own-key", 404, "as above", _upload("abort_multipart_upload", _own)),
    Attack("evidence-put", 403, "evidence is the operator's", _evidence("put_object", **_BODY)),
    Attack(
        "evidence-put-beside",
        403,
        "nor a seal that nobody made",
        _on(lambda _: ".glovebox/seals/forged/seal.json", "put_object", **_BODY),
    ),
    Attack("evidence-delete", 403, "as above", _evidence("delete_object")),
    Attack("evidence-get", 403, "as above", _evidence("get_object")),
    Attack("evidence-copy", 403, "as above", _copy(lambda scene: f"{scene.bucket}/{_MANIFEST}")),
    Attack("evidence-list", 403, "as above", _list("list_objects_v2", lambda _: ".glovebox/")),
    Attack(
        "url-put-own",
        200,
        "by design: a signed URL is the session",
        _url("PUT", lambda scene: f"{scene.own.prefix}by-url.bin"),
    ),
    Attack("url-get-own", 200, "as above", _url("GET", _own)),
    Attack("url-delete-own", 403, "and it allows no more than the session", _url("DELETE", _own)),
    Attack("url-put-other", 403, "as above", _url("PUT", lambda scene: scene.secret)),
    Attack("url-get-other", 403, "as above", _url("GET", lambda scene: scene.secret)),
    Attack("url-get-evidence", 403, "as above", _url("GET", lambda _: _EVIDENCE)),
    Attack("form-with-dots", 403, "a form allows no more than the session", _form),
)
