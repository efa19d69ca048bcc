"""What SDKs do on their own is done, or refused in words that docs/how-to tells of.

Each has the session of a run, which writes and reads below one prefix, and deletes nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_sdk_sessions import PREFIX, Mount
from glovebox.desired.run_environment import store_variables
from glovebox.desired.session_files import SESSION_FOLDER, session_files
from glovebox.store.credentials import assume_for_prefix
from support.own_store import ROLE
from support.sdks import FOLDER, sdk_python

if TYPE_CHECKING:
    from glovebox.store.connection import Store
    from support.own_store import RunningStore

__all__ = ["sdk_python"]


OF_BOTO3 = {
    "write": "",
    "read": "",
    "list": "",
    "write again": "",
    "write in parts": "",
    "delete": "AccessDenied",
    "make a folder": "AccessDenied",
    "ask for the bucket": "(403) when calling the HeadBucket operation",
    "list the bucket": "AccessDenied",
}
OF_S3FS = {
    "write": "",
    "read": "",
    "list": "",
    "write again": "",
    "delete": "PermissionError",
    # Of a folder it asks whether the bucket is there, and would make it.
    "make a folder": "PermissionError",
    "ask for the bucket": "not found",
    "list the bucket": "PermissionError",
}
OF_PYARROW = {
    "write": "",
    "read": "",
    "list": "",
    "write again": "",
    "delete": "ACCESS_DENIED during DeleteObject",
    "make a folder": "ACCESS_DENIED during HeadBucket",
    "write a dataset": "ACCESS_DENIED during HeadBucket",
    "write a dataset without folders": "",
    "list the bucket": "ACCESS_DENIED during ListObjectsV2",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("sdk", "expected"),
    [("boto3", OF_BOTO3), ("s3fs", OF_S3FS), ("pyarrow", OF_PYARROW)],
    ids=["boto3", "s3fs", "pyarrow"],
)
def test_what_an_sdk_does_on_its_own(
    store: Store,
    seaweed: RunningStore,
    locked_bucket: str,
    sdk_python: Path,
    tmp_path: Path,
    sdk: str,
    expected: dict[str, str],
) -> None:
    spec: Any = SimpleNamespace(
        endpoint=seaweed.endpoint, region="us-east-1", path_style=True, proxy=None
    )
    mount = Mount(tmp_path / "session")
    mount.write(
        session_files(spec, assume_for_prefix(store, ROLE, locked_bucket, PREFIX, "run7", 900))
    )
    inputs: Any = SimpleNamespace(store=SimpleNamespace(spec=spec), platform_image="")
    environment = {
        name: value.replace(SESSION_FOLDER, str(mount.folder))
        for name, value in store_variables(inputs).items()
    }
    done = subprocess.run(
        [str(sdk_python), str(FOLDER / "refused.py"), sdk],
        env={
            "PATH": os.defpath,
            "HOME": "/nowhere",
            "GLOVEBOX_ARTIFACTS_URI": f"s3://{locked_bucket}/{PREFIX}",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {each["what"]: each["error"] for each in map(json.loads, done.stdout.splitlines())}
    assert list(found) == list(expected)
    for what, words in expected.items():
        assert words in found[what], f"{what}: {found[what]}"
        assert bool(found[what]) is bool(words), f"{what}: {found[what]}"
