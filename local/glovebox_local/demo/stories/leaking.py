"""The leaked row: what is tested on was trained on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from glovebox_local.demo.flights import LAST_TRAINING_MONTH, with_row
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.running import verified
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories.bucket import Bucket
from glovebox_local.demo.stories.telling import apply, expect, holds, refused

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_OCTOBER = "2013/test/flights-2013-10.parquet"
# Which flight of October; any will do.
_ROW = 417
_WITH_REASON = "leaked-file-with-a-reason"


def leak(stage: Stage, step: Step) -> None:
    """Copy the months to train on twice: once with a flight of October, once with all of it.

    Raises:
        LocalError: The store refused.
    """
    bucket = Bucket(stage)
    october = bucket.get(_OCTOBER)
    flight: dict[str, Any] = {}
    for month in range(1, LAST_TRAINING_MONTH + 1):
        file = f"flights-2013-{month:02}.parquet"
        body = bucket.get(f"2013/train/{file}")
        bucket.put(f"2013/leaked-file/{file}", body)
        if month == LAST_TRAINING_MONTH:
            body, flight = with_row(body, october, _ROW)
        bucket.put(f"2013/leaked-row/{file}", body)
    bucket.put("2013/leaked-file/more-flights.parquet", october)
    step.say("{carrier} {flight} of 2013-{month:02}-{day:02} into September".format(**flight))


def refuse_row(stage: Stage, step: Step) -> RenderableType:
    """Show that the Experiment with one leaked row is refused, and which row it is.

    Raises:
        LocalError: It was not, or not for that row.
    """
    said, shown = refused(stage, "leaked-rows.yaml", "leaked-row", "LeakageFound")
    expect(
        "The leaked row",
        said,
        ["share 1 row by", "flights-2013-09.parquet", f"row {_ROW + 1} of flights-2013-10.parquet"],
    )
    step.say("refused, nothing was created")
    return shown


def refuse_file(stage: Stage, step: Step) -> RenderableType:
    """Show that a whole file is found under another name, without a look into it.

    Raises:
        LocalError: It was not.
    """
    started = time.monotonic()
    said, shown = refused(stage, "leaked-file.yaml", "leaked-file", "LeakageFound")
    expect("The leaked file", said, ["share 1 object byte by byte", "more-flights.parquet"])
    step.say(f"refused {time.monotonic() - started:.1f} s after it was applied, pinning included")
    return shown


def seal_reason(stage: Stage, step: Step) -> RenderableType:
    """Show that a reason lets it through, and that the signed seal says so.

    Raises:
        LocalError: It did not, or the seal says nothing of it.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    shown = apply(stage, f"{_WITH_REASON}.yaml")
    holds(stage, EXPERIMENTS, _WITH_REASON, "Ready")
    patch = '{"spec":{"lifecycle":{"desired":"Sealed"}}}'
    stage.tools.kubectl(
        "patch", EXPERIMENTS, _WITH_REASON, f"--namespace={TEAM}", "--type=merge", "--patch", patch
    )
    seal = holds(stage, EXPERIMENTS, _WITH_REASON, "Sealed")["status"]["seal"]
    command, said = verified(stage, seal["uri"])
    expect("The reason in the seal", said, ["share 1 object", "The leak is what is measured."])
    step.say("the seal holds, and records it")
    return Group(
        quote(shown, ""),
        quote(f"kubectl patch experiment {_WITH_REASON} -n {TEAM} --type=merge -p '{patch}'", ""),
        quote(command, said),
    )
