"""Where credentials come from, and when they are due."""

from __future__ import annotations

import json
import os
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox.kube.login import ApiCredentials, LoginError, log_in

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://api.example:6443"}}]
users: [{name: u, user: {}}]
"""


def kubeconfig(folder: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> str:
    content = yaml.safe_load(KUBECONFIG)
    content["users"][0]["user"] = user
    content["clusters"][0]["cluster"] |= cluster or {}
    path = folder / "config"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def plugin(folder: Path, **status: str) -> dict[str, Any]:
    """A credential plugin: prints an ExecCredential, and counts how often it ran."""
    version = "client.authentication.k8s.io/v1"
    said = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})
    script = folder / "plugin"
    script.write_text(f"#!/bin/sh\necho ran >> {folder}/runs\necho '{said}'\n", encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": version, "command": str(script), "interactiveMode": "Never"}}


async def by_kubeconfig(path: str, **options: Any) -> ApiCredentials:
    return await log_in({**os.environ, "KUBECONFIG": path}, **options)


# In a cluster.


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n", encoding="utf-8")
    (tmp_path / "ca.crt").write_text("", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("host", "server"),
    [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
)
async def test_in_a_cluster_it_is_the_service_account(
    account: Path, host: str, server: str
) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    found = await log_in(environment, service_account=account)
    assert (found.server, found.as_http_headers()) == (server, {"Authorization": "Bearer first"})
    assert "first" not in repr(found)


async def test_a_token_is_due_when_the_kubelet_has_rotated_it(account: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    found = await log_in(environment, service_account=account)
    assert not found.due()
    (account / "token").write_text("second", encoding="utf-8")
    os.utime(account / "token", ns=(1, 1))
    assert found.due()
    again = await log_in(environment, service_account=account)
    assert again.as_http_headers() == {"Authorization": "Bearer second"}
    assert not again.due()


# By a kubeconfig.


async def test_a_token_of_a_kubeconfig(tmp_path: Path) -> None:
    found = await by_kubeconfig(kubeconfig(tmp_path, {"token": "abc"}))
    assert found.server == "https://api.example:6443"
    assert found.as_http_headers() == {"Authorization": "Bearer abc"}
    assert not found.due()


async def test_what_the_cluster_entry_says_about_the_connection(tmp_path: Path) -> None:
    cluster = {
        "insecure-skip-tls-verify": True,
        "tls-server-name": "kubernetes",
        "proxy-url": "http://proxy.example:3128",
    }
    found = await by_kubeconfig(kubeconfig(tmp_path, {"token": "abc"}, cluster))
    assert (found.server_name, found.proxy) == ("kubernetes", "http://proxy.example:3128")
    assert found.as_ssl_context().verify_mode is ssl.CERT_NONE


async def test_a_plugin_is_run_and_its_token_is_due_before_it_expires(tmp_path: Path) -> None:
    expires = datetime.now(UTC) + timedelta(minutes=10)
    stamp = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    user = plugin(tmp_path, token="by-plugin", expirationTimestamp=stamp)
    clock = [datetime.now(UTC).timestamp()]
    found = await by_kubeconfig(kubeconfig(tmp_path, user), now=lambda: clock[0])
    assert found.as_http_headers() == {"Authorization": "Bearer by-plugin"}
    for seconds, due in ((120, False), (61, False), (59, True), (-1, True)):
        clock[0] = int(expires.timestamp()) - seconds
        assert found.due() is due, seconds
    assert (tmp_path / "runs").read_text(encoding="utf-8") == "ran\n"


@pytest.mark.parametrize(
    ("user", "word"),
    [
        pytest.param(
            {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such"}},
            "credential plugin failed",
            id="a plugin that is not there",
        ),
        pytest.param(None, "kubeconfig", id="no kubeconfig"),
    ],
)
async def test_what_is_missing_is_said(
    tmp_path: Path, user: dict[str, Any] | None, word: str
) -> None:
    path = kubeconfig(tmp_path, user) if user is not None else str(tmp_path / "none")
    with pytest.raises(LoginError, match=word):
        await by_kubeconfig(path)


def test_what_the_operator_does_not_use_is_not_brought_into_its_process() -> None:
    """The official client costs 40 MiB and seconds: what reads the kubeconfig imports it alone."""
    import subprocess  # noqa: PLC0415 - only here

    unused = "{'kubernetes', 'rich'} & set(sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, glovebox.__main__; print({unused})"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.strip() == "set()"
