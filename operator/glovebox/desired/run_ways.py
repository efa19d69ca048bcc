"""How the programs of a run reach others: through which proxy, and whom they trust. Pure.

Programs know one proxy, by variables with usual names. Where the store is behind one and the
profile offers one, it has to be the same (`why_two_proxies`). What a NetworkPolicy opens directly
is named as what no proxy is used for: the store, declared routes, services, the run's own pods.

Authorities lie beside the snapshot, as a file. Variables for AWS SDKs are not among those that name
it: what a store is judged by is in the configuration that comes with the session.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from glovebox import names
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStoreSpec
from glovebox.api.profile_network import RunProxy
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.network_policy import asked_services, canonical_network, run_proxy
from glovebox.desired.store_proxy import is_direct, proxy_to

SNAPSHOT_FOLDER: Final = "/etc/glovebox"
AUTHORITIES_FILE: Final = "authorities.pem"
# What a pod reaches by itself: its own endpoint for sessions among them.
_ALWAYS_DIRECT: Final = ("localhost", "127.0.0.1", "::1")
# Names of the cluster that end so, and those by which the workers of a run find each other.
_OF_THE_CLUSTER: Final = ("svc", "cluster.local", names.RUN_JOB)
# OpenSSL and what is built on it (Python's ssl, httpx, uv), Go; requests; curl; Git; pip; gRPC.
# Node's adds to its own authorities, the others replace them.
_READ_BY_PROGRAMS: Final = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GLOVEBOX_AUTHORITIES",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)


def why_two_proxies(proxy: RunProxy, spec: ObjectStoreSpec) -> str:
    """Return why a run cannot use both this proxy and the store; an empty text where it can."""
    to_store = proxy_to(spec)
    if not to_store:
        return ""
    if to_store != proxy.url.rstrip("/"):
        return f"the store is reached through {to_store}, and programs know one proxy alone"
    if is_direct(spec.endpoint, proxy.no_proxy):
        return "the profile's `noProxy` has the host of the store, which is behind the proxy"
    return ""


def proxy_variables(inputs: ExperimentInputs) -> dict[str, str]:
    """Return the variables by which every program goes through a proxy; none without one.

    With a proxy to the store alone, for `https://` alone: what an SDK asks of its own pod is plain.
    Some programs read the names in capitals, some the others.
    """
    spec, proxy = inputs.store.spec, run_proxy(inputs.experiment, inputs.profile)
    to_store = proxy_to(spec)
    if proxy is None and not to_store:
        return {}
    direct = [*_ALWAYS_DIRECT, *(spec.proxy.no_proxy if to_store and spec.proxy else ())]
    named = ["HTTPS_PROXY"]
    if proxy is not None:
        named.append("HTTP_PROXY")
        direct += _opened(inputs)
        direct += [] if to_store else [urlsplit(spec.endpoint).hostname or ""]
        # In one order: what was bound is sorted, and renders the same.
        direct += sorted(proxy.no_proxy)
    url = to_store if proxy is None else proxy.url.rstrip("/")
    hosts = [spelling for host in direct for spelling in _spellings(host)]
    variables = dict.fromkeys(named, url) | {"NO_PROXY": ",".join(dict.fromkeys(hosts))}
    return variables | {name.lower(): value for name, value in variables.items()}


def authority_variables(profile: IsolationProfile) -> dict[str, str]:
    """Return the variables by which programs find the authorities of the profile, if it has any."""
    if profile.spec.network.tls is None:
        return {}
    return dict.fromkeys(_READ_BY_PROGRAMS, f"{SNAPSHOT_FOLDER}/{AUTHORITIES_FILE}")


def _opened(inputs: ExperimentInputs) -> list[str]:
    """Return what policies open directly, by names and addresses: many know no networks there."""
    services = sorted({service.namespace for service in asked_services(inputs)})
    routes = [
        str(network.network_address) if network.num_addresses == 1 else str(network)
        for network in (
            canonical_network(route.cidr)
            for route in sorted(inputs.experiment.spec.network.egress, key=lambda each: each.name)
        )
    ]
    return [*_OF_THE_CLUSTER, *services, *routes]


def _spellings(host: str) -> tuple[str, ...]:
    """Return a host, and an address of IPv6 also as it stands in a URL: some compare with that."""
    return (host, f"[{host}]") if ":" in host and "/" not in host else (host,)
