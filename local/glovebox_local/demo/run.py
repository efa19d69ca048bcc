"""Plays the demonstration, and leaves nothing behind unless it is told to.

Whatever happens, nothing is hidden: a step that fails is named with its cause and its log, and the
exit code is 0 only when every step did what it says. After a failure the processes are ended and
the logs stay; interrupted, all of it goes.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.demo.catalogue import Catalogue
from glovebox_local.demo.operators import Operator, OperatorDeployment, OperatorProcess
from glovebox_local.demo.script import PREPARATION, chapters
from glovebox_local.demo.stage import EXPERIMENT, TEAM, Chapter, DemoStep, Stage, find_repository
from glovebox_local.demo.tools import Tools
from glovebox_local.environment import DriverName, Environment, bring_down, bring_up
from glovebox_local.errors import LocalError
from glovebox_local.image_build import GLOVEBOX, TRAINER
from glovebox_local.packages import node_obstacle
from glovebox_local.paths import StateDir
from glovebox_local.processes import deferred_signals
from glovebox_local.programs import (
    HELM,
    JOBSET,
    KUBERNETES,
    NODE_PROGRAMS,
    PLANE_PROGRAMS,
    ensure_program,
    ensure_programs,
    missing_programs,
)
from glovebox_local.progress import Progress, Silent, Terminal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from glovebox_local.demo.stories import Story
    from glovebox_local.progress import Step

TRAINER_REPOSITORY = "registry.example/flights/trainer"
_WIDTH = 100


def run_demo(
    console: Console,
    *,
    name: str,
    keep: bool = False,
    node: bool | None = None,
    driver: DriverName = "embedded",
    story: Story | None = None,
) -> None:
    """Play the whole demonstration; where no node can run it leaves out the run, and says so.

    Args:
        console: Where it is shown.
        name: Of the local environment; one that is left from before is ended first.
        keep: Leave everything running at the end, also after a failure.
        node: With a node that runs pods, or without; by default with one where this machine can.
        driver: Where the cluster comes from; one in containers always has a node.
        story: Told instead of the run, on a control plane and a store alone unless it needs a node.

    Raises:
        LocalError: A step failed, or a node was asked for and cannot run here.
    """
    started = time.monotonic()
    progress = Terminal(console)
    repository = find_repository()
    wants_node = story is None or story.needs_node
    obstacle = node_obstacle() if wants_node and driver != "kind" else None
    if obstacle and (node or story):
        raise LocalError("Starting a node", obstacle)
    with_node = wants_node and (obstacle is None if node is None else node)
    console.print(
        "\n[bold]Glovebox[/] from nothing to a sealed namespace: a real API server, a real store,"
        " real data\n",
        highlight=False,
    )
    left_out = (
        None
        if with_node or story
        else (
            "the run, and with it packets, read-only mounts and the seal:"
            f" {_why_left_out(obstacle)}"
        )
    )
    if left_out:
        console.print(f"Left out here: {left_out}\n", markup=False, highlight=False, soft_wrap=True)
    nodes = int(with_node and driver == "embedded")
    if driver == "embedded":
        ensure_programs(PLANE_PROGRAMS, progress)
    if story and story.needs_node:
        ensure_programs((*NODE_PROGRAMS, JOBSET), progress)
    elif nodes and missing_programs(NODE_PROGRAMS):
        show_first(name, repository, progress, console, started=started)
    with environment_of(name, progress, keep=keep, driver=driver, nodes=nodes) as environment:
        stage = open_stage(environment, progress, repository, story)
        play(chapters(run=with_node, story=story), stage, progress, console)
        namespace = stage.sealed_namespace
        happened = "All of it happened" if with_node or story else "All of it but the run happened"
        console.print(
            f"[bold green]{happened}[/], in {time.monotonic() - started:.0f} s.", highlight=False
        )
        console.print(
            _farewell(name, namespace, stage.operator.commands) if keep else _invitation(),
            highlight=False,
            soft_wrap=True,
        )


def show_first(
    name: str, repository: Path, progress: Progress, console: Console, *, started: float
) -> None:
    """Show an Experiment Ready on a control plane alone, then build what nodes need.

    The environment can be looked at until that is built.

    Args:
        name: Of the environment; it is ended when the programs are there.
        repository: The clone.
        progress: Shown what is built.
        console: Where it is shown.
        started: When the demonstration began, by the monotonic clock.

    Raises:
        LocalError: A step failed.
    """
    console.print(
        "First without a node, whose programs take longer to build: what a control plane and a"
        " store show.\n",
        highlight=False,
    )
    with environment_of(name, progress, keep=False) as environment:
        stage = open_stage(environment, progress, repository)
        play(PREPARATION, stage, progress, console)
        waited = time.monotonic() - started
        console.print(
            f"[bold green]The first Experiment is Ready[/], after {int(waited // 60)} min"
            f" {waited % 60:.0f} s. The programs of a node are built next; then all of it is shown"
            " again with the run. Until then, in another terminal:\n\n"
            f'  eval "$({program()} local env --name {name})"\n'
            f"  kubectl describe experiment {EXPERIMENT} --namespace {TEAM}\n",
            highlight=False,
            soft_wrap=True,
        )
        ensure_programs(NODE_PROGRAMS, progress)


@contextmanager
def environment_of(
    name: str, progress: Progress, *, keep: bool, driver: DriverName = "embedded", nodes: int = 0
) -> Iterator[Environment]:
    """Bring a fresh environment up; at the end of the block take it down, unless it is to be kept.

    Raises:
        LocalError: It could not be brought up or down.
    """
    state = StateDir.named(name)
    if state.root.exists():
        with progress.step(f"Ending the environment {name} of before"):
            bring_down(name, Silent(), keep_data=False)
    keep_data = False
    try:
        environment, _ = bring_up(name, driver, progress, nodes=nodes)
        yield environment
    except LocalError:
        # For whoever reads the logs; the next demonstration clears them away.
        keep_data = True
        raise
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            with deferred_signals():
                bring_down(name, Silent(), keep_data=keep_data)


def open_stage(
    environment: Environment, progress: Progress, repository: Path, story: Story | None = None
) -> Stage:
    """Find or build the tools and put the stage together.

    Args:
        environment: The cluster and the store, up.
        progress: Shown what is built.
        repository: The clone.
        story: Played on it: its operator sends a catalogue the events of lineage.

    Raises:
        LocalError: A tool could not be built.
    """
    in_containers = environment.description.driver == "kind"
    # Whoever has kind has kubectl; ours is made for Linux together with all of Kubernetes.
    installed = shutil.which("kubectl") if in_containers else None
    kubectl = Path(installed) if installed else ensure_program(KUBERNETES, progress) / "kubectl"
    helm = ensure_program(HELM, progress) / "helm"
    folder = environment.state.root / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    glovebox, trainer = (
        load_images(environment, repository, progress)
        if environment.driver.runs_pods
        else (None, None)
    )
    tools = Tools(kubectl, helm, environment.kubeconfig, folder / "home")
    catalogue = Catalogue()
    settings = {**catalogue.settings, **story.settings} if story else None
    operator: Operator = (
        OperatorDeployment(tools, glovebox, environment.state.logs)
        if glovebox and in_containers
        else OperatorProcess(environment, glovebox, program(), settings)
    )
    if story:
        catalogue.open()
    return Stage(environment, tools, repository, operator, trainer, catalogue)


def load_images(environment: Environment, repository: Path, progress: Progress) -> tuple[str, str]:
    """Bring the images of Glovebox and of the trainer to the nodes, and return them by digest.

    Raises:
        LocalError: One could not be built or loaded.
    """
    driver = environment.driver
    glovebox, trainer = (
        driver.build_image(source, repository, progress) for source in (GLOVEBOX, TRAINER)
    )
    # By the name that the example and its profile have for it; there is no registry that could
    # contradict.
    named = f"{TRAINER_REPOSITORY}@{trainer.reference.partition('@')[2]}"
    with progress.step("Loading the images onto the node") as step:
        for image, reference in ((glovebox, glovebox.reference), (trainer, named)):
            driver.load_image(image.archive, reference)
        step.say(f"{glovebox.reference.partition('@')[0]}, {TRAINER_REPOSITORY}")
    return glovebox.reference, named


def _why_left_out(obstacle: str | None) -> str:
    return (
        f"{obstacle} (`--driver kind` does all of it in containers)"
        if obstacle
        else "no node was wanted"
    )


def play(chapters: Iterable[Chapter], stage: Stage, progress: Progress, console: Console) -> None:
    """Do every step in its order; show what each has to show below its line.

    Raises:
        LocalError: A step failed; those after it were not tried.
    """
    from rich.padding import Padding  # noqa: PLC0415 - `glovebox --help` must not pay for it

    spaced = False
    for chapter in chapters:
        console.print(f"{'' if spaced else chr(10)}[bold]{chapter.title}[/]", highlight=False)
        for step in chapter.steps:
            with progress.step(step.title) as shown:
                result = _act(step, stage, shown)
            spaced = result is not None
            if result is not None:
                console.print(Padding(result, (0, 0, 1, 2), expand=False), highlight=False)


def _act(step: DemoStep, stage: Stage, shown: Step) -> RenderableType | None:
    try:
        return step.act(stage, shown)
    except LocalError:
        raise
    except Exception as error:
        # What the cluster answered was not what the step expects: the reader shall know which step,
        # not read a trace.
        raise LocalError(
            step.title, f"{type(error).__name__}: {error}", stage.operator.log
        ) from error


def make_console() -> Console:
    """Return a console on standard output.

    Where that is no terminal, as wide as a comfortable one.
    """
    from rich.console import Console  # noqa: PLC0415 - as above

    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def program() -> str:
    """Return how this program was called, for commands that the reader may copy."""
    return sys.argv[0] if Path(sys.argv[0]).name == "glovebox" else "glovebox"


def _invitation() -> str:
    return (
        "Everything is gone again. To go on by hand:\n\n"
        "  make demo ARGS=--keep    leaves it running at the end\n"
        "  docs/quickstart.md       says what to try then"
    )


def _farewell(name: str, namespace: str, commands: Iterable[str]) -> str:
    return (
        "It goes on running. By hand:\n\n"
        f'  eval "$({program()} local env --name {name})"\n'
        f"  kubectl get glovebox --namespace {TEAM}\n"
        f"  kubectl describe experiment {EXPERIMENT} --namespace {TEAM}\n"
        f"  kubectl get networkpolicies,resourcequotas,rolebindings --namespace {namespace}\n"
        "  kubectl explain experiment.spec.inputs\n"
        f"  kubectl auth can-i --list --namespace {namespace} --as dana --as-group"
        f" glovebox:team:{TEAM}\n"
        + "".join(f"  {command}\n" for command in commands)
        + f"\nEnd it:  {program()} local down --name {name}"
    )
