"""Loading the data into a versioned bucket, as a team's own pipeline would.

With the loader's keys, not the operator's.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glovebox_local.demo.flights import DataFile
from glovebox_local.errors import LocalError
from glovebox_local.seaweedfs_config import StoreAccess

BUCKET = "flights"
_STEP = "Loading the data"


@dataclass(frozen=True)
class Loaded:
    """What was loaded."""

    objects: int
    bytes: int


def load(
    access: StoreAccess, files: Iterable[DataFile], say: Callable[[str], None] = lambda _: None
) -> Loaded:
    """Put the files into the bucket, which is created with versions.

    The store checks the SHA-256 of each on arrival.

    Args:
        access: The store and the loader's keys.
        files: What to put.
        say: Told how far it is.

    Raises:
        LocalError: The store refused, or answered without a version: a pin could not hold on to
            such an object.
    """
    from botocore.exceptions import (  # noqa: PLC0415 - heavy, and only the demonstration needs it
        BotoCoreError,
        ClientError,
    )

    client = client_of(access)
    objects = size = 0
    try:
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for file in files:
            _put(client, file)
            objects += 1
            size += len(file.body)
            say(f"{objects} files, {size / 1e6:.1f} MB")
    except (BotoCoreError, ClientError) as error:
        raise LocalError(_STEP, f"the store at {access.endpoint} refused: {error}") from error
    return Loaded(objects, size)


def _put(client: Any, file: DataFile) -> None:
    checksum = base64.b64encode(hashlib.sha256(file.body).digest()).decode()
    answer = client.put_object(Bucket=BUCKET, Key=file.key, Body=file.body, ChecksumSHA256=checksum)
    if not answer.get("VersionId"):
        raise LocalError(
            _STEP, f"the store gave no version to {file.key}, though the bucket keeps versions"
        )


def client_of(access: StoreAccess, *, session: Mapping[str, str] | None = None) -> Any:
    """Return a boto3 client with the loader's keys, or with a session as SDKs have it in a file."""
    import boto3  # noqa: PLC0415 - heavy, and only the demonstration needs it
    from botocore.config import Config  # noqa: PLC0415 - as above

    keys = session or {
        "aws_access_key_id": access.loader.access_key_id,
        "aws_secret_access_key": access.loader.secret_access_key,
    }
    return boto3.client(
        "s3",
        endpoint_url=access.endpoint,
        region_name=access.region,
        config=Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=60),
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
        aws_session_token=keys.get("aws_session_token"),
    )
