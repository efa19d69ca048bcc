"""NetworkPolicies: closed in both directions, then exactly the routes that an experiment needs.

Policies are additive, so the first denies everything and each other opens one thing: the cluster's
DNS, the object store's S3 port, the experiment's own pods, the declared routes with the proxy that
was asked for, and pods of other namespaces that the profile offers by a name. Link-local addresses,
where clouds hand out the node's credentials, are cut out of every network that is opened; a network
inside them never gets here (`refusals.py`), but for a name server on the node itself. A cluster
whose network plugin does not enforce NetworkPolicies gains nothing from these objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.ports import PortRule
from glovebox.api.profile_network import OfferedService, RunProxy
from glovebox.api.store_network import Proxy, StoreNetwork
from glovebox.desired.inputs import ExperimentInputs, PodRoute, StoreRoute
from glovebox.desired.metadata import KubernetesObject, owned_metadata
from glovebox.desired.never_reachable import (
    Network,
    contains,
    forbidden_networks,
    never_reachable,
    why_no_name_server,
)
from glovebox.desired.store_proxy import proxy_to
from glovebox.errors import Refused

# Of a name server that is opened by its address.
_DNS_PORT: Final = 53
_NAMESPACE_NAME_LABEL: Final = "kubernetes.io/metadata.name"


def network_policies(inputs: ExperimentInputs) -> tuple[KubernetesObject, ...]:
    """Return the policies of an experiment; those for routes and services only where there are any.

    Raises:
        Refused: `StoreAddressUnknown`, as `store_route`.
    """
    policies = [
        _policy(names.NETWORK_POLICY_DEFAULT_DENY, inputs, policyTypes=["Ingress", "Egress"]),
        _policy(
            names.NETWORK_POLICY_DNS, inputs, policyTypes=["Egress"], egress=_dns_rules(inputs)
        ),
        _policy(
            names.NETWORK_POLICY_STORE, inputs, policyTypes=["Egress"], egress=_store_rules(inputs)
        ),
        _policy(
            names.NETWORK_POLICY_OWN_PODS,
            inputs,
            policyTypes=["Ingress", "Egress"],
            ingress=[{"from": [{"podSelector": {}}]}],
            egress=[{"to": [{"podSelector": {}}]}],
        ),
    ]
    egress = inputs.experiment.spec.network.egress
    proxy = run_proxy(inputs.experiment, inputs.profile)
    if egress or proxy is not None:
        # What was bound before the platform added its range is left out.
        rules = [
            {
                "to": [_ip_block(route.cidr, inputs.never_reachable)],
                "ports": _declared(route.ports),
            }
            for route in sorted(egress, key=lambda r: r.name)
            if not never_reachable(canonical_network(route.cidr), inputs.never_reachable)
        ]
        if proxy is not None:
            rules += _proxy_rule(proxy_route(inputs.profile, proxy), inputs.never_reachable)
        policies.append(
            _policy(names.NETWORK_POLICY_ROUTES, inputs, policyTypes=["Egress"], egress=rules)
        )
    services = asked_services(inputs)
    if services:
        opened = [_service_rule(service) for service in services]
        policies.append(
            _policy(names.NETWORK_POLICY_SERVICES, inputs, policyTypes=["Egress"], egress=opened)
        )
    return tuple(policies)


def asked_services(inputs: ExperimentInputs) -> tuple[OfferedService, ...]:
    """Return the services that the Experiment asks for, as the profile offers them, by name."""
    asked = inputs.experiment.spec.network.services
    return tuple(
        sorted(
            (each for each in inputs.profile.spec.network.services if each.name in asked),
            key=lambda service: service.name,
        )
    )


def _dns_rules(inputs: ExperimentInputs) -> list[dict[str, object]]:
    """Return a rule for the DNS pods, and one for name servers that share the node's network.

    An address is opened for DNS alone, be it link-local: metadata services are no name servers.
    """
    dns = inputs.profile.spec.network.dns
    rules: list[dict[str, object]] = [
        {"to": [_pods(PodRoute(dns.namespace, dns.pod_labels))], "ports": _both(dns.ports)}
    ]
    hosts = sorted(
        {
            str(ip_network(address))
            for address in dns.addresses
            # As with routes: the platform may have added its range since.
            if not why_no_name_server(ip_address(address), inputs.never_reachable)
        }
    )
    if hosts:
        peers = [{"ipBlock": {"cidr": host}} for host in hosts]
        rules.append({"to": peers, "ports": _both((_DNS_PORT,))})
    return rules


def _both(ports: Iterable[int]) -> list[dict[str, object]]:
    return [
        {"port": port, "protocol": protocol}
        for port in sorted(set(ports))
        for protocol in ("UDP", "TCP")
    ]


def _service_rule(service: OfferedService) -> dict[str, Any]:
    peer = _pods(PodRoute(service.namespace, service.pod_labels))
    return {"to": [peer], "ports": _declared(service.ports)}


def _declared(ports: Iterable[PortRule]) -> list[dict[str, object]]:
    """Return ports as a policy lists them, each once and in one order."""
    return [
        {"port": port, "protocol": protocol}
        for port, protocol in sorted({(each.port, each.protocol) for each in ports})
    ]


def _store_rules(inputs: ExperimentInputs) -> list[dict[str, object]]:
    """Return a rule for the store of the artifacts, and one for each other that holds inputs."""
    others = (store for store in inputs.input_stores if store.name != inputs.store.name)
    return [
        _store_rule(store_route(store), inputs.never_reachable)
        for store in (inputs.store, *sorted(others, key=lambda store: store.name))
    ]


def store_route(store: ObjectStore) -> StoreRoute:
    """Return what to open towards the store: its `spec.network`, else its endpoint's address.

    Where a proxy stands before it, the same of the proxy: the store itself stays closed.

    Raises:
        Refused: `StoreAddressUnknown`, when the endpoint is a host name and `spec.network` names no
            address. A NetworkPolicy knows networks and pods, no host names.
    """
    proxy, network, field = proxy_to(store.spec), store.spec.network, "spec"
    if proxy and store.spec.proxy is not None:
        network, field = store.spec.proxy.network, "spec.proxy"
    what = f"the {'proxy' if proxy else 'endpoint'} of ObjectStore {store.name}"
    return _route_to(proxy or store.spec.endpoint, network, what, "ObjectStore", field)


def run_proxy(experiment: Experiment, profile: IsolationProfile) -> RunProxy | None:
    """Return the proxy that the programs of an experiment use; None where it asks for none."""
    return profile.spec.network.proxy if experiment.spec.network.use_proxy else None


def proxy_route(profile: IsolationProfile, proxy: Proxy) -> StoreRoute:
    """Return what to open towards the proxy of the programs of a run.

    Args:
        profile: That offers it.
        proxy: The proxy.

    Raises:
        Refused: `StoreAddressUnknown`, as `store_route`.
    """
    what = f"the proxy of IsolationProfile {profile.name}"
    return _route_to(proxy.url, proxy.network, what, "profile", "spec.network.proxy")


def _route_to(
    url: str, network: StoreNetwork | None, what: str, owner: str, field: str
) -> StoreRoute:
    """Return what to open towards a URL: its networks or pods, else its address."""
    endpoint = urlsplit(url)
    port = (
        (network.port if network else None)
        or endpoint.port
        or (443 if endpoint.scheme == "https" else 80)
    )
    if network and (network.cidrs or network.pods):
        pods = PodRoute(network.pods.namespace, network.pods.labels) if network.pods else None
        return StoreRoute(port, tuple(network.cidrs), pods)
    address = _host_network(endpoint.hostname or "")
    if address is None:
        raise Refused(
            reasons.STORE_ADDRESS_UNKNOWN,
            f"{what} is the host name {endpoint.hostname}, which a NetworkPolicy cannot open: list"
            f" its networks in the {owner}'s {field}.network.cidrs, or its pods in"
            f" {field}.network.pods",
        )
    return StoreRoute(port, (address,))


def _host_network(host: str) -> str | None:
    """Return the network of the one host that is written as an address, or None for a name."""
    try:
        return str(ip_network(ip_address(host)))
    except ValueError:
        return None


def canonical_network(cidr: str) -> Network:
    """Return the network of a CIDR text that has no bits set beyond its prefix.

    Raises:
        ValueError: It is no such text.
    """
    return ip_network(cidr)


def _policy(name: str, inputs: ExperimentInputs, **spec: Any) -> KubernetesObject:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owned_metadata(name, inputs),
        "spec": {"podSelector": {}, **spec},
    }


def _pods(route: PodRoute) -> dict[str, Any]:
    # One item with both selectors means "and"; two items would mean "or", and open the whole
    # namespace.
    return {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME_LABEL: route.namespace}},
        "podSelector": _labels(route.labels),
    }


def _labels(labels: Mapping[str, str]) -> dict[str, Any]:
    return {"matchLabels": dict(labels)} if labels else {}


def _store_rule(route: StoreRoute, added: tuple[Network, ...]) -> dict[str, Any]:
    peers = [_ip_block(cidr, added) for cidr in sorted(set(route.cidrs))]
    if route.pods:
        peers.append(_pods(route.pods))
    return {"to": peers, "ports": [{"port": route.port, "protocol": "TCP"}]}


def _proxy_rule(route: StoreRoute, added: tuple[Network, ...]) -> list[dict[str, Any]]:
    """Return the rule for a proxy, without what the platform forbade since it was bound."""
    cidrs = tuple(
        cidr for cidr in route.cidrs if not never_reachable(canonical_network(cidr), added)
    )
    # A rule without peers would open that port of everybody.
    return [_store_rule(replace(route, cidrs=cidrs), added)] if cidrs or route.pods else []


def _ip_block(cidr: str, added: tuple[Network, ...]) -> dict[str, Any]:
    network = canonical_network(cidr)
    excepted = [
        str(forbidden)
        for forbidden in forbidden_networks(added)
        if forbidden != network and contains(network, forbidden)
    ]
    return {"ipBlock": {"cidr": str(network), **({"except": excepted} if excepted else {})}}
