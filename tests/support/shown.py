"""What a run of the tests has shown, and what it has not.

The entries of docs/capabilities.md whose tests did not all pass.

A skipped test is easy to overlook. With GLOVEBOX_REQUIRE_NODE=1 it is a failure.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REQUIRE = "GLOVEBOX_REQUIRE_NODE"
_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "capabilities.md"
_ENTRY = re.compile(r"^\*\*([A-Z]\d+)\*\* (.*)\n\n((?:- .*\n)+)", re.MULTILINE)
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Capability:
    """An entry of the page.

    Args:
        name: Such as `A2`.
        words: What it is.
        tests: The tests that show it, as `file.py::function`.
    """

    name: str
    words: str
    tests: tuple[str, ...]


def read_capabilities(page: str, root: Path = _ROOT) -> list[Capability]:
    """Return the entries of the page's appendix, which name tests.

    A file that is named stands for every test in it.
    """
    return [
        Capability(name, words.strip(), tuple(_tests(tests, root)))
        for name, words, tests in _ENTRY.findall(page)
    ]


def _tests(listed: str, root: Path) -> Iterator[str]:
    for file, function in _NAMED.findall(listed):
        if function:
            yield f"{file}::{function}"
            continue
        path = root / file
        yield from (f"{file}::{name}" for name in _TEST.findall(path.read_text()))


@dataclass
class Outcomes:
    """How the cases of each test function ended, in this run."""

    passed: Counter[str] = field(default_factory=Counter)
    not_passed: dict[str, str] = field(default_factory=dict)

    def add(self, node_id: str, outcome: str) -> None:
        """Add one case: `passed`, `skipped` or `failed`."""
        # With several workers, xdist writes the group behind the name.
        function = node_id.partition("[")[0].partition("@")[0]
        if outcome == "passed":
            self.passed[function] += 1
        else:
            self.not_passed[function] = outcome

    def of(self, function: str) -> str:
        """Return `passed` where every case that ran did, else the reason.

        `skipped`, `failed`, `not run`.
        """
        if function in self.not_passed:
            return self.not_passed[function]
        return "passed" if self.passed[function] else "not run"


def not_shown(
    capabilities: list[Capability], outcomes: Outcomes, *, whole: bool = True
) -> list[str]:
    """Return a line for each capability that this run did not show whole.

    What is missing, by file.

    Args:
        capabilities: All of them.
        outcomes: Of this run.
        whole: Whether a test that did not run is missing; else others run it.
    """
    lines = []
    for capability in capabilities:
        missing: dict[str, Counter[str]] = defaultdict(Counter)
        ended = {test: outcomes.of(test) for test in capability.tests}
        if not whole:
            ended = {test: outcome for test, outcome in ended.items() if outcome != "not run"}
        for test, outcome in ended.items():
            if outcome != "passed":
                missing[test.partition("::")[0]][outcome] += 1
        if not missing:
            continue
        shown = len(ended) - sum(sum(counts.values()) for counts in missing.values())
        where = "; ".join(
            f"{file}: {', '.join(f'{number} {outcome}' for outcome, number in counts.items())}"
            for file, counts in missing.items()
        )
        words = re.split("[;:,]", capability.words)[0]
        lines.append(f"{capability.name} {words}: {shown} of {len(ended)} tests passed ({where})")
    return lines


class Shown:
    """The plug-in: collects outcomes, and prints at the end what was not shown."""

    def __init__(self) -> None:
        self.outcomes = Outcomes()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a case ended; a set-up that skips or fails is an end, too."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes.add(report.nodeid, report.outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was not shown, where all tests were asked for."""
        config = terminalreporter.config
        if not _is_of_everything(config):
            return
        capabilities = read_capabilities(_PAGE.read_text(encoding="utf-8"))
        whole = not config.option.markexpr
        lines = not_shown(capabilities, self.outcomes, whole=whole)
        terminalreporter.section("capabilities not shown whole in this run")
        none = f"none: all {len(capabilities)} that name tests were shown"
        for line in lines or [none if whole else "none, as far as this run has their tests"]:
            terminalreporter.write_line(line)


def _is_of_everything(config: pytest.Config) -> bool:
    everything = config.getini("testpaths")
    return config.args == everything and not config.option.keyword


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Iterator[None]:
    """Make a skipped test a failure where the machine was promised to have what it takes."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.skipped and os.environ.get(REQUIRE) == "1" and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and {REQUIRE}=1 says that it must run: {why}"
    return report  # type: ignore[return-value]


def pytest_configure(config: pytest.Config) -> None:
    """Register the summary, once."""
    if not config.pluginmanager.has_plugin("glovebox-shown"):
        config.pluginmanager.register(Shown(), "glovebox-shown")
