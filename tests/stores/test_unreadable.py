"""What a run wrote so that the operator cannot read it: an entry with its reason, and a finding.

SSE-C takes TLS: MinIO with a certificate of an authority of its own. Archives are AWS's alone: a
front answers as AWS does for an object of the class GLACIER.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_seals import PREFIX, evidence, seal
from cluster.store.test_verifying import found, sealed, verify
from glovebox.evidence.artifacts import decode_artifacts
from glovebox.evidence.statement import LIST_NAME
from glovebox.store.buckets import DefaultRetention, ensure_bucket
from glovebox.store.connection import Credentials, Stores, StoreSettings
from glovebox.store.putting import checksum
from glovebox_local.certificates import Authority
from glovebox_local.programs import MINIO, ensure_program
from support import own_store
from support.lying_store import Answered, Asked, Liar, lying
from support.running_stores import running_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox.store.connection import Store

ROOT = Credentials("rootuser", "rootpassword")
ARCHIVED = (
    b"<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's"
    b" storage class</Message><StorageClass>GLACIER</StorageClass></Error>"
)


@pytest.fixture(scope="module")
def minio_over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreSettings]:
    base = tmp_path_factory.mktemp("minio-tls")
    authority = Authority.create("glovebox-tests")
    ca, _ = authority.write(base, "ca")
    certificates = base / "certificates"
    certificates.mkdir()
    issued = authority.issue_server("minio", ["127.0.0.1"]).write(base, "minio")
    for path, name in zip(issued, ("public.crt", "private.key"), strict=True):
        (certificates / name).write_bytes(path.read_bytes())
    (port,) = own_store.free_ports(1)
    address = f"127.0.0.1:{port}"
    root = {
        "MINIO_ROOT_USER": ROOT.access_key_id,
        "MINIO_ROOT_PASSWORD": ROOT.secret_access_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "HOME": str(base),
    }
    command = [
        ensure_program(MINIO) / "minio",
        "server",
        *("--certs-dir", certificates, "--address", address),
        base / "data",
    ]
    with running_endpoint(command, f"https://{address}", base / "minio.log", root) as endpoint:
        yield StoreSettings(endpoint, credentials=ROOT, ca_bundle=ca.read_text())


@contextlib.asynccontextmanager
async def opened(settings: StoreSettings) -> Any:
    stores = Stores()
    try:
        yield stores.open(settings)
    finally:
        await stores.close()


async def new_bucket(store: Store) -> str:
    name = f"locked-{secrets.token_hex(4)}"
    retention = DefaultRetention("COMPLIANCE", 1)
    await ensure_bucket(store, name, create=True, lock_required=True, retention=retention)
    return name


def put(store: Store, bucket: str, name: str, body: bytes, **options: Any) -> str:
    return str(
        store.s3.put_object(
            Bucket=bucket, Key=PREFIX + name, Body=body, ChecksumSHA256=checksum(body), **options
        )["VersionId"]
    )


async def test_what_is_encrypted_with_a_key_of_the_run_s_own_is_listed_as_that(
    minio_over_tls: StoreSettings,
) -> None:
    async with opened(minio_over_tls) as store:
        bucket = await new_bucket(store)
        put(store, bucket, "model.bin", b"weights")
        own = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secrets.token_hex(16)}
        version = put(store, bucket, "secret.bin", b"hidden", **own)
        result = await seal(store, bucket)
        assert result.versions == 2
        assert len(result.findings) == 1
        assert f"`{PREFIX}secret.bin`: version {version} " in result.findings[0]
        assert "`EncryptedWithOtherKey`" in result.findings[0]
        (_, listed) = decode_artifacts(evidence(store, bucket)[LIST_NAME])
        entry = next(each for each in listed if each.version_id == version)
        assert (entry.unreadable, entry.sha256) == ("EncryptedWithOtherKey", "")


async def test_what_a_run_archived_is_listed_as_that_with_its_lock(tmp_path: Path) -> None:
    def archived(asked: Asked, _: Liar) -> Answered | None:
        reads = asked.method == "GET" and asked.path.endswith("/cold.bin")
        if not reads or not asked.query.keys() <= {"versionId"}:
            return None
        return Answered(403, ARCHIVED, {"Content-Type": "application/xml"})

    with (
        own_store.running_seaweed(tmp_path) as running,
        lying(running.endpoint, own_store.ADMIN, archived) as endpoint,
    ):
        async with opened(StoreSettings(endpoint, credentials=own_store.ADMIN)) as store:
            bucket = await new_bucket(store)
            put(store, bucket, "model.bin", b"weights")
            version = put(store, bucket, "cold.bin", b"frozen")
            await sealed(store, bucket)
            verified = verify(store, bucket)
            (entry,) = (each for each in verified.report.artifacts if each.version_id == version)
            assert (entry.unreadable, entry.lock_mode) == ("Archived", "Compliance")
            assert any(
                "`Archived`" in remark and "cold.bin" in remark
                for remark in verified.report.remarks
            )
            assert found(verified) == []
