"""`glovebox local`.

A real Kubernetes control plane and a real S3 store on this machine, without a container engine.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.environment import Environment
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


Name = Annotated[
    str,
    typer.Option(
        "--name",
        "-n",
        envvar="GLOVEBOX_LOCAL",
        help="Which local environment; by default the one of this clone.",
    ),
]


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
    with _reporting():
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
    with _reporting():
        ended = bring_down(name, terminal(), keep_data=keep_data)
    kept = "; its data are kept" if keep_data else ""
    typer.echo(
        f"The environment {name} is down ({ended} parts ended{kept})."
        if ended
        else f"No part of the environment {name} was running{kept}{_others(name)}."
    )


@app.command()
def status(
    name: Name = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show each process: whether it runs and answers. Exit code 1 unless all of them do."""
    from glovebox_local.status import look_at

    with _reporting():
        environment = _existing(name)
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

    with _reporting():
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

    with _reporting():
        environment = _existing(name)
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
    with _reporting():
        environment = _existing(name)
        environment.demand_whole()
        typer.echo(environment.control_plane.kubeconfig_for(user, group or ()))


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def kubectl(context: typer.Context) -> None:
    """Run the kubectl of the cluster's own version against it; all arguments are kubectl's."""
    _run_tool("kubectl", context.args)


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def helm(context: typer.Context) -> None:
    """Run helm against the cluster (built the first time); all arguments are helm's."""
    _run_tool("helm", context.args)


@app.command()
def packages(
    check: Annotated[
        bool, typer.Option("--check", help="Only list; exit code 1 when something is missing.")
    ] = False,
) -> None:
    """Install the Debian packages that `up --node` needs and this machine lacks.

    As root, with apt-get, starting no service.
    """
    from glovebox_local.packages import (
        PACKAGES,
        install_packages,
        missing_packages,
    )
    from glovebox_local.progress import terminal

    if check:
        missing = missing_packages()
        for package in PACKAGES:
            typer.echo(
                f"{'missing' if package in missing else 'there':8} {package.name:28}"
                f" {package.purpose}"
            )
        raise typer.Exit(1 if missing else 0)
    with _reporting():
        installed = install_packages(terminal())
    typer.echo(
        f"Installed: {', '.join(package.name for package in installed)}."
        if installed
        else "Every Debian package that nodes need is there."
    )


@app.command()
def images(name: Name = "") -> None:
    """Build the images of Glovebox and of the flights trainer, and print them by digest.

    They are loaded onto the nodes of the environment, where there is one.
    """
    from glovebox_local.demo.stage import find_repository
    from glovebox_local.environment import find_environment
    from glovebox_local.image_build import GLOVEBOX, TRAINER, ensure_image
    from glovebox_local.paths import default_name
    from glovebox_local.progress import terminal

    with _reporting():
        repository = find_repository()
        environment = find_environment(name or default_name("local"))
        build = environment.driver.build_image if environment else ensure_image
        built = [build(source, repository, terminal()) for source in (GLOVEBOX, TRAINER)]
        if environment and environment.driver.runs_pods:
            for image in built:
                environment.driver.load_image(image.archive, image.reference)
    for image in built:
        typer.echo(f"{image.reference}\n  {image.archive}")


@app.command()
def load(
    archive: Annotated[
        Path,
        typer.Argument(
            help="An OCI archive, such as `docker buildx build --output type=oci,dest=FILE` writes."
        ),
    ],
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPOSITORY",
            help="The name that pods use, such as registry.example/team/trainer.",
        ),
    ],
    name: Name = "",
) -> None:
    """Bring an image of your own onto the nodes; print the name by which a pod starts it."""
    from glovebox_local.images import read_digests

    with _reporting():
        driver = _existing(name).driver
        for digest in read_digests(archive):
            reference = f"{repository}@{digest}"
            driver.load_image(archive, reference)
            typer.echo(reference)


@app.command()
def build(
    node: Annotated[
        bool,
        typer.Option(
            "--node", help="Also what nodes need: the first time 11 minutes more on two cores."
        ),
    ] = False,
) -> None:
    """Build all programs into the cache, so that later steps need not."""
    from glovebox_local.programs import (
        NODE_PROGRAMS,
        PLANE_PROGRAMS,
        ensure_programs,
        program_folder,
    )
    from glovebox_local.progress import terminal

    with _reporting():
        programs = (*PLANE_PROGRAMS, *(NODE_PROGRAMS if node else ()))
        ensure_programs(programs, terminal())
        for program in programs:
            typer.echo(program_folder(program))


def _run_tool(tool: str, arguments: list[str]) -> None:
    from glovebox_local.programs import HELM, KUBERNETES, ensure_program
    from glovebox_local.progress import terminal

    with _reporting():
        environment = _existing(os.environ.get("GLOVEBOX_LOCAL", ""))
        environment.demand_whole()
        folder = ensure_program(HELM if tool == "helm" else KUBERNETES, terminal())
    os.environ["KUBECONFIG"] = str(environment.kubeconfig)
    os.execv(folder / tool, [tool, *arguments])  # noqa: S606 - becoming that program is the point


def _existing(name: str) -> Environment:
    from glovebox_local.environment import find_environment
    from glovebox_local.errors import LocalError
    from glovebox_local.paths import default_name

    named = name or default_name("local")
    environment = find_environment(named)
    chosen = f" --name {name}" if name else ""
    if environment is None:
        raise LocalError(
            "Looking for the environment",
            f"there is none called {named}: `glovebox local up{chosen}`{_others(named)}",
        )
    return environment


def _others(name: str) -> str:
    """Return which other environments there are and how one is named, or an empty text.

    A demonstration's is called otherwise than what `up` makes without a name.
    """
    from glovebox_local.paths import environment_names

    there = [each for each in environment_names() if each != name]
    if not there:
        return ""
    shown = ", ".join(there[:10]) + (f" and {len(there) - 10} more" if there[10:] else "")
    return (
        f"; there are: {shown} (choose one with `--name {there[0]}`, or GLOVEBOX_LOCAL={there[0]})"
    )


@contextmanager
def _reporting() -> Iterator[None]:
    """Turn our failures into a message and exit code 1, and an interruption into a clean end."""
    from glovebox_local.errors import LocalError

    def interrupted(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = {
        number: signal.signal(number, interrupted)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    except LocalError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
