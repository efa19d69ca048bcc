"""Argo CD's application controller beside the operator, and Applications from a Git server.

What the controller needs is there too: its repo-server, Redis, and the settings that Argo CD comes
with, patched as our page tells a user to. Its API server is not: actions are found and run by its
own code, and what they change is sent to the API server as that one would.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.programs import ARGO_CD, program_folder
from support.api import Api, path_of
from support.argo_application import NAMESPACE, Application
from support.argo_cd import SETTINGS
from support.cluster import Cluster
from support.git_folder import GitFolder, serving_git
from support.operator_process import PLURALS
from support.running_stores import running_endpoint, running_program

CONTROLLER = "argocd-application-controller"
_LOG = "controller.log"


class ArgoCd:
    """The running controller, and what it is told to apply."""

    def __init__(self, cluster: Cluster, kubeconfig: Path, folder: Path, server: str) -> None:
        self.api = cluster.api
        self._as_controller = Api(kubeconfig)
        self.folder = folder
        self.server = server
        self._kubeconfig = kubeconfig

    def application(self, name: str, **spec: Any) -> Application:
        """Return an empty repository; the first commit has an Application sync it.

        Args:
            name: Of the Application, and of the namespace which is all that its project may fill.
            spec: Changes of the Application's spec.
        """
        git = GitFolder(self.folder / "git" / name)
        return Application(self.api, name, git, f"{self.server}/{name}/.git", spec)

    @property
    def log(self) -> str:
        """What the controller has logged."""
        return (self.folder / _LOG).read_text()

    def actions(self, obj: Mapping[str, Any]) -> set[str]:
        """Return the actions that Argo CD offers for an object as it is."""
        found = self._run_actions(obj)
        return {each["name"] for each in found if not each.get("disabled")}

    def act(self, name: str, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Run an action on an object as it is; return the patch that this sent."""
        patch: dict[str, Any] = self._run_actions(obj, name)
        kind, metadata = obj["kind"], obj["metadata"]
        path = path_of(
            obj["apiVersion"], PLURALS[kind], namespace=metadata["namespace"], name=metadata["name"]
        )
        self._as_controller.patch(path, patch)
        return patch

    def _run_actions(self, obj: Mapping[str, Any], *words: str) -> Any:
        done = subprocess.run(
            [program_folder(ARGO_CD) / "argocd-actions", NAMESPACE, *words],
            input=json.dumps(obj),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextmanager
def running_argo_cd(cluster: Cluster, folder: Path) -> Iterator[ArgoCd]:
    """Define Argo CD's kinds and settings, and run its parts while the block runs.

    All of them listen on the loopback interface alone.
    """
    built = program_folder(ARGO_CD)
    kubeconfig = _install(cluster, built)
    (folder / "git").mkdir(parents=True)
    scripts = _scripts(folder / "bin")
    ports = choose_ports(["redis", "repo", "repo-metrics", "metrics"])
    redis = f"{LOOPBACK}:{ports['redis']}"
    repo_server = f"{LOOPBACK}:{ports['repo']}"
    environment = {
        "KUBECONFIG": str(kubeconfig),
        # The cluster that it manages is the one that it is told by KUBECONFIG.
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_ASK_PASS_SOCK": str(folder / "ask.sock"),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(folder),
        "HOME": str(folder),
    }
    listening = ("--bind", LOOPBACK, "--port", ports["redis"])
    keeping = ("--dir", folder, "--save", "", "--appendonly", "no")
    with ExitStack() as stack:
        git = stack.enter_context(serving_git(folder / "git"))
        stack.enter_context(
            running_program(("redis-server", *listening, *keeping), folder / "redis.log")
        )
        stack.enter_context(
            running_endpoint(
                (
                    built / "argocd-repo-server",
                    "--disable-tls",
                    "--client-ca-path=",
                    f"--redis={redis}",
                    f"--address={LOOPBACK}",
                    f"--port={ports['repo']}",
                    f"--metrics-address={LOOPBACK}",
                    f"--metrics-port={ports['repo-metrics']}",
                ),
                f"http://{LOOPBACK}:{ports['repo-metrics']}/healthz?full=true",
                folder / "repo-server.log",
                environment,
            )
        )
        metrics = f"{LOOPBACK}:{ports['metrics']}"
        stack.enter_context(
            running_endpoint(
                (
                    built / CONTROLLER,
                    f"--namespace={NAMESPACE}",
                    f"--redis={redis}",
                    f"--repo-server={repo_server}",
                    f"--metrics-address={metrics}",
                ),
                f"http://{metrics}/healthz",
                folder / _LOG,
                environment,
            )
        )
        yield ArgoCd(cluster, kubeconfig, folder, git)


def _install(cluster: Cluster, built: Path) -> Path:
    """Give Argo CD its definitions, rights and settings; return its kubeconfig."""
    kinds = ("application", "appproject")
    for kind in kinds:
        cluster.kubectl("create", "-f", str(built / "crds" / f"{kind}-crd.yaml"))
    cluster.kubectl(
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        *(f"crd/{kind}s.argoproj.io" for kind in kinds),
    )
    cluster.api.create_namespace(NAMESPACE)
    where = f"--namespace={NAMESPACE}"
    cluster.kubectl("create", "serviceaccount", CONTROLLER, where)
    # As upstream's role: everything. The guards are to hold all the same.
    cluster.kubectl(
        "create",
        "clusterrolebinding",
        CONTROLLER,
        "--clusterrole=cluster-admin",
        f"--serviceaccount={NAMESPACE}:{CONTROLLER}",
    )
    for name in ("argocd-cm", "argocd-secret"):
        cluster.kubectl("create", where, "-f", str(built / "config" / f"{name}.yaml"))
    # The command of our page.
    cluster.kubectl("patch", "configmap", "argocd-cm", where, f"--patch-file={SETTINGS}")
    return cluster.kubeconfig_for_service_account(NAMESPACE, CONTROLLER)


def _scripts(folder: Path) -> Path:
    """Make the script that the repo-server asks for the signature of each commit: none is signed.

    It asks although signatures are turned off, and calls a missing script "permission denied".
    """
    folder.mkdir()
    script = folder / "git-verify-wrapper.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return folder
