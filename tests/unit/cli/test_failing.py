"""How a command says that it cannot be done."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from glovebox.cli.failing import Failing


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
