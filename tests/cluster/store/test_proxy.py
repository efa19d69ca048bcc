"""`spec.proxy`: whoever uses the store goes through it, and what goes wrong there names it.

The store's host exists for the proxy alone: whatever goes past it finds nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from cluster.store.test_seals import PREFIX, put, seal
from glovebox.api.object_store import ObjectStore
from glovebox.data.delivery import StoreAddress
from glovebox.data.probing import S3Attempts, Seen
from glovebox.desired.delivery import store_address
from glovebox.desired.run_environment import store_variables
from glovebox.desired.run_ways import proxy_variables
from glovebox.desired.session_files import SESSION_FOLDER, session_files
from glovebox.errors import GloveboxError, Unavailable
from glovebox.jobs.origin import Origin
from glovebox.jobs.probe_s3 import s3_attempts
from glovebox.jobs.task import settings_of
from glovebox.store.connection import Pools, Stop, Store
from glovebox.store.credentials import assume_for_prefix
from glovebox.store.listing import list_versions
from glovebox.store.pins import PrefixSource, build_pin
from glovebox.store.probes import prove_store
from glovebox.store.putting import checksum
from glovebox.tasks.questions import address_of
from glovebox_local.certificates import Authority
from golden.cases import inputs_from
from support.connect_proxy import ConnectProxy, connecting
from support.lying_store import lying
from support.own_store import ADMIN, ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.store.connection import Stores, StoreSettings
    from glovebox.store.credentials import SessionCredentials

HOST = "store.invalid"
ENDPOINT = f"https://{HOST}"
CONNECT = f"CONNECT {HOST}:443"
# Writes one object with what a run's environment says, and nothing else.
RUN = """
import boto3, os
bucket, _, prefix = os.environ["GLOVEBOX_ARTIFACTS_URI"].removeprefix("s3://").partition("/")
print(boto3.client("s3").put_object(Bucket=bucket, Key=prefix + "model", Body=b"x")["VersionId"])
"""


class Way:
    """The store behind its proxy.

    Attributes:
        proxy: It.
        authorities: Of the certificate that the store shows.
        settings: As the operator opens the store.
    """

    def __init__(self, proxy: ConnectProxy, authorities: str, settings: StoreSettings) -> None:
        self.proxy, self.authorities = proxy, authorities
        self.settings = replace(settings, endpoint=ENDPOINT, ca_bundle=authorities, proxy=proxy.url)

    def spec(self, bucket: str, **proxy: Any) -> ObjectStore:
        """Return the ObjectStore that says so."""
        said = {
            "endpoint": ENDPOINT,
            "artifacts": {"bucket": bucket},
            "tls": {"caBundle": self.authorities},
            "proxy": {"url": self.proxy.url, **proxy},
        }
        return ObjectStore.model_validate({"metadata": {"name": "primary"}, "spec": said})


@pytest.fixture
def way(settings: StoreSettings, tmp_path: Path) -> Iterator[Way]:
    authority = Authority.create("glovebox-tests")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("front", [HOST]).write(tmp_path, "front"))
    with lying(settings.endpoint, ADMIN, lambda *_: None, tls=context) as front:
        address = urlsplit(front)
        hosts = {f"{HOST}:443": (str(address.hostname), int(address.port or 0))}
        with connecting(hosts) as proxy:
            yield Way(proxy, ca.read_text(), settings)


@pytest.fixture
def proxied(stores: Stores, way: Way) -> Store:
    return stores.open(way.settings)


async def test_checks_pins_and_seals_go_through_it_and_past_it_there_is_nothing(
    way: Way, proxied: Store, stores: Stores, locked_bucket: str
) -> None:
    past = stores.open(replace(way.settings, proxy=""))
    with pytest.raises(Unavailable, match="does not answer"):
        await build_pin(past, PrefixSource(locked_bucket, PREFIX), artifacts_bucket="x", lock=None)
    assert way.proxy.asked == []
    now = dt.datetime.now(dt.UTC)
    proofs = await prove_store(proxied, bucket=locked_bucket, role_arn=ROLE, now=now)
    assert {str(proof.outcome) for proof in proofs} == {"Passed"}
    put(proxied, locked_bucket, "data", ChecksumSHA256=checksum(b"x"))
    source = PrefixSource(locked_bucket, PREFIX)
    await build_pin(proxied, source, artifacts_bucket=locked_bucket, lock=None)
    assert (await seal(proxied, locked_bucket)).findings == ()
    assert set(way.proxy.asked) == {CONNECT}
    # It is told no keys, and whoever runs it no more than the host.
    assert not [each for each in way.proxy.headers if "authorization" in each]


def session(store: Store, bucket: str) -> SessionCredentials:
    return assume_for_prefix(store, ROLE, bucket, PREFIX, "run7", 900)


def test_the_sdk_of_a_run_goes_through_it_by_its_environment_alone(
    way: Way, store: Store, locked_bucket: str, tmp_path: Path
) -> None:
    spec = way.spec(locked_bucket, noProxy=["elsewhere.example"])
    files = session_files(spec.spec, session(store, locked_bucket), way.authorities)
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace(SESSION_FOLDER, str(tmp_path)))
    inputs = replace(inputs_from(), store=spec, platform_image="")
    found = store_variables(inputs) | proxy_variables(inputs)
    variables = {
        name: value.replace(SESSION_FOLDER, str(tmp_path)) for name, value in found.items()
    } | {"GLOVEBOX_ARTIFACTS_URI": f"s3://{locked_bucket}/{PREFIX}"}
    assert variables["NO_PROXY"] == "localhost,127.0.0.1,::1,[::1],elsewhere.example"
    # What a profile has programs trust is not asked about the store, whose own goes before it.
    others, _ = Authority.create("another").write(tmp_path, "another")
    variables |= {"REQUESTS_CA_BUNDLE": str(others), "SSL_CERT_FILE": str(others)}

    # The front reads no body in chunks.
    quiet = {"AWS_MAX_ATTEMPTS": "1", "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}

    def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", RUN],
            env={"PATH": os.defpath, **environment, **quiet},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    ended = run(variables)
    assert ended.returncode == 0, ended.stderr[-2000:]
    written = store.s3.head_object(Bucket=locked_bucket, Key=f"{PREFIX}model")
    assert written["VersionId"] == ended.stdout.strip()
    assert set(way.proxy.asked) == {CONNECT}
    past = {name: value for name, value in variables.items() if "proxy" not in name.lower()}
    assert "EndpointConnectionError" in run(past).stderr


def test_the_fetcher_goes_through_it(
    way: Way, store: Store, locked_bucket: str, tmp_path: Path
) -> None:
    put(store, locked_bucket, "model")
    address = store_address(way.spec(locked_bucket))
    assert address == StoreAddress(name="primary", endpoint=ENDPOINT, proxy=way.proxy.url)
    origin = Origin(address, _mounted(way, store, locked_bucket, tmp_path), _pools())
    found = origin.ask(
        lambda each: each.s3.get_object(Bucket=locked_bucket, Key=f"{PREFIX}model")["Body"].read()
    )
    assert found == b"x"
    assert set(way.proxy.asked) == {CONNECT}


def test_the_isolation_check_goes_through_it(
    way: Way, store: Store, locked_bucket: str, tmp_path: Path
) -> None:
    plan = S3Attempts(
        endpoint=ENDPOINT,
        proxy=way.proxy.url,
        credentials=str(_mounted(way, store, locked_bucket, tmp_path)),
        bucket=locked_bucket,
        prefix=PREFIX,
        other_prefix="team-b/run1/uid-2/",
    )
    _, attempt = s3_attempts(plan)["s3:list-own"]
    assert attempt().seen is Seen.WORKED
    assert set(way.proxy.asked) == {CONNECT}


def test_a_task_of_the_operator_goes_through_it(
    way: Way, proxied: Store, locked_bucket: str
) -> None:
    settings = settings_of(address_of(proxied, 0), ADMIN)
    assert settings == replace(way.settings, credentials=ADMIN)
    opened = Store(settings, _pools())
    assert list(list_versions(opened.wire, locked_bucket, "", Stop())) == []
    assert set(way.proxy.asked) == {CONNECT}


def test_sts_is_reached_directly_where_no_proxy_says_so(
    way: Way, stores: Stores, settings: StoreSettings, locked_bucket: str
) -> None:
    direct = stores.open(
        replace(way.settings, sts_endpoint=settings.endpoint, sts_proxy="", ca_bundle="")
    )
    assert session(direct, locked_bucket).session_token
    assert way.proxy.asked == []


@pytest.mark.parametrize("who", ["the SDK", "the requests of our own"])
def test_a_proxy_that_refuses_or_is_away_is_told_with_the_field_that_cures_it(
    way: Way, proxied: Store, locked_bucket: str, who: str
) -> None:
    def asking() -> object:
        if who == "the SDK":
            return session(proxied, locked_bucket)
        return list(list_versions(proxied.wire, locked_bucket, "", Stop()))

    def ask() -> GloveboxError:
        with pytest.raises(Unavailable) as found:
            asking()
        return found.value

    way.proxy.status = 407
    refused = ask()
    assert refused.reason == "StoreUnreachable"
    assert "check `spec.proxy` of the ObjectStore" in refused.message
    assert "the proxy said 407" in refused.message
    way.proxy.go_away()
    away = ask()
    assert "check `spec.proxy` of the ObjectStore" in away.message
    assert "ProxyError" in away.message


def _mounted(way: Way, store: Store, bucket: str, folder: Path) -> Path:
    """Write credentials and authorities as they are mounted; return the file with the keys."""
    files = session_files(way.spec(bucket).spec, session(store, bucket), way.authorities)
    for name in ("credentials", "credentials.pem"):
        (folder / name).write_text(files[name])
    return folder / "credentials"


def _pools() -> Pools:
    return Pools(control=1, jobs=1, reads=1)
