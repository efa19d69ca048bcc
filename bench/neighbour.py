"""Measures what a noisy neighbour costs on a node.

Both alone and beside it: a quiet run's fixed work, and the way of a declaration to Ready.

    python bench/neighbour.py [--rounds 5]

Starts a cluster of its own with one node (root, as `glovebox local up --node`). The noisy neighbour
busies four processes, forks as often as it may, fills its disk, allocates without end, and asks the
API server from six threads, all at once. Both columns come from the same minutes of the same
machine, in turns; the ratio is what counts. It never fails because of a figure.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox_local.packages import demand_node
from support.api import path_of
from support.node import running_node_cluster
from support.noise import (
    ENDLESS_DISK,
    ENDLESS_MEMORY,
    ENDLESS_PROCESSES,
    FIXED_WORK,
    FOUR_BUSY_PROCESSES,
    Noisy,
    hammering,
)
from support.operator_process import Team, experiment_spec, running_operator, store_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TURNS = 5
# Half a processor: guaranteed, and no more than that.
ASKED = "500m"
# The noisy neighbour's processes are busy for so long (seconds); a round beside it is shorter.
NOISE_SECONDS = 40


def main() -> None:
    """Read the options, start everything, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    demand_node()
    with (
        tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder,
        prepared(Path(folder)) as noisy,
    ):
        measure(noisy, options.rounds)


@contextmanager
def prepared(folder: Path) -> Iterator[Noisy]:
    """A cluster with a node, an operator, a store and a profile."""
    with running_node_cluster(folder / "cluster") as node:
        image = node.load_glovebox().reference
        with running_operator(node.cluster, folder / "operator", image):
            platform = Team(node.cluster, "platform")
            platform.declare(
                "ObjectStore", "primary", store_spec(node.cluster, "glovebox-artifacts")
            )
            platform.expect("ObjectStore", "primary", timeout=60)
            yield Noisy(node, image)


def measure(noisy: Noisy, rounds: int) -> None:
    """Print one table."""
    work: dict[str, list[float]] = {"alone": [], "beside": []}
    asked: dict[str, list[float]] = {"alone": [], "beside": []}
    ready: dict[str, list[float]] = {"alone": [], "beside": []}
    for number in range(rounds):
        for where, times in work.items():
            with noise(noisy, number) if where == "beside" else ExitStack():
                times.append(fixed_work(noisy, f"{where}-{number}"))
                asked[where].append(fixed_work(noisy, f"asked-{where}-{number}", {"cpu": ASKED}))
                ready[where] += [
                    provision(noisy, f"ready-{where}-{number}-{turn}") for turn in range(TURNS)
                ]
    print(f"{rounds} rounds, medians (slowest), seconds")
    print(f"{'':42}{'alone':>18}{'beside':>18}{'ratio':>8}")
    rows = (
        ("fixed work of a run with the default cpu", work),
        (f"of a run that asked for {ASKED}", asked),
        ("an experiment is Ready", ready),
    )
    for what, found in rows:
        medians = {where: statistics.median(values) for where, values in found.items()}
        shown = "".join(
            f"{f'{medians[where]:.3f} ({max(found[where]):.3f})':>18}" for where in found
        )
        print(f"{what:42}{shown}{medians['beside'] / medians['alone']:>8.2f}")


@contextmanager
def noise(noisy: Noisy, number: int) -> Iterator[None]:
    """Everything at once, for as long as the block takes."""
    programs = {
        "memory": ENDLESS_MEMORY,
        "disk": ENDLESS_DISK,
        "processes": ENDLESS_PROCESSES,
        "processor": FOUR_BUSY_PROCESSES,
    }
    for what, program in programs.items():
        limits = {"memory": {"memory": "96Mi"}, "processor": {"cpu": "1"}}.get(what, {})
        noisy.declare(
            noisy.loud, f"{what}-{number}", program.replace("+ 8", f"+ {NOISE_SECONDS}"), limits
        )
    processor = noisy.loud.expect("Experiment", f"processor-{number}", timeout=60)["status"][
        "namespace"
    ]
    path = path_of("v1", "pods", namespace=processor)
    eventually(
        lambda: any(pod["status"].get("phase") == "Running" for pod in noisy.node.api.list(path)),
        what="the noise",
        timeout=60,
    )
    with hammering(noisy, noisy.loud, processor):
        yield
    for what in programs:
        noisy.node.api.delete(noisy.loud.path("Experiment", f"{what}-{number}"))


def fixed_work(noisy: Noisy, name: str, resources: Mapping[str, str] | None = None) -> float:
    """Return how long (seconds) the work took, by the clock inside the pod."""
    noisy.declare(noisy.quiet, name, FIXED_WORK, resources)
    return float(noisy.said(noisy.sealed(noisy.quiet, name))[1])


def provision(noisy: Noisy, name: str) -> float:
    """Return the seconds from declaring an experiment without a run until it is seen Ready."""
    quiet = noisy.quiet
    begun = time.monotonic()
    quiet.declare(
        "Experiment",
        name,
        experiment_spec("noisy", "primary", images=[{"name": "python", "reference": noisy.image}]),
    )
    while quiet.condition("Experiment", name, "Ready").get("status") != "True":
        if time.monotonic() - begun > 60:
            raise AssertionError(f"{name} was not Ready within 60 s")
    took = time.monotonic() - begun
    noisy.node.api.delete(quiet.path("Experiment", name))
    return took


if __name__ == "__main__":
    main()
