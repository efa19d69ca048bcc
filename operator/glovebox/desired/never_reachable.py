"""Networks that no experiment reaches, whatever a profile allows: where metadata services answer.

They hand out the credentials of the node to whoever asks. Most clouds have theirs in the link-local
range, and some elsewhere; a platform adds its own (`GLOVEBOX_NEVER_REACHABLE`).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

Network: TypeAlias = "IPv4Network | IPv6Network"
Address: TypeAlias = "IPv4Address | IPv6Address"
_IPV4: Final = (
    "169.254.0.0/16",  # link-local: AWS, Azure, Google, OpenStack and most others
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure, beside its link-local one
    "192.0.0.192/32",  # Oracle, on older machines
)
_IPV6: Final = (
    "fe80::/10",
    "fd00:ec2::254/128",  # AWS
    "fd20:ce::254/128",  # Google
    "fd00:42::42/128",  # Scaleway
    "fd00:c1::a9fe:a9fe/128",  # Oracle
)
# Of the link-local ranges, the hosts that are known to answer as metadata services.
_LINK_LOCAL: Final = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
_LINK_LOCAL_SERVICES: Final = tuple(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, OpenStack and most others
        "169.254.170.2",  # credentials of tasks on AWS
        "169.254.170.23",  # credentials of pods on AWS
        "169.254.0.23",  # Tencent
        "169.254.42.42",  # Scaleway
        "fe80::a9fe:a9fe",  # OpenStack
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=4)
def forbidden_networks(added: tuple[Network, ...] = ()) -> tuple[Network, ...]:
    """Return all of them; those of IPv4 also as a cluster of IPv6 alone reaches them (RFC 6052).

    Args:
        added: The platform's own.
    """
    known = (*(ip_network(cidr) for cidr in (*_IPV4, *_IPV6)), *added)
    translated = (_behind_nat64(each) for each in known if isinstance(each, IPv4Network))
    return tuple(dict.fromkeys((*known, *translated)))


def contains(outer: Network, inner: Network) -> bool:
    """Whether the inner network is wholly inside the outer one."""
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def never_reachable(network: Network, added: tuple[Network, ...] = ()) -> Network | None:
    """Return the forbidden range that the network lies in, or None.

    Args:
        network: What somebody wants to reach.
        added: The platform's own ranges.
    """
    ranges = forbidden_networks(added)
    plain = _unmapped(network)
    return next((forbidden for forbidden in ranges if contains(forbidden, plain)), None)


def metadata_services(added: tuple[Network, ...] = ()) -> tuple[Address, ...]:
    """Return the single addresses among them that are known to answer, without translations.

    Args:
        added: The platform's own ranges; of these, what is one host.
    """
    known = (*(ip_network(cidr) for cidr in (*_IPV4, *_IPV6)), *added)
    hosts = tuple(each.network_address for each in known if each.num_addresses == 1)
    return tuple(dict.fromkeys((*_LINK_LOCAL_SERVICES, *hosts)))


def why_no_name_server(address: Address, added: tuple[Network, ...] = ()) -> Network | None:
    """Return the forbidden network by which an address cannot be opened for DNS, or None.

    A name server may be link-local, as that of a node's own cache is; a metadata service may not.

    Args:
        address: One host.
        added: The platform's own ranges.
    """
    host = ip_network(address)
    if address in metadata_services():
        return host
    if meant := next((each for each in added if contains(each, host)), None):
        return meant
    found = never_reachable(host, added)
    return None if found in _LINK_LOCAL else found


def _unmapped(network: Network) -> Network:
    """Return the IPv4 network that is written as IPv6 (`::ffff:0:0/96`); any other as it is."""
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    address = int(network.network_address) - int(_MAPPED.network_address)
    return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))


def _behind_nat64(network: IPv4Network) -> IPv6Network:
    address = int(_NAT64.network_address) + int(network.network_address)
    return IPv6Network((address, _NAT64.prefixlen + network.prefixlen))
