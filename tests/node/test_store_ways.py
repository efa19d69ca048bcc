"""A store that is reached over TLS of a private authority and through a proxy alone, on a node.

Its name means nothing to anybody but the proxy, and its server listens where no pod and no operator
gets: what comes through came by `spec.proxy`, and trusted by `spec.tls`.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from glovebox.store.connection import Credentials
from glovebox_local.certificates import Authority
from node.test_runs import ROWS, Run
from support.connect_proxy import ConnectProxy, connecting
from support.lying_store import lying
from support.operator_process import Team, experiment_spec, profile_spec, store_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox_local.images import Image
    from support.node import NodeCluster

HOST = "store.invalid"
# What a team's program does; the setting is for the front, which reads no body without a length.
PROGRAM = """
import hashlib, os, boto3
os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "WHEN_REQUIRED"
rows = open("/inputs/train/rows.csv", "rb").read()
bucket, _, prefix = os.environ["GLOVEBOX_ARTIFACTS_URI"].removeprefix("s3://").partition("/")
client = boto3.client("s3")
client.put_object(Bucket=bucket, Key=prefix + "model.bin", Body=b"weights")
print(client._request_signer._credentials.method, hashlib.sha256(rows).hexdigest())
"""


@pytest.fixture
def proxy(node_cluster: NodeCluster, platform: Team, tmp_path: Path) -> Iterator[ConnectProxy]:
    """The store `hidden`, and the proxy before it."""
    keys = node_cluster.cluster.store.access.operator
    signed = Credentials(keys.access_key_id, keys.secret_access_key)
    authority = Authority.create("glovebox-tests")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("front", [HOST]).write(tmp_path, "front"))
    endpoint = node_cluster.cluster.store.endpoint
    with lying(endpoint, signed, lambda *_: None, tls=context) as front:
        address = urlsplit(front)
        hosts = {f"{HOST}:443": (str(address.hostname), int(address.port or 0))}
        gateway = node_cluster.cluster.environment.gateway
        with connecting(hosts, network=gateway) as running:
            spec: dict[str, Any] = store_spec(
                node_cluster.cluster,
                "glovebox-hidden",
                endpoint=f"https://{HOST}",
                tls={"caBundle": ca.read_text()},
                proxy={"url": running.url},
            )
            platform.declare("ObjectStore", "hidden", spec)
            platform.expect("ObjectStore", "hidden", timeout=120)
            yield running


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_fetcher_and_session_of_a_run_go_through_a_proxy_and_trust_a_private_authority(
    node_cluster: NodeCluster,
    platform: Team,
    team: Team,
    glovebox_image: Image,
    proxy: ConnectProxy,
) -> None:
    repository = glovebox_image.reference.partition("@")[0]
    platform.declare(
        "IsolationProfile", "hidden", profile_spec(images=[{"repository": repository}])
    )
    platform.expect("IsolationProfile", "hidden")
    run = Run(node_cluster, team, store="hidden")
    run.pin("rows", ROWS)
    images = [{"name": "python", "reference": glovebox_image.reference}]
    spec = experiment_spec(
        "hidden",
        "hidden",
        images=images,
        run={"image": "python", "command": ["python", "-c", PROGRAM]},
        inputs=run.inputs,
    )
    before = len(proxy.asked)
    team.declare("Experiment", "through", spec)
    sealed = team.expect("Experiment", "through", "Sealed", timeout=180)
    assert sealed["status"]["run"]["outcome"] == "Succeeded", sealed["status"]["run"]
    assert sealed["status"]["seal"]["objects"] == 1
    assert run.said(sealed).split() == ["container-role", hashlib.sha256(ROWS).hexdigest()]
    assert set(proxy.asked[before:]) == {f"CONNECT {HOST}:443"}
