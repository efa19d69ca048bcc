"""Which local environment a command is about, and how what goes wrong is shown."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.environment import Environment

Name = Annotated[
    str,
    typer.Option(
        "--name",
        "-n",
        envvar="GLOVEBOX_LOCAL",
        help="Which local environment; by default the one of this clone.",
    ),
]


def existing_environment(name: str) -> Environment:
    """Return the environment of that name, or the clone's own.

    Raises:
        LocalError: There is none; the message names the others.
    """
    from glovebox_local.environment import find_environment
    from glovebox_local.errors import LocalError
    from glovebox_local.paths import default_name

    named = name or default_name("local")
    environment = find_environment(named)
    chosen = f" --name {name}" if name else ""
    if environment is None:
        raise LocalError(
            "Looking for the environment",
            f"there is none called {named}: `glovebox local up{chosen}`{other_environments(named)}",
        )
    return environment


def other_environments(name: str) -> str:
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
def reporting() -> Iterator[None]:
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
