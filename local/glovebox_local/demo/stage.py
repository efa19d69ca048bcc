"""What the steps of the demonstration share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox_local.demo.catalogue import Catalogue
from glovebox_local.demo.operators import Operator
from glovebox_local.demo.tools import Answer, Person, Tools
from glovebox_local.environment import Environment
from glovebox_local.errors import LocalError
from glovebox_local.paths import checkout

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step
    from glovebox_local.prometheus import Prometheus

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
        operator: How the operator runs.
        trainer: The trainer's image by digest, where pods can run.
        catalogue: Who is told of lineage in a story; closed and never asked elsewhere.
    """

    def __init__(
        self,
        environment: Environment,
        tools: Tools,
        repository: Path,
        operator: Operator,
        trainer: str | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.environment = environment
        self.tools = tools
        self.repository = repository
        self.operator = operator
        self.trainer = trainer
        self.catalogue = catalogue or Catalogue()
        # Started by the story of who watches.
        self.prometheus: Prometheus | None = None

    @property
    def folder(self) -> Path:
        """For files that the demonstration writes."""
        return self.environment.state.root / "demo"

    def glovebox(self, *arguments: str) -> Answer:
        """Run a command of the product's own, as an auditor with this cluster and this store."""
        return self.tools.glovebox(*arguments, variables=self.environment.access.variables)

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
    folder = checkout()
    if folder is None:
        raise LocalError(
            "Looking for the examples",
            "this program was not installed from a clone of the repository: clone it and run"
            " `make demo` there",
        )
    return folder
