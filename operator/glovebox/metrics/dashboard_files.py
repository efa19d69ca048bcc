"""Dashboards for Grafana: `python -m glovebox.metrics.dashboard_files [--check]`.

`dashboards/*.yaml` say which panels there are and what each asks; this makes JSON of them, which
the chart installs as ConfigMaps and people import by hand. In an expression `$on` stands for the
choice of the dashboard's job, `$chosen` for that of its Experiment, `$several` for that of several.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from glovebox.api import generated

_MODULE: Final = "glovebox.metrics.dashboard_files"
_SOURCES: Final = Path(__file__).with_name("dashboards")
CHART_FOLDER: Final = Path("helm/glovebox/files/dashboards")
# What Grafana's schema was when it began to be stable; newer ones migrate it.
_SCHEMA: Final = 39
_COLUMNS: Final = 24
_ON: Final = 'job="$job"'
_HIDDEN: Final = 2
# Where the docs are, as alerts have it.
_PAGES: Final = "https://github.com/glovebox-dev/glovebox/blob/main"
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_SEVERAL: Final = 'resource_namespace=~"$namespace", name=~"$experiment"'
_CHOSEN: Final = _SEVERAL.replace("=~", "=")
_ORDER: Final = (
    *("fleet", "experiment", "comparison"),
    *("isolation", "data", "evidence", "operator"),
)
Kind = Literal["stat", "lines", "stacked", "bars", "table"]
# Width and height of a panel, in Grafana's grid.
_SIZES: Final[dict[Kind, tuple[int, int]]] = {
    "stat": (4, 4),
    "lines": (12, 8),
    "stacked": (12, 8),
    "bars": (12, 8),
    "table": (24, 9),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(_Strict):
    """One question to Prometheus.

    Attributes:
        expr: PromQL.
        legend: How each series is called; in a table its column.
        unit: A unit of Grafana's, where the column has another one than its panel.
    """

    expr: str
    legend: str = ""
    unit: str = ""


class Panel(_Strict):
    """One picture.

    Attributes:
        title: What is shown.
        kind: How.
        unit: A unit of Grafana's.
        description: What to make of it.
        bad: From which number on it is red.
        half: Whether a table takes half of the width.
        rows: So many of a table are seen at once.
        page: The page of the docs that it leads to.
        queries: What is asked; of a table each is a column.
    """

    title: str
    kind: Kind
    unit: str
    description: str
    bad: float | None = None
    half: bool = False
    rows: int = 8
    page: str = ""
    queries: tuple[Query, ...] = Field(min_length=1)


class Link(_Strict):
    """A page of the docs that a dashboard leads to.

    Attributes:
        title: Its title.
        page: Its path in the repository.
    """

    title: str
    page: str


class Row(_Strict):
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...] = Field(min_length=1)


class Dashboard(_Strict):
    """One page of Grafana.

    Attributes:
        title: Its title.
        description: What it is for, in one sentence.
        choice: Whether one Experiment is chosen, or several.
        links: Pages of the docs that it leads to.
        rows: From top to bottom.
    """

    title: str
    description: str
    choice: Literal["", "one", "several"] = ""
    links: tuple[Link, ...] = ()
    rows: tuple[Row, ...] = Field(min_length=1)

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, from top to bottom."""
        for row in self.rows:
            yield from row.panels


@cache
def dashboards() -> dict[str, Dashboard]:
    """Return all dashboards by the name of their file."""
    return {
        name: Dashboard.model_validate(yaml.safe_load((_SOURCES / f"{name}.yaml").read_text()))
        for name in _ORDER
    }


def expression(query: Query) -> str:
    """Return a query's PromQL as Grafana gets it."""
    text = query.expr
    for name, choice in (("$chosen", _CHOSEN), ("$several", _SEVERAL), ("$on", _ON)):
        text = text.replace(name, choice)
    return text


def filled(query: Query, *, interval: str, chosen: Mapping[str, str] | None = None) -> str:
    """Return a query's PromQL as Prometheus gets it from Grafana.

    Args:
        query: Of a panel.
        interval: What `$__rate_interval` comes to, such as `15s`.
        chosen: What the variables of the dashboard are, beside its job.
    """
    text = expression(query)
    variables = {"__rate_interval": interval, "job": "glovebox", **(chosen or {})}
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    return text


def variables(experiments: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return what the variables of a dashboard are where these Experiments are chosen.

    Args:
        experiments: The labels of each in `glovebox_experiment_info`; of a dashboard of one, one.
    """
    found = list(experiments)
    labels = {"namespace": "resource_namespace", "experiment": "name", "target": "target_namespace"}
    return {
        name: "|".join(dict.fromkeys(each[label] for each in found))
        for name, label in labels.items()
    }


def grafana(name: str) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it.

    Args:
        name: Of its file.
    """
    board = dashboards()[name]
    return {
        "uid": f"glovebox-{name}",
        "title": board.title,
        "description": board.description,
        "tags": ["glovebox"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_data_source(), *_variables(board)]},
        "links": [_others(), *(_link(each.title, each.page) for each in board.links)],
        "panels": list(_panels(board)),
    }


def _data_source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _variables(board: Dashboard) -> Iterator[dict[str, Any]]:
    yield _variable("job", "Job", "label_values(glovebox_leader, job)")
    if not board.choice:
        return
    several = {"multi": True, "includeAll": True} if board.choice == "several" else {}
    there = f"glovebox_experiment_info{{{_ON}}}"
    yield (
        _variable("namespace", "Namespace", f"label_values({there}, resource_namespace)") | several
    )
    among = _SEVERAL if several else _CHOSEN
    in_it, _, _ = among.partition(", ")
    there = f"glovebox_experiment_info{{{_ON}, {in_it}}}"
    yield _variable("experiment", "Experiment", f"label_values({there}, name)") | several
    if not several:
        there = f"glovebox_experiment_info{{{_ON}, {among}}}"
        target = _variable("target", "Its namespace", f"label_values({there}, target_namespace)")
        yield target | {"hide": _HIDDEN}


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
    }


def _others() -> dict[str, Any]:
    """Return the link to the other dashboards."""
    return {
        "type": "dashboards",
        "title": "Glovebox",
        "tags": ["glovebox"],
        "icon": "external link",
        "tooltip": "Other dashboards of Glovebox",
        "targetBlank": False,
        "asDropdown": True,
        "keepTime": True,
        "includeVars": True,
    }


def _link(title: str, page: str) -> dict[str, Any]:
    """Return a link to a page of the docs."""
    return {
        "type": "link",
        "title": title,
        "url": f"{_PAGES}/{page}",
        "tags": [],
        "icon": "doc",
        "tooltip": "",
        "targetBlank": True,
        "asDropdown": False,
        "keepTime": False,
        "includeVars": False,
    }


def _panels(board: Dashboard) -> Iterator[dict[str, Any]]:
    number = top = 0
    for row in board.rows:
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            width, height = _SIZES[panel.kind]
            width = width // 2 if panel.half else width
            height = panel.rows + 1 if panel.kind == "table" else height
            if left + width > _COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": width, "h": height}
            yield _panel(panel) | {"id": number, "gridPos": place}
            left, tallest = left + width, max(tallest, height)
        top += tallest


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.bad is not None or panel.kind == "stat":
        # Where a number says none, Grafana's own thresholds make it red from 80 on.
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        steps += [{"color": "red", "value": panel.bad}] if panel.bad is not None else []
        defaults |= {
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "thresholds"},
        }
    is_now = panel.kind in {"stat", "table"}
    made = {
        "title": panel.title,
        "description": panel.description,
        "type": panel.kind if is_now else "timeseries",
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "editorMode": "code",
                "expr": expression(query),
                "legendFormat": query.legend or "__auto",
                "instant": is_now,
                "range": not is_now,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for number, query in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": defaults | _drawn(panel.kind),
            "overrides": list(_columns(panel)) if panel.kind == "table" else [],
        },
        "options": _options(panel.kind),
    }
    if panel.page:
        made["links"] = [_link("What it means", panel.page)]
    if panel.kind == "table":
        made["transformations"] = list(_joined(panel))
    return made


def _values_of(panel: Panel) -> Iterator[tuple[str, Query]]:
    """Yield what Grafana calls the values of each query in a table."""
    for number, query in enumerate(panel.queries):
        alone = len(panel.queries) == 1
        yield ("Value" if alone else f"Value #{chr(ord('A') + number)}"), query


def _columns(panel: Panel) -> Iterator[dict[str, Any]]:
    """Yield the unit of each column that has one of its own."""
    for name, query in _values_of(panel):
        if query.unit:
            yield {
                "matcher": {"id": "byName", "options": query.legend or name},
                "properties": [{"id": "unit", "value": query.unit}],
            }


def _joined(panel: Panel) -> Iterator[dict[str, Any]]:
    """Yield what makes one table of the answers, and takes off it what nobody reads."""
    if len(panel.queries) > 1:
        yield {"id": "merge", "options": {}}
    # When it was scraped is no column that anybody reads; nor is a value that is always 1.
    hidden = {"Time": True, **{name: True for name, query in _values_of(panel) if not query.legend}}
    called = {name: query.legend for name, query in _values_of(panel) if query.legend}
    yield {"id": "organize", "options": {"excludeByName": hidden, "renameByName": called}}


def _drawn(kind: Kind) -> dict[str, Any]:
    if kind in {"stat", "table"}:
        return {}
    style: dict[str, Any] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0}
    if kind == "stacked":
        style |= {"fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}}
    elif kind == "bars":
        style |= {"drawStyle": "bars", "fillOpacity": 80}
    return {"custom": style, "min": 0} if kind != "lines" else {"custom": style}


def _options(kind: Kind) -> dict[str, Any]:
    if kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none",
        }
    if kind == "table":
        return {"showHeader": True}
    return {
        "legend": {
            "calcs": [],
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def dashboard_files(root: Path) -> dict[Path, str]:
    """Return the text of every file, by its path below the repository."""
    return {
        root / CHART_FOLDER / f"{name}.json": json.dumps(grafana(name), indent=2) + "\n"
        for name in dashboards()
    }


if __name__ == "__main__":
    sys.exit(generated.main(dashboard_files, Path(), module=_MODULE))
