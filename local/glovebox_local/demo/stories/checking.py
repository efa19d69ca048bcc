"""The contract: files that are not what was agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glovebox_local.demo.flights import unlike
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import TEAM, Stage
from glovebox_local.demo.stories.bucket import Bucket
from glovebox_local.demo.stories.telling import PINS, apply, turns_false, waits_for_other_data
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_PIN = "months-under-contract"
_EXPERIMENT = "on-broken-contract"
_COLUMNS = ("distance", "dep_delay", "origin")
_CHECK_SECONDS = 60


def change(stage: Stage, step: Step) -> None:
    """Copy four months, three of them with one column that is not what it was.

    Raises:
        LocalError: The store refused.
    """
    bucket = Bucket(stage)
    for month, column in enumerate((*_COLUMNS, None), start=1):
        body = bucket.get(f"2013/train/{_name(month)}")
        bucket.put(f"2013/unlike/{_name(month)}", unlike(body, column) if column else body)
    step.say("distances as text, every third delay lost, an airport renamed")


def find(stage: Stage, step: Step) -> RenderableType:
    """Show that each is named by rule, file, column and count.

    Raises:
        LocalError: One is not, or something else is.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    shown = apply(stage, "contract.yaml")
    pin = turns_false(stage, PINS, _PIN, "ContractMet", seconds=_CHECK_SECONDS)
    violations = pin["status"]["contract"]["first"]
    wanted = {
        ("Type", _name(1), "distance"),
        ("NullShare", _name(2), "dep_delay"),
        ("Allowed", _name(3), "origin"),
    }
    found = {(each["rule"], each["file"], each.get("column")) for each in violations}
    if found != wanted:
        raise LocalError("Reading what the contract says", f"{violations} where {wanted} belongs")
    step.say("each by file, column and number of rows")
    path = "{.status.contract.first}"
    command = f"kubectl get datasetpin {_PIN} -n {TEAM} -o jsonpath='{path}'"
    return Group(quote(shown, ""), quote(command, "\n".join(map(_line, violations))))


def refuse(stage: Stage, step: Step) -> RenderableType:
    """Show that no Experiment starts with such data.

    Raises:
        LocalError: It did, or does not say why not.
    """
    shown = waits_for_other_data(stage, _EXPERIMENT, _PIN, "distance")
    step.say("it waits for other data, nothing was created")
    return shown


def _line(violation: dict[str, Any]) -> str:
    place = f"{violation['rule']} {violation['file']} {violation.get('column', '')}"
    return f"{place} {violation['count']}: {violation['message']}"


def _name(month: int) -> str:
    return f"flights-2013-{month:02}.parquet"
