"""What local tools ask of an API server, by kubeconfigs as people have them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox_local.api_server import apply, who_is
from glovebox_local.errors import LocalError
from glovebox_local.paths import StateDir
from support.api import Api
from support.cluster import Cluster

VERSION = "client.authentication.k8s.io/v1"
PROGRAM = Path(sys.executable).with_name("glovebox")
# Prints what `status` holds as an ExecCredential.
PLUGIN = f"""\
#!/bin/sh
folder=$(dirname "$0")
printf '{{"apiVersion":"{VERSION}","kind":"ExecCredential","status":%s}}' "$(cat "$folder/status")"
"""


@pytest.fixture
def own(tmp_path: Path, cluster: Cluster) -> Path:
    """A person's kubeconfig, whose user is whoever a plugin beside it says."""
    folder = tmp_path / "own"
    folder.mkdir()
    script = folder / "plugin"
    script.write_text(PLUGIN, encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    for user in content["users"]:
        user["user"] = {
            "exec": {"apiVersion": VERSION, "command": "./plugin", "interactiveMode": "Never"}
        }
    path = folder / "config"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture
def namespace(api: Api) -> str:
    """A namespace of the test's own."""
    name = f"own-{uuid.uuid4().hex[:8]}"
    api.create_namespace(name)
    return name


def let_in(own: Path, api: Api, namespace: str) -> str:
    """Let the plugin give a token of a ServiceAccount; return its user name."""
    root = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.create(root, {"metadata": {"name": "one", "namespace": namespace}})
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.create(f"{root}/one/token", asked)["status"]["token"]
    own.with_name("status").write_text(json.dumps({"token": token}), encoding="utf-8")
    return f"system:serviceaccount:{namespace}:one"


@pytest.fixture
def environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StateDir]:
    """An environment of the name that `glovebox local` uses here; it is down afterwards."""
    # A short name: the store's socket lies below it.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("own")))
    monkeypatch.setenv("GLOVEBOX_LOCAL", f"own-{uuid.uuid4().hex[:6]}")
    yield StateDir.named(os.environ["GLOVEBOX_LOCAL"])
    local("down")


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), "local", *arguments],
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )


def test_the_token_of_a_plugin_is_used(own: Path, api: Api, namespace: str) -> None:
    user = let_in(own, api, namespace)
    assert who_is(own) == user


def test_a_certificate_is_used(cluster: Cluster) -> None:
    assert who_is(cluster.kubeconfig_for("dana", ["glovebox:team:a"])) == "dana"


def test_a_plugin_that_fails_says_so(own: Path) -> None:
    own.with_name("plugin").write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    with pytest.raises(LocalError, match="credential plugin failed: exec: process returned 7"):
        who_is(own)


def test_a_token_that_is_not_taken_names_the_cure(own: Path) -> None:
    own.with_name("status").write_text('{"token":"expired"}', encoding="utf-8")
    with pytest.raises(LocalError, match=r"answers 401 .*check the user of the context"):
        who_is(own)


def test_a_server_that_is_not_there_is_said(own: Path, api: Api, namespace: str) -> None:
    let_in(own, api, namespace)
    content = yaml.safe_load(own.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    own.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(LocalError, match="is the cluster running"):
        who_is(own)


@pytest.mark.timeout(400)
def test_the_command_takes_a_cluster_by_a_plugin_and_keeps_nothing_of_one_that_fails(
    own: Path, api: Api, namespace: str, environment: StateDir
) -> None:
    up = ("up", "--driver", "current", "--kubeconfig", str(own), "--name", environment.root.name)
    own.with_name("status").write_text('{"token":"expired"}', encoding="utf-8")
    refused = local(*up)
    assert refused.returncode == 1
    assert "check the user of the context" in refused.stderr + refused.stdout
    assert not environment.kubeconfig.exists()

    user = let_in(own, api, namespace)
    taken = local(*up)

    assert taken.returncode == 0, taken.stdout + taken.stderr
    # The plugin is found from there as well.
    assert who_is(environment.kubeconfig) == user


def test_objects_are_applied_in_order_and_what_others_own_is_taken_over(
    cluster: Cluster, api: Api, namespace: str
) -> None:
    def wanted(value: str) -> list[dict[str, Any]]:
        metadata = {"name": "settings", "namespace": namespace}
        return [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": value}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": namespace},
                "rules": [],
            },
        ]

    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    for value in ("1", "2"):
        apply(cluster.kubeconfig, wanted(value), step="Applying")
        assert api.get(path)["data"] == {"a": value}
        api.patch(path, {"data": {"a": "other"}})
    assert api.find(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{namespace}")


def test_what_the_server_does_not_take_is_said_in_a_sentence(
    cluster: Cluster, namespace: str
) -> None:
    bad = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "No_Name", "namespace": namespace},
    }
    with pytest.raises(LocalError, match="Applying failed: the API server answers 422"):
        apply(cluster.kubeconfig, [bad], step="Applying")
