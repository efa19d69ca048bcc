"""Recording rules and alerts: what `alerts/*.yaml` says, as Prometheus reads it.

The source is one file for each group, with the runbook of each alert beside its expression, so that
an alert without a runbook cannot be written. Numbers that people change are named in an expression
as `$(name)`; `thresholds.yaml` has them. The chart puts values in their place when it is installed,
and `plain_rules` the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from glovebox.api.reasons import MEANINGS

PREFIX: Final = "Glovebox"
RUNBOOKS: Final = "https://github.com/glovebox-dev/glovebox/blob/main/docs/runbooks"
_SOURCES: Final = Path(__file__).with_name("alerts")
_THRESHOLDS: Final = "thresholds.yaml"
_NAMED: Final = re.compile(r"\$\((\w+)\)")
# From what concerns everybody to what concerns one kind of data.
_ORDER: Final = (
    "operator",
    "experiments",
    "isolation",
    "data",
    "evidence",
    "stores",
    "lineage",
)
Severity = Literal["critical", "warning", "info", "none"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Alert(_Strict):
    """One alert with its runbook.

    Attributes:
        alert: Its name, without the prefix that all of ours have.
        expr: When it is so.
        lasts: For how long it has to be so before it fires; empty for at once.
        severity: `critical` calls somebody, `warning` is looked at today, `info` this week.
        reason: The reason word of conditions and Events that it has its name from.
        summary: What is the matter, in one sentence.
        description: How much, and since when.
        impact: What it does to users.
        diagnosis: Commands that show more.
        mitigation: What to do.
    """

    alert: str = Field(pattern="^[A-Z][A-Za-z]+$")
    expr: str
    lasts: str = Field(default="", alias="for", pattern="^([0-9]+[smhd])?$")
    severity: Severity
    reason: str = ""
    summary: str
    description: str
    impact: str
    diagnosis: str
    mitigation: str

    @property
    def name(self) -> str:
        """Its name in Prometheus, and the name of its runbook."""
        return PREFIX + self.alert


class Recording(_Strict):
    """A recording rule."""

    record: str
    expr: str


class Group(_Strict):
    """What is about one thing."""

    group: str
    title: str
    recording: tuple[Recording, ...] = ()
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that an installation may want otherwise."""

    default: float
    description: str


@cache
def thresholds() -> Mapping[str, Threshold]:
    """Return the thresholds, by name."""
    read: dict[str, dict[str, Any]] = yaml.safe_load((_SOURCES / _THRESHOLDS).read_text())
    return {name: Threshold(**entry) for name, entry in read.items()}


@cache
def groups() -> tuple[Group, ...]:
    """Return all groups, in their order.

    Raises:
        ValueError: An alert is not whole, has a name twice, or a reason that is not its name.
    """
    read = [yaml.safe_load((_SOURCES / f"{name}.yaml").read_text()) for name in _ORDER]
    found = tuple(Group.model_validate(each) for each in read)
    names: set[str] = set()
    for alert in (alert for group in found for alert in group.alerts):
        if alert.alert in names:
            raise ValueError(f"there are two alerts {alert.alert}")
        names.add(alert.alert)
        if (alert.alert in MEANINGS) != bool(alert.reason) or alert.reason not in {"", alert.alert}:
            raise ValueError(f"{alert.alert}: an alert has the name of a reason, and says so")
    return found


def alerts() -> Iterator[Alert]:
    """Yield every alert."""
    for group in groups():
        yield from group.alerts


def named(text: str) -> frozenset[str]:
    """Return the names of thresholds in a text."""
    return frozenset(_NAMED.findall(text))


def with_defaults(text: str) -> str:
    """Return a text with the defaults in the place of the names."""
    return _NAMED.sub(lambda found: str(thresholds()[found[1]].default), text)


def template_rules() -> dict[str, Any]:
    """Return the rules as the chart has them: with names of thresholds and of the runbooks."""
    return {"groups": [_rendered(group) for group in groups()]}


def plain_rules() -> dict[str, Any]:
    """Return the rules as Prometheus reads them from a file."""
    text = yaml.safe_dump(template_rules(), sort_keys=False, width=10_000)
    plain: dict[str, Any] = yaml.safe_load(
        with_defaults(text.replace("$(runbooks)", RUNBOOKS)),
    )
    return plain


def _rendered(group: Group) -> dict[str, Any]:
    recorded = [{"record": each.record, "expr": each.expr} for each in group.recording]
    return {"name": group.group, "rules": [*recorded, *map(_alert, group.alerts)]}


def _alert(alert: Alert) -> dict[str, Any]:
    lasting = {"for": alert.lasts} if alert.lasts else {}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **lasting,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"$(runbooks)/{alert.name}.md",
        },
    }
