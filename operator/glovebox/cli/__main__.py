"""`glovebox`, and `python -m glovebox.cli` where its script is not on PATH."""

from __future__ import annotations

import sys

_LIBRARIES = {"typer", "rich"}


def main() -> None:
    """Run the command line.

    Where its libraries were not installed, say in one line how they are.
    """
    try:
        from glovebox.cli.main import app  # it is what may fail
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        sys.exit("glovebox: the command line needs more libraries: pip install 'glovebox[cli]'")
    app()


if __name__ == "__main__":
    main()
