"""A store whose certificate an authority signed that is the organisation's own."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import botocore.session
import pytest
from botocore.config import Config

from glovebox.store.connection import Credentials
from support.api import ApiError
from support.cluster import Cluster
from support.operator_process import Team, experiment_spec, store_spec
from support.tls_front import TlsFront, tls_front
from support.waiting import eventually

pytestmark = pytest.mark.usefixtures("platform")


@pytest.fixture(scope="module")
def front(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsFront]:
    keys = cluster.store.access.operator
    signed = Credentials(keys.access_key_id, keys.secret_access_key)
    folder = tmp_path_factory.mktemp("front")
    with tls_front(cluster.store.access.endpoint, signed, folder) as running:
        yield running


def _spec(cluster: Cluster, front: TlsFront, bucket: str, bundle: str | None) -> dict[str, Any]:
    tls = {"tls": {"caBundle": bundle}} if bundle is not None else {}
    return store_spec(cluster, bucket, endpoint=front.endpoint, **tls)


def _message(team: Team, store: str, *, reason: str) -> str:
    """Return what Ready says: Unknown of a store that was seen to be good."""

    def look() -> str | None:
        status = team.read("ObjectStore", store).get("status") or {}
        for entry in status.get("conditions") or ():
            if entry["type"] == "Ready" and entry["reason"] == reason:
                return str(entry["message"])
        return None

    return eventually(look, timeout=60, what=f"{reason} of {store}")


def test_it_is_used_by_the_authorities_that_its_declaration_names(
    cluster: Cluster, team: Team, front: TlsFront, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the operator, and by an SDK that reads what a run reads."""
    store = f"tls-{uuid4().hex[:6]}"
    spec = _spec(cluster, front, f"{store}-artifacts", None)
    team.declare("ObjectStore", store, spec)
    assert "spec.tls.caBundle" in _message(team, store, reason="StoreUnreachable")
    path = team.path("ObjectStore", store)
    team.api.patch(path, {"spec": {"tls": {"caBundle": front.others}}})
    team.api.patch(path, {"spec": {"tls": {"caBundle": front.authorities}}})
    team.expect("ObjectStore", store, timeout=120)

    team.declare("Experiment", "private", experiment_spec("standard", store))
    made = team.expect("Experiment", "private", timeout=60)
    assert "CERTIFICATE" not in made["status"]["platform"], "it is read where it changes for all"
    secret = f"/api/v1/namespaces/{made['status']['namespace']}/secrets"
    live = team.api.get(f"{secret}/glovebox-artifacts-credentials")
    for name, text in live["data"].items():
        (tmp_path / name).write_bytes(base64.b64decode(text))
    assert (tmp_path / "credentials.pem").read_text() == front.authorities
    config = (tmp_path / "config").read_text()
    folder = "/var/run/glovebox/artifacts"
    assert f"ca_bundle = {folder}/credentials.pem" in config
    (tmp_path / "config").write_text(config.replace(folder, str(tmp_path)))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    # The front reads no body without a length.
    plain = Config(request_checksum_calculation="when_required")
    s3 = boto3.Session(botocore_session=botocore.session.Session()).client("s3", config=plain)
    found = re.fullmatch(r"s3://([^/]+)/(.+/)", made["status"]["artifacts"]["uri"])
    assert found is not None
    s3.put_object(Bucket=found[1], Key=f"{found[2]}model", Body=b"weights")

    team.api.patch(
        team.path("Experiment", "private"), {"spec": {"lifecycle": {"desired": "Sealed"}}}
    )
    sealed = team.expect("Experiment", "private", "Sealed", timeout=120)
    assert sealed["status"]["seal"]["objects"] == 1


def test_what_was_bound_before_trusts_what_is_declared_now(
    cluster: Cluster, team: Team, front: TlsFront
) -> None:
    store = f"tls-{uuid4().hex[:6]}"
    both = front.others + front.authorities
    team.declare("ObjectStore", store, _spec(cluster, front, f"{store}-artifacts", both))
    team.expect("ObjectStore", store, timeout=120)
    team.declare("Experiment", "bound", experiment_spec("standard", store))
    team.expect("Experiment", "bound", timeout=60)
    path = team.path("ObjectStore", store)
    team.api.patch(path, {"spec": {"tls": {"caBundle": front.others}}})
    assert "spec.tls.caBundle" in _message(team, store, reason="StoreUnreachable")
    bound = team.read("Experiment", "bound")["status"]["conditions"]
    assert {"type": "PlatformChanged", "status": "False"}.items() <= next(
        entry.items() for entry in bound if entry["type"] == "PlatformChanged"
    )
    team.api.patch(path, {"spec": {"tls": {"caBundle": front.authorities}}})
    team.expect("ObjectStore", store, timeout=120)
    team.api.patch(team.path("Experiment", "bound"), {"spec": {"lifecycle": {"desired": "Sealed"}}})
    team.expect("Experiment", "bound", "Sealed", timeout=120)


def test_what_is_sealed_waits_until_the_authorities_can_be_read(
    cluster: Cluster, team: Team, front: TlsFront
) -> None:
    store = f"tls-{uuid4().hex[:6]}"
    team.declare(
        "ObjectStore", store, _spec(cluster, front, f"{store}-artifacts", front.authorities)
    )
    team.expect("ObjectStore", store, timeout=120)
    team.declare("Experiment", "patient", experiment_spec("standard", store))
    team.expect("Experiment", "patient", timeout=60)
    path, cut_off = team.path("ObjectStore", store), front.authorities[:-100]
    team.api.patch(path, {"spec": {"tls": {"caBundle": cut_off}}})
    words = "`spec.tls.caBundle` of the ObjectStore cannot be read"
    assert words in _message(team, store, reason="InvalidSpec")
    experiment = team.path("Experiment", "patient")
    team.api.patch(experiment, {"spec": {"lifecycle": {"desired": "Sealed"}}})
    team.expect("Experiment", "patient", "Sealed", "False", reason="StoreUnreachable")
    team.api.patch(path, {"spec": {"tls": {"caBundle": front.authorities}}})
    sealed = team.expect("Experiment", "patient", "Sealed", timeout=120)
    assert not sealed["status"]["seal"].get("findings")


def test_what_is_no_certificate_is_told_and_nothing_is_asked(
    cluster: Cluster, team: Team, front: TlsFront
) -> None:
    store = f"tls-{uuid4().hex[:6]}"
    broken = "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"
    team.declare("ObjectStore", store, _spec(cluster, front, f"{store}-artifacts", broken))
    words = "`spec.tls.caBundle` of the ObjectStore cannot be read"
    assert words in _message(team, store, reason="InvalidSpec")
    stalled = eventually(
        lambda: next(
            (
                entry
                for entry in team.read("ObjectStore", store)["status"]["conditions"]
                if entry["type"] == "Stalled"
            ),
            None,
        ),
        what="Stalled",
    )
    assert stalled["status"] == "True"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tls": {"caBundle": "rubbish"}}, "spec.tls.caBundle"),
        ({"tls": {"caBundle": ""}}, "spec.tls.caBundle"),
        (
            {
                "endpoint": "http://127.0.0.1:8333",
                "tls": {"caBundle": "-----BEGIN CERTIFICATE-----\n"},
            },
            "must be left out when `endpoint` begins with `http://`",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    cluster: Cluster, team: Team, front: TlsFront, changes: dict[str, Any], words: str
) -> None:
    spec = _spec(cluster, front, "unused", None) | changes
    with pytest.raises(ApiError, match=re.escape(words)):
        team.declare("ObjectStore", f"tls-{uuid4().hex[:6]}", spec)
