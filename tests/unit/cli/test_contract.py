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


LOOKUP: Json = {"columns": ["origin"], "pinRef": {"name": "p"}, "targetColumns": ["a", "b"]}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"spec": {}}, "holds no contract: write a DatasetPin with `spec.contract`"),
        ([], "holds no contract"),
        ("words", "holds no contract"),
        ({"columns": []}, "contract.columns: must have at least 1 item"),
        ({"columns": [{"name": "a", "type": "x"}]}, "contract.columns[0].type: must be 'Text'"),
        ({"columns": [*COLUMNS, *COLUMNS]}, "`contract.columns`: `origin` is listed twice"),
        (
            {"columns": COLUMNS, "references": [LOOKUP]},
            "`contract.references[0].targetColumns`: must have as many columns",
        ),
    ],
)
def test_what_is_no_contract_is_refused_with_file_and_field(
    tmp_path: Path, other: object, why: str
) -> None:
    for contracts in ((ONE, other), (other, ONE)):
        name = "new.yaml" if other == contracts[1] else "old.yaml"
        code, lines = diff(tmp_path, *contracts)
        assert (code, len(lines)) == (2, 1)
        assert lines[0].startswith(f"{tmp_path / name}: {why}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "cannot be read"),
        (b"a: [", "is not YAML"),
        (b"[" * 5000, "is not YAML"),
        (b"a: 1\n---\na: 1\n", "holds 2 documents of YAML: write one"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["bytes", "open", "deep", "two", "missing"],
)
def test_what_is_no_document_is_refused_with_the_file(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(ONE), encoding="utf-8")
    if content is not None:
        (tmp_path / "new.yaml").write_bytes(content)
    arguments = ["contract", "diff", *(str(tmp_path / f"{each}.yaml") for each in ("old", "new"))]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert result.output.startswith(f"{tmp_path / 'new.yaml'}")
    assert said in result.output


def test_a_pin_is_read_as_kubectl_reads_it(tmp_path: Path) -> None:
    """A moment without quotes is text to the API server, and no date of Python."""
    for name, most in (("old", "'5'"), ("new", "1e3")):
        (tmp_path / f"{name}.yaml").write_text(
            "spec:\n  contract:\n    columns:\n    - {name: taken, type: Timestamp}\n"
            f"    - {{name: size, type: Integer, maximum: {most}}}\n"
            "    freshness: {column: taken, maxAgeSeconds: 1, atTime: 2013-10-01T04:00:00Z}\n"
        )
    of = {name: str(tmp_path / f"{name}.yaml") for name in ("old", "new")}

    same = CliRunner().invoke(app, ["contract", "diff", of["old"], of["old"]])
    other = CliRunner().invoke(app, ["contract", "diff", of["old"], of["new"]])

    assert (same.exit_code, same.output.splitlines()[0]) == (0, "Full")
    assert (other.exit_code, "maximum" in other.output) == (2, True)
