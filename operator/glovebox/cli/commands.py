"""Commands that refuse an option which is given and empty, and that all know `--no-color`.

`glovebox verify --builder "$BUILDER"` with a variable that is not set would demand nothing, and say
that the seal holds. Leaving an option out and giving it empty are two things: the second one is a
mistake in whatever script wrote it, for every option that takes a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, TypeVar

import typer
from typer.core import TyperCommand
from typer.main import get_command

from glovebox.api.invalid import without_foreign_words

_NO_COLOR: Final = "NO_COLOR"
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Strict(TyperCommand):
    """A command that takes no option with an empty value, and whose colours can be left out."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.append(_without_color())

    # Any: the classes of contexts are private to typer.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the command line.

        Raises:
            BadParameter: An option, or an argument, is given and empty, or is none of what it can
                be; in our words, where typer shows those of the library that reads values.
        """
        if ctx.resilient_parsing:
            # A shell completes a line that nobody has ended.
            return super().parse_args(ctx, args)
        if os.environ.get(_NO_COLOR):
            # Many programs know it: https://no-color.org.
            ctx.color = False
        # As they were written: an empty path is `.` once it is read.
        written, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for option in self.params:
            if _holds_nothing(written.get(option.name or "")):
                raise typer.BadParameter(
                    "it is given and empty, which asks for nothing. Give a value (is a variable"
                    " not set?), or leave it out",
                    ctx=ctx,
                    param_hint=" / ".join(option.opts),
                )
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as wrong:
            wrong.message = without_foreign_words(wrong.message)
            raise


def _chosen(context: typer.Context, value: bool) -> None:
    if value:
        context.color = False


def _shared(
    no_color: Annotated[
        bool,
        typer.Option(
            "--no-color",
            callback=_chosen,
            expose_value=False,
            help="Leave colours out; so does NO_COLOR in the environment.",
        ),
    ] = False,
) -> None:
    """Do nothing: typer makes options of those of a function."""


@cache
def _without_color() -> Any:
    probe = typer.Typer(add_completion=False)
    probe.command()(_shared)
    return get_command(probe).params[0]


def _holds_nothing(given: Any) -> bool:
    """Whether one of the words that were given for an option or an argument is empty."""
    if isinstance(given, (list, tuple)):
        return any(_holds_nothing(each) for each in given)
    return bool(given == "")


class Commands(typer.Typer):
    """A group whose commands are `Strict`, unless they say which class they are."""

    def command(self, *name: Any, **settings: Any) -> Callable[[_Function], _Function]:
        """Return what makes a function a command, as `typer.Typer.command` does."""
        return super().command(*name, **{"cls": Strict, **settings})
