"""Measures the time from an experiment's declaration to its code's first line, on a real node.

    python bench/first_line.py --rounds 10 --objects 20

Starts a cluster with one node of its own; needs root. Beside each experiment a bare Job with the
same image is measured, which has no isolation, no inputs and no credentials: the difference is what
Glovebox costs. Both clocks are the kernel's own, so that a pod's first line and this program's
request can be compared. Ratios are what counts: the machine is shared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox_local.packages import node_obstacle
from glovebox_local.progress import terminal
from support.api import path_of
from support.node import NodeCluster, ensure_node_programs, pod_of, running_node_cluster
from support.operator_process import Team, declare_platform, experiment_spec, running_operator
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds since the machine started, which both sides read.
SCRIPT = "cut -d ' ' -f 1 /proc/uptime"
FLOOR_NAMESPACE = "floor"


def main() -> None:
    """Read the options, start a cluster, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument(
        "--objects", type=int, default=20, help="files of 4 KiB in the pinned dataset"
    )
    options = parser.parse_args()
    if obstacle := node_obstacle():
        sys.exit(obstacle)
    ensure_node_programs(terminal())
    with (
        tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder,
        running_node_cluster(Path(folder) / "cluster") as node,
    ):
        measure(node, Path(folder), options)


def measure(node: NodeCluster, folder: Path, options: argparse.Namespace) -> None:
    """Print one row for each way to start the same program."""
    with running_operator(node.cluster, folder / "operator", node.load_glovebox().reference):
        team = prepared(node, options.objects)
        inputs = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
        ways: dict[str, Callable[[int], float]] = {
            "a bare Job": lambda number: bare(node, number),
            "an Experiment without inputs": lambda number: experiment(
                node, team, f"plain-{number}"
            ),
            f"an Experiment with {options.objects} pinned files": lambda number: experiment(
                node, team, f"fed-{number}", inputs=inputs
            ),
        }
        # Taken in turns, so that what else the machine does falls upon all of them.
        times: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(options.rounds + 1):
            for way, start in ways.items():
                seconds = start(number)
                # The first of each warms caches.
                if number:
                    times[way].append(seconds)
    floor = statistics.median(times["a bare Job"])
    print(f"from the request to the first line of user code, {options.rounds} rounds")
    for way, found in times.items():
        middle = statistics.median(found)
        print(
            f"  {way:42} p50 {middle:5.2f} s   longest {max(found):5.2f} s   {middle / floor:4.2f}"
            " x a bare Job"
        )


def prepared(node: NodeCluster, objects: int) -> Team:
    """Declare store, profile and pin; return the team."""
    node.api.create_namespace(FLOOR_NAMESPACE)
    declare_platform(node.cluster, images=[{"repository": node.image.reference.partition("@")[0]}])
    team = Team(node.cluster, "bench")
    s3 = node.cluster.store.client()
    s3.create_bucket(Bucket="data")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    for number in range(objects):
        s3.put_object(Bucket="data", Key=f"train/{number}", Body=bytes([number % 256]) * 4096)
    team.declare(
        "DatasetPin",
        "rows",
        {
            "storeRef": {"name": "primary"},
            "source": {"prefix": {"bucket": "data", "prefix": "train/"}},
        },
    )
    team.expect("DatasetPin", "rows", timeout=60)
    return team


def experiment(node: NodeCluster, team: Team, name: str, **changes: Any) -> float:
    """Declare an Experiment and return how long its first line took (seconds)."""
    images = [{"name": "trainer", "reference": node.image.reference}]
    spec = experiment_spec(
        "standard",
        "primary",
        images=images,
        run={"image": "trainer", "command": ["sh", "-c", SCRIPT]},
        **changes,
    )
    start = uptime()
    team.declare("Experiment", name, spec)
    sealed = team.expect("Experiment", name, "Sealed", timeout=120)
    return first_line(node, sealed["status"]["namespace"], "glovebox-run") - start


def bare(node: NodeCluster, number: int) -> float:
    """Create a Job of one container; return how long its first line took (seconds).

    It has no init containers.
    """
    name = f"job-{number}"
    spec = pod_of(node.image.reference, name, SCRIPT)["spec"]
    spec |= {"initContainers": [], "restartPolicy": "Never"}
    jobs = path_of("batch/v1", "jobs", namespace=FLOOR_NAMESPACE)
    start = uptime()
    node.api.create(
        jobs, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
    )
    eventually(
        lambda: node.api.get(f"{jobs}/{name}").get("status", {}).get("succeeded"),
        what="the Job is done",
        timeout=60,
    )
    return first_line(node, FLOOR_NAMESPACE, name) - start


def first_line(node: NodeCluster, namespace: str, job: str) -> float:
    """Return what a Job's program said first."""
    return float(node.cluster.kubectl("logs", "-n", namespace, f"job/{job}").stdout.split()[0])


def uptime() -> float:
    """Return the seconds since the machine started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


if __name__ == "__main__":
    main()
