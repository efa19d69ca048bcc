"""Where metadata services answer: no route, no name server, whatever the spelling."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from glovebox.desired.never_reachable import (
    forbidden_networks,
    metadata_services,
    never_reachable,
    why_no_name_server,
)

ADDED = (ip_network("192.0.2.0/24"), ip_network("198.51.100.7/32"))


@pytest.mark.parametrize(
    "cidr",
    [
        "169.254.169.254/32",
        "169.254.0.0/17",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "fd00:42::42/128",
        "fd00:c1::a9fe:a9fe/128",
        "fe80::a9fe:a9fe/128",
        "64:ff9b::a9fe:a9fe/128",
        "64:ff9b::a83f:8110/128",
        "::ffff:169.254.169.254/128",
        "::ffff:168.63.129.16/128",
        "::ffff:100.100.100.200/128",
        "192.0.2.1/32",
        "::ffff:192.0.2.0/120",
        "64:ff9b::c000:201/128",
    ],
)
def test_it_is_never_reached(cidr: str) -> None:
    assert never_reachable(ip_network(cidr), ADDED)


@pytest.mark.parametrize(
    "cidr", ["0.0.0.0/0", "100.100.100.0/24", "::/0", "::ffff:0:0/96", "203.0.113.7/32", "fd00::/8"]
)
def test_what_merely_contains_such_a_place_is_opened_without_it(cidr: str) -> None:
    assert never_reachable(ip_network(cidr), ADDED) is None


def test_what_the_platform_adds_counts_in_both_families() -> None:
    assert {ip_network("192.0.2.0/24"), ip_network("64:ff9b::c000:200/120")} <= set(
        forbidden_networks(ADDED)
    )


@pytest.mark.parametrize(
    ("address", "forbidden"),
    [
        ("169.254.20.10", False),
        ("169.254.25.10", False),
        ("fe80::53", False),
        ("10.96.0.10", False),
        ("fd00:53::a", False),
        ("169.254.169.254", True),
        ("169.254.170.2", True),
        ("169.254.170.23", True),
        ("169.254.42.42", True),
        ("fe80::a9fe:a9fe", True),
        ("100.100.100.200", True),
        ("fd00:ec2::254", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("192.0.2.53", True),
    ],
)
def test_a_name_server_may_be_on_the_node_and_is_no_metadata_service(
    address: str,
    forbidden: bool,  # noqa: FBT001 - a table
) -> None:
    assert bool(why_no_name_server(ip_address(address), ADDED)) is forbidden


@pytest.mark.parametrize("cidr", ["169.254.0.0/16", "169.254.20.0/24", "169.254.20.10/32"])
def test_a_platform_that_adds_what_is_link_local_means_name_servers_too(cidr: str) -> None:
    assert why_no_name_server(ip_address("169.254.20.10"), (ip_network(cidr),))


def test_each_address_that_is_known_to_answer_is_asked_once() -> None:
    hosts = metadata_services(ADDED)
    assert len(set(hosts)) == len(hosts)
    named = {str(host) for host in hosts}
    assert {"169.254.169.254", "168.63.129.16", "fd00:42::42", "198.51.100.7"} <= named
    assert "192.0.2.0" not in named, "a network is no host"
    assert not any(str(host).startswith("64:ff9b:") for host in hosts)
