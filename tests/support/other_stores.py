"""Stores that are not the local environment's, with their users: MinIO, versitygw, a strict front.

Ceph has a file of its own.

Each runs on loopback, keeps its data in a folder of the test's own, and ends with the test.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from glovebox.store.connection import Credentials
from glovebox_local.certificates import Authority
from glovebox_local.programs import MINIO, VERSITYGW, ensure_program
from support import own_store
from support.ceph import running_ceph
from support.lying_store import Answered, Asked, Liar, lying
from support.running_stores import OtherStore, running_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

_ROOT: Final = Credentials("rootuser", "rootpassword")
_OPERATOR: Final = Credentials("glovebox-operator", "glovebox-operator-secret")
_BLIND: Final = Credentials("glovebox-blind", "glovebox-blind-secret")
# MinIO has no roles: whoever assumes any gets a session of their own rights.
_ANY_ROLE: Final = "arn:aws:iam::000000000000:role/Runner"
# The one key of MinIO's KMS; SeaweedFS makes whatever key is named.
KMS_KEY: Final = "glovebox-tests"
# Below which MinIO takes buckets as the names of hosts.
DOMAIN: Final = "minio.invalid"
# What the operator's user needs on the bucket of artifacts, and its sessions with it. The first
# three are for a bucket that it creates itself.
RIGHTS: Final = (
    "s3:CreateBucket",
    "s3:PutBucketVersioning",
    "s3:PutBucketObjectLockConfiguration",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectRetention",
    "s3:PutObject",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:PutEncryptionConfiguration",
    "s3:GetEncryptionConfiguration",
)
_CHECKSUM_NEEDED: Final = (
    b"<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is"
    b" required for Put Object requests with Object Lock parameters</Message></Error>"
)


@contextlib.contextmanager
def running_seaweedfs(base: Path) -> Iterator[OtherStore]:
    """Start SeaweedFS, as the local environment has it."""
    with own_store.running_seaweed(base) as running:
        yield OtherStore("seaweedfs", running.endpoint, own_store.ADMIN, own_store.ROLE)


@contextlib.contextmanager
def running_strict(base: Path) -> Iterator[OtherStore]:
    """Start SeaweedFS behind a front that demands what AWS demands of writes under a lock.

    Over TLS, by an authority that the environment alone names: AWS_CA_BUNDLE.
    """
    authority = Authority.create("glovebox-tests")
    ca, _ = authority.write(base, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("front", ["127.0.0.1"]).write(base, "front"))
    with (
        pytest.MonkeyPatch.context() as patched,
        own_store.running_seaweed(base) as running,
        lying(running.endpoint, own_store.ADMIN, _Strict(), tls=context) as endpoint,
    ):
        patched.setenv("AWS_CA_BUNDLE", str(ca))
        yield OtherStore("strict", endpoint, own_store.ADMIN, own_store.ROLE)


@contextlib.contextmanager
def running_minio(base: Path) -> Iterator[OtherStore]:
    """Start MinIO with the operator's user, and one who may not see locks."""
    built = ensure_program(MINIO)
    (port,) = own_store.free_ports(1)
    address = f"127.0.0.1:{port}"
    root = {
        "MINIO_ROOT_USER": _ROOT.access_key_id,
        "MINIO_ROOT_PASSWORD": _ROOT.secret_access_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_DOMAIN": DOMAIN,
        "MINIO_KMS_SECRET_KEY": f"{KMS_KEY}:{base64.b64encode(bytes(32)).decode()}",
        "HOME": str(base),
    }
    command = [built / "minio", "server", "--address", address, base / "data"]
    with running_endpoint(command, f"http://{address}", base / "minio.log", root) as endpoint:
        for user, missing in ((_OPERATOR, ""), (_BLIND, "s3:GetObjectRetention")):
            policy = base / f"{user.access_key_id}.json"
            policy.write_text(json.dumps(_rights_but(missing)))
            subprocess.run(
                [built / "minio-user", address, user.access_key_id, policy],
                env={**os.environ, **root, "MINIO_USER_PASSWORD": user.secret_access_key},
                check=True,
                timeout=60,
            )
        yield OtherStore("minio", endpoint, _OPERATOR, _ANY_ROLE, _BLIND)


@contextlib.contextmanager
def running_versitygw(base: Path) -> Iterator[OtherStore]:
    """Start the Versity S3 Gateway over a folder. It issues no sessions."""
    built = ensure_program(VERSITYGW)
    (port,) = own_store.free_ports(1)
    for name in ("iam", "versions", "data"):
        (base / name).mkdir()
    keys = {
        "ROOT_ACCESS_KEY": _ROOT.access_key_id,
        "ROOT_SECRET_KEY": _ROOT.secret_access_key,
    }
    options = ["--port", f"127.0.0.1:{port}", "--keep-alive", "--quiet", "--iam-dir", base / "iam"]
    kept = ["posix", "--versioning-dir", base / "versions", base / "data"]
    command = [built / "versitygw", *options, *kept]
    with running_endpoint(
        command, f"http://127.0.0.1:{port}", base / "versitygw.log", keys
    ) as endpoint:
        yield OtherStore("versitygw", endpoint, _ROOT, None)


STORES: Final[Mapping[str, Callable[[Path], AbstractContextManager[OtherStore]]]] = {
    "seaweedfs": running_seaweedfs,
    "strict": running_strict,
    "ceph": running_ceph,
    "versitygw": running_versitygw,
    "minio": running_minio,
}


def _rights_but(missing: str) -> dict[str, Any]:
    actions = [right for right in RIGHTS if right != missing]
    allow = {"Effect": "Allow", "Action": actions, "Resource": ["arn:aws:s3:::*"]}
    return {"Version": "2012-10-17", "Statement": [allow]}


class _Strict:
    """Refuses objects and parts without a checksum in buckets that have a lock, as AWS does."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}
        self._asking = threading.Lock()

    def __call__(self, asked: Asked, liar: Liar) -> Answered | None:
        bucket, _, key = asked.path.lstrip("/").partition("/")
        writes = asked.method == "PUT" and key and asked.query.keys() <= {"uploadId", "partNumber"}
        if not writes or "x-amz-copy-source" in asked.headers:
            return None
        has_sum = any(
            name in {"content-md5", "x-amz-trailer"} or name.startswith("x-amz-checksum-")
            for name in asked.headers
        )
        if has_sum or not self._has_lock(bucket, asked, liar):
            return None
        return Answered(400, _CHECKSUM_NEEDED, {"Content-Type": "application/xml"})

    def _has_lock(self, bucket: str, asked: Asked, liar: Liar) -> bool:
        with self._asking:
            if bucket not in self._known:
                question = Asked("GET", f"/{bucket}?object-lock=", {}, b"")
                self._known[bucket] = liar.as_admin(question).status == 200
            locks = any(name.startswith("x-amz-object-lock-") for name in asked.headers)
            return locks or self._known[bucket]
