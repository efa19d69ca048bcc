"""`glovebox local`.

A real Kubernetes control plane and a real S3 store on this machine, without a container engine.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from glovebox_local.cli import building, tools
from glovebox_local.cli.chosen import (
    Name,
    existing_environment,
    other_environments,
    reporting,
)

if TYPE_CHECKING:
    from pathlib import Path

    from glovebox_local.status import Status

app = typer.Typer(
    help="A real cluster and a real store on this machine, for trying out and for tests.",
    no_args_is_help=True,
)

_LOG_POLL = 0.3


class DriverChoice(StrEnum):
    """Where the cluster comes from."""

    EMBEDDED = "embedded"
    KIND = "kind"
    CURRENT = "current"


@app.command()
def up(
    name: Name = "",
    driver: Annotated[
        DriverChoice,
        typer.Option(
            help=(
                "embedded: a control plane of our own. kind: a cluster in containers. current: the"
                " cluster of a kubeconfig."
            )
        ),
    ] = DriverChoice.EMBEDDED,
    kubeconfig: Annotated[
        str | None,
        typer.Option(help="With --driver current: the kubeconfig; $KUBECONFIG by default."),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(help="With --driver current: the context; the current one by default."),
    ] = None,
    node: Annotated[
        bool,
        typer.Option(
            "--node", help="With a node that runs pods: needs root and a few Debian packages."
        ),
    ] = False,
    nodes: Annotated[int, typer.Option("--nodes", min=0, max=9, help="With so many nodes.")] = 0,
) -> None:
    """Start a cluster and a store; build what they need the first time.

    Repeat it to start again what died.
    """
    from glovebox_local.environment import bring_up
    from glovebox_local.paths import default_name
    from glovebox_local.progress import terminal

    if driver is not DriverChoice.CURRENT and (kubeconfig or context):
        raise typer.BadParameter("--kubeconfig and --context go with --driver current")
    wanted = nodes or int(node)
    name = name or default_name("local")
    if wanted and driver is not DriverChoice.EMBEDDED:
        raise typer.BadParameter("--node and --nodes go with --driver embedded")
    started = time.monotonic()
    with reporting():
        environment, changed = bring_up(
            name, driver.value, terminal(), kubeconfig=kubeconfig, context=context, nodes=wanted
        )
    if not changed:
        typer.echo(f"The environment {name} is already running.")
    else:
        typer.echo(f"The environment {name} is ready after {time.monotonic() - started:.1f} s.")
    chosen = "" if name == default_name("local") else f" --name {name}"
    typer.echo(
        f"  kubeconfig  {environment.kubeconfig}\n  S3          {environment.store.endpoint}"
    )
    typer.echo(
        f'Use it:  eval "$(glovebox local env{chosen})"    End it:  glovebox local down{chosen}'
    )


@app.command()
def down(
    name: Name = "",
    keep_data: Annotated[
        bool,
        typer.Option(
            "--keep-data",
            help="End the processes gently, keep data, keys and logs for the next `up`.",
        ),
    ] = False,
) -> None:
    """End exactly the processes and containers that `up` started, and remove their data."""
    from glovebox_local.environment import bring_down
    from glovebox_local.paths import default_name
    from glovebox_local.progress import terminal

    name = name or default_name("local")
    with reporting():
        ended = bring_down(name, terminal(), keep_data=keep_data)
    kept = "; its data are kept" if keep_data else ""
    typer.echo(
        f"The environment {name} is down ({ended} parts ended{kept})."
        if ended
        else f"No part of the environment {name} was running{kept}{other_environments(name)}."
    )


@app.command()
def status(
    name: Name = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show each process: whether it runs and answers. Exit code 1 unless all of them do."""
    from glovebox_local.status import look_at

    with reporting():
        environment = existing_environment(name)
        found = look_at(environment)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        _show(found)
    if not found.healthy:
        raise typer.Exit(1)


@app.command()
def logs(
    part: Annotated[
        str | None,
        typer.Argument(
            help="One of the names that `status` shows, or `audit`; none: list the files."
        ),
    ] = None,
    name: Name = "",
    lines: Annotated[
        int, typer.Option("--lines", "-l", min=0, help="How many of the last lines.")
    ] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as the log grows, until interrupted.")
    ] = False,
) -> None:
    """Show the log of one process."""
    from glovebox_local.paths import StateDir, default_name

    with reporting():
        folder = StateDir.named(name or default_name("local")).logs
        files = {file.stem: file for file in sorted(folder.glob("*.log"))}
    if part is None:
        typer.echo("\n".join(str(file) for file in files.values()) or f"no logs in {folder}")
        return
    if part not in files:
        raise typer.BadParameter(f"no log of {part!r}; there are: {', '.join(files) or 'none'}")
    _print_log(files[part], lines, follow=follow)


@app.command()
def env(name: Name = "") -> None:
    r"""Print shell lines that make kubectl, helm and S3 clients use this environment.

    As in `eval "$(glovebox local env)"`.
    """
    from glovebox_local.programs import bin_dir

    with reporting():
        environment = existing_environment(name)
        environment.demand_whole()
        access = environment.access
    for variable, value in {"KUBECONFIG": str(environment.kubeconfig), **access.variables}.items():
        typer.echo(f"export {variable}={shlex.quote(value)}")
    if bin_dir().exists():
        typer.echo(f'export PATH={shlex.quote(str(bin_dir()))}:"$PATH"')


@app.command()
def kubeconfig(
    user: Annotated[
        str, typer.Option(help="The user; any name. It has no rights until you bind some.")
    ],
    group: Annotated[
        list[str] | None, typer.Option(help="A group of the user's; can be repeated.")
    ] = None,
    name: Name = "",
) -> None:
    """Make a kubeconfig for any user in any groups, to see the cluster as they do.

    Print its path.
    """
    with reporting():
        environment = existing_environment(name)
        environment.demand_whole()
        typer.echo(environment.control_plane.kubeconfig_for(user, group or ()))


app.command(context_settings=tools.PASSED_ON)(tools.kubectl)
app.command(context_settings=tools.PASSED_ON)(tools.helm)
app.command()(building.packages)
app.command()(building.images)
app.command()(building.load)
app.command()(building.build)


def _show(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "part",
        "state",
        "pid",
        "up",
        "memory",
        "ports",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for part in found.parts:
        colour = "green" if part.healthy else "red"
        table.add_row(part.name, f"[{colour}]{part.state}[/{colour}]", *part.details())
    console = Console(soft_wrap=True)
    console.print(f"{found.name} ({found.driver})", style="bold")
    console.print(table)
    for line in found.notes:
        console.print(line, highlight=False)


def _print_log(file: Path, lines: int, *, follow: bool) -> None:
    with file.open(errors="replace") as log:
        for line in log.readlines()[-lines:] if lines else log.readlines()[:0]:
            sys.stdout.write(line)
        sys.stdout.flush()
        try:
            while follow:
                grown = log.read()
                sys.stdout.write(grown)
                sys.stdout.flush()
                time.sleep(0 if grown else _LOG_POLL)
        except KeyboardInterrupt:
            return
