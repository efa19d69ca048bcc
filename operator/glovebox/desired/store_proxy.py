"""The proxy on the way to a store, if there is one: who goes through it, and to where. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from glovebox.api.object_store import ObjectStoreSpec

# What a pod reaches by itself: its own endpoint for sessions among them.
_ALWAYS_DIRECT: Final = ("localhost", "127.0.0.1", "::1")


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
    host = (urlsplit(url).hostname or "").lower()
    names = (each.lower().lstrip(".") for each in no_proxy)
    return any(host == name or host.endswith(f".{name}") for name in names)


def proxy_variables(spec: ObjectStoreSpec) -> dict[str, str]:
    """Return the variables by which every SDK goes through it; none without a proxy.

    For `https://` alone: what an SDK asks of its own pod is plain. Some programs read the names in
    capitals, some the others.
    """
    proxy = proxy_to(spec)
    if not proxy or spec.proxy is None:
        return {}
    direct = ",".join((*_ALWAYS_DIRECT, *spec.proxy.no_proxy))
    return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": direct, "no_proxy": direct}
