"""A SeaweedFS without a cluster, with users and roles that the local one rightly lacks."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.store.connection import Credentials
from glovebox_local.processes import start_program
from glovebox_local.seaweedfs import find_weed
from glovebox_local.seaweedfs_config import ENVIRONMENT, ROOM

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = Credentials(access_key_id="glovebox-admin", secret_access_key="glovebox-admin-secret")
READER = Credentials(access_key_id="reader", secret_access_key="reader-secret")
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Runner"
# What its keys are derived from, and the one of its KMS, which makes whatever key is named.
_SSE_KEY = {"WEED_S3_SSE_KEY": "what the tests encrypt with"}
_KMS = {"type": "local", "enableOnDemandCreate": True}
OPEN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/OpenRunner"


@dataclass(frozen=True)
class RunningStore:
    """Where the store of this test session listens."""

    endpoint: str
    filer: str
    volume: str
    process: int
    # With its roles, and the key that it signs sessions with.
    configuration: Path


@contextlib.contextmanager
def running_seaweed(base: Path, audit: Path | None = None) -> Iterator[RunningStore]:
    """Start `weed server` on free loopback ports, wait for S3, and end all that it started.

    Args:
        base: Its folder.
        audit: Says where its audit log goes; None for none.
    """
    ports = free_ports(10)
    (base / "s3.json").write_text(json.dumps(_identities()))
    (base / "iam.json").write_text(json.dumps(_iam()))
    (base / "data").mkdir()
    names = ("master", "volume", "filer", "s3")
    options = [f"-{name}.port={ports[i]}" for i, name in enumerate(names)] + [
        f"-{name}.port.grpc={ports[i + 4]}" for i, name in enumerate(names)
    ]
    command = [
        str(find_weed()),
        "server",
        f"-dir={base / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-filer",
        "-s3",
        "-iam=false",
    ]
    command += [
        "-master.volumeSizeLimitMB=64",
        *(f"-{name}={value}" for name, value in ROOM.items()),
        f"-s3.config={base / 's3.json'}",
        f"-s3.iam.config={base / 'iam.json'}",
    ]
    command += [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={base / 's3.sock'}",
        f"-filer.localSocket={base / 'filer.sock'}",
        *options,
    ]
    command += [f"-s3.auditLogConfig={audit}"] if audit is not None else []
    # The kernel ends it with us, however we end.
    process = start_program(
        command, log=base / "weed.log", environment={**ENVIRONMENT, **_SSE_KEY}, tied=True
    )
    try:
        endpoint = f"http://127.0.0.1:{ports[3]}"
        _wait_for(endpoint, process, base / "weed.log")
        yield RunningStore(
            endpoint=endpoint,
            filer=f"http://127.0.0.1:{ports[2]}",
            volume=f"http://127.0.0.1:{ports[1]}",
            process=process.pid,
            configuration=base / "iam.json",
        )
    finally:
        # Nothing of it is kept, so nothing needs to be written down first.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for port in ports:
            for part in names:
                Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108 - the program's choice


def free_ports(count: int) -> list[int]:
    """Ask the kernel for ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()  # noqa: S310 - our own loopback address
        except urllib.error.HTTPError as error:
            # Any answer of the S3 port, a refusal too, says that it is up.
            error.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"SeaweedFS did not come up:\n{log.read_text()[-3000:]}")


def _identities() -> dict[str, Any]:
    account = {"id": ACCOUNT, "displayName": "admin"}
    return {
        "identities": [
            {
                "name": "admin",
                "credentials": [_key(ADMIN)],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                "account": account,
            },
            {"name": "reader", "credentials": [_key(READER)], "actions": ["Read", "List"]},
        ],
        "kms": {"default_provider": "local", "providers": {"local": _KMS}},
    }


def _key(credentials: Credentials) -> dict[str, str]:
    return {"accessKey": credentials.access_key_id, "secretKey": credentials.secret_access_key}


def _iam() -> dict[str, Any]:
    everything = {
        "Effect": "Allow",
        "Action": ["s3:*"],
        "Resource": ["arn:aws:s3:::*", "arn:aws:s3:::*/*"],
    }
    return {
        "sts": {
            "issuer": "glovebox-tests",
            "signingKey": base64.b64encode(secrets.token_bytes(32)).decode(),
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
        },
        "policies": [
            {"name": "Everything", "document": {"Version": "2012-10-17", "Statement": [everything]}}
        ],
        "roles": [
            _role("Runner", ROLE, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}),
            # Whoever holds any credential may assume this one: the fault that the proof of nested
            # sessions must find.
            _role("OpenRunner", OPEN_ROLE, {"AWS": "*"}),
        ],
    }


def _role(name: str, arn: str, principal: dict[str, str]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole"]}
    return {
        "roleName": name,
        "roleArn": arn,
        "attachedPolicies": ["Everything"],
        "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
    }
