"""`glovebox local kubectl` and `helm`: the tools of the cluster's own version."""

from __future__ import annotations

import os

import typer

from glovebox_local.cli.chosen import existing_environment, reporting

# All that follows is the tool's own, `--help` too.
PASSED_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def kubectl(context: typer.Context) -> None:
    """Run the kubectl of the cluster's own version against it; all arguments are kubectl's."""
    _run_tool("kubectl", context.args)


def helm(context: typer.Context) -> None:
    """Run helm against the cluster (built the first time); all arguments are helm's."""
    _run_tool("helm", context.args)


def _run_tool(tool: str, arguments: list[str]) -> None:
    from glovebox_local.programs import HELM, KUBERNETES, ensure_program
    from glovebox_local.progress import terminal

    with reporting():
        environment = existing_environment(os.environ.get("GLOVEBOX_LOCAL", ""))
        environment.demand_whole()
        folder = ensure_program(HELM if tool == "helm" else KUBERNETES, terminal())
    os.environ["KUBECONFIG"] = str(environment.kubeconfig)
    os.execv(folder / tool, [tool, *arguments])  # noqa: S606 - becoming that program is the point
