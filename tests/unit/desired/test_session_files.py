"""The files of a session, as the SDK for Python reads them."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from glovebox.desired.session_files import SESSION_FOLDER, session_files
from glovebox.store.credentials import SessionCredentials

if TYPE_CHECKING:
    from pathlib import Path

SESSION = SessionCredentials(
    access_key_id="ASIAKEY",
    secret_access_key="the-secret",
    session_token="the-token",
    expire_time=datetime(2026, 11, 26, 12, 30, 15, tzinfo=UTC),
)


def files(*, path_style: bool = True) -> dict[str, str]:
    spec: Any = SimpleNamespace(
        endpoint="https://store.example:8333", region="eu-central-1", path_style=path_style
    )
    return session_files(spec, SESSION)


@pytest.mark.parametrize(
    ("path_style", "address"),
    [
        (True, "https://store.example:8333/bucket/key?"),
        (False, "https://bucket.store.example:8333/key?"),
    ],
)
@pytest.mark.parametrize("file", ["config", "config-with-process"])
def test_buckets_are_addressed_as_the_store_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, file: str, path_style: bool, address: str
) -> None:
    """`spec.pathStyle` decides."""
    (tmp_path / "config").write_text(files(path_style=path_style)[file])
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    client = boto3.session.Session().client("s3")
    url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"})
    assert url.startswith(address)
    assert client.meta.region_name == "eu-central-1"


def test_the_session_is_told_to_end_a_minute_before_it_does() -> None:
    """An SDK that asks seconds before the end it knows must not be too late where clocks differ."""
    told = json.loads(files()["session.json"])
    assert told["Expiration"] == "2026-11-26T12:29:15Z"


def test_one_document_answers_an_endpoint_and_a_program() -> None:
    told = json.loads(files()["session.json"])
    keys = {"AccessKeyId": "ASIAKEY", "SecretAccessKey": "the-secret"}
    assert told == keys | {
        "Version": 1,
        "SessionToken": "the-token",  # a program's
        "Token": "the-token",  # an endpoint's
        "Expiration": "2026-11-26T12:29:15Z",
    }


@pytest.mark.parametrize("file", ["config", "config-with-process"])
def test_the_configuration_holds_no_keys(file: str) -> None:
    """An SDK takes the keys that it finds there, and never looks again."""
    text = files()[file]
    assert "the-secret" not in text
    assert "the-token" not in text
    assert "aws_" not in text


def test_the_program_of_the_configuration_prints_the_session(tmp_path: Path) -> None:
    made = files()
    (tmp_path / "session.json").write_text(made["session.json"])
    line = made["config-with-process"].rpartition("credential_process = ")[2]
    command = line.strip().replace(SESSION_FOLDER, str(tmp_path)).split()
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == made["session.json"]
