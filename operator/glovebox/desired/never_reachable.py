"""Networks that no experiment reaches, whatever a profile allows: where metadata services answer.

They hand out the credentials of the node to whoever asks. Most clouds have theirs in the link-local
range, and some elsewhere; a platform adds its own (`GLOVEBOX_NEVER_REACHABLE`).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = "IPv4Network | IPv6Network"
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
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


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
    return next((forbidden for forbidden in ranges if contains(forbidden, network)), None)


def _behind_nat64(network: IPv4Network) -> IPv6Network:
    address = int(_NAT64.network_address) + int(network.network_address)
    return IPv6Network((address, _NAT64.prefixlen + network.prefixlen))
