"""Kubeconfigs with a real credential plugin, against the real API server."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox.errors import Unavailable
from glovebox.kube.client import Client
from glovebox.kube.kinds import Kind
from glovebox.kube.login import ApiCredentials, log_in
from support.api import Api
from support.cluster import Cluster

REVIEW = Kind(
    "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False
)
VERSION = "client.authentication.k8s.io/v1"
# Prints what `status` holds as an ExecCredential, and notes that it ran.
PLUGIN = f"""\
#!/bin/sh
folder=$(dirname "$0")
echo ran >> "$folder/runs"
printf '{{"apiVersion":"{VERSION}","kind":"ExecCredential","status":%s}}' "$(cat "$folder/status")"
"""


class Plugin:
    """A kubeconfig whose user is whoever the plugin says."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder = folder
        script = folder / "plugin"
        script.write_text(PLUGIN, encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
        run = {"apiVersion": VERSION, "command": str(script), "interactiveMode": "Never"}
        for user in content["users"]:
            user["user"] = {"exec": run}
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(content), encoding="utf-8")

    def says(self, **status: str) -> None:
        (self._folder / "status").write_text(json.dumps(status), encoding="utf-8")

    @property
    def runs(self) -> int:
        return len((self._folder / "runs").read_text(encoding="utf-8").splitlines())

    async def log_in(self) -> ApiCredentials:
        return await log_in({**os.environ, "KUBECONFIG": str(self.kubeconfig)})


@pytest.fixture
def plugin(tmp_path: Path, cluster: Cluster) -> Plugin:
    return Plugin(tmp_path, cluster)


@pytest.fixture
def token(api: Api, namespace: str) -> Callable[[str], str]:
    """How a ServiceAccount gets a token."""

    def made(name: str) -> str:
        root = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        api.create(root, {"metadata": {"name": name, "namespace": namespace}})
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer: dict[str, Any] = api.create(f"{root}/{name}/token", asked)
        return str(answer["status"]["token"])

    return made


async def who(client: Client) -> str:
    answer = await client.create(
        REVIEW, {"apiVersion": REVIEW.api_version, "kind": REVIEW.kind, "metadata": {}}
    )
    return str(answer["status"]["userInfo"]["username"])


async def test_the_token_of_a_plugin_is_used(
    plugin: Plugin, token: Callable[[str], str], namespace: str
) -> None:
    plugin.says(token=token("one"))
    async with Client(plugin.log_in) as client:
        assert await who(client) == f"system:serviceaccount:{namespace}:one"
    assert plugin.runs == 1


async def test_a_token_that_is_refused_is_asked_for_again_and_the_request_repeated(
    plugin: Plugin, token: Callable[[str], str], namespace: str
) -> None:
    plugin.says(token="expired")
    async with Client(plugin.log_in) as client:
        plugin.says(token=token("two"))
        assert await who(client) == f"system:serviceaccount:{namespace}:two"
    assert plugin.runs == 2


async def test_a_token_that_is_due_is_replaced_before_it_is_refused(
    plugin: Plugin, token: Callable[[str], str], namespace: str
) -> None:
    plugin.says(token=token("three"), expirationTimestamp="2026-01-01T00:00:00Z")
    async with Client(plugin.log_in) as client:
        plugin.says(token=token("four"))
        assert await who(client) == f"system:serviceaccount:{namespace}:four"
        assert await who(client) == f"system:serviceaccount:{namespace}:four"
    assert plugin.runs == 2


async def test_the_certificate_of_a_plugin_is_used(plugin: Plugin, cluster: Cluster) -> None:
    known = await log_in({**os.environ, "KUBECONFIG": str(cluster.kubeconfig)})
    if not (known.certificate and known.key):
        pytest.skip("the administrator of this cluster has no certificate")
    plugin.says(clientCertificateData=known.certificate, clientKeyData=known.key)
    async with Client(plugin.log_in) as client, Client(_of(known)) as administrator:
        assert await who(client) == await who(administrator)


async def test_a_plugin_that_fails_says_so(plugin: Plugin) -> None:
    plugin.kubeconfig.with_name("plugin").write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    with pytest.raises(Unavailable, match="credential plugin failed: exec: process returned 7"):
        async with Client(plugin.log_in):
            pass


def _of(known: ApiCredentials) -> Callable[[], ApiCredentials]:
    return lambda: known
