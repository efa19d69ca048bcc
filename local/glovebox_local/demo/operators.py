"""How the operator runs in the demonstration.

As a process beside a cluster of our own, or as the chart deploys it.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from glovebox_local.demo.tools import Tools
from glovebox_local.environment import Environment
from glovebox_local.errors import LocalError
from glovebox_local.operator_process import OPERATOR_NAMESPACE, OPERATOR_USER, operator_part
from glovebox_local.ports import LOOPBACK, choose_ports

if TYPE_CHECKING:
    from glovebox_local.progress import Step

_DEPLOYMENT = "deployment/glovebox-operator"
_PAGES = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/glovebox-metrics:http/proxy"


class Operator(Protocol):
    """The operator of one demonstration."""

    @property
    def values(self) -> dict[str, Any]:
        """The chart's values under `operator`."""

    @property
    def log(self) -> Path:
        """The file that has its log so far."""

    @property
    def commands(self) -> tuple[str, ...]:
        """What a person types to see its metrics and to follow its log."""

    def start(self, step: Step) -> None:
        """Have it run and be ready.

        Raises:
            LocalError: It ended, or was not ready in time.
        """

    def page(self, path: str) -> str:
        """Return one of its pages.

        Raises:
            LocalError: It does not answer.
        """


class OperatorProcess:
    """A process on this machine under a certificate of its own.

    Its record lies with those of the environment.

    Args:
        environment: The cluster and the store.
        image: The image of Glovebox, where there are nodes.
        program: What `glovebox` is called here.
        settings: More environment variables (`GLOVEBOX_...`).

    Attributes:
        port: The loopback port of its pages.
    """

    def __init__(
        self,
        environment: Environment,
        image: str | None,
        program: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = environment
        self._program = program
        self.port = choose_ports(["operator"])["operator"]
        state = environment.state
        self._part = operator_part(
            kubeconfig=environment.control_plane.kubeconfig_for(OPERATOR_USER, ()),
            logs=state.logs,
            run=state.run,
            port=self.port,
            tied=False,
            settings={**({"GLOVEBOX_IMAGE": image} if image else {}), **(settings or {})},
            gateway=environment.gateway if environment.nodes else None,
        )

    @property
    def values(self) -> dict[str, Any]:
        """No Deployment, and the chart's roles for a user of its own."""
        return {
            "enabled": False,
            "identities": [OPERATOR_USER],
            "subjects": [
                {"kind": "User", "name": OPERATOR_USER, "apiGroup": "rbac.authorization.k8s.io"}
            ],
        }

    @property
    def log(self) -> Path:
        """The file that it logs to."""
        return self._part.log

    @property
    def commands(self) -> tuple[str, ...]:
        """What a person types to see its metrics and to follow its log."""
        return (
            f"curl http://{LOOPBACK}:{self.port}/metrics",
            (
                f"{self._program} local logs operator --name {self._environment.state.root.name}"
                " --follow"
            ),
        )

    def start(self, step: Step) -> None:
        """Start it: it may do what the chart's roles say and nothing else.

        Raises:
            LocalError: It ended, or was not ready in time.
        """
        self._part.launch()
        self._part.wait_ready(step.say)
        if self._environment.nodes:
            # It runs where pods are; its pages are for whoever is here.
            self._environment.forward_from_gateway("operator-forwarder", self.port).start()
        step.say(f"user {OPERATOR_USER}, pid {self._part.pid}")

    def page(self, path: str) -> str:
        """Return one of its pages.

        Raises:
            LocalError: It does not answer.
        """
        try:
            with urllib.request.urlopen(
                f"http://{LOOPBACK}:{self.port}{path}", timeout=10
            ) as answer:
                text: str = answer.read().decode()
        except OSError as error:
            raise LocalError(f"Reading {path} of the operator", str(error), self.log) from error
        return text


class OperatorDeployment:
    """The chart's Deployment, under its service account.

    Args:
        tools: kubectl.
        image: The image of Glovebox by digest, on the nodes.
        logs: Folder of the environment's logs.
    """

    def __init__(self, tools: Tools, image: str, logs: Path) -> None:
        self._tools = tools
        self._image = image
        self._log = logs / "operator.log"

    @property
    def values(self) -> dict[str, Any]:
        """The Deployment with this image."""
        repository, _, digest = self._image.partition("@")
        return {"image": {"repository": repository, "digest": digest}}

    @property
    def log(self) -> Path:
        """A copy of what its container has logged until now."""
        self._log.write_text(
            self._tools.try_kubectl("logs", f"--namespace={OPERATOR_NAMESPACE}", _DEPLOYMENT).text
        )
        return self._log

    @property
    def commands(self) -> tuple[str, ...]:
        """What a person types to see its metrics and to follow its log."""
        return (
            f"kubectl get --raw {_PAGES}/metrics",
            f"kubectl logs --namespace {OPERATOR_NAMESPACE} {_DEPLOYMENT} --follow",
        )

    def start(self, step: Step) -> None:
        """Wait until the chart's Deployment is rolled out.

        Raises:
            LocalError: It was not in time.
        """
        self._tools.kubectl(
            "rollout",
            "status",
            f"--namespace={OPERATOR_NAMESPACE}",
            _DEPLOYMENT,
            "--timeout=90s",
            timeout=120,
        )
        step.say(f"{_DEPLOYMENT} in {OPERATOR_NAMESPACE}")

    def page(self, path: str) -> str:
        """Return one of its pages, by way of the API server.

        Raises:
            LocalError: It does not answer.
        """
        return self._tools.kubectl("get", "--raw", f"{_PAGES}{path}")
