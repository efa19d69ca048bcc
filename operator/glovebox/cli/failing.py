"""What a command could not do: one line, and an exit code of its own."""

from __future__ import annotations

import typer

CANNOT = 2


def in_one_line(error: BaseException) -> str:
    """Return what went wrong as one line: the file or the place in it, and what about it.

    What Python and YAML say by themselves has the number of an error, or several lines with a
    picture of the place.
    """
    import yaml

    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        at = error.problem_mark
        return f"line {at.line + 1}, column {at.column + 1}: {' '.join(error.problem.split())}"
    return " ".join(str(error).split())


class Failing:
    """Turns what could not be done into one line and the exit code for it.

    Args:
        said: What the line begins with.
    """

    def __init__(self, said: str = "It could not be done: ") -> None:
        self._said = said

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from glovebox.data.printable import printable
        from glovebox.errors import GloveboxError

        if isinstance(error, GloveboxError | OSError | UnicodeDecodeError):
            said = in_one_line(error) if isinstance(error, OSError) else str(error)
            typer.secho(f"{self._said}{printable(said)}", fg=typer.colors.RED, err=True)
            raise typer.Exit(CANNOT) from None
