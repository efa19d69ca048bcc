"""Clusters of IPv4, of IPv6, and of both: what is opened is what is declared, in its family.

No family is looked for. What is closed is closed in both by the policy that denies everything, and
what is opened is opened by labels, which hold for both, or by addresses that somebody wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

import pytest

from glovebox import names
from glovebox.data.probing import Expected
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.network_policy import network_policies
from glovebox.desired.never_reachable import contains, metadata_services
from glovebox.desired.probe import probe_plan
from glovebox.desired.run_environment import run_environment
from glovebox.desired.store_proxy import is_direct
from golden.cases import inputs_from

FOUR: Final = {
    "store": "192.0.2.10",
    "dns": "169.254.20.10",
    "route": "203.0.113.0/24",
    "proxy": "198.51.100.7",
    "all": "0.0.0.0/0",
}
SIX: Final = {
    "store": "2001:db8:5::10",
    "dns": "fd00:53::a",
    "route": "2001:db8:7::/64",
    "proxy": "2001:db8:3128::7",
    "all": "::/0",
}


@dataclass(frozen=True)
class Cluster:
    """What a platform writes for a cluster of these families; the first is the store's."""

    families: tuple[dict[str, str], ...]

    def inputs(self) -> ExperimentInputs:
        """Return an Experiment there that asks for everything that is offered."""
        first = self.families[0]
        host = f"[{first['store']}]" if ":" in first["store"] else first["store"]
        proxy = f"[{first['proxy']}]" if ":" in first["proxy"] else first["proxy"]
        routes = [
            {"name": f"{kind}-{at}", "cidr": family[kind], "ports": [{"port": 443}]}
            for at, family in enumerate(self.families)
            for kind in ("route", "all")
        ]
        return inputs_from(
            {"kind": "ObjectStore", "spec": {"endpoint": f"http://{host}:8333", "network": None}},
            {
                "kind": "IsolationProfile",
                "spec": {
                    "network": {
                        "dns": {"addresses": [each["dns"] for each in self.families]},
                        "routes": routes,
                        "proxy": {"url": f"http://{proxy}:3128"},
                    }
                },
            },
            {
                "kind": "Experiment",
                "spec": {"network": {"egress": routes, "useProxy": True}},
            },
        )


CLUSTERS: Final = {
    "ipv4": Cluster((FOUR,)),
    "ipv6": Cluster((SIX,)),
    "dual-stack": Cluster((FOUR, SIX)),
    "dual-stack-ipv6-first": Cluster((SIX, FOUR)),
}


@pytest.fixture(params=CLUSTERS, ids=list(CLUSTERS))
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each of them."""
    return CLUSTERS[request.param]


def egress(inputs: ExperimentInputs, policy: str) -> list[dict[str, Any]]:
    found = {each["metadata"]["name"]: each["spec"] for each in network_policies(inputs)}
    return [peer for rule in found[policy]["egress"] for peer in rule["to"]]


def blocks(inputs: ExperimentInputs, policy: str) -> dict[str, list[str]]:
    """Return what a policy opens by addresses: the networks, each with what is cut out of it."""
    return {
        peer["ipBlock"]["cidr"]: peer["ipBlock"].get("except", [])
        for peer in egress(inputs, policy)
        if "ipBlock" in peer
    }


def test_everything_is_closed_in_both_families(cluster: Cluster) -> None:
    closed, *_ = network_policies(cluster.inputs())
    assert closed["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_name_servers_are_opened_by_labels_and_by_the_addresses_that_are_listed(
    cluster: Cluster,
) -> None:
    inputs = cluster.inputs()
    assert list(blocks(inputs, names.NETWORK_POLICY_DNS)) == sorted(
        str(ip_network(each["dns"])) for each in cluster.families
    )
    assert any("podSelector" in peer for peer in egress(inputs, names.NETWORK_POLICY_DNS))
    own = egress(inputs, names.NETWORK_POLICY_OWN_PODS)
    assert own == [{"podSelector": {}}], "own pods by labels, whatever their addresses are"


def test_a_route_is_opened_in_its_family_without_the_metadata_services_of_that_family(
    cluster: Cluster,
) -> None:
    found = blocks(cluster.inputs(), names.NETWORK_POLICY_ROUTES)
    for family in cluster.families:
        assert found[family["route"]] == []
        whole = ip_network(family["all"])
        cut = [ip_network(each) for each in found[family["all"]]]
        assert {each.version for each in cut} == {whole.version}
        for service in metadata_services():
            if service.version == whole.version:
                assert any(contains(each, ip_network(service)) for each in cut), service


def test_store_and_proxy_are_one_host_of_their_family(cluster: Cluster) -> None:
    inputs, first = cluster.inputs(), cluster.families[0]
    store = blocks(inputs, names.NETWORK_POLICY_STORE)
    assert list(store) == [str(ip_network(first["store"]))]
    assert str(ip_network(first["proxy"])) in blocks(inputs, names.NETWORK_POLICY_ROUTES)


def test_programs_know_what_is_direct_as_they_compare_it(cluster: Cluster) -> None:
    inputs, first = cluster.inputs(), cluster.families[0]
    (stage,) = inputs.experiment.spec.stages
    found = {each["name"]: each["value"] for each in run_environment(inputs, stage)}
    direct = found["NO_PROXY"].split(",")
    assert {"localhost", "127.0.0.1", "::1", "[::1]", first["store"]} <= set(direct)
    assert all(each["route"] in direct for each in cluster.families)
    assert (f"[{first['store']}]" in direct) is (":" in first["store"])
    assert not any(each.startswith("[") and "/" in each for each in direct)


@pytest.mark.parametrize("routed", [False, True], ids=["closed", "everything-routed"])
def test_the_isolation_check_tries_an_undeclared_address_of_each_family(
    cluster: Cluster,
    routed: bool,  # noqa: FBT001 - a column
) -> None:
    inputs = cluster.inputs() if routed else inputs_from()
    tried = {
        each.address.version: each.expected
        for each in probe_plan(inputs).connections
        if each.id.startswith("undeclared") and each.address is not None
    }
    # What a route to everything opens is no breach.
    versions = {4, 6} - {ip_network(each["all"]).version for each in cluster.families if routed}
    assert tried == dict.fromkeys(versions, Expected.BLOCKED)


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("[2001:db8::7]", "2001:db8::7", True),
        ("[2001:db8::7]", "2001:DB8:0::7", True),
        ("[2001:db8::7]", "2001:db8::8", False),
        ("[2001:db8::7]", "7", False),
        ("192.0.2.7", "::ffff:192.0.2.7", False),
    ],
    ids=["the-same", "another-spelling", "another", "its-end", "mapped"],
)
def test_whom_no_proxy_stands_for_in_ipv6(host: str, no_proxy: str, direct: bool) -> None:  # noqa: FBT001 - a column
    assert is_direct(f"https://{host}:8333/x", [no_proxy]) is direct
