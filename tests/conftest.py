"""For every test."""

from __future__ import annotations

import gc
import os
import signal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import settings
from xdist.scheduler.loadfile import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

pytest_plugins = ["support.shown"]

# The bound of a test is its time limit; how long one example takes is the machine's affair.
settings.register_profile("glovebox", deadline=None)
settings.load_profile("glovebox")

# `yaml.safe_load` reads by the parser in C: the one in Python takes ten times as long, and golden
# pairs, charts and CRDs are megabytes.
yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[misc,assignment]

_HERE = Path(__file__).parent
# What takes longest begins first, so that no worker has it alone at the end.
_LONGEST = (
    "node",
    "cluster/operator",
    "cluster/store",
    "cluster/guards",
    "cluster/demo",
    "cluster/api",
    "cluster/jobs",
    "simulation/test_simulation.py",
)
# Their files share a cluster that takes long to start: one worker has them all, one after another.
_ONE_STAGE = (
    "node",
    "cluster/api",
    "cluster/attacks",
    "cluster/desired",
    "cluster/engine",
    "cluster/guards",
    "cluster/jobs",
)
# What a newcomer does first is tried in every share of the slow tests.
_IN_EVERY_SHARE = (
    "cluster/demo/test_demo.py",
    "cluster/chart/test_install.py",
    "node/test_demo.py",
)
# Their tests go on with what the one before left, or are about one long story: a share has all of a
# file, or none.
_IN_ORDER = (
    "cluster/chart/test_reinstall.py",
    "cluster/operator/test_alerts_of_data.py",
    "cluster/test_local_command.py",
)
# Where the operator runs as a process of its own, or a node does: `make test-live`.
_LIVE = ("cluster/operator", "cluster/demo", "node")


def pytest_configure() -> None:
    """Refuse to write expectations where they are to be compared."""
    if os.environ.get("GLOVEBOX_GOLDEN") == "write" and os.environ.get("CI"):
        raise pytest.UsageError(
            "GLOVEBOX_GOLDEN=write makes every comparison pass by writing what is compared: it is"
            " refused where CI is set"
        )


def pytest_make_parametrize_id(val: object) -> None:
    """Refuse what would name a test by the moment of its collection.

    Workers that read the tests in different seconds would not have the same ones: pytest names a
    test by the bytes that it gets, and gzip writes the time into them.
    """
    if isinstance(val, bytes) and val[:2] == b"\x1f\x8b" and val[4:8] != bytes(4):
        raise pytest.UsageError("gzip.compress: say `mtime=0`, or give the case an `id`")


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by mark
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is live; begin with what takes longest, when several workers share the tests."""
    for item in items:
        if _group(item.path) in _LIVE:
            item.add_marker("live")
    _leave_to_other_runs(config, items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _rank(_group(item.path)))


def _leave_to_other_runs(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep one share of the slow tests: with GLOVEBOX_SLOW_SHARE=5/6 the last sixth.

    Neighbours cost alike, so they go to different shares.
    """
    number, _, shares = (os.environ.get("GLOVEBOX_SLOW_SHARE") or "0/1").partition("/")
    dealt = {item.nodeid: _dealt_as(item) for item in items if item.get_closest_marker("slow")}
    units = sorted(set(filter(None, dealt.values())))
    left = set(units) - set(units[int(number) :: int(shares)])
    others = [item for item in items if dealt.get(item.nodeid) in left]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if dealt.get(item.nodeid) not in left]


def _dealt_as(item: pytest.Item) -> str:
    """Return by what a slow test comes into a share; empty for one that is in each."""
    file = item.path.relative_to(_HERE).as_posix()
    if file in _IN_EVERY_SHARE:
        return ""
    return file if file in _IN_ORDER else item.nodeid


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through all tests and libraries again and again.

    They stay to the end, and are most of what there is.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


class _ByStage(LoadFileScheduling):  # type: ignore[misc]  # untyped
    """A worker gets a file, or all files that share a cluster."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        group = file.removeprefix("tests/").rpartition("/")[0]
        return group if group in _ONE_STAGE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Share the tests among workers so that no cluster is started more often than it must be."""
    return _ByStage(config, log) if config.getvalue("dist") == "loadfile" else None


@cache  # asked three times for each of some thousand tests
def _group(path: Path) -> str:
    parts = path.relative_to(_HERE).parts
    if parts[0] == "node":
        return parts[0]
    return "/".join(parts[:2]) if parts[0] == "cluster" else "/".join(parts)


def _rank(group: str) -> tuple[int, bool]:
    place = _LONGEST.index(group) if group in _LONGEST else len(_LONGEST)
    return place, not group.startswith("cluster")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let SIGINT be heard, here and in what tests start.

    A shell that starts us in the background has it ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
