"""The command `glovebox`: one sub-command for each subject, each in a module of its own.

Modules that a sub-command needs are imported when it runs, so that `glovebox --help` and completion
answer at once. Other distributions add commands of theirs: see `plug_ins`.
"""

from __future__ import annotations

import typer

from glovebox.cli import access_review as access_review_command
from glovebox.cli import adopt as adopt_command
from glovebox.cli import compare as compare_command
from glovebox.cli import contract as contract_command
from glovebox.cli import croissant as croissant_command
from glovebox.cli import drift as drift_command
from glovebox.cli import keys as keys_command
from glovebox.cli import ledger as ledger_command
from glovebox.cli import lineage as lineage_command
from glovebox.cli import plan as plan_command
from glovebox.cli import render as render_command
from glovebox.cli import report as report_command
from glovebox.cli import status as status_command
from glovebox.cli import tree as tree_command
from glovebox.cli import verify as verify_command
from glovebox.cli import why as why_command
from glovebox.cli import witness as witness_command
from glovebox.cli.commands import Commands
from glovebox.cli.plug_ins import WithPlugIns
from glovebox.cli.ui import command as ui_command

app = Commands(
    name="glovebox",
    cls=WithPlugIns,
    help="Sealed namespaces for machine-learning experiments.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # local variables hold keys
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("why")(why_command.why)
app.command("report")(report_command.report)
app.command("status")(status_command.status)
app.command("tree")(tree_command.tree)
app.command("compare")(compare_command.compare)
app.command("drift")(drift_command.drift)
app.command("ui")(ui_command.ui)
app.command("plan")(plan_command.plan)
app.command("render")(render_command.render)
app.command("verify")(verify_command.verify)
app.command("witness")(witness_command.witness)
app.command("adopt")(adopt_command.adopt)
app.add_typer(croissant_command.app, name="croissant")
app.command("lineage")(lineage_command.lineage)
app.command("access-review")(access_review_command.access_review)
app.add_typer(contract_command.app, name="contract")
app.add_typer(keys_command.app, name="keys")
app.add_typer(ledger_command.app, name="ledger")


@app.command("version")
def show_version() -> None:
    """Print the version of this program."""
    from importlib.metadata import version

    typer.echo(version("glovebox"))
