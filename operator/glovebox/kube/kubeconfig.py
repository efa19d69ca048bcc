"""Reads kubeconfigs with the official client; also a program of its own: `python -m` this module.

The official client knows all that a kubeconfig may hold: several files, contexts, credential
plugins (`exec`), OIDC with refresh. Importing it costs seconds and 40 MiB, so the operator starts
this program for the moment of logging in and reads what it found as JSON, instead of keeping it in
its process. Command lines and local tools call `load`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Final

DEFAULT_PATH: Final = "~/.kube/config"


def load(paths: str, context: str | None = None) -> tuple[Any, float | None]:
    """Return a configuration of the official client for one context, with its credentials.

    Args:
        paths: One kubeconfig, or several as `KUBECONFIG` has them.
        context: Which context; the current one by default.

    Returns:
        The `kubernetes.client.Configuration`, and the Unix time at which its credentials end, where
        a plugin said so.

    Raises:
        kubernetes.config.ConfigException: It cannot be used as it is, or its plugin failed.
    """
    from kubernetes.client import Configuration  # noqa: PLC0415 - see above
    from kubernetes.config import ConfigException, kube_config  # noqa: PLC0415 - as above

    reader: Any = kube_config  # it bears no types
    merged = reader.KubeConfigMerger(paths)
    if merged.config is None:
        raise ConfigException(f"there is no kubeconfig at {paths}: set KUBECONFIG")
    loader = reader.KubeConfigLoader(
        config_dict=merged.config, active_context=context, config_base_path=None
    )
    found = Configuration()
    # The defaults come from the environment and are none of the kubeconfig's.
    found.ssl_ca_cert = found.cert_file = found.key_file = None
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        loader.load_and_set(found)
    finally:
        logging.getLogger().removeHandler(complaints)
    if complaints.texts:
        # The reader only logs that a plugin failed, and goes on as nobody.
        raise ConfigException(f"the credential plugin failed: {'; '.join(complaints.texts)}")
    expiry = getattr(loader, "expiry", None)
    return found, expiry.timestamp() if expiry is not None else None


def read(paths: str) -> dict[str, Any]:
    """Return how to reach the current context's server, and as whom.

    Args:
        paths: See `load`.

    Raises:
        kubernetes.config.ConfigException: See `load`.
    """
    found, expires = load(paths)
    return {
        "server": found.host,
        "authorization": found.api_key.get("BearerToken"),
        "ca": _content(found.ssl_ca_cert),
        "certificate": _content(found.cert_file),
        "key": _content(found.key_file),
        "verify": bool(found.verify_ssl),
        "server_name": found.tls_server_name,
        "proxy": found.proxy,
        "expires": expires,
    }


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _content(path: str | None) -> str | None:
    return Path(path).read_text(encoding="utf-8") if path else None


def main() -> None:
    """Write what was found to the standard output; a failure is one line on standard error."""
    try:
        found = read(os.environ.get("KUBECONFIG") or DEFAULT_PATH)
    except Exception as error:  # noqa: BLE001 - whatever it is, its words are for a person
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
