"""Tries with one SDK what libraries do on their own: `refused.py SDK`.

It knows no credentials and no endpoint: everything comes from the environment of a run. Each try is
one line on standard output, as JSON: what it was, and the error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

FOLDER = os.environ["GLOVEBOX_ARTIFACTS_URI"].removeprefix("s3://")
BUCKET, _, PREFIX = FOLDER.partition("/")
Tries = dict[str, Callable[[], Any]]


def boto3_tries() -> Tries:
    """Return what is tried with the SDK for Python."""
    import boto3

    client = boto3.client("s3")
    key = f"{PREFIX}boto3"
    return {
        "write": lambda: client.put_object(Bucket=BUCKET, Key=key, Body=b"x"),
        "read": lambda: client.get_object(Bucket=BUCKET, Key=key)["ContentLength"],
        "list": lambda: client.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX)["Contents"],
        "write again": lambda: client.put_object(Bucket=BUCKET, Key=key, Body=b"y"),
        "write in parts": lambda: in_parts(client, f"{key}-parts"),
        "delete": lambda: client.delete_object(Bucket=BUCKET, Key=key),
        "make a folder": lambda: client.put_object(Bucket=BUCKET, Key=f"{key}-folder/"),
        "ask for the bucket": lambda: client.head_bucket(Bucket=BUCKET),
        "list the bucket": lambda: client.list_objects_v2(Bucket=BUCKET),
    }


def in_parts(client: Any, key: str) -> None:
    """Write an object as transfers of large files do."""
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    given = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
    part = client.upload_part(**given, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    client.complete_multipart_upload(**given, MultipartUpload=parts)


def s3fs_tries() -> Tries:
    """Return what is tried with fsspec, which pandas, Dask, Lightning and others write by."""
    from s3fs import S3FileSystem

    files = S3FileSystem()
    path = f"{FOLDER}s3fs"
    return {
        "write": lambda: files.pipe_file(path, b"x"),
        "read": lambda: files.cat_file(path),
        "list": lambda: files.ls(FOLDER.rstrip("/"))[0],
        "write again": lambda: files.pipe_file(path, b"y"),
        "delete": lambda: files.rm_file(path),
        "make a folder": lambda: files.makedirs(f"{path}-folder", exist_ok=True),
        "ask for the bucket": lambda: found(files.exists(BUCKET)),
        "list the bucket": lambda: files.ls(BUCKET, refresh=True),
    }


def found(there: bool) -> None:  # noqa: FBT001 - an answer
    """Fail where something that is there is not found."""
    if not there:
        raise FileNotFoundError("not found")


def pyarrow_tries() -> Tries:
    """Return what is tried with the SDK for C++."""
    import pyarrow as pa
    from pyarrow import dataset, parquet
    from pyarrow.fs import FileSelector, FileSystem

    files, _ = FileSystem.from_uri(os.environ["GLOVEBOX_ARTIFACTS_URI"])
    path, table = f"{FOLDER}pyarrow", pa.table({"a": [1]})

    def written(folder: str, **how: Any) -> None:
        dataset.write_dataset(table, f"{path}-{folder}", format="parquet", filesystem=files, **how)

    return {
        "write": lambda: parquet.write_table(table, path, filesystem=files),
        "read": lambda: parquet.read_table(path, filesystem=files),
        "list": lambda: files.get_file_info(FileSelector(FOLDER.rstrip("/")))[0],
        "write again": lambda: parquet.write_table(table, path, filesystem=files),
        "delete": lambda: files.delete_file(path),
        "make a folder": lambda: files.create_dir(f"{path}-folder"),
        "write a dataset": lambda: written("dataset"),
        "write a dataset without folders": lambda: written(
            "plain", create_dir=False, existing_data_behavior="overwrite_or_ignore"
        ),
        "list the bucket": lambda: files.get_file_info(FileSelector(BUCKET)),
    }


TRIES = {"boto3": boto3_tries, "pyarrow": pyarrow_tries, "s3fs": s3fs_tries}


def main(sdk: str) -> None:
    """Try it all, one after the other."""
    for what, attempt in TRIES[sdk]().items():
        error = ""
        try:
            attempt()
        except Exception as refused:  # noqa: BLE001 - each SDK has its own
            error = f"{type(refused).__name__}: {refused}"[:900]
        print(json.dumps({"what": what, "error": error}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
