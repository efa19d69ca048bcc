"""The distribution: data that are as agreed, and no longer what a model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glovebox_local.demo.flights import in_kilometres
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import TEAM, Stage
from glovebox_local.demo.stories.bucket import Bucket
from glovebox_local.demo.stories.telling import (
    PINS,
    apply,
    expect,
    refused,
    turns_false,
    waits_for_other_data,
)
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_PIN = "summer-in-kilometres"
_EXPERIMENT = "on-other-units"
_JUNE, _JULY, _AUGUST = 6, 7, 8
_COMPARE_SECONDS = 90


def change(stage: Stage, step: Step) -> None:
    """Copy June and July as they are, and August with distances in kilometres.

    Raises:
        LocalError: The store refused.
    """
    bucket = Bucket(stage)
    for month in (_JUNE, _JULY, _AUGUST):
        body = bucket.get(f"2013/train/{_name(month)}")
        if month == _AUGUST:
            bucket.put(f"2013/kilometres/{_name(month)}", in_kilometres(body))
        else:
            bucket.put(f"2013/summer/{_name(month)}", body)
    step.say("the same columns, types and bounds, in another unit")


def find(stage: Stage, step: Step) -> RenderableType:
    """Show that the column is named with what moved it, and that the others are stable.

    Raises:
        LocalError: Another did, or none.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    shown = apply(stage, "moved.yaml")
    pin = turns_false(stage, PINS, _PIN, "DistributionStable", seconds=_COMPARE_SECONDS)
    columns = pin["status"]["distribution"]["columns"]
    moved = {each["name"]: each["reason"] for each in columns if each["verdict"] == "moved"}
    if moved != {"distance": "PSI"}:
        raise LocalError("Reading what moved", f"{columns} where only `distance` belongs")
    step.say("distance, by its population stability index")
    path = "{.status.distribution.columns}"
    command = f"kubectl get datasetpin {_PIN} -n {TEAM} -o jsonpath='{path}'"
    return Group(quote(shown, ""), quote(command, "\n".join(map(_line, columns))))


def refuse(stage: Stage, step: Step) -> RenderableType:
    """Show that no Experiment starts with such data.

    Raises:
        LocalError: It did, or does not say why not.
    """
    shown = waits_for_other_data(stage, _EXPERIMENT, _PIN, "distance")
    step.say("it waits for other data, nothing was created")
    return shown


def refuse_expired(stage: Stage, step: Step) -> RenderableType:
    """Show that features whose validity has ended are refused to whoever is new.

    Raises:
        LocalError: They were not.
    """
    said, shown = refused(stage, "expired.yaml", "on-expired-features", "Expired")
    expect("The features", said, ["'summer-features'", "2013-10-27"])
    step.say("refused, nothing was created")
    return shown


def _line(column: dict[str, Any]) -> str:
    psi = f", PSI {column['psi'] / 10_000:.2f}" if "psi" in column else ""
    return f"{column['name']} {column['verdict']} {column.get('reason', '')}{psi}"


def _name(month: int) -> str:
    return f"flights-2013-{month:02}.parquet"
