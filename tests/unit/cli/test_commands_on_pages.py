"""What the pages show of `glovebox` is taken as it is written: commands, options, arguments."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from typer.main import get_command

from glovebox.cli.main import app

ROOT: Final = Path(__file__).parents[3]
# Records of decisions speak of commands that were not made.
PAGES: Final = [
    page
    for page in (*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")))
    if page.parent.name != "decisions"
]
_BLOCK: Final = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_IN_BLOCK: Final = re.compile(r"^ *(?:\$ )?(?:\.venv/bin/)?glovebox ((?!is not).*)$", re.MULTILINE)
_INLINE: Final = re.compile(r"`(?:kubectl )?glovebox\s(?!\.\.\.)([^`]+)`")
_ENDS: Final = frozenset({"|", ">", "&&", ";", "#"})
_FILE: Final = re.compile(r"FILE|[\w.-]+\.(json|pem|tar|tlog-proof|txt|yaml)")
COMMAND: Any = get_command(app)


class Shown(NamedTuple):
    """A command of a page; one within a sentence may leave out what it needs."""

    page: str
    words: tuple[str, ...]
    whole: bool


def shown(page: str, text: str) -> Iterator[Shown]:
    """Yield the commands of a page, from its blocks and from within its sentences."""
    for block in _BLOCK.findall(text):
        for line in _IN_BLOCK.findall(re.sub(r"\\\n\s*", " ", block)):
            yield Shown(page, _until_end(line), whole=True)
    for line in _INLINE.findall(_BLOCK.sub("", text)):
        yield Shown(page, _until_end(line), whole=False)


def _until_end(line: str) -> tuple[str, ...]:
    words = shlex.split(line.partition(" #")[0])
    return tuple(words[: next((at for at, each in enumerate(words) if each in _ENDS), len(words))])


def wrong(one: Shown, folder: Path) -> str:
    """Return what `glovebox` would say of a command, or an empty text; nothing is run."""
    for word in one.words:
        if _FILE.fullmatch(word):
            (folder / word).touch()
    words, command, context = list(one.words), COMMAND, None
    try:
        while True:
            context = command.make_context(
                "", list(words), parent=context, resilient_parsing=not one.whole
            )
            # What a group takes for its own may differ: `croissant` takes a pin for `export`.
            words = [*context._protected_args, *context.args]
            if not hasattr(command, "resolve_command") or not words:
                break
            _, command, words = command.resolve_command(context, words)
            if command is None:
                return "there is no such command"
    except Exception as error:  # noqa: BLE001 - of whatever class: it is what a reader would see
        return f"{type(error).__name__} {error}"
    options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    unknown = {word.partition("=")[0] for word in one.words if word.startswith("-")} - options
    return f"there is no option {', '.join(sorted(unknown))}" if unknown else ""


SHOWN: Final = [
    one
    for page in PAGES
    for one in shown(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
]


def test_each_command_is_taken_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("erin\n" * 9))  # `ledger forget` asks whom

    found = [
        f"{each.page}: glovebox {shlex.join(each.words)}: {why}"
        for each in SHOWN
        if (why := wrong(each, tmp_path))
    ]

    assert found == []
    assert sum(each.whole for each in SHOWN) > 50, "the commands of the pages are found"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("`glovebox verfy`", "no such command"),
        ("`glovebox ledger verify --head-file`", "no option --head-file"),
        ("`kubectl glovebox why --wait`", "no option --wait"),
        ("```\n$ glovebox keys rotate\n```", "No such command"),
        ("```\nglovebox status delays --watch-for Sealed\n```", "No such option"),
        ("```\nglovebox verify \\\n    s3://bucket/a/\n```", "Missing parameter: key"),
        ("```\nglovebox status delays --for Done\n```", "Done"),
    ],
)
def test_a_wrong_command_would_be_found(text: str, why: str, tmp_path: Path) -> None:
    (one,) = shown("page.md", text)

    assert why in wrong(one, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "`glovebox ledger`",
        "`glovebox croissant`",
        "```\n$ glovebox why experiment a/b\nglovebox is not a line of a command\n```",
        "```\nglovebox keys new -n glovebox-system | kubectl apply -f -   # signs from now on\n```",
    ],
)
def test_a_right_command_is_let_be(text: str, tmp_path: Path) -> None:
    (one,) = shown("page.md", text)

    assert not wrong(one, tmp_path)
