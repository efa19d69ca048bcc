"""How a command says that it cannot be done."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from glovebox.cli.failing import Failing, in_one_line
from glovebox.cli.main import app


def test_a_file_that_is_not_there_is_named_without_the_number_of_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "keys.json"

    with pytest.raises(typer.Exit) as ended, Failing("It could not be verified: "):
        missing.read_text()

    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        f"It could not be verified: {missing}: No such file or directory\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "FILE", "--key", "FILE"],
        ["verify", "s3://bucket/.glovebox/seals/uid/", "--key", "FILE"],
        ["croissant", "import", "FILE", "--store", "primary"],
        ["contract", "import", "FILE"],
        ["contract", "diff", "FILE", "FILE"],
        ["keys", "new", "--uri", "awskms:alias/a", "--public-key", "FILE"],
        ["plan", "--file", "FILE"],
        ["render", "FILE"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_every_command_names_a_file_that_is_not_there(words: list[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")

    done = CliRunner().invoke(app, [missing if word == "FILE" else word for word in words])

    assert (done.exit_code, "Errno" in done.output) == (2, False), done.output
    assert missing in done.output
    assert len(done.output.splitlines()) == 1, "in one line"


@pytest.mark.parametrize(
    "words",
    [["contract", "import", "FILE"], ["contract", "diff", "FILE", "FILE"], ["render", "FILE"]],
    ids=lambda words: "-".join(words[:2]),
)
def test_what_is_no_yaml_is_named_with_the_place(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("spec:\n  name: a: b\n")

    done = CliRunner().invoke(app, [str(file) if word == "FILE" else word for word in words])

    assert done.exit_code == 2
    assert done.output.startswith(f"{file}")
    assert done.output.endswith(
        "line 2, column 10: mapping values are not allowed in this context\n"
    )
    assert "\\x0a" not in done.output


def test_an_error_without_a_place_is_one_line() -> None:
    assert in_one_line(ValueError("one\n  two")) == "one two"
    assert in_one_line(OSError("no file")) == "no file"
    assert in_one_line(yaml.YAMLError("no place")) == "no place"
