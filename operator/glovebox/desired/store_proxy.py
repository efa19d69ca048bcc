"""The proxy on the way to a store, if there is one: who goes through it, and to where. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from glovebox.api.object_store import ObjectStoreSpec


def proxy_to(spec: ObjectStoreSpec, url: str = "") -> str:
    """Return the URL of the proxy through which something is reached; empty for none.

    Args:
        spec: Of the store.
        url: What is reached; the store's endpoint by default.
    """
    if spec.proxy is None or is_direct(url or spec.endpoint, spec.proxy.no_proxy):
        return ""
    return spec.proxy.url.rstrip("/")


def is_direct(url: str, no_proxy: Iterable[str]) -> bool:
    """Return whether a host is one of those that no proxy is used for, or lies below one."""
    host = _spelled(urlsplit(url).hostname or "")
    names = (_spelled(each.lstrip(".")) for each in no_proxy)
    return any(host == name or host.endswith(f".{name}") for name in names)


def _spelled(host: str) -> str:
    """Return a host in its one spelling: an address of IPv6 has many."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower()
