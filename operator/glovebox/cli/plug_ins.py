"""Commands of other distributions: entry points of the group `glovebox.commands`, found by name.

Each is a Typer application or a function. It is imported only when it is asked for or listed; one
that cannot be imported stands as a command that says so in one line, and harms no other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from glovebox.cli.commands import Commands, Strict

GROUP: Final = "glovebox.commands"


class WithPlugIns(TyperGroup):
    """A group of commands that others can add to; a name of our own is never theirs."""

    # Any: the classes of commands and contexts are private to typer.
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of our own commands, then of the others'."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in _found() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, None where there is none."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _found():
            return own
        return _load(cmd_name, _found()[cmd_name])


@cache
def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(name: str, entry: EntryPoint) -> Any:
    try:
        return _as_command(name, entry.load())
    except Exception as error:  # noqa: BLE001 - whatever a stranger's module does when imported
        return _broken(name, entry, error)


def _as_command(name: str, loaded: typer.Typer | Callable[..., Any]) -> Any:
    application = loaded
    if not isinstance(application, typer.Typer):
        application = Commands()
        application.command(name)(loaded)
    _make_strict(application)
    command = get_command(application)
    command.name = name
    return command


def _make_strict(application: typer.Typer) -> None:
    """Have its commands read their words as ours do, unless they say how."""
    for command in application.registered_commands:
        if command.cls in {None, TyperCommand}:  # what typer gives to those that say nothing
            command.cls = Strict
    for group in application.registered_groups:
        if group.typer_instance is not None:
            _make_strict(group.typer_instance)


def _broken(name: str, entry: EntryPoint, error: Exception) -> TyperCommand:
    source = entry.dist.name if entry.dist else entry.value
    line = " ".join(
        f"not available: loading it from {source} failed: {type(error).__name__}: {error}".split()
    )

    def fail() -> None:
        typer.secho(f"glovebox {name}: {line}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)

    return TyperCommand(
        name,
        callback=fail,
        help=line[0].upper() + line[1:],
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
