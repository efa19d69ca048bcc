"""What is given empty is refused by every command, for every option that takes a value."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from glovebox.cli.commands import Commands
from glovebox.cli.main import app
from glovebox.cli.plug_ins import _as_command
from unit.cli.test_verify import bundle, verify
from unit.evidence.test_verification import ARTIFACTS
from unit.test_vocabulary import foreign_words, told

Words = tuple[str, ...]
ROOT: Any = get_command(app)


def _valued(command: Any, words: Words = ()) -> Iterator[tuple[Words, str]]:
    """Yield the words of each command of our own and each of its options that takes a value."""
    for name, each in getattr(command, "commands", {}).items():
        yield from _valued(each, (*words, name))
    if not hasattr(command, "commands"):
        for option in command.params:
            if option.param_type_name == "option" and not option.is_flag:
                yield words, option.opts[0]


def _helped(command: Any, words: Words = ()) -> Iterator[tuple[Words, str]]:
    """Yield the words of each command, and all that its help says."""
    helps = [command.help, *(getattr(each, "help", None) for each in command.params)]
    yield words, " ".join(each for each in helps if each)
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):  # those of other distributions among them
            yield from _helped(command.get_command(None, name), (*words, name))


OPTIONS = list(_valued(ROOT))


@pytest.mark.parametrize(
    ("words", "option"), OPTIONS, ids=[" ".join((*words, option)) for words, option in OPTIONS]
)
def test_an_option_that_is_given_and_empty_is_a_mistake_of_usage(
    words: Words, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for given in ([option, ""], [f"{option}="]):
        done = CliRunner().invoke(app, [*words, *given])
        assert (done.exit_code, "it is given and empty" in done.output) == (2, True), done.output
        assert option in done.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ui", "--port", "99999"], "must be less than or equal to 65535"),
        (["ui", "--port", "http"], "must be a valid integer"),
        (["plan", "--file", "x", "--output", "xml"], "'xml' is not one of 'table'"),
        (["local", "up", "--driver", "docker"], "'docker' is not one of 'embedded'"),
    ],
    ids=["too-much", "no-number", "no-choice", "no-choice-of-a-plug-in"],
)
def test_a_wrong_value_is_refused_without_the_words_of_the_library_that_reads_it(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, says in done.output) == (2, True), done.output
    assert "Value error" not in done.output
    assert " should " not in done.output


def test_help_is_in_the_fields_words() -> None:
    """It stands in docstrings, which the test of messages leaves out."""
    said = {" ".join(words): told(text) + foreign_words(text) for words, text in _helped(ROOT)}
    assert {"", "ledger forget", "local up"} <= set(said)
    assert {command: words for command, words in said.items() if words} == {}


def test_all_that_can_be_expected_of_a_seal_or_a_ledger_is_among_them() -> None:
    of = {words: {option for each, option in OPTIONS if each == words} for words, _ in OPTIONS}
    wanted = {"--key", "--experiment", "--uid", "--digest", "--builder"}
    assert wanted <= of["verify",]
    assert {"--policy", "--head", "--timestamp-roots"} <= of["ledger", "verify"]
    assert {"--policy", "--digest"} <= of["ledger", "check"]


def test_an_argument_that_is_empty_is_not_the_folder_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bundle(tmp_path, ARTIFACTS)
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["verify", "", "--key", "keys.pem"])
    assert (done.exit_code, "given and empty" in done.output) == (2, True), done.output
    assert CliRunner().invoke(app, ["verify", os.curdir, "--key", "keys.pem"]).exit_code == 0


def _probe() -> typer.Typer:
    probe = Commands()

    @probe.command()
    def ask(
        names: Annotated[list[str], typer.Argument()],
        pair: Annotated[tuple[str, str], typer.Option()] = ("a", "b"),
        each: Annotated[list[str] | None, typer.Option()] = None,
    ) -> None:
        typer.echo(f"{names} {pair} {each}")

    return probe


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["x", "y"], 0),
        (["x", ""], 2),
        (["x", "--", ""], 2),
        (["x", "--pair", "", "y"], 2),
        (["x", "--pair", "y", ""], 2),
        (["x", "--each", "y", "--each", ""], 2),
        (["x", "--each", " "], 0),
    ],
)
def test_each_of_several_words_has_to_say_something(words: list[str], code: int) -> None:
    done = CliRunner().invoke(_probe(), words)
    assert (done.exit_code, "given and empty" in done.output) == (code, code != 0), done.output


def test_a_list_of_experiments_to_adopt_holds_no_empty_one() -> None:
    done = CliRunner().invoke(app, ["adopt", "team/x", ""])
    assert (done.exit_code, "given and empty" in done.output) == (2, True), done.output


def test_a_line_that_is_completed_may_hold_what_is_empty() -> None:
    command: Any = get_command(_probe())
    command.make_context("probe", ["x", "--each", ""], resilient_parsing=True)


def test_a_function_of_another_distribution_is_as_strict() -> None:
    def ask(name: str = "") -> None:
        typer.echo(name)

    with pytest.raises(typer.BadParameter, match="given and empty"):
        _as_command("ask", ask).make_context("ask", ["--name", ""])


@pytest.mark.parametrize("option", ["--experiment", "--uid", "--digest", "--builder"])
def test_a_seal_that_holds_does_not_meet_a_demand_that_is_empty(
    option: str, tmp_path: Path
) -> None:
    folder = bundle(tmp_path, ARTIFACTS)
    assert verify(folder)[0] == 0
    code, output = verify(folder, option, "")
    assert (code, "holds" in output) == (2, False)


def test_what_a_command_needs_is_loaded_by_that_command_alone() -> None:
    """`glovebox --help`, and each completion of a word, reads no model and no client."""
    heavy = "{'boto3', 'cryptography', 'kubernetes', 'pydantic', 'yaml'}"
    code = f"import sys, glovebox.cli.main; print({heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
