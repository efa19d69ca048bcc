"""Kubeconfigs: written for users of our cluster, or taken from the user's own for another."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from glovebox_local.errors import LocalError
from glovebox_local.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox_local.certificates import KeyPair

# Keys of a kubeconfig that name files, which may be relative to the file that they stand in.
_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True)
class Endpoint:
    """An API server: where it is and whom it is signed by (PEM)."""

    url: str
    authority: bytes


def write_kubeconfig(
    path: Path,
    endpoint: Endpoint,
    *,
    name: str,
    pair: KeyPair | None = None,
    token: str | None = None,
) -> Path:
    """Write the kubeconfig of one user of one cluster.

    Args:
        path: Where to.
        endpoint: The cluster.
        name: What context, cluster and user are called in it.
        pair: The user's client certificate.
        token: The user's bearer token, where there is no certificate.
    """
    user = (
        {"token": token}
        if pair is None
        else {"client-certificate-data": _b64(pair.certificate), "client-key-data": _b64(pair.key)}
    )
    cluster = {"server": endpoint.url, "certificate-authority-data": _b64(endpoint.authority)}
    write_private(
        path,
        yaml.safe_dump(_config(name, cluster=cluster, user=user, namespace=None), sort_keys=False),
    )
    return path


def extract_context(target: Path, *, kubeconfig: str | None, context: str | None) -> Path:
    """Write one context of the user's own kubeconfig to a file of its own, with absolute paths.

    The official client reads and merges the files.

    Args:
        target: Where to.
        kubeconfig: Files to read, as in `$KUBECONFIG`; that variable or `~/.kube/config` by
            default.
        context: The context; the current one by default.

    Raises:
        LocalError: No such file, context, cluster or user.
    """
    from kubernetes.config import ConfigException, kube_config  # noqa: PLC0415 - takes seconds

    reader: Any = kube_config  # it bears no types

    listed = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    try:
        merged = reader.KubeConfigMerger(listed).config
    except (ConfigException, OSError, yaml.YAMLError) as error:
        raise _error(f"{listed} cannot be read: {error}") from None
    if merged is None:
        raise _error(f"there is no kubeconfig at {listed}: name one with --kubeconfig")
    wanted = context or merged.value.get("current-context")
    if not wanted:
        raise _error(f"no current context in {listed}: name one with --context")
    chosen, _ = _find(merged, "contexts", wanted, listed)
    cluster, cluster_file = _find(merged, "clusters", chosen["context"]["cluster"], listed)
    user, user_file = _find(merged, "users", chosen["context"]["user"], listed)
    document = _config(
        str(wanted),
        cluster=_absolute(cluster["cluster"], cluster_file),
        user=_absolute(user["user"], user_file),
        namespace=chosen["context"].get("namespace"),
    )
    write_private(target, yaml.safe_dump(document, sort_keys=False))
    return target


def _config(
    name: str, *, cluster: Mapping[str, Any], user: Mapping[str, Any], namespace: str | None
) -> dict[str, Any]:
    context = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": context}],
    }


def _find(merged: Any, section: str, name: str, listed: str) -> tuple[dict[str, Any], Path]:
    """Return an entry, and the folder of the file that it stands in."""
    entries = merged.value.get(section) or ()
    for entry in entries:
        if entry.value.get("name") == name:
            return dict(entry.value), Path(entry.path).absolute().parent
    known = ", ".join(sorted(entry.value["name"] for entry in entries)) or "none"
    raise _error(f"no {name!r} among the {section} of {listed}, which are {known}")


def _absolute(entry: Mapping[str, Any] | None, folder: Path) -> dict[str, Any]:
    """Return an entry that means the same in a file elsewhere."""
    found: dict[str, Any] = {
        key: str(folder / value) if key in _FILE_KEYS else value
        for key, value in (entry or {}).items()
    }
    plugin = found.get("exec")
    # A command with a folder in it is relative to the file; a bare name is looked for on PATH.
    if plugin and os.sep in str(plugin.get("command", "")):
        found["exec"] = {**plugin, "command": os.path.normpath(folder / plugin["command"])}
    return found


def _error(why: str) -> LocalError:
    return LocalError("Reading the kubeconfig", why)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
