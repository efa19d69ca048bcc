"""The plan as a whole: order, ownership, and rules that hold for every possible experiment."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox import names
from glovebox.desired.inputs import ExperimentInputs, PodRoute, StoreRoute
from glovebox.desired.network_policy import network_policies, store_route
from glovebox.desired.plan import desired_objects
from glovebox.desired.quota import ENDED_PODS, RESERVED, resource_quota
from golden.cases import Case, discover, inputs_from

CASES = pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
# MTB-PL1-CC-FNS-2 of the multi-tenancy benchmark, and pods that have ended.
COUNTED = {
    "count/pods",
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
}


@CASES
def test_the_namespace_is_first_and_access_is_last(case: Case) -> None:
    plan = desired_objects(case.inputs())
    assert plan.namespace["kind"] == "Namespace"
    assert [obj["kind"] for obj in plan.access] == ["RoleBinding"]
    assert "RoleBinding" not in {obj["kind"] for obj in plan.isolation}
    assert plan.objects() == (plan.namespace, *plan.isolation, *plan.access)


@CASES
def test_every_object_says_whose_it_is(case: Case) -> None:
    inputs = case.inputs()
    for obj in desired_objects(inputs).objects():
        labels = obj["metadata"]["labels"]
        assert labels[names.LABEL_MANAGED_BY] == names.MANAGED_BY
        assert labels[names.LABEL_EXPERIMENT_UID] == inputs.experiment.uid
        assert all(len(value) <= names.LABEL_VALUE_MAX for value in labels.values())
        if obj["kind"] != "Namespace":
            assert obj["metadata"]["namespace"] == inputs.namespace


@CASES
def test_no_two_objects_share_an_address(case: Case) -> None:
    objects = desired_objects(case.inputs()).objects()
    assert len({(obj["kind"], obj["metadata"]["name"]) for obj in objects}) == len(objects)


@CASES
def test_equal_inputs_give_equal_plans(case: Case) -> None:
    assert desired_objects(case.inputs()) == desired_objects(case.inputs())


@CASES
def test_the_quota_counts_what_the_benchmark_wants_and_leaves_room_for_the_operator(
    case: Case,
) -> None:
    hard = resource_quota(case.inputs())["spec"]["hard"]
    assert hard.keys() >= COUNTED
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"
    own: dict[str, int] = {}
    for obj in desired_objects(case.inputs()).objects():
        own[obj["kind"]] = own.get(obj["kind"], 0) + 1
    assert RESERVED["count/networkpolicies.networking.k8s.io"] >= own["NetworkPolicy"]
    assert RESERVED["count/serviceaccounts"] >= own["ServiceAccount"]
    # The snapshot, and Kubernetes' own kube-root-ca.crt; the credentials of the artifacts.
    assert int(hard["configmaps"]) >= own["ConfigMap"] + 1
    assert int(hard["secrets"]) >= 1


def test_the_number_in_a_spec_is_the_number_that_the_tenant_gets() -> None:
    offer: dict[str, Any] = {
        "kind": "IsolationProfile",
        "spec": {"quota": [{"resource": "configmaps", "default": "3", "maximum": "9"}]},
    }
    ask: dict[str, Any] = {
        "kind": "Experiment",
        "spec": {"resources": {"quota": {"configmaps": "0"}}},
    }
    assert resource_quota(inputs_from(offer))["spec"]["hard"]["configmaps"] == "9"
    assert resource_quota(inputs_from(offer, ask))["spec"]["hard"]["configmaps"] == "6"


@pytest.mark.parametrize(
    ("offered", "asked", "retries", "bound"),
    [
        # 20 pods as in the profile, a hundred that have ended, the operator's four, the run's one.
        pytest.param({}, {}, 0, 20 + ENDED_PODS + 4 + 1, id="pods, and ended ones"),
        pytest.param({}, {}, 3, 20 + ENDED_PODS + 4 + 4, id="each attempt at the run on top"),
        pytest.param({"pods": "7"}, {}, 0, 7 + ENDED_PODS + 4 + 1, id="it follows the profile"),
        pytest.param({}, {"pods": "3"}, 0, 3 + ENDED_PODS + 4 + 1, id="and the Experiment"),
        pytest.param({"count/pods": "500"}, {}, 0, 505, id="a profile may offer another one"),
    ],
)
def test_pods_that_have_ended_have_a_bound_of_their_own(
    offered: dict[str, str], asked: dict[str, str], retries: int, bound: int
) -> None:
    quota = {"pods": "20"} | offered
    ranges = [{"resource": name, "default": most, "maximum": "999"} for name, most in quota.items()]
    run = {"image": "trainer", "command": ["train"], "retries": retries}
    inputs = inputs_from(
        {"kind": "IsolationProfile", "spec": {"quota": ranges}},
        {"kind": "Experiment", "spec": {"resources": {"quota": asked}, "stages": {0: run}}},
    )
    assert resource_quota(inputs)["spec"]["hard"]["count/pods"] == str(bound)


def test_the_first_policy_closes_both_directions_for_every_pod() -> None:
    assert network_policies(inputs_from())[0]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


@CASES
def test_no_policy_opens_all_ports_or_all_peers(case: Case) -> None:
    for policy in network_policies(case.inputs()):
        for rule in policy["spec"].get("egress", []):
            assert rule["to"], policy["metadata"]["name"]
            if policy["metadata"]["name"] != names.NETWORK_POLICY_OWN_PODS:
                assert rule["ports"], policy["metadata"]["name"]
                assert all("port" in port for port in rule["ports"])


def _routed(*cidrs: str) -> ExperimentInputs:
    routes = [
        {"name": f"r{index}", "cidr": cidr, "ports": [{"port": 443}]}
        for index, cidr in enumerate(cidrs)
    ]
    return inputs_from({"kind": "Experiment", "spec": {"network": {"egress": routes}}})


def _opens(policy: dict[str, Any], address: str) -> bool:
    target = ip_address(address)
    blocks = [
        peer["ipBlock"]
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    return any(
        target in ip_network(block["cidr"])
        and not any(target in ip_network(cut) for cut in block.get("except", ()))
        for block in blocks
    )


v4_networks = st.builds(
    lambda base, bits: str(ip_network((base, bits), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 8),
)
v6_networks = st.builds(
    lambda base, bits: str(ip_network((base, bits), strict=False)),
    st.integers(2**32, 2**128 - 1),
    st.integers(0, 9),
)


@given(
    st.lists(
        v4_networks
        | v6_networks
        | st.sampled_from(["0.0.0.0/0", "::/0", "169.0.0.0/8", "fd00:ec2::/32", "fe00::/9"]),
        min_size=1,
        max_size=4,
    )
)
def test_no_route_ever_reaches_a_metadata_service(cidrs: list[str]) -> None:
    policy = network_policies(_routed(*cidrs))[-1]
    assert policy["metadata"]["name"] == names.NETWORK_POLICY_ROUTES
    for address in (
        "169.254.169.254",
        "169.254.0.0",
        "169.254.255.255",
        "fe80::1",
        "febf::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::6464:64c8",
    ):
        assert not _opens(policy, address)


def test_a_platform_adds_networks_of_its_own() -> None:
    added = (ip_network("192.0.2.0/24"),)
    inputs = dataclasses.replace(_routed("0.0.0.0/0", "192.0.2.7/32"), never_reachable=added)
    policy = network_policies(inputs)[-1]
    assert not _opens(policy, "192.0.2.7")
    assert _opens(policy, "192.0.3.7")
    # A route that was bound before leads nowhere; the policy that denies it stays.
    alone = dataclasses.replace(_routed("192.0.2.0/24"), never_reachable=added)
    assert network_policies(alone)[-1]["spec"]["egress"] == []


def test_a_name_server_that_the_platform_forbids_later_is_closed() -> None:
    inputs = inputs_from(
        {
            "kind": "IsolationProfile",
            "spec": {"network": {"dns": {"addresses": ["169.254.20.10", "10.96.0.10"]}}},
        }
    )
    (_, by_address) = network_policies(inputs)[1]["spec"]["egress"]
    assert {peer["ipBlock"]["cidr"] for peer in by_address["to"]} == {
        "10.96.0.10/32",
        "169.254.20.10/32",
    }
    later = dataclasses.replace(inputs, never_reachable=(ip_network("10.96.0.0/16"),))
    (_, by_address) = network_policies(later)[1]["spec"]["egress"]
    assert [peer["ipBlock"]["cidr"] for peer in by_address["to"]] == ["169.254.20.10/32"]


@pytest.mark.parametrize(
    ("network", "left"),
    [
        (None, []),
        (
            {"cidrs": ["192.0.2.0/28", "198.51.100.0/24"]},
            [{"ipBlock": {"cidr": "198.51.100.0/24"}}],
        ),
    ],
    ids=["nothing is left", "one is left"],
)
def test_a_proxy_that_the_platform_forbids_later_is_closed(
    network: dict[str, Any] | None, left: list[Any]
) -> None:
    proxy = {"url": "http://192.0.2.7:3128", **({"network": network} if network else {})}
    inputs = inputs_from(
        {"kind": "IsolationProfile", "spec": {"network": {"proxy": proxy}}},
        {"kind": "Experiment", "spec": {"network": {"useProxy": True}}},
    )
    (rule,) = network_policies(inputs)[-1]["spec"]["egress"]
    assert len(rule["to"]) == len(left) + 1
    later = dataclasses.replace(inputs, never_reachable=(ip_network("192.0.2.0/24"),))
    found = network_policies(later)[-1]["spec"]["egress"]
    assert [each["to"] for each in found] == ([left] if left else [])


def test_what_surrounds_a_metadata_service_stays_reachable() -> None:
    policy = network_policies(_routed("0.0.0.0/0", "::/0"))[-1]
    for address in (
        "169.253.255.255",
        "169.255.0.0",
        "fd00:ec2::253",
        "fd00:ec2::255",
        "fec0::1",
        "8.8.8.8",
        "100.100.100.201",
        "168.63.129.15",
        "64:ff9b::808:808",
    ):
        assert _opens(policy, address)


@pytest.mark.parametrize(
    ("spec", "expected", "why"),
    [
        (
            {"endpoint": "https://192.0.2.10:8333"},
            StoreRoute(8333, ("192.0.2.10/32",)),
            "address and port of the endpoint",
        ),
        (
            {"endpoint": "https://192.0.2.10"},
            StoreRoute(443, ("192.0.2.10/32",)),
            "the port of https",
        ),
        (
            {"endpoint": "http://192.0.2.10/"},
            StoreRoute(80, ("192.0.2.10/32",)),
            "the port of http",
        ),
        (
            {"endpoint": "http://[2001:db8::5]:8333"},
            StoreRoute(8333, ("2001:db8::5/128",)),
            "an IPv6 address",
        ),
        (
            {"endpoint": "https://192.0.2.10", "network": {"port": 9000}},
            StoreRoute(9000, ("192.0.2.10/32",)),
            "another port behind the endpoint, as behind a Service",
        ),
        (
            {"endpoint": "https://s3.example", "network": {"cidrs": ["192.0.2.0/24"]}},
            StoreRoute(443, ("192.0.2.0/24",)),
            "networks that are told",
        ),
        (
            {
                "endpoint": "http://s3.storage.svc:8333",
                "network": {"pods": {"namespace": "storage", "labels": {"app": "s3"}}},
            },
            StoreRoute(8333, (), PodRoute("storage", {"app": "s3"})),
            "pods that are told",
        ),
    ],
)
def test_the_way_to_the_store(spec: dict[str, Any], expected: StoreRoute, why: str) -> None:
    assert store_route(inputs_from({"kind": "ObjectStore", "spec": spec}).store) == expected, why


def test_the_state_is_on_the_namespace_alone() -> None:
    open_plan, sealed = (
        desired_objects(dataclasses.replace(inputs_from(), state=state))
        for state in (names.STATE_OPEN, names.STATE_SEALED)
    )
    assert sealed.namespace["metadata"]["labels"][names.LABEL_STATE] == "Sealed"
    assert sealed.isolation == open_plan.isolation
    assert sealed.access == open_plan.access
