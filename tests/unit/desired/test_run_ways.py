"""Programs of a run find the profile's proxy and its authorities by what the run is given."""

from __future__ import annotations

import http.server
import os
import ssl
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.data.probing import Expected
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.network_policy import network_policies
from glovebox.desired.platform import identity, profile_changes, read_platform, render_platform
from glovebox.desired.probe import probe_plan
from glovebox.desired.run_environment import run_environment
from glovebox.desired.run_ways import AUTHORITIES_FILE, SNAPSHOT_FOLDER, why_two_proxies
from glovebox.desired.snapshot import snapshot
from glovebox_local.certificates import Authority
from golden.cases import inputs_from
from support.connect_proxy import connecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROXY = "http://198.51.100.7:3128"
PEM = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
HOST = "tracking.invalid"
ASKS = {"kind": "Experiment", "spec": {"network": {"useProxy": True}}}


def offers(**network: Any) -> dict[str, Any]:
    return {"kind": "IsolationProfile", "spec": {"network": network}}


def store(**spec: Any) -> dict[str, Any]:
    return {"kind": "ObjectStore", "spec": spec}


def variables(inputs: ExperimentInputs) -> dict[str, str]:
    (stage,) = inputs.experiment.spec.stages
    return {each["name"]: each["value"] for each in run_environment(inputs, stage)}


def opened(inputs: ExperimentInputs) -> str:
    return str([each["spec"] for each in network_policies(inputs)])


def test_nobody_who_does_not_ask_has_the_proxy() -> None:
    inputs = inputs_from(offers(proxy={"url": PROXY}))
    assert "PROXY" not in str(variables(inputs)).upper()
    assert "198.51.100.7" not in opened(inputs)
    assert "proxy" not in {each.id for each in probe_plan(inputs).connections}
    asked = inputs_from(offers(proxy={"url": PROXY}), ASKS)
    assert "198.51.100.7/32" in opened(asked)
    found = {each.id: (each.port, each.expected) for each in probe_plan(asked).connections}
    assert found["proxy"] == (3128, Expected.REACHABLE)


@pytest.mark.parametrize(
    ("changes", "direct"),
    [
        ([store(endpoint="http://192.0.2.10:8333", network=None)], "192.0.2.10"),
        ([store(endpoint="https://s3.example", network={"cidrs": ["192.0.2.0/24"]})], "s3.example"),
        ([store(endpoint="http://[2001:db8::9]:8333", network=None)], "2001:db8::9,[2001:db8::9]"),
    ],
    ids=["address", "name", "ipv6"],
)
def test_a_store_without_a_proxy_is_reached_directly(
    changes: list[dict[str, Any]], direct: str
) -> None:
    inputs = inputs_from(offers(proxy={"url": f"{PROXY}/", "noProxy": ["git.example"]}), ASKS)
    found = variables(
        inputs_from(offers(proxy={"url": f"{PROXY}/", "noProxy": ["git.example"]}), ASKS, *changes)
    )
    assert (
        found["NO_PROXY"]
        == found["no_proxy"]
        == (f"localhost,127.0.0.1,::1,[::1],svc,cluster.local,glovebox-run,{direct},git.example")
    )
    named = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
    assert {found[name] for name in named} == {PROXY}
    assert variables(inputs)["HTTP_PROXY"] == PROXY


def test_a_store_behind_the_same_proxy_is_reached_through_it() -> None:
    behind = store(endpoint="https://192.0.2.10:8333", network=None, proxy={"url": PROXY})
    found = variables(inputs_from(offers(proxy={"url": PROXY}), ASKS, behind))
    assert found["HTTPS_PROXY"] == found["HTTP_PROXY"] == PROXY
    assert "192.0.2.10" not in found["NO_PROXY"]


def test_whom_the_stores_proxy_is_not_used_for_goes_through_the_profiles_proxy() -> None:
    """The store is reached directly: what its unused proxy is not used for opens no way."""
    unused = {"url": "http://198.51.100.8:3128", "noProxy": ["192.0.2.10", "sts.example"]}
    past = store(endpoint="https://192.0.2.10:8333", network=None, proxy=unused)
    found = variables(inputs_from(offers(proxy={"url": PROXY}), ASKS, past))
    assert found["NO_PROXY"].endswith(",glovebox-run,192.0.2.10")


NAMESPACES = ["feast", "hub", "mlflow", "models", "notes", "tracking"]


def declared(order: int) -> ExperimentInputs:
    """Several of each that a list holds, in one order (1) or the other (-1)."""
    ports = [{"port": 443}]
    services = [
        {"name": f"s{at}", "namespace": name, "podLabels": {"app": name}, "ports": ports}
        for at, name in enumerate(reversed(NAMESPACES))
    ]
    egress = [
        {"name": "a", "cidr": "203.0.113.7/32", "ports": ports},
        {"name": "b", "cidr": "2001:db8:1::/48", "ports": ports},
    ]
    proxy = {"url": PROXY, "noProxy": ["git.example", "hub.example"][::order]}
    asks = {
        "useProxy": True,
        "services": [each["name"] for each in services[::order]],
        "egress": egress[::order],
    }
    return inputs_from(
        offers(proxy=proxy, services=services[::order]),
        {"kind": "Experiment", "spec": {"network": asks}},
    )


def test_the_order_in_which_things_are_declared_changes_no_run() -> None:
    assert variables(declared(1)) == variables(declared(-1))


def test_a_store_without_a_proxy_goes_with_every_proxy() -> None:
    inputs = inputs_from(offers(proxy={"url": PROXY}))
    assert inputs.profile.spec.network.proxy is not None
    assert why_two_proxies(inputs.profile.spec.network.proxy, inputs.store.spec) == ""


def test_a_network_of_ipv6_stands_as_it_is() -> None:
    direct = variables(declared(1))["NO_PROXY"].split(",")
    assert direct[7:15] == [*NAMESPACES, "203.0.113.7", "2001:db8:1::/48"]
    assert "[2001:db8:1::/48]" not in direct


def test_a_stage_may_name_authorities_of_its_image() -> None:
    inputs = inputs_from(offers(tls={"caBundle": PEM}))
    found = variables(inputs)
    path = f"{SNAPSHOT_FOLDER}/{AUTHORITIES_FILE}"
    assert found["SSL_CERT_FILE"] == found["REQUESTS_CA_BUNDLE"] == path
    assert snapshot(inputs)["data"][AUTHORITIES_FILE] == PEM
    # An SDK would take it for the store, whatever its configuration says.
    assert "AWS_CA_BUNDLE" not in found
    own = {"kind": "Experiment", "spec": {"stages": {0: {"env": {"SSL_CERT_FILE": "/own.pem"}}}}}
    assert variables(inputs_from(offers(tls={"caBundle": PEM}), own))["SSL_CERT_FILE"] == "/own.pem"
    without = inputs_from()
    assert "SSL_CERT_FILE" not in variables(without)
    assert AUTHORITIES_FILE not in snapshot(without)["data"]


@pytest.mark.parametrize(
    ("asks", "now", "changes"),
    [
        (True, {"proxy": {"url": PROXY, "noProxy": ["b", "a"]}, "tls": {"caBundle": PEM}}, ()),
        (True, {"proxy": {"url": PROXY + "0"}, "tls": {"caBundle": PEM}}, ("network",)),
        (True, {"tls": {"caBundle": PEM}}, ("network",)),
        (False, {"proxy": {"url": PROXY + "0"}, "tls": {"caBundle": PEM}}, ()),
        (False, {"tls": {"caBundle": PEM + PEM}}, ("network",)),
        (False, {}, ("network",)),
    ],
    ids=["another-order", "another-proxy", "no-proxy", "not-asked", "others-trusted", "none"],
)
def test_what_is_bound_and_in_the_digest(
    asks: bool,  # noqa: FBT001 - a column
    now: dict[str, Any],
    changes: tuple[str, ...],
) -> None:
    was = offers(proxy={"url": PROXY, "noProxy": ["a", "b"]}, tls={"caBundle": PEM})
    inputs = inputs_from(was)
    after = inputs_from(offers(**now)).profile
    text = render_platform(inputs.profile, inputs.store, (), (), uses_proxy=asks)
    recorded = read_platform(text).profile
    assert (recorded.spec.network.proxy is not None) is asks
    assert profile_changes(recorded, after) == changes
    before, later = (
        identity(each, (inputs.store,), (), uses_proxy=asks) for each in (inputs.profile, after)
    )
    assert (before == later) is not bool(changes)
    assert identity(recorded, (inputs.store,)) == before, "as the snapshot is checked"


PROGRAMS = {
    "urllib": [
        sys.executable,
        "-c",
        f"import urllib.request as r; print(r.urlopen('https://{HOST}/x').read().decode())",
    ],
    "requests": [
        sys.executable,
        "-c",
        f"import requests; print(requests.get('https://{HOST}/x').text)",
    ],
}


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"answered")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[tuple[str, int], str]]:
    """A server with a certificate of a private authority: where it is, and the authority."""
    authority = Authority.create("private")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("front", [HOST]).write(tmp_path, "front"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as front:
        front.socket = context.wrap_socket(front.socket, server_side=True)
        threading.Thread(target=front.serve_forever, args=(0.01,), daemon=True).start()
        yield ("127.0.0.1", front.server_port), ca.read_text()
        front.shutdown()


@pytest.mark.parametrize("program", ["urllib", "requests"])
def test_programs_find_both_by_the_environment_of_a_run(
    program: str, server: tuple[tuple[str, int], str], tmp_path: Path
) -> None:
    """The host exists for the proxy alone, and nobody else has its authority."""
    where, authority = server
    with connecting({f"{HOST}:443": where}) as proxy:
        inputs = inputs_from(offers(proxy={"url": proxy.url}, tls={"caBundle": authority}), ASKS)
        (tmp_path / AUTHORITIES_FILE).write_text(snapshot(inputs)["data"][AUTHORITIES_FILE])
        given = {
            name: value.replace(SNAPSHOT_FOLDER, str(tmp_path))
            for name, value in variables(inputs).items()
        } | {"PATH": os.environ["PATH"]}

        def run(*without: str) -> subprocess.CompletedProcess[str]:
            kept = {name: value for name, value in given.items() if name not in without}
            return subprocess.run(
                PROGRAMS[program],
                env=kept,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

        ended = run()
        assert ended.stdout.strip() == "answered", ended.stderr[-2000:]
        assert proxy.asked == [f"CONNECT {HOST}:443"]
        assert run("HTTPS_PROXY", "https_proxy").returncode != 0, "there is no such host"
        trusting = [name for name, value in given.items() if value.endswith(AUTHORITIES_FILE)]
        assert run(*trusting).returncode != 0, "nobody else trusts the authority"
