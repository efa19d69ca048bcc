"""Measures how fast an operator repairs and provisions while it seals very many artifacts.

    python bench/repair_beside.py --artifacts 100000 --experiments 50

On a cluster of its own, with a real API server, operator and store. Before the store of the sealed
Experiment stands a front that makes its artifacts up, for writing 100,000 of them takes longer than
sealing them; all else the real store answers. Policies are deleted and quotas edited, one after the
other, and Experiments are declared one after the other: before the seal, while it goes on, and
behind it. What counts is the ratio of the same run, whatever else the machine does; how much that
was is told (`others`, in cores).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.provisioning.stage import TEAM, Stage, staged  # noqa: E402 - importable only now

from glovebox.store.connection import Credentials  # noqa: E402 - likewise
from glovebox_local.progress import terminal  # noqa: E402 - likewise
from support.cluster import ensure_programs  # noqa: E402 - likewise
from support.lying_store import Answered, Asked, Liar, lying  # noqa: E402 - likewise
from support.operator_process import Team, experiment_spec, store_spec  # noqa: E402 - likewise
from support.synthetic_store import SyntheticWire  # noqa: E402 - likewise

BUCKET = "bench-beside"
PAUSE_SECONDS = 0.1
LONGEST_SECONDS = 3600.0
_EVER = 10**6


@dataclass
class Artifacts:
    """The front: what lies below one prefix is made up, for the rest the store answers."""

    count: int
    folder: Path
    wire: SyntheticWire | None = None
    prefix: str = field(default="\0")

    def begin(self, prefix: str) -> None:
        """Have artifacts lie below a prefix from now on."""
        self.wire, self.prefix = SyntheticWire(BUCKET, prefix, self.count, self.folder), prefix

    def __call__(self, asked: Asked, liar: Liar) -> Answered | None:
        """Return an answer that is made up, or None for that of the store."""
        del liar
        if self.wire is None or asked.method not in {"GET", "HEAD"}:
            return None
        bucket, _, key = asked.path.removeprefix("/").partition("/")
        is_list = not key and "versions" in asked.query
        if is_list and asked.query.get("prefix") == self.prefix:
            return Answered(200, self.wire.get(bucket, "", asked.query).read())
        if not key.startswith(self.prefix):
            return None
        found = self.wire.get(bucket, key, {})
        headers = dict(found.headers)
        return Answered(200, b"" if asked.method == "HEAD" else found.read(), headers)


def main() -> None:
    """Read the options, measure, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifacts", type=int, default=100_000, help="that are sealed")
    parser.add_argument("--experiments", type=int, default=50, help="that others have")
    parser.add_argument(
        "--seconds", type=float, default=45.0, help="of each measure without a seal"
    )
    options = parser.parse_args()
    ensure_programs(terminal())
    with tempfile.TemporaryDirectory(
        prefix="glovebox-bench-", ignore_cleanup_errors=True
    ) as temporary:
        folder = Path(temporary)
        artifacts = Artifacts(options.artifacts, folder)
        with staged(folder / "stage", "real") as stage:
            admin = stage.cluster.store.access.operator
            keys = Credentials(admin.access_key_id, admin.secret_access_key)
            with lying(stage.cluster.store.endpoint, keys, artifacts) as endpoint:
                show(measure(stage, artifacts, endpoint, options))


def measure(
    stage: Stage, artifacts: Artifacts, endpoint: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Measure before, beside and behind a seal."""
    team = Team(stage.cluster, TEAM)
    team.declare("ObjectStore", "beside", store_spec(stage.cluster, BUCKET, endpoint=endpoint))
    team.expect("ObjectStore", "beside", timeout=120)
    team.declare("Experiment", "large", experiment_spec("standard", "beside"))
    large = team.expect("Experiment", "large", timeout=120)
    artifacts.begin(large["status"]["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/"))
    stage.load(
        "burst",
        experiments=stage.experiments(options.experiments),
        one_by_one=False,
        pause=0.0,
        wait_seconds=300.0,
    )
    stage.settle()
    others = sorted(set(stage.namespaces()) - {large["status"]["namespace"]})
    found = {"before": look(stage, others, lambda: time.sleep(options.seconds))}

    def seal() -> None:
        change = {"spec": {"lifecycle": {"desired": "Sealed"}}}
        team.api.patch(team.path("Experiment", "large"), change)
        team.expect("Experiment", "large", "Sealed", timeout=LONGEST_SECONDS)

    found["beside"] = look(stage, others, seal)
    sealed = team.read("Experiment", "large")["status"]["seal"]
    if sealed["objects"] != options.artifacts or sealed.get("findings"):
        raise SystemExit(f"this was no seal of all that was made up: {sealed}")
    found["behind"] = look(stage, others, lambda: time.sleep(options.seconds))
    return found


def look(stage: Stage, namespaces: list[str], meanwhile: Any) -> dict[str, Any]:
    """Have objects damaged and Experiments declared until something is over."""
    lasts = subprocess.Popen(["sleep", "infinity"])
    meter, began = stage.meter(), time.monotonic()
    try:
        damage = stage.start_load(
            "damage",
            namespaces=namespaces,
            count=_EVER,
            pause=PAUSE_SECONDS,
            seed=1,
            wait_seconds=60.0,
            while_pid=lasts.pid,
        )
        declare = stage.start_load(
            "burst",
            experiments=stage.experiments(20),
            one_by_one=True,
            pause=1.0,
            wait_seconds=120.0,
        )
        meanwhile()
    finally:
        lasts.kill()
        lasts.wait()
    seconds, usage = time.monotonic() - began, meter.read()
    repaired, declared = damage.result(), declare.result()
    own = repaired["cpu_total"] + declared["cpu_total"]
    return {
        "seconds": seconds,
        "others": usage.foreign_cores(own),
        "operator": usage.cpu["operator"] / seconds,
        "missing": repaired["missing"],
        "repair": repaired["times"],
        "ready": declared["times"],
    }


def show(found: dict[str, Any]) -> None:
    """Print what was measured, and the ratios of beside to the mean of before and behind."""
    print(f"{'':<9}" + "".join(f"{each:>13}" for each in HEADINGS))
    for name, each in found.items():
        times = [each[what][which] for what in ("repair", "ready") for which in ("p50", "p95")]
        row = [*times, each["missing"], each["operator"], each["others"], each["seconds"]]
        print(f"{name:<9}" + "".join(f"{value:>13.2f}" for value in row))
    ratios = []
    for what in ("repair", "ready"):
        for which in ("p50", "p95"):
            alone = (found["before"][what][which] + found["behind"][what][which]) / 2
            ratios.append(found["beside"][what][which] / alone)
    print(f"{'ratio':<9}" + "".join(f"{value:>13.2f}" for value in ratios))


HEADINGS = (
    *("repair p50", "p95 ms", "Ready p50", "p95 ms", "not repaired"),
    *("operator", "others", "seconds"),
)


if __name__ == "__main__":
    main()
