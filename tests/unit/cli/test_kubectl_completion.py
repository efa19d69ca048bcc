"""How a line of `kubectl glovebox` can go on: what kubectl is given when it asks."""

from __future__ import annotations

import os
import sys

import pytest

from glovebox.cli.kubectl_completion import main


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["acc"], ["access-review"], id="the begin of a command"),
        pytest.param(["keys", ""], ["new"], id="what may come behind a group"),
        pytest.param(["why", "--name"], ["--namespace"], id="the begin of an option"),
        pytest.param(["plan", "-f", "my file", "--outp"], ["--output"], id="behind a blank"),
        pytest.param(["no-such"], [], id="nothing is offered for what is no command"),
        pytest.param(["it's"], [], id="a quote that nobody closed"),
    ],
)
def test_kubectl_is_given_what_may_stand_there_and_a_directive(
    words: list[str],
    offered: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-glovebox", *words])
    monkeypatch.setattr(os, "environ", dict(os.environ))

    main()

    assert capsys.readouterr().out.splitlines() == [*offered, ":0"]
