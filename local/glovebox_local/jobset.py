"""JobSet's controller beside the API server, as the account and with the rights that it is shipped.

Its webhooks are called too. The API server finds them on loopback and not by a Service, and their
certificate is made here: of how JobSet is installed in a cluster nothing else is left out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from glovebox_local.certificates import Authority
from glovebox_local.environment import Environment
from glovebox_local.http_check import HealthCheck
from glovebox_local.part import Part, PartSpec
from glovebox_local.paths import write_private
from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.programs import JOBSET, program_folder

GROUP = "jobset.x-k8s.io"
NAMESPACE = "jobset-system"
ACCOUNT = "jobset-controller-manager"
# What runs it in a cluster, or lets the API server find it there; the rest are rights and kinds.
_OF_A_POD = {"ConfigMap", "Deployment", "Secret", "Service"}
_TOKEN_SECONDS = 6 * 3600
_KIND_SECONDS = 30


class Kubectl(Protocol):
    """Runs kubectl as the administrator and returns what it says; raises when it failed."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it."""


class JobSetController:
    """JobSet in one environment.

    Args:
        environment: Where.
        kubectl: Its administrator's.
        folder: For its settings, its log and its record.
        tied: It dies with us.
    """

    def __init__(
        self, environment: Environment, kubectl: Kubectl, folder: Path, *, tied: bool
    ) -> None:
        self._environment = environment
        self._kubectl = kubectl
        self._folder = folder
        self._tied = tied
        self._webhooks: list[dict[str, Any]] = []
        self._part: Part | None = None

    def start(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Install its kinds and rights, and run it; its webhooks come last.

        Args:
            say: Told what is still missing.

        Raises:
            LocalError: It ended, or was not ready in time.
        """
        ports = choose_ports(["health", "webhook"])
        authority = Authority.create("jobset")
        certificates = self._folder / "jobset-certificates"
        pair = authority.issue_server("jobset webhook", [LOOPBACK])
        write_private(certificates / "tls.crt", pair.certificate)
        write_private(certificates / "tls.key", pair.key)
        shipped = self._shipped()
        self._webhooks = [each for each in shipped if each["kind"].endswith("WebhookConfiguration")]
        for webhook in self._webhooks:
            find_on_loopback(webhook, ports["webhook"], authority.certificate)
        self._create([thing for thing in shipped if thing not in self._webhooks])
        await_kind(self._kubectl)
        settings = self._folder / "jobset-settings.yaml"
        write_private(settings, yaml.safe_dump(_settings(ports, certificates)))
        self._part = self._made(settings, ports)
        self._part.launch()
        self._part.wait_ready(say)
        self._create(self._webhooks)

    def stop(self) -> None:
        """End it, and take its webhooks away: without it no JobSet and no pod of one is made."""
        for webhook in self._webhooks:
            name = f"{webhook['kind']}/{webhook['metadata']['name']}"
            self._kubectl("delete", "--ignore-not-found", name)
        if self._part is not None:
            self._part.stop()

    def _made(self, settings: Path, ports: Mapping[str, int]) -> Part:
        """Return its process: beside the API server, which an environment with nodes has elsewhere.

        Both find each other on loopback there.
        """
        environment = self._environment
        gateway = environment.gateway if environment.nodes else None
        token = self._kubectl(
            "create", "token", ACCOUNT, f"--namespace={NAMESPACE}", f"--duration={_TOKEN_SECONDS}s"
        )
        account = environment.control_plane.kubeconfig_with_token(
            token.strip(), environment.state.users / f"token.{NAMESPACE}.{ACCOUNT}.kubeconfig"
        )
        spec = PartSpec(
            name=JOBSET.name,
            command=(
                str(program_folder(JOBSET) / JOBSET.name),
                f"--config={settings}",
                "--zap-log-level=2",
            ),
            ready=HealthCheck(
                f"http://{LOOPBACK}:{ports['health']}/readyz",
                network=gateway.holder if gateway else None,
            ),
            environment={"KUBECONFIG": str(account), "TMPDIR": str(self._folder)},
            ports=tuple(ports.values()),
            namespaces=gateway,
        )
        state = environment.state
        return Part(spec, logs=state.logs, run=state.run, tied=self._tied)

    def _shipped(self) -> list[dict[str, Any]]:
        """Return what JobSet's own manifests make of it, without what runs it in a cluster."""
        folder = program_folder(JOBSET) / "config" / "default"
        built = yaml.safe_load_all(self._kubectl("kustomize", str(folder)))
        return [thing for thing in built if thing["kind"] not in _OF_A_POD]

    def _create(self, things: Sequence[Mapping[str, Any]]) -> None:
        self._kubectl("create", "-f", "-", stdin="\n---\n".join(map(json.dumps, things)))


def await_kind(kubectl: Kubectl) -> None:
    """Wait until the API server serves JobSets."""
    definition = f"customresourcedefinition/jobsets.{GROUP}"
    # Waiting for a condition fails where there is none yet; the first comes with the names.
    for what in ("jsonpath={.status.acceptedNames.kind}=JobSet", "condition=Established"):
        kubectl("wait", f"--for={what}", definition, f"--timeout={_KIND_SECONDS}s")


def find_on_loopback(configuration: dict[str, Any], port: int, authority: bytes) -> None:
    """Have the API server call webhooks on a loopback port, and not by their Service.

    Args:
        configuration: A webhook configuration; changed in place.
        port: Where the webhooks are served.
        authority: The certificate that theirs is issued by, as PEM.
    """
    bundle = base64.b64encode(authority).decode()
    for webhook in configuration["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        webhook["clientConfig"] = {"url": f"https://{LOOPBACK}:{port}{path}", "caBundle": bundle}


def _settings(ports: Mapping[str, int], certificates: Path) -> dict[str, Any]:
    return {
        "apiVersion": f"config.{GROUP}/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": LOOPBACK, "port": ports["webhook"], "certDir": str(certificates)},
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{ports['health']}"},
        "metrics": {"bindAddress": "0"},
    }
