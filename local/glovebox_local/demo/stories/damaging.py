"""Bytes that will not stay: somebody meddles with files that were pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox_local.demo.declaring import condition
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories.bucket import Bucket
from glovebox_local.demo.stories.telling import PINS, apply, expect, holds, tells_of_inputs
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_PIN = "fading"
_EXPERIMENT = "on-fading-data"
_PREFIX = "2013/fading/"
# The pin looks every minute.
_FOUND_SECONDS = 150
_HELD_SECONDS = 3


def pin_files(stage: Stage, step: Step) -> RenderableType:
    """Pin four files, and bind an Experiment to them.

    Raises:
        LocalError: It is not Ready.
    """
    bucket = Bucket(stage)
    for month in range(1, 5):
        bucket.put(_file(month), bucket.get(f"2013/weather/{_name(month)}"))
    shown = apply(stage, "fading.yaml")
    holds(stage, EXPERIMENTS, _EXPERIMENT, "Ready")
    step.say("4 files, and an Experiment that uses them")
    return quote(shown, "")


def meddle(stage: Stage, step: Step) -> None:
    """Destroy the first file, hide the second, replace the third, add a fifth.

    Raises:
        LocalError: The store refused.
    """
    bucket = Bucket(stage)
    bucket.destroy(_file(1))
    bucket.hide(_file(2))
    bucket.put(_file(3), b"not what it was")
    bucket.put(_file(5), b"one more")
    step.say("one destroyed, one hidden, one replaced, one added")


def find(stage: Stage, step: Step) -> RenderableType:
    """Show that the pin names each of them, and that the Experiment knows.

    Raises:
        LocalError: Something was not found in time.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    pin = holds(stage, PINS, _PIN, "DriftDetected", seconds=_FOUND_SECONDS)
    samples = pin["status"]["findings"]["samples"]
    wanted = {
        f"missing {_name(1)}",
        f"hidden {_name(2)}",
        f"hidden {_name(3)}",
        f"extra {_file(5)}",
    }
    if set(samples) != wanted:
        raise LocalError("Reading the pin's findings", f"{samples} where {sorted(wanted)} belong")
    told = tells_of_inputs(stage, _EXPERIMENT, f"missing {_name(1)}")
    step.say("all four by name")
    path = "{.status.findings.samples}"
    return Group(
        quote(f"kubectl get datasetpin {_PIN} -n {TEAM} -o jsonpath='{path}'", "\n".join(samples)),
        told,
    )


def delete_in_use(stage: Stage, step: Step) -> RenderableType:
    """Show that the pin stays while it is used, says by whom, and goes after its last user.

    Raises:
        LocalError: It went at once, or never.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    command = ("delete", PINS, _PIN, f"--namespace={TEAM}")
    answer = stage.tools.try_kubectl(*command, f"--timeout={_HELD_SECONDS}s")
    if answer.code == 0:
        raise LocalError(f"`{answer.command}`", "a pin in use must stay, and did not")
    holds(stage, PINS, _PIN, "Reconciling")
    said = condition(stage.tools.get(PINS, _PIN, namespace=TEAM), "Ready")["message"]
    expect(f"DatasetPin {_PIN}", said, ["in use by 1", f"{TEAM}/{_EXPERIMENT}"])
    user = ("delete", EXPERIMENTS, _EXPERIMENT, f"--namespace={TEAM}", "--timeout=120s")
    stage.tools.kubectl(*user, timeout=150)
    gone = ("wait", "--for=delete", PINS, _PIN, f"--namespace={TEAM}", "--timeout=60s")
    answer = stage.tools.try_kubectl(*gone, timeout=90)
    if answer.code != 0 and "not found" not in answer.err.lower():
        raise LocalError(
            f"`{answer.command}`", f"its last user is gone, and it is not: {answer.err}"
        )
    step.say("it went after its last user")
    return Group(
        quote(f"kubectl delete datasetpin {_PIN} -n {TEAM} --timeout={_HELD_SECONDS}s", said),
        quote(f"kubectl delete experiment {_EXPERIMENT} -n {TEAM}", "then the pin goes as well"),
    )


def _name(month: int) -> str:
    return f"weather-2013-{month:02}.parquet"


def _file(month: int) -> str:
    return f"{_PREFIX}{_name(month)}"
