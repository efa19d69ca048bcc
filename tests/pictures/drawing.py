"""Draws a dashboard as Grafana lays it out: numbers, lines, bars and tables in their places."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import dates, ticker
from matplotlib.figure import Figure
from PIL import Image

from glovebox.metrics.dashboard_files import Dashboard, Panel, grafana
from pictures.asking import Answers, Line

mpl.use("agg")
mpl.rcParams.update({"font.size": 8, "font.family": "DejaVu Sans"})
_COLUMNS: Final = 24
# Inches of a cell of Grafana's grid.
_WIDE, _HIGH = 0.5, 0.29
_DPI, _SHADES = 90, 64
_INK, _QUIET, _GOOD, _BAD = "#1d2530", "#5b6675", "#19703f", "#a3232f"
_COLORS: Final = ("#2f6db5", "#c46a1b", "#3a8f5c", "#8a4fa3", "#b03a48", "#6f7a21", "#2a8c93")
# So many series are told apart in a picture.
_MOST: Final = 7
_NAME: Final = 40
# Letters between two columns of a table.
_GAP: Final = 3
# What stands alone between gaps is seen as well.
_POINTS: Final[dict[str, Any]] = {"marker": ".", "markersize": 2}


def draw(
    name: str, board: Dashboard, answers: Answers, path: Path, chosen: Mapping[str, str]
) -> None:
    """Draw a dashboard into a file.

    Args:
        name: Of the dashboard's file.
        board: The dashboard.
        answers: What Prometheus says.
        path: Where to.
        chosen: What the dashboard's variables are.
    """
    places = grafana(name)["panels"]
    height = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in places)
    figure = Figure(figsize=(_COLUMNS * _WIDE, height * _HIGH + 0.5))
    total = height * _HIGH + 0.5
    figure.text(0.008, 1 - 0.3 / total, board.title, fontsize=13, color=_INK, weight="bold")
    if board.choice:
        said = f"{chosen['namespace']} / {chosen['experiment'].replace('|', ', ')}"
        figure.text(0.992, 1 - 0.3 / total, said, fontsize=10, color=_QUIET, ha="right")
    panels = iter(board.panels)
    for each in places:
        place = each["gridPos"]
        top = 0.5 + place["y"] * _HIGH
        if each["type"] == "row":
            at = 1 - (top + 0.22) / total
            figure.text(0.008, at, each["title"], fontsize=10, color=_QUIET, weight="bold")
            continue
        left, wide = place["x"] / _COLUMNS, place["w"] / _COLUMNS
        box = (left, 1 - (top + place["h"] * _HIGH) / total, wide, place["h"] * _HIGH / total)
        panel = next(panels)
        _draw_panel(figure, panel, answers.of(panel, chosen), box, (answers.begin, answers.end))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    # A palette makes it a third of the size.
    Image.open(drawn).convert("RGB").quantize(_SHADES).save(path, optimize=True)


def _draw_panel(
    figure: Any,
    panel: Panel,
    lines: Sequence[Line],
    box: tuple[float, float, float, float],
    span: tuple[float, float],
) -> None:
    left, bottom, wide, high = box
    figure.text(left + 0.008, bottom + high - 0.2 / figure.get_figheight(), panel.title, color=_INK)
    inner = 0.3 / figure.get_figheight()
    is_text = panel.kind in {"stat", "table"}
    margin = 0.004 if is_text else 0.045
    axes = figure.add_axes(
        (left + margin, bottom + inner * 1.1, wide - margin - 0.012, high - 2.2 * inner)
    )
    if is_text:
        axes.axis("off")
        (_number if panel.kind == "stat" else _table)(axes, panel, lines)
    else:
        _series(axes, panel, lines, span)


def _number(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    value = lines[0].points[-1][1] if lines else None
    bad = value is not None and panel.bad is not None and value >= panel.bad
    text = _shown(panel.unit, value) if value is not None else "No data"
    color = _QUIET if value is None else _BAD if bad else _GOOD
    size = 20 if value is not None else 11
    axes.text(0.5, 0.45, text, ha="center", va="center", fontsize=size, color=color)


def _table(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    if not lines:
        axes.text(0.5, 0.5, "No data", ha="center", color=_QUIET)
        return
    names = list(dict.fromkeys(name for each in lines for name in each.labels))
    shown = [each for each in panel.queries if each.legend]
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for each in lines:
        row = cells.setdefault(tuple(each.labels.get(name, "") for name in names), {})
        value = _shown(each.query.unit or panel.unit, each.points[-1][1])
        row[each.query.legend] = value
    rows = [
        [*labels, *(values.get(query.legend, "") for query in shown)]
        for labels, values in list(cells.items())[: panel.rows]
    ]
    _cells(axes, [[*names, *(query.legend for query in shown)], *rows], panel.rows)


def _cells(axes: Any, rows: Sequence[Sequence[str]], most: int) -> None:
    """Write rows, the first one of headings, in columns as wide as what is in them.

    Args:
        axes: Where.
        rows: Of one length.
        most: For so many rows below the headings there is room.
    """
    widths = [max(len(cell) for cell in column) + _GAP for column in zip(*rows, strict=True)]
    left = list(accumulate([0, *widths]))
    for down, row in enumerate(rows):
        for across, cell in enumerate(row):
            axes.text(
                left[across] / left[-1] + 0.01,
                0.95 - down / (most + 1),
                cell,
                color=_QUIET if down == 0 else _INK,
                va="top",
            )


def _series(axes: Any, panel: Panel, lines: Sequence[Line], span: tuple[float, float]) -> None:
    shown = sorted(lines, key=lambda each: -max(value for _, value in each.points))[:_MOST]
    below: dict[float, float] = {}
    for color, line in zip(_COLORS, shown, strict=False):
        moments = [datetime.fromtimestamp(at, UTC) for at, _ in line.points]
        floor = [below.get(at, 0.0) for at, _ in line.points]
        values = [under + value for (_, value), under in zip(line.points, floor, strict=True)]
        label = line.name if len(line.name) <= _NAME else f"{line.name[: _NAME - 1]}…"
        axes.plot(moments, values, color=color, linewidth=1.1, label=label, **_POINTS)
        if panel.kind != "lines":
            axes.fill_between(moments, floor, values, color=color, alpha=0.25, linewidth=0)
        if panel.kind == "stacked":
            below |= {at: value for (at, _), value in zip(line.points, values, strict=True)}
    if not shown:
        axes.text(0.5, 0.5, "No data", ha="center", color=_QUIET, transform=axes.transAxes)
    _scales(axes, panel, shown, span)
    if shown:
        axes.legend(loc="upper left", frameon=False, fontsize=7, ncols=2, labelcolor=_INK)


def _scales(axes: Any, panel: Panel, shown: Sequence[Line], span: tuple[float, float]) -> None:
    axes.set_xlim(*(datetime.fromtimestamp(at, UTC) for at in span))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=UTC))
    axes.xaxis.set_major_locator(dates.MinuteLocator(byminute=range(0, 60, 15)))
    counts = panel.unit == "short"
    axes.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=counts, min_n_ticks=1))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _shown(panel.unit, value)))
    values = [value for line in shown for _, value in line.points]
    if all(value >= 0 for value in values):
        axes.set_ylim(bottom=0)
    if not any(values):
        axes.set_ylim(0, 1)
    axes.grid(color="#dde2e8", linewidth=0.5)
    axes.tick_params(colors=_QUIET, length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _shown(unit: str, value: float) -> str:
    """Return a value in a unit of Grafana's."""
    if unit == "bool_yes_no":
        return "Yes" if value else "No"
    for shown in _units(unit, value):
        return shown
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _units(unit: str, value: float) -> Iterator[str]:
    if unit in {"s", "dtdurations"}:
        for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
            if abs(value) >= 2 * size:
                yield f"{value / size:.1f} {name}"
        yield f"{value:.2g} s" if abs(value) < 1 else f"{value:.0f} s"
    elif unit in {"bytes", "Bps", "binBps"}:
        per = "/s" if unit != "bytes" else ""
        for name, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
            if abs(value) >= 1 << power:
                yield f"{value / (1 << power):.1f} {name}{per}"
        yield f"{value:.0f} B{per}"
    elif unit in {"ops", "reqps"}:
        yield f"{value:.2g}/s"
    elif unit == "percentunit":
        yield f"{value:.0%}"
    elif unit.startswith("dateTime"):
        yield f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
