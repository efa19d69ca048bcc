"""What a command could not do: one line, and an exit code of its own."""

from __future__ import annotations

import typer

CANNOT = 2


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
            said = str(error)
            if isinstance(error, OSError) and error.filename and error.strerror:
                said = f"{error.filename}: {error.strerror}"
            message = f"{self._said}{printable(said)}"
            typer.secho(message, fg=typer.colors.RED, err=True)
            raise typer.Exit(CANNOT) from None
