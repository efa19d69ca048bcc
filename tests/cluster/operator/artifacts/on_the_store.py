"""What a run tries against the bucket, against its own identity, and below the S3 interface."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cluster.operator.artifacts.scene import Attack, Scene, status
from support.signing import Keys, send, signed_url


def _bucket(operation: str, **arguments: Any) -> Callable[[Scene], int]:
    return lambda scene: status(
        lambda: getattr(scene.s3, operation)(Bucket=scene.bucket, **arguments)
    )


def _everybody(scene: Scene) -> int:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    return status(lambda: scene.s3.put_bucket_policy(Bucket=scene.bucket, Policy=policy))


def _service(service: str, operation: str, **arguments: Any) -> Callable[[Scene], int]:
    """Return the attack that calls another service of the store with the run's credentials."""
    return lambda scene: status(
        lambda: getattr(scene.store.client(service, session=scene.own.session), operation)(
            **arguments
        )
    )


def _assume_again(scene: Scene) -> int:
    return _service(
        "sts",
        "assume_role",
        RoleArn=scene.store.access.role_arn,
        RoleSessionName="again",
        DurationSeconds=900,
    )(scene)


def _junk_identity(scene: Scene) -> int:
    token = ".".join(_unpadded(part) for part in (b'{"alg":"none"}', b'{"sub":"me"}', b""))
    arguments = {
        "RoleArn": scene.store.access.role_arn,
        "RoleSessionName": "junk",
        "WebIdentityToken": token,
    }
    return status(
        lambda: scene.store.client("sts", session=scene.own.session).assume_role_with_web_identity(
            **arguments
        )
    )


def _with(change: Callable[[Keys], Keys]) -> Callable[[Scene], int]:
    """Return the attack that writes to the own prefix with keys that were tampered with."""
    return lambda scene: scene.send(
        "PUT", f"{scene.own.prefix}token.bin", body=b"attack", keys=change(scene.own.keys)
    )


def _token(change: Callable[[str], str]) -> Callable[[Scene], int]:
    return _with(lambda keys: replace(keys, session_token=change(keys.session_token or "")))


def _claims(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    key: bytes | None = None,
    algorithm: str = "HS256",
) -> Callable[[str], str]:
    """Return what rewrites the claims of a session's token, and signs it again if it has a key."""

    def rewrite(token: str) -> str:
        header, payload, signature = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        # The policy of the session stands in the token itself: only the store's signature keeps it
        # there.
        assert "PutObject" in claims["spol"]
        header, payload = _part({"alg": algorithm, "typ": "JWT"}), _part(change(claims))
        if key is not None:
            signature = _unpadded(hmac.digest(key, f"{header}.{payload}".encode(), "sha256"))
        return f"{header}.{payload}.{signature}"

    return rewrite


def _part(claims: dict[str, Any]) -> str:
    return _unpadded(json.dumps(claims, separators=(",", ":")).encode())


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _without_policy(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name != "spol"}


def _expired(claims: dict[str, Any]) -> dict[str, Any]:
    return claims | {
        "iat": claims["iat"] - 7200,
        "nbf": claims["nbf"] - 7200,
        "exp": claims["iat"] - 3600,
    }


def _signed_by_the_store(
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[Scene], int]:
    """Return the attack with a token that only the store can sign.

    It tries a session's end without waiting for it.
    """

    def make(scene: Scene) -> int:
        configuration = scene.cluster.environment.state.config / "seaweedfs" / "iam.json"
        key = base64.b64decode(json.loads(configuration.read_text())["sts"]["signingKey"])
        return _token(_claims(change, key=key))(scene)

    return make


def _put(body: bytes = b"attack", **how: Any) -> Callable[[Scene], int]:
    return lambda scene: scene.send("PUT", f"{scene.own.prefix}signed.bin", body=body, **how)


def _old_request(scene: Scene) -> int:
    return _put(at=datetime.now(UTC) - timedelta(minutes=20))(scene)


def _changed_under_a_checksum(scene: Scene) -> int:
    spoken = b"what was signed"
    checksum = base64.b64encode(hashlib.sha256(spoken).digest()).decode()
    return _put(headers={"x-amz-checksum-sha256": checksum}, signed_body=spoken)(scene)


def _sent_twice(scene: Scene) -> int:
    now = datetime.now(UTC)
    first = _put(b"once", at=now)(scene)
    assert first == 200
    return _put(b"once", at=now)(scene)


def _stale_url(method: str) -> Callable[[Scene], int]:
    def make(scene: Scene) -> int:
        made = datetime.now(UTC) - timedelta(minutes=2)
        url = signed_url(
            scene.store.endpoint,
            scene.own.keys,
            method,
            f"/{scene.bucket}/{scene.model}",
            seconds=60,
            at=made,
        )
        return send(scene.store.endpoint, method, url, body=b"attack" if method == "PUT" else b"")

    return make


def _url_for_another_key(scene: Scene) -> int:
    url = signed_url(scene.store.endpoint, scene.own.keys, "PUT", f"/{scene.bucket}/{scene.model}")
    return send(
        scene.store.endpoint, "PUT", url.replace("model.bin", "metrics.json"), body=b"attack"
    )


def _chunked(trailer: str) -> Callable[[Scene], int]:
    """Return the attack that sends five bytes as a chunk with a wrong checksum behind it."""
    body = f"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n".encode()
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    return _put(body, headers=headers, signed_body="STREAMING-UNSIGNED-PAYLOAD-TRAILER")


def _inner(port: str, method: str, path: str) -> Callable[[Scene], int]:
    """Return the attack on one of the store's inner ports, which know nothing of locks."""

    def make(scene: Scene) -> int:
        where = scene.cluster.environment.description.ports[port]
        target = path.format(
            bucket=scene.bucket, key=scene.model, version=scene.version_of(scene.model)
        )
        return send(f"http://127.0.0.1:{where}", method, target)

    return make


_RULE = {"ID": "gone", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
_NO_LOCK = {"ObjectLockEnabled": "Enabled"}
_WEAK_LOCK = {
    "ObjectLockEnabled": "Enabled",
    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
}
_SITE = {"IndexDocument": {"Suffix": "index.html"}}
_CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
_CIPHER = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
_USER_POLICY = {"UserName": "glovebox-operator", "PolicyName": "mine", "PolicyDocument": "{}"}

ON_THE_STORE = (
    Attack("bucket-delete", 403, "the bucket is the operator's", _bucket("delete_bucket")),
    Attack(
        "bucket-create",
        403,
        "no other place to hide results in",
        lambda scene: status(lambda: scene.s3.create_bucket(Bucket="hiding-place")),
    ),
    Attack(
        "versioning-suspend",
        403,
        "as above",
        _bucket("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
    ),
    Attack(
        "lock-remove-default",
        403,
        "what arrives would no longer be locked",
        _bucket("put_object_lock_configuration", ObjectLockConfiguration=_NO_LOCK),
    ),
    Attack(
        "lock-weaken-default",
        403,
        "as above",
        _bucket("put_object_lock_configuration", ObjectLockConfiguration=_WEAK_LOCK),
    ),
    Attack(
        "lifecycle",
        403,
        "a rule would expire what others wrote",
        _bucket("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [_RULE]}),
    ),
    Attack("lifecycle-delete", 403, "the owner's rules stay", _bucket("delete_bucket_lifecycle")),
    Attack("policy", 403, "would open the bucket to everybody", _everybody),
    Attack("policy-delete", 403, "would take away what denies", _bucket("delete_bucket_policy")),
    Attack("bucket-acl", 403, "as above", _bucket("put_bucket_acl", ACL="public-read-write")),
    Attack(
        "encryption",
        403,
        "settings are the owner's",
        _bucket("put_bucket_encryption", ServerSideEncryptionConfiguration=_CIPHER),
    ),
    Attack(
        "notification",
        403,
        "as above",
        _bucket("put_bucket_notification_configuration", NotificationConfiguration={}),
    ),
    Attack("cors", 403, "as above", _bucket("put_bucket_cors", CORSConfiguration=_CORS)),
    Attack("website", 403, "as above", _bucket("put_bucket_website", WebsiteConfiguration=_SITE)),
    Attack("bucket-tags", 403, "as above", _bucket("put_bucket_tagging", Tagging={"TagSet": []})),
    Attack("public-access", 403, "as above", _bucket("delete_public_access_block")),
    Attack("ownership", 403, "as above", _bucket("delete_bucket_ownership_controls")),
    Attack("assume-again", 403, "a second session would be free of the policy", _assume_again),
    Attack("federation-token", 403, "as above", _service("sts", "get_federation_token", Name="me")),
    Attack("session-token", 403, "as above", _service("sts", "get_session_token")),
    Attack("web-identity", 403, "a token that nobody signed", _junk_identity),
    Attack(
        "who-am-i",
        200,
        "by design: a session may know its own name",
        _service("sts", "get_caller_identity"),
    ),
    Attack(
        "iam-new-key",
        403,
        "no keys that outlive the session",
        _service("iam", "create_access_key", UserName="glovebox-operator"),
    ),
    Attack("iam-new-user", 403, "as above", _service("iam", "create_user", UserName="me")),
    Attack("iam-policy", 403, "as above", _service("iam", "put_user_policy", **_USER_POLICY)),
    Attack("iam-users", 403, "as above", _service("iam", "list_users")),
    Attack(
        "token-missing",
        403,
        "the keys of a session are nothing without its token",
        _token(lambda _: ""),
    ),
    Attack("token-truncated", 403, "as above", _token(lambda token: token[:-20])),
    Attack(
        "token-garbled", 403, "as above", _token(lambda token: token[:-20] + token[-20:].swapcase())
    ),
    Attack(
        "token-other",
        403,
        "another session's token under the own keys",
        lambda scene: _token(lambda _: scene.other.session["SessionToken"])(scene),
    ),
    Attack("token-without-policy", 403, "the token is signed", _token(_claims(_without_policy))),
    Attack("token-unsigned", 403, "as above", _token(_claims(_without_policy, algorithm="none"))),
    Attack(
        "token-signed-by-guess", 403, "as above", _token(_claims(_without_policy, key=b"guess"))
    ),
    Attack(
        "token-expired",
        403,
        "a session ends; tried with a token that the store's own key signed",
        _signed_by_the_store(_expired),
    ),
    Attack(
        "token-signed-again",
        200,
        "the control of the row above",
        _signed_by_the_store(lambda claims: claims),
    ),
    Attack(
        "secret-wrong",
        403,
        "the token alone is useless",
        _with(lambda keys: replace(keys, secret_access_key="guess")),
    ),
    Attack(
        "unsigned",
        403,
        "no credentials at all",
        lambda scene: send(
            scene.store.endpoint, "PUT", f"/{scene.bucket}/{scene.model}", body=b"attack"
        ),
    ),
    Attack("old-request", 403, "a signature holds for a quarter of an hour", _old_request),
    Attack(
        "changed-body",
        200,
        "SeaweedFS does not compare the signed hash of a body: TLS must keep it, or a checksum",
        _put(signed_body=b"what was signed"),
    ),
    Attack(
        "changed-body-checksum", 400, "a signed checksum is compared", _changed_under_a_checksum
    ),
    Attack(
        "request-again",
        200,
        "a signed request holds for a quarter of an hour: the same bytes as a further version",
        _sent_twice,
    ),
    Attack("changed-key", 403, "the path is signed", _url_for_another_key),
    Attack("stale-url-put", 403, "a URL ends when it says", _stale_url("PUT")),
    Attack("stale-url-get", 403, "as above", _stale_url("GET")),
    Attack(
        "wrong-sha256",
        400,
        "a checksum is compared",
        _put(headers={"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode()}),
    ),
    Attack(
        "wrong-md5",
        400,
        "as above",
        _put(headers={"content-md5": base64.b64encode(bytes(16)).decode()}),
    ),
    Attack("wrong-trailer", 400, "as above, for one that follows its chunks", _chunked("AAAAAA==")),
    Attack("right-trailer", 200, "the control of the row above", _chunked("NhCmhg==")),
    Attack(
        "filer-delete",
        404,
        "the port is there, its HTTP is off",
        _inner("filer", "DELETE", "/buckets/{bucket}/{key}.versions?recursive=true"),
    ),
    Attack(
        "filer-read",
        404,
        "as above",
        _inner("filer", "GET", "/buckets/{bucket}/{key}.versions/v_{version}"),
    ),
    Attack(
        "master-delete", 404, "as above", _inner("master", "GET", "/col/delete?collection={bucket}")
    ),
    Attack(
        "volume-delete",
        401,
        "writes to a volume need a signed token",
        _inner("volume", "DELETE", "/1,01637037d6"),
    ),
)
