"""Verifies a seal with what an auditor has: a folder or a store, and a public key.

It changes nothing, and asks no cluster.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import load_public_key
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME
from glovebox.evidence.verification import Report, check_bytes, check_versions, verify_evidence
from glovebox.store.connection import Stores, StoreSettings
from glovebox.store.sealing import STATEMENT_NAME, read_artifacts, read_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.store.connection import Stop, Store

DOCUMENTS: Final = (STATEMENT_NAME, LIST_NAME, SNAPSHOT_NAME)


@dataclass(frozen=True, slots=True)
class Verified:
    """A report, how many bytes of artifacts were read for it, and in words what was checked."""

    report: Report
    bytes_read: int
    looked: str


def verify_folder(folder: Path, public_key: str) -> Verified:
    """Verify the evidence in a folder, without any store.

    Raises:
        InvalidInput: A document is missing, or the key cannot be read.
    """
    documents = {
        name: (folder / name).read_bytes() for name in DOCUMENTS if (folder / name).is_file()
    }
    return Verified(
        _verify(documents, public_key, str(folder)),
        0,
        "the artifacts themselves were not checked",
    )


def verify_store(uri: str, public_key: str, *, read_bytes: bool, save: Path | None) -> Verified:
    """Verify a seal in a store, with every version that it lists.

    Args:
        uri: `s3://bucket/.glovebox/seals/<uid>/`.
        public_key: As PEM.
        read_bytes: Read and hash every version; else only look whether it is there and locked.
        save: Folder in which the evidence is kept.

    Raises:
        InvalidInput: There is no seal, or the key cannot be read.
        GloveboxError: The store does not answer, or denies it.
    """
    return asyncio.run(_verify_store(uri, public_key, read_bytes=read_bytes, save=save))


async def _verify_store(
    uri: str, public_key: str, *, read_bytes: bool, save: Path | None
) -> Verified:
    bucket, _, rest = uri.removeprefix("s3://").partition("/")
    folder = f"{rest.rstrip('/')}/"
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    settings = StoreSettings(endpoint or f"https://s3.{region}.amazonaws.com", region)
    stores = Stores()
    try:
        store = stores.open(settings)

        def job(stop: Stop) -> Verified:
            documents = read_evidence(store, bucket, folder, stop)
            if save is not None:
                save.mkdir(parents=True, exist_ok=True)
                for name, body in documents.items():
                    (save / name).write_bytes(body)
            report = _verify(documents, public_key, uri)
            if report.findings:
                return Verified(report, 0, "")
            return _compare(store, bucket, report, stop, read_bytes=read_bytes)

        return await store.run_job(job)
    finally:
        await stores.close()


def _compare(
    store: Store, bucket: str, report: Report, stop: Stop, *, read_bytes: bool
) -> Verified:
    prefix = report.statement["predicate"]["buildDefinition"]["internalParameters"][
        "artifacts"
    ].removeprefix(f"s3://{bucket}/")
    found = list(read_artifacts(store, bucket, prefix, stop, hashed=read_bytes))
    check_versions(report, found)
    if not read_bytes:
        return Verified(report, 0, "each is there and locked; their bytes were not read")
    now = {(artifact.key, artifact.version_id): artifact for artifact in found}
    size = 0
    for artifact in report.artifacts:
        live = now.get((artifact.key, artifact.version_id))
        if live is not None and not artifact.delete_marker:
            check_bytes(report, artifact, live.sha256, live.size)
            size += live.size
    return Verified(
        report, size, f"each is there and locked, and {size:,} bytes were read and hashed"
    )


def _verify(documents: Mapping[str, bytes], public_key: str, where: str) -> Report:
    missing = [name for name in DOCUMENTS if name not in documents]
    if missing:
        raise InvalidInput(
            reasons.MANIFEST_INVALID,
            f"{where} holds no {missing[0]}: is it the evidence of a seal?",
        )
    statement, artifacts, snapshot = (documents[name] for name in DOCUMENTS)
    return verify_evidence(statement, artifacts, snapshot, load_public_key(public_key))
