"""The program of docs/examples/distributed: killed workers change nothing of the result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glovebox_local.ports import choose_ports
from support.examples import REPOSITORY

PROGRAM: Final = REPOSITORY / "docs" / "examples" / "flights" / "trainer" / "workers"
EPOCHS: Final = 3
STEPS: Final = 8
KILLED: Final = 9
REDUCE: Final = "group.Group.all_reduce"
BARRIER: Final = "group.Group.barrier"
WRITE: Final = "folders._Directory.put"
# Ends itself, as a worker is ended, when it calls a method for the so many-th time.
DYING: Final = f"""
import importlib, os, runpy, sys
program, module, owner, method, number = sys.argv[1], *sys.argv[2].split("."), int(sys.argv[3])
sys.path.insert(0, program)
owner = getattr(importlib.import_module(module), owner)
plain, calls = getattr(owner, method), []
def dying(*arguments):
    calls.append(method)
    if len(calls) == number:
        os._exit({KILLED})
    return plain(*arguments)
setattr(owner, method, dying)
sys.argv[1:] = ["train"]
runpy.run_path(program, run_name="__main__")
"""


class Run:
    """Stages of the example on this machine, with folders for the store."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.workers = workers
        self._port = choose_ports(["leader"])["leader"]
        for name, late_after in (("train", 5), ("holdout", 7)):
            place = folder / "inputs" / name
            place.mkdir(parents=True)
            pq.write_table(flights(late_after), place / "flights.parquet")

    @property
    def results(self) -> dict[str, bytes]:
        """What the stage `train` has written, checkpoints included."""
        places = (self.folder / "train").rglob("*.npy")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in places}

    def start(
        self, stage: str, worker: int = 0, *, dies: tuple[str, int] | None = None
    ) -> subprocess.Popen[str]:
        """Start a worker; it ends itself at a call of a method."""
        results = f"file://{self.folder}/train"
        variables = {
            "GLOVEBOX_ARTIFACTS_URI": f"file://{self.folder}/{stage}",
            "GLOVEBOX_CHECKPOINTS_URI": f"{results}/checkpoints",
            "GLOVEBOX_INPUTS": f"{self.folder}/inputs",
            "GLOVEBOX_LEADER": "127.0.0.1",
            "GLOVEBOX_PARAM_EPOCHS": str(EPOCHS),
            "GLOVEBOX_PARAM_PORT": str(self._port),
            "GLOVEBOX_SEED_NUMPY": "7",
            "GLOVEBOX_STAGE_TRAIN_ARTIFACTS_URI": results,
            "GLOVEBOX_WORKER": str(worker),
            "GLOVEBOX_WORKERS": str(self.workers),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        words = (
            ["-c", DYING, str(PROGRAM), dies[0], str(dies[1])] if dies else [str(PROGRAM), stage]
        )
        return subprocess.Popen(
            [sys.executable, *words], env=variables, stdout=subprocess.PIPE, text=True
        )

    def train(self, victim: int | None = None, dies: tuple[str, int] | None = None) -> list[str]:
        """Train to the end, with one worker started again once it died; return what each said."""
        with ExitStack() as ending:

            def begin(worker: int, *, again: bool = False) -> subprocess.Popen[str]:
                mine = dies if worker == victim and not again else None
                process = ending.enter_context(self.start("train", worker, dies=mine))
                ending.callback(process.kill)
                return process

            started = [begin(worker) for worker in range(self.workers)]
            if victim is not None:
                assert started[victim].wait(timeout=60) == KILLED
                started[victim] = begin(victim, again=True)
            said = [process.communicate(timeout=60)[0] for process in started]
            assert [process.returncode for process in started] == [0] * self.workers, said
        return said


def flights(late_after: int) -> pa.Table:
    """Return flights of which those of some hours are late."""
    rows = range(200)
    return pa.table(
        {
            "hour": [5 + row % 17 for row in rows],
            "distance": [100 + 10 * row for row in rows],
            "origin": [("EWR", "JFK", "LGA")[row % 3] for row in rows],
            "carrier": [("UA", "YV")[row % 2] for row in rows],
            "arr_delay": [None if row % 50 == 0 else 60 * (row % 17 > late_after) for row in rows],
        }
    )


def told(said: str, event: str) -> Iterator[dict[str, Any]]:
    """Yield what a program said of a kind."""
    yield from (line for line in map(json.loads, said.splitlines()) if line["event"] == event)


MOMENTS = {
    "one that follows, in the middle of an epoch": (2, 1, (REDUCE, STEPS + 3)),
    "the leader, in the middle of an epoch": (2, 0, (REDUCE, STEPS + 3)),
    "one of three": (3, 2, (REDUCE, STEPS + 3)),
    "one that follows, when all is learned": (2, 1, (BARRIER, EPOCHS)),
    "the leader, before the last epoch is kept": (2, 0, (WRITE, EPOCHS)),
    "the leader, when the others do not know that all is kept": (2, 0, (BARRIER, EPOCHS)),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Run]:
    """Trains with so many workers, none of which is killed, or has done so before."""

    @cache
    def train(workers: int) -> Run:
        run = Run(tmp_path_factory.mktemp("undisturbed"), workers)
        run.train()
        return run

    return train


@pytest.mark.parametrize(("workers", "victim", "dies"), MOMENTS.values(), ids=MOMENTS)
def test_a_killed_worker_changes_no_byte(
    tmp_path: Path,
    undisturbed: Callable[[int], Run],
    workers: int,
    victim: int,
    dies: tuple[str, int],
) -> None:
    run = Run(tmp_path, workers)
    said = run.train(victim, dies)
    expected = undisturbed(workers).results
    assert run.results == expected
    assert sorted(expected) == [
        *(f"train/checkpoints/epoch-{epoch:06}.npy" for epoch in range(1, EPOCHS + 1)),
        "train/model.npy",
    ]
    if dies[0] == REDUCE:
        assert [met["epoch"] for met in told(said[victim], "met")] == [1], "from the checkpoint"
        for left in {*range(workers)} - {victim}:
            assert [met["epoch"] for met in told(said[left], "met")] == [0, 1]


def test_each_worker_reads_a_share_and_the_model_tells_flights_apart(
    tmp_path: Path, undisturbed: Callable[[int], Run]
) -> None:
    run, alone = undisturbed(2), Run(tmp_path, 1)
    alone.train()
    assert run.results["train/model.npy"] != alone.results["train/model.npy"], "sums are others"
    with run.start("evaluate") as evaluating:
        said, _ = evaluating.communicate(timeout=60)
    assert evaluating.returncode == 0
    (measured,) = told(said, "measured")
    assert measured["auc"] > 0.8
    assert measured["rows"] == 196, "flights that never arrived are left out"
    written = json.loads((run.folder / "evaluate" / "metrics.json").read_text())
    assert written["auc"] == measured["auc"]
