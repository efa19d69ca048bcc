"""Dashboards for Grafana: `python -m glovebox.metrics.dashboard_files [--check]`.

`dashboards/*.yaml` say which panels there are and what each asks; this makes JSON of them, which
the chart installs as ConfigMaps and people import by hand. In an expression `$on` stands for the
choice of the dashboard's job.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
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
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_ORDER: Final = ("fleet", "isolation", "data", "evidence", "operator")
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
        legend: How each series is called; of several series alone.
    """

    expr: str
    legend: str = ""


class Panel(_Strict):
    """One picture.

    Attributes:
        title: What is shown.
        kind: How.
        unit: A unit of Grafana's.
        description: What to make of it.
        bad: From which number on it is red.
        queries: What is asked.
    """

    title: str
    kind: Kind
    unit: str
    description: str
    bad: float | None = None
    queries: tuple[Query, ...] = Field(min_length=1)


class Row(_Strict):
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...] = Field(min_length=1)


class Dashboard(_Strict):
    """One page of Grafana.

    Attributes:
        title: Its title.
        description: What it is for, in one sentence.
        rows: From top to bottom.
    """

    title: str
    description: str
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
    return query.expr.replace("$on", _ON)


def filled(query: Query, *, interval: str, job: str = "glovebox") -> str:
    """Return a query's PromQL as Prometheus gets it from Grafana.

    Args:
        query: Of a panel.
        interval: What `$__rate_interval` comes to, such as `15s`.
        job: Whose metrics are shown.
    """
    return expression(query).replace("$__rate_interval", interval).replace("$job", job)


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
        "templating": {"list": [_data_source(), _job()]},
        "links": [
            {
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
        ],
        "panels": list(_panels(board)),
    }


def _data_source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _job() -> dict[str, Any]:
    return {
        "name": "job",
        "label": "Job",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": "label_values(glovebox_leader, job)", "refId": "job"},
        "refresh": 2,
        "sort": 1,
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
        "fieldConfig": {"defaults": defaults | _drawn(panel.kind), "overrides": []},
        "options": _options(panel.kind),
    }
    if panel.kind == "table":
        # When it was scraped is no column that anybody reads.
        made["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
    return made


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
