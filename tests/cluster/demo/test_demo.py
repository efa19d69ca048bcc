"""The demonstration as a person without root starts it.

A program of its own, to its end or to an interruption.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.kept_demo import kept_demo
from support.prometheus import needs_prometheus

pytestmark = pytest.mark.slow

_TIMEOUT = 200.0
_END_TIMEOUT = 30.0
_REFUSALS = (
    'The DatasetPin "flights-2013-train" is invalid: spec: Forbidden: is immutable: a pin',
    '"registry.example/flights/trainer:latest": must be an image pinned by digest',
    "must not use one pin in two roles: what is trained on says nothing when it is tested on",
    (
        "spec.resources.quota['requests.cpu'] asks for 64, more than the 8 that IsolationProfile"
        " standard allows"
    ),
    (
        "denied request: only the Glovebox operator may delete networkpolicies in the namespace of"
        " an experiment"
    ),
)


class _Demo:
    """A demonstration under way."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._output = folder / "output"
        program = Path(sys.executable).with_name("glovebox")
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [program, "demo", "--name", "d", "--no-node", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "XDG_STATE_HOME": str(folder), "TERM": "dumb"},
            )

    @property
    def output(self) -> str:
        """What it has shown so far."""
        return self._output.read_text()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for something while it runs."""
        deadline = time.monotonic() + _TIMEOUT
        while not holds():
            assert self.process.poll() is None, f"it ended by itself:\n{self.output}"
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def processes(self) -> list[str]:
        """Return every process that knows of this demonstration's folder, but for itself and us."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            if int(entry.name) in {os.getpid(), self.process.pid}:
                continue
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(self._folder).encode() in words:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def records(self) -> list[Path]:
        """Return the records of the processes that it has started."""
        return list(self._folder.glob("glovebox/d/run/*.json"))


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Demo]:
    yield from _playing(tmp_path_factory)


@pytest.fixture
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Demo]:
    yield from _playing(tmp_path_factory, "--story", "data")


@pytest.fixture
def sight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Demo]:
    yield from _playing(tmp_path_factory, "--story", "sight")


def _playing(tmp_path_factory: pytest.TempPathFactory, *options: str) -> Iterator[_Demo]:
    # A short path: sockets lie below it.
    running = _Demo(tmp_path_factory.mktemp("d"), *options)
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=_END_TIMEOUT)


@pytest.mark.timeout(_TIMEOUT + 60)
def test_all_of_it_happens_and_nothing_stays(demo: _Demo) -> None:
    code = demo.process.wait(timeout=_TIMEOUT)
    text = " ".join(demo.output.split())
    assert code == 0, demo.output
    assert "All of it but the run happened" in text
    assert (
        "Left out here: the run, and with it packets, read-only mounts and the seal: no node was"
        " wanted" in text
    )
    for refusal in _REFUSALS:
        assert refusal in text, demo.output
    assert re.search(r"back (after \d+\.\d+ s|at once)", text), demo.output
    assert "status.drift: repairs 1, last: NetworkPolicy glovebox-default-deny, Deleted" in text
    assert demo.processes() == []
    assert demo.records() == []


# What each scene of the story says; that it is so, its steps check themselves.
_SCENES = (
    (
        "share 1 row by `carrier`, `flight`, `origin`, `time_hour`, such as `row 27575 of"
        " flights-2013-09.parquet` (in `test`: `row 418 of flights-2013-10.parquet`)"
    ),
    "share 1 object byte by byte, such as `more-flights.parquet`",
    "allowed because: The leak is what is measured.",
    "is used up (by Experiment 'final-figure' at 2",
    (
        "missing weather-2013-01.parquet hidden weather-2013-02.parquet"
        " hidden weather-2013-03.parquet extra 2013/fading/weather-2013-05.parquet"
    ),
    "in use by 1, among them Experiment/team-flights/on-fading-data",
    "Type flights-2013-01.parquet distance 27004: holds Text, and has to hold Integer",
    "DatasetPin 'months-under-contract' is not ready: column `distance` of",
    "changed weather-2013-03.parquet.gz: ",
    "input `train`: DatasetPin 'cold': 1 changed (for example changed weather-2013-03.parquet.gz)",
    "distance moved PSI, PSI ",
    "carrier stable",
    "DatasetPin 'summer-in-kilometres' is not ready: ",
    "FeatureSetPin 'summer-features'",
    "DatasetPin team-flights/mirrored-months, s3://flights-mirror/copied",
    "DatasetPin 'mirrored-months' does not say `spec.license`",
    "3 are sealed, and 6 events wait",
    "START team-flights/while-away-1 for catalogue",
    "6 events, each once: every start and every end, ",
    "No resources found in glovebox-system namespace.",
)


@pytest.mark.timeout(2 * _TIMEOUT)
def test_a_story_of_data_happens_and_nothing_stays(story: _Demo) -> None:
    code = story.process.wait(timeout=2 * _TIMEOUT - 30)
    text = " ".join(story.output.split())
    assert code == 0, story.output
    assert text.endswith("says what to try then"), story.output
    for scene in _SCENES:
        assert scene in text, story.output
    assert story.processes() == []


@pytest.mark.timeout(2 * _TIMEOUT + 60)
def test_no_secret_is_in_anything_that_it_put_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with kept_demo(tmp_path_factory.mktemp("k"), "--no-node", timeout=_TIMEOUT) as said:
        assert "It goes on running" in said


INTERRUPTIONS: dict[str, tuple[signal.Signals, Callable[[_Demo], bool]]] = {
    "Ctrl-C while the API server starts": (signal.SIGINT, lambda demo: bool(demo.records())),
    "Ctrl-C while the operator runs": (
        signal.SIGINT,
        lambda demo: "✓ Starting the operator" in demo.output,
    ),
    "SIGTERM while kubectl waits": (signal.SIGTERM, lambda demo: "✓ kubectl apply" in demo.output),
}


@pytest.mark.timeout(_TIMEOUT + 60)
@pytest.mark.parametrize(("number", "moment"), INTERRUPTIONS.values(), ids=INTERRUPTIONS.keys())
def test_an_interruption_leaves_no_process_behind(
    demo: _Demo, number: signal.Signals, moment: Callable[[_Demo], bool]
) -> None:
    demo.wait_until(lambda: moment(demo))
    demo.process.send_signal(number)
    assert demo.process.wait(timeout=_END_TIMEOUT) == 128 + number, demo.output
    assert demo.processes() == []
    assert demo.records() == []


@needs_prometheus
@pytest.mark.timeout(_TIMEOUT + 60)
def test_alerts_fire_and_resolve_while_one_watches(sight: _Demo) -> None:
    code = sight.process.wait(timeout=_TIMEOUT)
    text = " ".join(sight.output.split())
    assert code == 0, sight.output
    for alert in (
        "GloveboxStoreNotReady (critical): An ObjectStore is not Ready.",
        "GloveboxBrokenLink (warning): The chain of lineage is broken (link input).",
        "GloveboxIsolationIncomplete (critical):",
    ):
        assert alert in text, sight.output
    assert text.count("resolved after") == 3
    assert "no rule has an error" in text
    for board in ("One experiment", "Several experiments"):
        assert re.search(rf"Glovebox / {board} │ \d+ │ [1-9]", text), sight.output
    assert sight.processes() == []
    assert sight.records() == []
