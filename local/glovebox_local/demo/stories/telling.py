"""What the steps of all stories do: apply a file, wait, and show what a person would read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox_local.demo.declaring import condition, waited_for
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories import Story
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

FILES = Path("docs/examples/stories")
PINS = "datasetpins.glovebox.dev"
_POLL_SECONDS = 0.2


def apply(stage: Stage, file: str, *, story: Story = Story.DATA, verb: str = "apply") -> str:
    """Apply a file of a story and return the command as a person types it.

    Args:
        stage: The demonstration.
        file: Of the story.
        story: Which one.
        verb: `delete` takes back what was applied, and waits until it is gone.

    Raises:
        LocalError: kubectl failed.
    """
    path = FILES / story / file
    stage.tools.kubectl(verb, f"--filename={stage.repository / path}")
    return f"kubectl {verb} -f {path}"


def refused(stage: Stage, file: str, experiment: str, reason: str) -> tuple[str, RenderableType]:
    """Apply a file with an Experiment that the operator has to refuse before it gets a namespace.

    Return why it did, and what is shown.

    Args:
        stage: The demonstration.
        file: Of the stories.
        experiment: Its name.
        reason: The reason of the condition `Stalled`.

    Raises:
        LocalError: It was not refused, for another reason, or something was created for it.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    shown = apply(stage, file)
    found = holds(stage, EXPERIMENTS, experiment, "Stalled")
    said = condition(found, "Stalled")
    if said["reason"] != reason or found["status"].get("namespace"):
        raise LocalError(f"`{shown}`", f"it must be refused with {reason}: {found['status']}")
    return said["message"], Group(quote(shown, ""), message(experiment, "Stalled", said["message"]))


def turns_false(
    stage: Stage, resource: str, name: str, kind: str, *, seconds: int = 30
) -> dict[str, Any]:
    """Return an object of the team of which a condition is False, or comes to be.

    Raises:
        LocalError: It did not in time.
    """
    waiting = ("wait", f"--for=condition={kind}=False", resource, name, f"--namespace={TEAM}")
    stage.tools.kubectl(*waiting, f"--timeout={seconds}s", timeout=seconds + 30)
    return stage.tools.get(resource, name, namespace=TEAM)


def tells_of_inputs(stage: Stage, experiment: str, word: str) -> RenderableType:
    """Return how an Experiment says that its inputs are not what was pinned.

    Raises:
        LocalError: It does not, or its message lacks the word.
    """
    found = turns_false(stage, EXPERIMENTS, experiment, "InputsVerified")
    said = condition(found, "InputsVerified")["message"]
    expect(f"Experiment {experiment}", said, [word])
    return message(experiment, "InputsVerified", said)


def waits_for_other_data(
    stage: Stage, experiment: str, pin: str, word: str, *, seconds: float = 30
) -> RenderableType:
    """Return how an Experiment says that it does not start with the data of a pin.

    Args:
        stage: The demonstration.
        experiment: Its name.
        pin: The name of the pin that is not Ready.
        word: What its message has to have as well.
        seconds: How long it may take to say so.

    Raises:
        LocalError: It does not say so, or something was created for it.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = stage.tools.get(EXPERIMENTS, experiment, namespace=TEAM)
        said = condition(found, "Ready").get("message", "")
        if word in said or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    expect(f"Experiment {experiment}", said, [f"'{pin}'", word])
    if found["status"].get("namespace"):
        raise LocalError(f"Experiment {experiment}", "it got a namespace")
    return message(experiment, "Ready", said)


def message(experiment: str, kind: str, text: str) -> RenderableType:
    """Return the command that reads a condition's message of an Experiment, and the message."""
    path = f'{{.status.conditions[?(@.type=="{kind}")].message}}'
    command = f"kubectl get experiment {experiment} -n {TEAM} -o jsonpath='{path}'"
    return quote(command, text)


def holds(
    stage: Stage, resource: str, name: str, kind: str, *, seconds: int = 60
) -> dict[str, Any]:
    """Return an object of the team of which a condition is True, or comes to be.

    Raises:
        LocalError: It did not in time.
    """
    (found,) = waited_for(stage, resource, name, namespace=TEAM, kind=kind, seconds=seconds)
    return found


def until(
    step: str,
    what: Callable[[], str],
    is_so: Callable[[], bool],
    *,
    seconds: float,
    log: Path | None = None,
) -> None:
    """Wait until something holds.

    Args:
        step: What is being done.
        what: Asked in the end what was waited for, and what was seen instead.
        is_so: Asked until it holds.
        seconds: How long it may take.
        log: Where more is said.

    Raises:
        LocalError: It does not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise LocalError(step, f"not in {seconds:.0f} s: {what()}", log)
        time.sleep(_POLL_SECONDS)


def expect(step: str, text: str, parts: Sequence[str]) -> None:
    """Check that a text has parts.

    Raises:
        LocalError: It lacks one.
    """
    missing = [part for part in parts if part not in text]
    if missing:
        raise LocalError(step, f"it does not say {missing}: {text}")
