"""Dashboards are what Grafana's own types (`@grafana/schema`) say, options of panels included."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from glovebox.metrics.dashboard_files import dashboards, grafana

pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("npm") is None, reason="this machine has no npm"),
]
SOURCES: Final = Path(__file__).parent / "grafana"
STRICT: Final = (
    *("--noEmit", "--strict", "--skipLibCheck"),
    *("--module", "esnext", "--moduleResolution", "node10", "--target", "es2022"),
)


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grafana's types and a compiler of TypeScript, by the committed lock."""
    folder = tmp_path_factory.mktemp("types")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / name, folder)
    run(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    return folder


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def check(types: Path, boards: dict[str, dict[str, Any]]) -> int:
    """Let the compiler judge dashboards; return how many claims there were.

    Raises:
        AssertionError: One is not so, with the compiler's words.
    """
    given = types / "given"
    shutil.rmtree(given, ignore_errors=True)
    given.mkdir()
    for name, board in boards.items():
        (given / f"{name}.json").write_text(json.dumps(board), encoding="utf-8")
    claims = run(types, "node", str(SOURCES / "check.mjs"), str(given), str(types / "claims.ts"))
    run(types, "node_modules/.bin/tsc", *STRICT, "claims.ts")
    return int(claims)


def test_every_dashboard_is_of_grafana_s_types(types: Path) -> None:
    boards = {name: grafana(name) for name in dashboards()}
    panels = sum(1 for board in dashboards().values() for _ in board.panels)
    assert check(types, boards) == len(boards) + 2 * panels


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            {"graphTooltip": "shared"}, "DashboardCursorSync", id="a number that is a word"
        ),
        pytest.param({"links": [{"title": "x"}]}, "asDropdown, icon", id="fields that are missing"),
        pytest.param({"titel": "x"}, "titel", id="a field that is none"),
    ],
)
def test_what_grafana_does_not_know_is_found(
    types: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(AssertionError, match=f"TS2.*{said}"):
        check(types, {"fleet": grafana("fleet") | change})


def test_an_option_of_a_panel_that_is_none_is_found(types: Path) -> None:
    board = grafana("fleet")
    panel = next(each for each in board["panels"] if each["type"] == "stat")
    panel["options"]["colorMode"] = "loud"
    with pytest.raises(AssertionError, match=r"TS2.*loud"):
        check(types, {"fleet": board})
