"""`glovebox contract diff`: what a pipeline is told by exit code and lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from glovebox.cli.main import app

Json = dict[str, Any]
COLUMNS: list[Json] = [{"name": "origin", "type": "Text"}]
ONE: Json = {"columns": [{"name": "distance", "type": "Integer"}, *COLUMNS]}
WIDER: Json = {"columns": [{"name": "distance", "type": "Number"}, *COLUMNS]}
MORE: Json = {"columns": [*ONE["columns"], {"name": "gate", "type": "Text"}]}
OTHER: Json = {"columns": [{"name": "distance", "type": "Text"}, *COLUMNS]}


def diff(folder: Path, old: object, new: object, *more: str) -> tuple[int, list[str]]:
    for name, content in (("old.yaml", old), ("new.yaml", new)):
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    arguments = ["contract", "diff", str(folder / "old.yaml"), str(folder / "new.yaml"), *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output.splitlines()


@pytest.mark.parametrize(
    ("new", "wanted", "passes"),
    [
        (ONE, "Full", {"None", "Backward", "Forward", "Full"}),
        (MORE, "Forward", {"None", "Forward"}),
        (WIDER, "Backward", {"None", "Backward"}),
        (OTHER, "Breaking", {"None"}),
    ],
)
def test_the_exit_code_says_whether_it_is_as_demanded(
    tmp_path: Path, new: Json, wanted: str, passes: set[str]
) -> None:
    for demand in ("None", "Backward", "Forward", "Full"):
        code, lines = diff(tmp_path, ONE, new, "--demand", demand)
        assert (code, lines[0]) == (0 if demand in passes else 1, wanted)


def test_each_change_is_told_and_forward_is_demanded_where_nothing_is_said(tmp_path: Path) -> None:
    assert diff(tmp_path, {"spec": {"contract": ONE}}, {"contract": WIDER}) == (
        1,
        ["Backward", "distance (Type): was Integer, is Number; breaks Forward"],
    )


@pytest.mark.parametrize(
    "other", [{"spec": {}}, [], "words", {"columns": []}, {"columns": [{"name": 1, "type": "x"}]}]
)
def test_what_is_no_contract_is_refused(tmp_path: Path, other: object) -> None:
    code, _ = diff(tmp_path, ONE, other)
    assert code == 2
