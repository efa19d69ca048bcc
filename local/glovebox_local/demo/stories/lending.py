"""The sealed holdout: one look, and everybody knows whose it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox_local.demo.declaring import condition
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories.telling import apply, expect, holds, message, refused
from glovebox_local.demo.tools import checked

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_FIRST = "final-figure"


def take_use(stage: Stage, step: Step) -> RenderableType:
    """Show that an Experiment takes the one use of the holdout that a grant allows.

    Raises:
        LocalError: It did not get it.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    shown = apply(stage, "holdout.yaml")
    experiment = holds(stage, EXPERIMENTS, _FIRST, "Ready")
    said = condition(experiment, "InputsGranted")
    expect(f"Experiment {_FIRST}", said.get("message", ""), ["team-flights/flights-holdout"])
    step.say("granted")
    return Group(quote(shown, ""), message(_FIRST, "InputsGranted", said["message"]))


def refuse_second(stage: Stage, step: Step) -> RenderableType:
    """Show that nobody looks at it again, whatever pin names the bytes.

    Raises:
        LocalError: Somebody did, or it is not said who used it up.
    """
    said, shown = refused(stage, "holdout-again.yaml", "final-figure-again", "GrantUsedUp")
    expect("The second look", said, [f"by Experiment '{_FIRST}' at "])
    step.say("refused, nothing was created")
    return shown


def review(stage: Stage, step: Step) -> RenderableType:
    """Show who can read what, and when they last did.

    Raises:
        LocalError: The command failed, or knows nothing of the grant.
    """
    answer = stage.glovebox("access-review", "--namespace", TEAM)
    said = checked(answer)
    expect(f"`{answer.command}`", said, ["AccessGrant team-flights/flights-holdout", "1 of 1 used"])
    step.say("")
    return quote(answer.command, said)
