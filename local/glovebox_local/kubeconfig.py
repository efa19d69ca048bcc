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
    from collections.abc import Mapping, Sequence

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

    Args:
        target: Where to.
        kubeconfig: Files to read, as in `$KUBECONFIG`; that variable or `~/.kube/config` by
            default.
        context: The context; the current one by default.

    Raises:
        LocalError: No such file, context, cluster or user.
    """
    files = _kubeconfig_files(kubeconfig)
    configs = [_absolute(yaml.safe_load(file.read_text()) or {}, file.parent) for file in files]
    wanted = context or next(
        (config["current-context"] for config in configs if config.get("current-context")), None
    )
    if wanted is None:
        raise _error(f"no current context in {_list(files)}: name one with --context")
    chosen = _find(configs, "contexts", wanted, files)["context"]
    cluster = _find(configs, "clusters", chosen["cluster"], files)["cluster"]
    user = _find(configs, "users", chosen["user"], files)["user"]
    document = _config(str(wanted), cluster=cluster, user=user, namespace=chosen.get("namespace"))
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


def _kubeconfig_files(kubeconfig: str | None) -> list[Path]:
    listed = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    files = [
        file
        for part in listed.split(os.pathsep)
        if part and (file := Path(part).expanduser().absolute()).exists()
    ]
    if not files:
        raise _error(f"there is no kubeconfig at {listed}: name one with --kubeconfig")
    return files


def _absolute(config: Any, folder: Path) -> Any:
    if isinstance(config, dict):
        return {
            key: (
                str(folder / value)
                if key in _FILE_KEYS and isinstance(value, str)
                else _absolute(value, folder)
            )
            for key, value in config.items()
        }
    return [_absolute(item, folder) for item in config] if isinstance(config, list) else config


def _find(
    configs: Sequence[Mapping[str, Any]], section: str, name: str, files: Sequence[Path]
) -> dict[str, Any]:
    for config in configs:
        for entry in config.get(section) or ():
            if entry.get("name") == name:
                return dict(entry)
    known = sorted(entry["name"] for config in configs for entry in config.get(section) or ())
    raise _error(
        f"no {name!r} among the {section} of {_list(files)}, which are {', '.join(known) or 'none'}"
    )


def _error(why: str) -> LocalError:
    return LocalError("Reading the kubeconfig", why)


def _list(files: Sequence[Path]) -> str:
    return ", ".join(str(file) for file in files)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
