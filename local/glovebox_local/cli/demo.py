"""`glovebox demo`: from nothing to sealed results, with real data, in one command."""

from __future__ import annotations

import signal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from glovebox_local.demo.stories import Story

if TYPE_CHECKING:
    from types import FrameType


class DemoDriver(StrEnum):
    """Where the cluster of the demonstration comes from."""

    EMBEDDED = "embedded"
    KIND = "kind"


def demo(
    name: Annotated[
        str,
        typer.Option(
            "--name",
            "-n",
            help="Name of the local environment that it uses; by default one of this clone's own.",
        ),
    ] = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave cluster, store and operator running at the end.")
    ] = False,
    node: Annotated[
        bool | None,
        typer.Option(
            "--node/--no-node",
            help=(
                "With a node that runs the Experiment, or without; by default with, as root on"
                " Linux."
            ),
        ),
    ] = None,
    driver: Annotated[
        DemoDriver,
        typer.Option(
            help=(
                "embedded: a cluster of our own. kind: cluster, store and operator in containers,"
                " without root."
            )
        ),
    ] = DemoDriver.EMBEDDED,
    story: Annotated[
        Story | None,
        typer.Option(
            help=(
                "Play a story instead of the run. data, without a node: a leaked row, a holdout"
                " that is used once, files that somebody meddles with, a bit that rots, a column in"
                " another unit, a mirrored bucket. runs, on a node: two workers, of which one is"
                " killed, and a holdout for the last stage alone. sight, without a node: a"
                " Prometheus, three alerts that fire and resolve, what the dashboards ask."
            )
        ),
    ] = None,
    end: Annotated[
        bool, typer.Option("--end", help="Show nothing: end what --keep has left running.")
    ] = False,
) -> None:
    """Show it all: cluster, operator, data, an Experiment, its run and seal, refusals, a repair.

    Exit code 0: all of it happened.
    """
    from glovebox_local.cli.local import down
    from glovebox_local.demo.run import (
        make_console,
        program,
        run_demo,
    )
    from glovebox_local.errors import LocalError
    from glovebox_local.paths import default_name
    from glovebox_local.processes import INTERRUPTIONS

    name = name or default_name("demo")
    if end:
        down(name)
        return

    if node is not None and driver is DemoDriver.KIND:
        raise typer.BadParameter(
            "--node and --no-node go with --driver embedded: a cluster in containers always has a"
            " node"
        )
    if story and (driver is DemoDriver.KIND or node not in {None, story.needs_node}):
        raise typer.BadParameter(
            f"--story {story} comes {'with' if story.needs_node else 'without'} a node of our own:"
            " leave --node, --no-node and --driver kind out"
        )
    for number in INTERRUPTIONS:
        signal.signal(number, _interrupted)
    console = make_console()
    try:
        run_demo(console, name=name, keep=keep, node=node, driver=driver.value, story=story)
    except LocalError as error:
        console.print("\n[bold red]The demonstration failed.[/]", highlight=False)
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"All logs: {program()} local logs --name {name}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(1) from None


def _interrupted(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
