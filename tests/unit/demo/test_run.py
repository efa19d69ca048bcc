"""Playing steps: in order, up to the first failure, and cleaning up after whatever happens."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from glovebox_local.demo import run
from glovebox_local.demo.script import chapters
from glovebox_local.demo.stage import Chapter, DemoStep, Stage
from glovebox_local.demo.stories import Story
from glovebox_local.errors import LocalError
from glovebox_local.progress import Silent, Step, Terminal

STAGE = cast("Stage", SimpleNamespace(operator=SimpleNamespace(log=Path("operator.log"))))


def _console() -> tuple[Console, Callable[[], str]]:
    out = io.StringIO()
    return Console(file=out, width=100), out.getvalue


def _say(words: str, shown: str | None = None) -> Callable[[Stage, Step], Any]:
    def act(_: Stage, step: Step) -> str | None:
        step.say(words)
        return shown

    return act


def _fail(error: Exception) -> Callable[[Stage, Step], Any]:
    def act(_: Stage, __: Step) -> None:
        raise error

    return act


def test_steps_are_shown_in_their_order_with_what_they_have_to_show() -> None:
    console, output = _console()
    played = (
        Chapter("First", (DemoStep("one", _say("a")), DemoStep("two", _say("b", "a table")))),
        Chapter("Then", (DemoStep("three", _say("c")),)),
    )
    run.play(played, STAGE, Terminal(console), console)
    words = ["First", "✓ one", "a", "✓ two", "b", "a table", "Then", "✓ three", "c"]
    positions = [
        output().index(word)
        for word in ("First", "✓ one  a", "✓ two  b", "a table", "Then", "✓ three  c")
    ]
    assert positions == sorted(positions), words


def test_nothing_is_tried_after_a_failure() -> None:
    console, output = _console()
    played = (
        Chapter("Only", (DemoStep("one", _fail(LocalError("x", "y"))), DemoStep("two", _say("b")))),
    )
    with pytest.raises(LocalError, match="x failed: y"):
        run.play(played, STAGE, Terminal(console), console)
    assert "✗ one" in output()
    assert "two" not in output()


def test_an_answer_that_a_step_did_not_expect_is_a_failure_of_that_step() -> None:
    console, _ = _console()
    with pytest.raises(
        LocalError, match=r"Pins failed: KeyError: 'digest'\nThe whole log: operator.log"
    ):
        run.play(
            (Chapter("Only", (DemoStep("Pins", _fail(KeyError("digest"))),)),),
            STAGE,
            Silent(),
            console,
        )


def test_no_two_steps_are_called_the_same() -> None:
    titles = [step.title for chapter in chapters(run=True) for step in chapter.steps]
    assert len(set(titles)) == len(titles)


class _Environments:
    """Notes what is brought up and down."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def up(self, name: str, *_: object, **__: object) -> tuple[str, bool]:
        self.calls.append("up")
        return name, True

    def down(self, _: str, __: object, *, keep_data: bool) -> int:
        self.calls.append("down, logs stay" if keep_data else "down")
        return 0


@contextmanager
def _environments(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[_Environments]:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    environments = _Environments()
    monkeypatch.setattr(run, "bring_up", environments.up)
    monkeypatch.setattr(run, "bring_down", environments.down)
    yield environments


CASES: dict[str, tuple[BaseException | None, bool, list[str]]] = {
    "all went well": (None, False, ["up", "down"]),
    "it is to be kept": (None, True, ["up"]),
    "a failure leaves the logs and no process": (
        LocalError("x", "y"),
        False,
        ["up", "down, logs stay"],
    ),
    "a failure that is to be kept can be looked at": (LocalError("x", "y"), True, ["up"]),
    "an interruption leaves nothing": (SystemExit(130), False, ["up", "down"]),
    "an interruption leaves nothing, whatever was asked for": (
        SystemExit(130),
        True,
        ["up", "down"],
    ),
    "a mistake of our own leaves nothing": (RuntimeError("bug"), False, ["up", "down"]),
}


@pytest.mark.parametrize(("error", "keep", "calls"), CASES.values(), ids=CASES.keys())
def test_what_stays(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: BaseException | None,
    keep: bool,  # noqa: FBT001 - a parameter of the table
    calls: list[str],
) -> None:
    with _environments(monkeypatch, tmp_path) as environments:
        with suppress(Exception, SystemExit), run.environment_of("demo", Silent(), keep=keep):
            if error:
                raise error
        assert environments.calls == calls


def test_what_is_left_from_before_is_ended_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "glovebox" / "demo").mkdir(parents=True)
    with _environments(monkeypatch, tmp_path) as environments:
        with run.environment_of("demo", Silent(), keep=True):
            pass
        assert environments.calls == ["down", "up"]


@pytest.mark.parametrize(
    ("missing", "node", "story", "calls"),
    [
        pytest.param(
            ["coredns"],
            None,
            Story.RUNS,
            ["build 3", "build 4", "up with 1", "play 6", "down"],
            id="a story with a node: its programs, and JobSet, are built at once",
        ),
        pytest.param(
            [],
            None,
            Story.DATA,
            ["build 3", "up without", "play 10", "down"],
            id="a story without a node",
        ),
        pytest.param(
            [],
            None,
            Story.SIGHT,
            ["build 3", "up without", "play 7", "down"],
            id="who watches needs no node",
        ),
        pytest.param(
            ["coredns"],
            True,
            None,
            ["build 3", "up without", "play 2", "build 3", "down", "up with 1", "play 6", "down"],
            id="programs of nodes are missing: an Experiment is Ready before they are built",
        ),
        pytest.param(
            [],
            True,
            None,
            ["build 3", "up with 1", "play 6", "down"],
            id="all is built: nothing is shown twice",
        ),
        pytest.param(
            ["coredns"],
            False,
            None,
            ["build 3", "up without", "play 5", "down"],
            id="no node is wanted: its programs are not built",
        ),
    ],
)
def test_the_control_plane_comes_first_and_node_programs_after(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    missing: list[str],
    node: bool | None,  # noqa: FBT001 - a column of the table
    story: Story | None,
    calls: list[str],
) -> None:
    seen: list[str] = []
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def up(_: str, *__: object, nodes: int = 0) -> tuple[object, bool]:
        seen.append(f"up with {nodes}" if nodes else "up without")
        return object(), True

    def down(*_: object, **__: object) -> int:
        seen.append("down")
        return 0

    stage = SimpleNamespace(sealed_namespace="gbx-x", operator=SimpleNamespace(commands=()))
    monkeypatch.setattr(run, "node_obstacle", lambda: None)
    monkeypatch.setattr(run, "missing_programs", lambda _: missing)
    monkeypatch.setattr(run, "ensure_programs", lambda them, _: seen.append(f"build {len(them)}"))
    monkeypatch.setattr(run, "bring_up", up)
    monkeypatch.setattr(run, "bring_down", down)
    monkeypatch.setattr(run, "open_stage", lambda *_, **__: stage)
    monkeypatch.setattr(run, "play", lambda them, *_: seen.append(f"play {len(them)}"))
    console = Console(file=io.StringIO(), width=100)
    run.run_demo(console, name="mine", node=node, story=story)
    assert seen == calls
    if "play 2" in calls:
        assert "The first Experiment is Ready, after 0 min" in console.file.getvalue()  # type: ignore[attr-defined]
