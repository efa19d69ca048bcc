"""The order of the measurements: ceiling, burst, ceiling.

At the largest size also memory, idleness, drift and a restart.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.provisioning.machine import Usage, cpu_seconds, describe, memory_mib
from bench.provisioning.raw import Json
from bench.provisioning.stage import CEILING_TEAM, Stage, staged

from glovebox_local.progress import terminal
from support.cluster import ensure_programs

# A ceiling of so many experiments is steady enough; thousands would only fill the cluster.
_CEILING = 200
_ALONE = 30
# A fresh API server is slower for its first hundreds of writes.
_WARM_UP = 60
_PAUSE_SECONDS = 0.3
_STARTING_SECONDS = 1.0


@dataclass
class Round:
    """One size on one kind of store.

    Attributes:
        size: How many Experiments at once; 1 means one after the other.
        store: `real` or `instant`.
        objects: How many objects each gets.
        ceilings: Measured before and after, without (`objects`) and with (`whole`) the writes to
            the Experiment itself.
        result: What the load generator saw.
        usage: Who used the processors meanwhile.
        load: Processor seconds of the load generator.
        memory: Resident memory of the operator afterwards, and its peak, in MiB.
        server_memory: The same of the API server.
    """

    size: int
    store: str
    objects: int
    ceilings: dict[str, list[Json]]
    result: Json
    usage: Usage
    load: float
    memory: tuple[float, float]
    server_memory: tuple[float, float]

    def ceiling(self, name: str) -> float:
        """Return a ceiling's mean rate, experiments a second; for one alone, its median in ms."""
        if self.size == 1:
            return float(statistics.mean(one["times"]["p50"] for one in self.ceilings[name]))
        return float(statistics.mean(one["rate"] for one in self.ceilings[name]))


@dataclass
class Steady:
    """What a cluster with many experiments costs and how it heals."""

    size: int
    memory: tuple[float, float] = (0.0, 0.0)
    idle: Usage | None = None
    idle_reconciles: float = 0.0
    idle_writes: float = 0.0
    drift: Json = field(default_factory=dict)
    drift_usage: Usage | None = None
    drift_busy: Json = field(default_factory=dict)
    drift_busy_burst: Json = field(default_factory=dict)
    restart: dict[str, Any] = field(default_factory=dict)


@dataclass
class Findings:
    """All that was measured."""

    machine: dict[str, str]
    rights: str
    rounds: list[Round] = field(default_factory=list)
    steady: Steady | None = None
    seconds: float = 0.0


def measure(
    sizes: Sequence[int],
    stores: Iterable[str],
    folder: Path,
    *,
    idle_seconds: float,
    repairs: int,
    steady: bool,
) -> Findings:
    """Measure every size on every kind of store, each on a fresh cluster."""
    ensure_programs(terminal())
    started = time.monotonic()
    findings = Findings(machine=describe(), rights="")
    # The last one is the one that the steady state is measured on: the real store, at the largest
    # size.
    todo = [(store, size) for store in sorted(stores) for size in sorted(sizes)]
    for number, (store, size) in enumerate(todo, 1):
        last = number == len(todo)
        _say(f"[{number}/{len(todo)}] {size} at once, {store} STS")
        with staged(folder / f"{store}-{size}", store) as stage:
            findings.rights = stage.rights
            findings.rounds.append(_round(stage, size))
            if last and steady and size > 1:
                findings.steady = _steady(stage, size, idle_seconds, repairs)
    findings.seconds = time.monotonic() - started
    return findings


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _round(stage: Stage, size: int) -> Round:
    stage.operator.stop()
    ceilings: dict[str, list[Json]] = {"objects": [], "whole": []}
    _ceiling(stage, _WARM_UP, {"objects": [], "whole": []})
    objects = _ceiling(stage, size, ceilings)
    stage.operator.start()
    stage.settle()
    count = _ALONE if size == 1 else size
    meter = stage.meter()
    result = stage.load(
        "burst",
        experiments=stage.experiments(count),
        one_by_one=size == 1,
        pause=_PAUSE_SECONDS,
        wait_seconds=30.0 if size == 1 else max(120.0, size * 0.6),
    )
    usage = meter.read()
    memory, server_memory = (
        memory_mib(stage.operator.part.pid),
        memory_mib(stage.cluster.apiserver.pid),
    )
    if not result["complete"]:
        _say(f"   only {result['ready']} of {count} became Ready in time")
    stage.operator.stop()
    _ceiling(stage, size, ceilings)
    found = Round(
        size,
        stage.store,
        objects,
        ceilings,
        result,
        usage,
        result["cpu_total"],
        memory,
        server_memory,
    )
    _say(f"   {_short(found)}")
    return found


def _short(found: Round) -> str:
    times = found.result["times"]
    own = (
        sum(found.usage.cpu.get(name, 0.0) for name in ("operator",)) / found.result["count"] * 1000
    )
    text = (
        f"p50 {times['p50']:.0f} ms, p95 {times['p95']:.0f} ms, ceiling"
        f" {found.ceiling('whole'):.1f}, operator {own:.1f} ms CPU each"
    )
    return text if found.size == 1 else f"{found.result['rate']:.1f}/s, {text}"


def _ceiling(stage: Stage, size: int, ceilings: dict[str, list[Json]]) -> int:
    """Measure both ceilings once more; return how many objects an experiment has."""
    alone = size == 1
    count = _ALONE if alone else min(size, _CEILING)
    objects = 0
    for name in ("objects", "whole"):
        ones = stage.rendered(count)
        objects = len(ones[0]["objects"])
        meter = stage.meter(operator=False)
        found = stage.load(
            "ceiling",
            operator=stage.operator_config,
            ones=ones,
            whole=name == "whole",
            one_by_one=alone,
        )
        usage = meter.read()
        found["apiserver_ms"] = usage.cpu["apiserver"] / count * 1000
        found["foreign"] = usage.foreign_cores(found["cpu_total"])
        ceilings[name].append(found)
    stage.load("clear", namespace=CEILING_TEAM)
    return objects


def _steady(stage: Stage, size: int, idle_seconds: float, repairs: int) -> Steady:
    found = Steady(size=size)
    stage.operator.start()
    stage.settle(quiet=2.0)
    _say(f"   idle for {idle_seconds:.0f} s")
    before, writes = stage.operator.metric("glovebox_reconcile_total"), stage.operator.writes()
    meter = stage.meter()
    time.sleep(idle_seconds)
    found.idle = meter.read()
    found.idle_reconciles = stage.operator.metric("glovebox_reconcile_total") - before
    found.idle_writes = stage.operator.writes() - writes
    found.memory = memory_mib(stage.operator.part.pid)
    namespaces = stage.namespaces()
    _say(f"   {repairs} repairs, idle")
    meter = stage.meter()
    found.drift = stage.load(
        "damage", namespaces=namespaces, count=repairs, pause=0.1, seed=1, wait_seconds=20.0
    )
    found.drift_usage = meter.read()
    _say("   repairs during a burst of 200")
    burst = stage.start_load(
        "burst", experiments=stage.experiments(200), one_by_one=False, pause=0.0, wait_seconds=240.0
    )
    damage = stage.start_load(
        "damage",
        namespaces=namespaces,
        count=repairs,
        pause=0.02,
        seed=2,
        wait_seconds=20.0,
        while_pid=burst.child.pid,
    )
    found.drift_busy_burst = burst.result()
    found.drift_busy = damage.result()
    stage.settle()
    _say("   restart")
    found.restart = _restart(stage, stage.namespaces())
    return found


def _restart(stage: Stage, namespaces: list[str]) -> dict[str, Any]:
    stage.operator.stop()
    absence = stage.start_load(
        "absence", namespaces=namespaces, count=20, seed=3, wait_seconds=120.0
    )
    if absence.line() != "deleted":
        return absence.result()
    meter = stage.meter(operator=False)
    started = time.monotonic()
    stage.operator.part.launch()
    looked: float | None = None
    stage.operator.part.wait_ready()
    listed = time.monotonic() - started
    while looked is None and time.monotonic() - started < 120:
        if stage.operator.metric("glovebox_reconcile_total", controller="experiment") >= len(
            namespaces
        ):
            looked = time.monotonic() - started
        else:
            time.sleep(0.25)
    result = absence.result()
    stage.settle(quiet=3.0)
    usage = meter.read()
    writes = stage.writes_by_resource()
    back = [at - started for at in result["back"]]
    return {
        "experiments": len(namespaces),
        "deleted": result["deleted"],
        "back": len(back),
        "back_seconds": max(back, default=0.0),
        "first_back_seconds": min(back, default=0.0),
        "listed_seconds": listed,
        "looked_seconds": looked,
        "writes": writes,
        "memory": memory_mib(stage.operator.part.pid),
        "cpu": _cpu(stage),
        "apiserver_cpu": usage.cpu["apiserver"],
        "foreign": usage.foreign_cores(_cpu(stage) + result["cpu_total"]),
    }


def _cpu(stage: Stage) -> float:
    return cpu_seconds(stage.operator.part.pid)
