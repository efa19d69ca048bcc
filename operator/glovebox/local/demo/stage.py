"""What the steps of the demonstration share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox.local.demo.tools import Person, Tools
from glovebox.local.environment import Environment
from glovebox.local.errors import LocalError
from glovebox.local.operator_process import OPERATOR_USER, operator_part
from glovebox.local.part import Part
from glovebox.local.ports import choose_ports

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox.local.progress import Step

TEAM = "team-flights"
EXPERIMENT = "delay-baseline"
EXPERIMENTS = "experiments.glovebox.dev"
BREAK_GLASS_GROUP = "glovebox:break-glass"
ADMIN = Person("alice", ("system:masters",))
BREAK_GLASS_ADMIN = Person("alice", ("system:masters", BREAK_GLASS_GROUP))

# What a step does; what it returns is shown below its line.
Act = Callable[["Stage", "Step"], "RenderableType | None"]


@dataclass(frozen=True)
class DemoStep:
    """One step: what the reader is told, and what is done."""

    title: str
    act: Act


@dataclass(frozen=True)
class Chapter:
    """Some steps under a heading."""

    title: str
    steps: tuple[DemoStep, ...]


class Stage:
    """One running demonstration.

    Args:
        environment: The cluster and the store, up.
        tools: kubectl and helm.
        repository: The clone that holds the chart and the examples.
        images: The images of Glovebox and of the trainer, on the nodes; None where there are no nodes.
    """

    def __init__(self, environment: Environment, tools: Tools, repository: Path, images: tuple[str, str] | None = None) -> None:
        self.environment = environment
        self.tools = tools
        self.repository = repository
        self._images = images

    @property
    def trainer(self) -> str | None:
        """The trainer's image by digest, where pods can run."""
        return self._images[1] if self._images else None

    @property
    def folder(self) -> Path:
        """For files that the demonstration writes."""
        return self.environment.state.root / "demo"

    @cached_property
    def metrics_port(self) -> int:
        """Where the operator answers /metrics, /healthz and /readyz."""
        return choose_ports(["operator"])["operator"]

    @cached_property
    def operator(self) -> Part:
        """The operator; its record lies with those of the environment, so that `glovebox local down` ends it too."""
        state = self.environment.state
        kubeconfig = self.environment.control_plane.kubeconfig_for(OPERATOR_USER, ())
        return operator_part(
            kubeconfig=kubeconfig,
            logs=state.logs,
            run=state.run,
            port=self.metrics_port,
            tied=False,
            settings={"GLOVEBOX_IMAGE": self._images[0]} if self._images else None,
            gateway=self.environment.gateway if self._images else None,
        )

    @property
    def experiment(self) -> dict[str, Any]:
        """The Experiment as it is now."""
        return self.tools.get(EXPERIMENTS, EXPERIMENT, namespace=TEAM)

    @property
    def sealed_namespace(self) -> str:
        """The namespace that the Experiment got.

        Raises:
            LocalError: It has none.
        """
        namespace = (self.experiment.get("status") or {}).get("namespace")
        if not namespace:
            raise LocalError("Looking for the Experiment's namespace", "its status names none")
        return str(namespace)


def find_repository() -> Path:
    """Return the clone that this program was installed from: the chart and the examples lie there.

    Raises:
        LocalError: It was installed from elsewhere.
    """
    folder = Path(__file__).parents[4]
    if (folder / "helm" / "glovebox" / "Chart.yaml").exists() and (folder / "docs" / "examples" / "flights").is_dir():
        return folder
    raise LocalError("Looking for the examples", f"{folder} is no clone of the repository: clone it and run `make demo` there")
