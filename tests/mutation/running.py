"""Runs one test again and again in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol

_OF_A_FILE: Final = (pytest.Module, pytest.Class, pytest.Item)


class _OfTheFolder:
    """Stands for the next test, of which only the folder is known."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def listchain(self) -> list[Any]:
        """Return what must not be torn down."""
        return [each for each in self._item.listchain() if not isinstance(each, _OF_A_FILE)]


def aloud(session: pytest.Session, say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what says it although pytest takes in what tests print."""
    capture = session.config.pluginmanager.getplugin("capturemanager")

    def said(line: str) -> None:
        with capture.global_and_fixture_disabled():
            say(line)

    return said


class Runner:
    """Runs tests.

    Attributes:
        trouble: How the last one failed; empty when it passed.
    """

    def __init__(self) -> None:
        self.trouble = ""

    def passes(self, item: pytest.Item) -> bool:
        """Run a test with all its fixtures but those that live for its folder."""
        item._initrequest()  # type: ignore[attr-defined]
        # What lives for the folder stays; modules, and what lives for one test, go.
        following: Any = _OfTheFolder(item)
        item.session._setupstate.teardown_exact(following)  # the one before was of another folder
        reports = runtestprotocol(item, nextitem=following, log=False)
        self.trouble = "\n".join(report.longreprtext for report in reports if report.failed)
        return not any(report.failed for report in reports)
