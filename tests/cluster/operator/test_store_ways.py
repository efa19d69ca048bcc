"""A store behind a proxy, and one that has to encrypt: by the operator as it runs."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from glovebox.store.connection import Credentials
from glovebox_local.certificates import Authority
from support.connect_proxy import connecting
from support.lying_store import lying
from support.operator_process import Team, experiment_spec, store_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from support.cluster import Cluster

pytestmark = pytest.mark.usefixtures("platform")
HOST = "store.invalid"


def _told(team: Team, store: str, words: str) -> str:
    """Return what Ready says once it has these words."""

    def look() -> str | None:
        status = team.read("ObjectStore", store).get("status") or {}
        for entry in status.get("conditions") or ():
            if entry["type"] == "Ready" and words in entry["message"]:
                return str(entry["message"])
        return None

    return eventually(look, timeout=90, what=f"{words!r} of {store}")


def test_a_store_behind_a_proxy_is_reached_through_it_and_says_when_that_is_away(
    cluster: Cluster, team: Team, tmp_path: Path
) -> None:
    store = f"way-{uuid4().hex[:6]}"
    keys = cluster.store.access.operator
    signed = Credentials(keys.access_key_id, keys.secret_access_key)
    authority = Authority.create("glovebox-tests")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("front", [HOST]).write(tmp_path, "front"))
    endpoint = cluster.store.access.endpoint
    with lying(endpoint, signed, lambda *_: None, tls=context) as front:
        address = urlsplit(front)
        hosts = {f"{HOST}:443": (str(address.hostname), int(address.port or 0))}
        with connecting(hosts) as proxy:
            proxy.status = 403
            spec: dict[str, Any] = store_spec(
                cluster,
                f"{store}-artifacts",
                endpoint=f"https://{HOST}",
                tls={"caBundle": ca.read_text()},
                proxy={"url": proxy.url},
            )
            team.declare("ObjectStore", store, spec)
            said = _told(team, store, "the proxy said 403")
            assert "check `spec.proxy` of the ObjectStore" in said
            proxy.status = 200
            team.expect("ObjectStore", store, timeout=120)
            team.declare("Experiment", "proxied", experiment_spec("standard", store))
            team.expect("Experiment", "proxied", timeout=90)
            assert set(proxy.asked) == {f"CONNECT {HOST}:443"}


def test_a_store_that_cannot_encrypt_as_it_must_is_refused_and_says_so(
    cluster: Cluster, team: Team
) -> None:
    """The store of the local environment has no keys to encrypt with."""
    store = f"way-{uuid4().hex[:6]}"
    encryption = {"type": "SSE-KMS", "keyId": "team-key"}
    spec = store_spec(cluster, f"{store}-artifacts", encryption=encryption)
    team.declare("ObjectStore", store, spec)
    said = _told(team, store, "spec.encryption")
    assert "SSE-KMS with the key team-key" in said
    team.api.patch(team.path("ObjectStore", store), {"spec": {"encryption": None}})
    made = team.expect("ObjectStore", store, timeout=120)
    assert "EncryptionProven" not in {each["type"] for each in made["status"]["conditions"]}
