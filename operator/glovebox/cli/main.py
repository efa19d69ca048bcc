"""The command `glovebox`: one sub-command for each subject, each in a module of its own.

Modules that a sub-command needs are imported when it runs, so that `glovebox --help` and completion
answer at once.
"""

from __future__ import annotations

import typer

from glovebox.cli import demo, local
from glovebox.cli import verify as verify_command

app = typer.Typer(
    name="glovebox",
    help="Sealed namespaces for machine-learning experiments.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # local variables hold keys
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(local.app, name="local")
app.command("demo")(demo.demo)
app.command("verify")(verify_command.verify)


@app.command("version")
def show_version() -> None:
    """Print the version of this program."""
    from importlib.metadata import version  # noqa: PLC0415 - as said above

    typer.echo(version("glovebox"))
