"""With a proxy before the store pods may reach it, and not the store; else nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api.object_store import ObjectStoreSpec
from glovebox.data.probing import Expected
from glovebox.desired.inputs import ExperimentInputs, StoreRoute
from glovebox.desired.network_policy import network_policies, store_route
from glovebox.desired.platform import store_changes
from glovebox.desired.probe import probe_plan
from glovebox.desired.run_environment import run_environment
from glovebox.desired.store_proxy import proxy_to
from glovebox.errors import Refused
from golden.cases import inputs_from

STORE = "https://192.0.2.10:8333"
PROXY = "http://198.51.100.7:3128"


def spec(**proxy: Any) -> dict[str, Any]:
    return {"kind": "ObjectStore", "spec": {"endpoint": STORE, "network": None, "proxy": proxy}}


def test_the_route_to_the_proxy_is_opened_and_the_one_to_the_store_is_not() -> None:
    inputs = inputs_from(spec(url=PROXY))
    assert store_route(inputs.store) == StoreRoute(3128, ("198.51.100.7/32",))
    (policy,) = [
        each
        for each in network_policies(inputs)
        if each["metadata"]["name"] == names.NETWORK_POLICY_STORE
    ]
    assert {rule["ports"][0]["port"] for rule in policy["spec"]["egress"]} == {3128}
    assert "192.0.2.10" not in str(policy["spec"])


def test_a_proxy_with_a_name_is_opened_by_its_own_networks_or_pods() -> None:
    network = {"pods": {"namespace": "egress", "labels": {"app": "squid"}}, "port": 3129}
    inputs = inputs_from(spec(url="http://proxy.example:3128", network=network))
    route = store_route(inputs.store)
    assert route.pods is not None
    assert (route.port, route.pods.namespace) == (3129, "egress")
    with pytest.raises(Refused, match=r"the proxy of ObjectStore \w+ is the host name"):
        store_route(inputs_from(spec(url="http://proxy.example:3128")).store)


def test_the_isolation_check_wants_the_proxy_reachable_and_the_store_blocked() -> None:
    plan = probe_plan(inputs_from(spec(url=PROXY)))
    found = {each.id: (str(each.address), each.port, each.expected) for each in plan.connections}
    assert found["store-proxy"] == ("198.51.100.7", 3128, Expected.REACHABLE)
    assert found["store-past-its-proxy"] == ("192.0.2.10", 8333, Expected.BLOCKED)
    assert "store" not in found
    assert plan.s3 is not None
    assert plan.s3.proxy == PROXY


def variables_of(inputs: ExperimentInputs) -> list[dict[str, str]]:
    (stage,) = inputs.experiment.spec.stages
    return run_environment(inputs, stage)


def test_a_run_is_told_by_its_environment() -> None:
    inputs = inputs_from(spec(url=f"{PROXY}/", noProxy=["git.example"]))
    found = {each["name"]: each["value"] for each in variables_of(inputs)}
    assert found["HTTPS_PROXY"] == found["https_proxy"] == PROXY
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1,[::1],git.example"
    assert "HTTP_PROXY" not in found


def test_without_a_proxy_nothing_speaks_of_one() -> None:
    inputs = inputs_from()
    assert "PROXY" not in str(variables_of(inputs)).upper()
    assert "proxy" not in str(probe_plan(inputs).model_dump(exclude_none=True))


@pytest.mark.parametrize(
    ("direct", "proxied"),
    [
        ("192.0.2.10", False),
        ("192.0.2.1", True),
        ("example", True),
    ],
)
def test_a_store_that_is_reached_directly_is_opened_itself(direct: str, proxied: bool) -> None:  # noqa: FBT001 - a column
    inputs = inputs_from(spec(url=PROXY, noProxy=[direct]))
    assert store_route(inputs.store).port == (3128 if proxied else 8333)
    assert bool(proxy_to(inputs.store.spec)) is proxied


@pytest.mark.parametrize(
    ("host", "no_proxy", "proxied"),
    [
        ("s3.example", ["s3.example"], False),
        ("S3.Example", ["s3.example"], False),
        ("s3.example", [".example"], False),
        ("s3.example", ["example"], False),
        ("bucket.s3.example", ["s3.example"], False),
        ("s3.example", ["3.example"], True),
        ("example", ["s3.example"], True),
        ("s3.example", [], True),
    ],
)
def test_whom_no_proxy_stands_for(host: str, no_proxy: list[str], proxied: bool) -> None:  # noqa: FBT001 - a column
    document = inputs_from(spec(url=PROXY)).store.spec.model_dump(by_alias=True, mode="json")
    document["proxy"]["noProxy"] = no_proxy
    found = proxy_to(ObjectStoreSpec.model_validate(document), f"https://{host}:443/x")
    assert found == (PROXY if proxied else "")


def test_another_proxy_is_another_way_to_the_store() -> None:
    before, after = inputs_from(spec(url=PROXY)).store, inputs_from(spec(url=PROXY + "0")).store
    assert store_changes(before, after) == ("proxy",)
