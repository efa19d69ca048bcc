"""Fourth chapter.

Refusals that teach, each in the exact words that a person reads in kubectl.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox import names
from glovebox_local.demo.declaring import condition
from glovebox_local.demo.stage import TEAM, Act, Stage
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

REFUSALS = Path("docs/examples/refusals")
OVER_QUOTA = "over-quota"
_WAIT_SECONDS = 60


def refused_by_the_api_server(file: str) -> Act:
    """Return a step that applies a file which the API server must refuse.

    Args:
        file: Its name in the folder of refusals.
    """

    def act(stage: Stage, step: Step) -> RenderableType:
        shown = f"kubectl apply -f {REFUSALS / file}"
        answer = stage.tools.try_kubectl("apply", "-f", str(stage.repository / REFUSALS / file))
        if answer.code == 0:
            raise LocalError(f"`{shown}`", f"it must be refused, and was not: {answer.text}")
        if "is invalid" not in answer.err and "denied request" not in answer.err:
            raise LocalError(
                f"`{shown}`", f"it was refused, but not by a rule of Glovebox: {answer.text}"
            )
        step.say("refused by the API server")
        return quote(shown, answer.err.replace(str(stage.repository) + "/", ""))

    return act


def refused_by_the_operator(stage: Stage, step: Step) -> RenderableType:
    """Apply an Experiment outside its profile's range.

    Show that the operator says why, and that nothing was created.

    Raises:
        LocalError: It was not refused, or something was created for it.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    file = REFUSALS / f"{OVER_QUOTA}.yaml"
    applied = stage.tools.kubectl("apply", "-f", str(stage.repository / file))
    wait = (
        "wait",
        "--for=condition=Stalled",
        f"--timeout={_WAIT_SECONDS}s",
        "experiments.glovebox.dev",
        OVER_QUOTA,
        f"--namespace={TEAM}",
    )
    waited = stage.tools.try_kubectl(*wait, timeout=_WAIT_SECONDS + 30)
    listed = stage.tools.kubectl("get", "experiment", OVER_QUOTA, f"--namespace={TEAM}")
    experiment = stage.tools.get("experiments.glovebox.dev", OVER_QUOTA, namespace=TEAM)
    ready = condition(experiment, "Ready")
    if waited.code != 0 or ready.get("status") != "False":
        raise LocalError(
            "Applying an Experiment over quota",
            f"it must stall, and did not: {json.dumps(experiment.get('status'))}",
        )
    found = stage.tools.get("namespaces", selector=f"{names.LABEL_EXPERIMENT}={OVER_QUOTA}")[
        "items"
    ]
    if found or (experiment.get("status") or {}).get("namespace"):
        raise LocalError(
            "Applying an Experiment over quota",
            f"something was created for it: {[obj['metadata']['name'] for obj in found]}",
        )
    stage.tools.kubectl("delete", "-f", str(stage.repository / file), "--timeout=30s")
    step.say("refused by the operator, nothing was created")
    path = '{.status.conditions[?(@.type=="Ready")].message}'
    return Group(
        quote(f"kubectl apply -f {file}", applied),
        quote(f"kubectl get experiment {OVER_QUOTA} --namespace={TEAM}", listed),
        quote(
            f"kubectl get experiment {OVER_QUOTA} --namespace={TEAM} --output=jsonpath='{path}'",
            ready["message"],
        ),
    )


def quote(command: str, text: str) -> RenderableType:
    """Return a command and what it said, if anything.

    Lines that are too long go on below their own beginning.
    """
    from rich.table import Table  # noqa: PLC0415 - `glovebox --help` must not pay for it
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_row("$", Text(command, style="bold"))
    if text:
        table.add_row("", Text(text, style="yellow"))
    return table
