"""Asks a real Prometheus, filled from a recording, what each panel of the dashboards asks."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from glovebox.metrics.dashboard_files import Panel, Query, filled
from glovebox_local.ports import choose_ports
from pictures.recording import SCRAPE_SECONDS

_STEP: Final = 30
_INTERVAL: Final = f"{4 * SCRAPE_SECONDS}s"


@dataclass(frozen=True)
class Line:
    """One series of a panel.

    Attributes:
        name: As the legend has it.
        labels: All of its labels.
        points: Unix time and value.
        query: That it answers.
    """

    name: str
    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]
    query: Query


class Answers:
    """A Prometheus with a recording in it."""

    def __init__(self, port: int, begin: float, end: float) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self.begin, self.end = begin, end

    def of(self, panel: Panel, chosen: Mapping[str, str]) -> list[Line]:
        """Return the series that a panel shows; of a number or a table, as they are at the end.

        Args:
            panel: Of a dashboard.
            chosen: What the dashboard's variables are.
        """
        now = panel.kind in {"stat", "table"}
        return [line for query in panel.queries for line in self._ask(query, chosen, now=now)]

    def labels(self, expression: str) -> list[dict[str, str]]:
        """Return the labels of what an expression finds at the end."""
        asked = {"query": expression, "time": self.end}
        return [each["metric"] for each in self._get("query", asked)]

    def _ask(self, query: Query, chosen: Mapping[str, str], *, now: bool) -> Iterator[Line]:
        asked: dict[str, Any] = {"query": filled(query, interval=_INTERVAL, chosen=chosen)}
        asked |= (
            {"time": self.end} if now else {"start": self.begin, "end": self.end, "step": _STEP}
        )
        for each in self._get("query" if now else "query_range", asked):
            points = [each["value"]] if now else each["values"]
            legend = query.legend
            for name, value in each["metric"].items():
                legend = legend.replace(f"{{{{{name}}}}}", value)
            yield Line(
                legend or ", ".join(each["metric"].values()),
                each["metric"],
                tuple((float(at), float(value)) for at, value in points),
                query,
            )

    def _get(self, path: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
        url = f"{self._url}/{path}?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - ours
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


@contextmanager
def answering(folder: Path, lines: Sequence[str], begin: float, end: float) -> Iterator[Answers]:
    """Fill a Prometheus with lines of OpenMetrics; it answers while the block runs."""
    page, data = folder / "page", folder / "data"
    page.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(page), str(data)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (folder / "prometheus.yaml").write_text("{}")
    port = choose_ports(["prometheus"])["prometheus"]
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as running:
        try:
            _wait_for(port)
            yield Answers(port, begin, end)
        finally:
            running.terminate()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError("Prometheus does not answer")
