"""The catalogue that was away: what happens meanwhile is told when it is back, and none of it late.

Nothing waits for it: Experiments are sealed, and the record of their lineage is locked beside the
evidence. For each event that is still to be delivered there is a ConfigMap.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.demo.stories.telling import apply, holds, until
from glovebox_local.errors import LocalError
from glovebox_local.operator_process import OPERATOR_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from glovebox_local.progress import Step

_NAMES = tuple(f"while-away-{number}" for number in range(1, 4))
_WAITING = "glovebox.dev/lineage=waiting"
_LIST = ("get", "configmaps", "-n", OPERATOR_NAMESPACE, "-l", _WAITING)
_WHOLE = ("START", "COMPLETE")
# Of a destination that was not there for half a minute it is tried again after that long at most.
_SECONDS = 90


def go_away(stage: Stage, step: Step) -> RenderableType:
    """Close the catalogue, and have three Experiments sealed meanwhile.

    Raises:
        LocalError: One was not sealed, or its events do not wait.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    _until("what happened before is delivered", lambda: not _waiting(stage))
    stage.catalogue.close()
    shown = apply(stage, "away.yaml")
    patch = '{"spec":{"lifecycle":{"desired":"Sealed"}}}'
    for name in _NAMES:
        holds(stage, EXPERIMENTS, name, "Ready")
        stage.tools.kubectl(
            "patch", EXPERIMENTS, name, f"--namespace={TEAM}", "--type=merge", "--patch", patch
        )
    for name in _NAMES:
        holds(stage, EXPERIMENTS, name, "Sealed")
    wanted = len(_NAMES) * len(_WHOLE)
    _until("their events wait", lambda: len(_waiting(stage)) == wanted)
    step.say(f"3 are sealed, and {wanted} events wait")
    said = "\n".join(
        f"{each['data']['type']} {each['data']['team']}/{each['data']['experiment']} for"
        f" {each['data']['destination']}"
        for each in sorted(_waiting(stage), key=_order)
    )
    return Group(quote(shown, ""), quote(f"kubectl {' '.join(_LIST)}", said))


def come_back(stage: Stage, step: Step) -> RenderableType:
    """Open it again: every event arrives, once, and nothing waits any more.

    Raises:
        LocalError: One did not arrive, or arrived twice.
    """
    began = time.monotonic()
    stage.catalogue.open()
    _until("all is delivered", lambda: not _waiting(stage))
    told = Counter(
        (event["job"]["name"].partition(".")[2], event["eventType"])
        for event in stage.catalogue.events
    )
    wanted = [(name, kind) for name in _NAMES for kind in _WHOLE]
    if wrong := [each for each in wanted if told[each] != 1]:
        raise LocalError("Reading what the catalogue has", f"{wrong} of {told}")
    seconds = time.monotonic() - began
    step.say(f"{len(wanted)} events, each once: every start and every end, {seconds:.0f} s later")
    answer = stage.tools.try_kubectl(*_LIST)
    return quote(answer.command, answer.text)


def _waiting(stage: Stage) -> list[dict[str, Any]]:
    found = stage.tools.get("configmaps", namespace=OPERATOR_NAMESPACE, selector=_WAITING)
    notes: list[dict[str, Any]] = found["items"]
    return notes


def _order(note: dict[str, Any]) -> tuple[str, bool]:
    return note["data"]["experiment"], note["data"]["type"] != "START"


def _until(what: str, is_so: Callable[[], bool]) -> None:
    until("Waiting for the catalogue", lambda: what, is_so, seconds=_SECONDS)
