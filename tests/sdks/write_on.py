"""Writes an object every second with one client, made once: `write_on.py SDK END`.

It knows no credentials and no endpoint: everything comes from the environment of a run. Each object
is one line on standard output, as JSON: when it was written, or the error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable


def boto3_writer() -> Callable[[str, bytes], None]:
    """Return what writes with the SDK for Python."""
    import boto3

    client = boto3.client("s3")

    def write(path: str, body: bytes) -> None:
        bucket, _, key = path.partition("/")
        client.put_object(Bucket=bucket, Key=key, Body=body)

    return write


def pyarrow_writer() -> Callable[[str, bytes], None]:
    """Return what writes with the SDK for C++."""
    from pyarrow.fs import FileSystem

    # It reads the endpoint from the environment for a URI alone.
    files, _ = FileSystem.from_uri(os.environ["GLOVEBOX_ARTIFACTS_URI"])

    def write(path: str, body: bytes) -> None:
        with files.open_output_stream(path) as stream:
            stream.write(body)

    return write


def s3fs_writer() -> Callable[[str, bytes], None]:
    """Return what writes with the SDK for Python that waits for nobody."""
    from s3fs import S3FileSystem

    files = S3FileSystem()

    def write(path: str, body: bytes) -> None:
        files.pipe_file(path, body)

    return write


WRITERS = {"boto3": boto3_writer, "pyarrow": pyarrow_writer, "s3fs": s3fs_writer}


def main(sdk: str, end: float) -> None:
    """Write until that time, in seconds of the epoch."""
    folder = os.environ["GLOVEBOX_ARTIFACTS_URI"].removeprefix("s3://")
    write = WRITERS[sdk]()
    number = 0
    while time.time() < end:
        begun, error = time.time(), ""
        try:
            write(f"{folder}{sdk}-{number}", b"x")
        except Exception as refused:  # noqa: BLE001 - each SDK has its own
            error = f"{type(refused).__name__}: {refused}"[:900]
        print(json.dumps({"at": begun, "number": number, "error": error}), flush=True)
        number += 1
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
