"""The findings as a Markdown page: target, measured, ratio, and on what machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from bench.provisioning.raw import Json
from bench.provisioning.run import Findings, Round, Steady

_INTRODUCTION = """# Performance

What `make bench` (`bench/provision.py`) measured in its last full run. The \
control plane, the store, the operator and the load
generator shared the cores named below, so absolute figures say little about another machine; \
the ratios to the ceiling of the same
minutes do.

- **Ceiling**: the objects of one Experiment, created by a bare client on 32 connections with \
no operator running, right before and
  right after each burst; the mean of both. *Objects* counts the {objects} objects alone; *whole* \
adds what any operator has to write
  to the Experiment itself (its creation, a finalizer, the status).
- **At once**: from the first POST of an Experiment until the last one is seen `Ready=True` \
by a watch. **Alone**: one after the
  other, each from its POST until it is seen Ready.
- **STS**: *real* asks the local store for credentials; *instant* asks a stand-in that \
answers at once, which leaves the store out.
- **CPU** is processor time in ms for each Experiment; *foreign* is what other \
programs on the machine used, in cores.
- **Repair**: from sending the deletion of a NetworkPolicy, or the edit of a quota, until a watch \
shows the object as it was.
"""


def markdown(findings: Findings) -> str:
    """Return the whole page."""
    objects = findings.rounds[0].objects if findings.rounds else 0
    parts = [
        _INTRODUCTION.format(objects=objects),
        _machine(findings),
        "## Targets\n\n" + _table(("what", "target", "measured", "ratio"), _targets(findings)),
        "## Bursts\n\n" + _table(_BURST_HEAD, (_burst_row(one) for one in findings.rounds)),
        "## Who used the processors\n\n"
        + _table(_CPU_HEAD, (_cpu_row(one) for one in findings.rounds)),
    ]
    if findings.steady is not None:
        parts.append(_steady(findings.steady))
    return "\n".join(parts)


def _machine(findings: Findings) -> str:
    machine = findings.machine
    day = time.strftime("%Y-%m-%d")
    foreign = sum(_foreign(one) for one in findings.rounds) / max(1, len(findings.rounds))
    return (
        f"Measured on {day} in {findings.seconds / 60:.0f} minutes: {machine['cores']} cores"
        f" ({machine['processor']}), {machine['memory']} of memory, Linux {machine['kernel']},"
        f" Python {machine['python']}, etcd without fsync. The operator ran with {findings.rights}."
        f" During the bursts other programs used {foreign:.2f} cores on average.\n"
    )


def _targets(findings: Findings) -> Iterable[Sequence[str]]:
    wanted = {200: 0.80, 1000: 0.80, 5000: 0.70}
    for one in findings.rounds:
        if one.size == 1:
            times = one.result["times"]
            if one.store == "instant":
                yield (
                    "one alone, without the store's part",
                    "p50 <= 40 ms, p95 <= 80 ms",
                    f"p50 {times['p50']:.0f} ms, p95 {times['p95']:.0f} ms",
                    (
                        f"{one.ceiling('whole') / times['p50']:.2f} of whole (p50)"
                        if times["p50"]
                        else "-"
                    ),
                )
            continue
        target = f">= {wanted[one.size]:.0%} of the ceiling" if one.size in wanted else "-"
        rate = one.result["rate"]
        ratio = (
            f"{rate / one.ceiling('objects'):.2f} of objects, {rate / one.ceiling('whole'):.2f} of"
            " whole"
        )
        yield (
            f"{one.size:,} at once, {one.store} STS",
            target,
            f"{rate:.1f}/s, {one.result['seconds']:.1f} s",
            ratio,
        )
    if findings.steady is not None:
        yield from _steady_targets(findings.steady)


def _steady_targets(steady: Steady) -> Iterable[Sequence[str]]:
    idle, busy, restart = steady.drift["times"], steady.drift_busy["times"], steady.restart
    yield "repair, idle", "p95 <= 20 ms", f"p50 {idle['p50']:.1f} ms, p95 {idle['p95']:.1f} ms", "-"
    yield (
        "repair during a burst of 200",
        "p95 <= 0.5 s",
        f"p50 {busy['p50']:.0f} ms, p95 {busy['p95']:.0f} ms",
        "-",
    )
    yield (
        f"restart at {restart['experiments']:,}",
        "<= 4 s",
        (
            f"deleted objects back after {restart['back_seconds']:.1f} s, all looked at after"
            f" {restart['looked_seconds'] or 0:.1f} s"
        ),
        "-",
    )
    made = restart["writes"].get("POST networkpolicies", 0)
    others = sum(count for what, count in restart["writes"].items() if what not in _ABOUT_REPAIRS)
    yield (
        "objects written by the restart",
        f"the {restart['deleted']} missing",
        f"{made} created, {others} other writes",
        "-",
    )
    now, peak = steady.memory
    yield (
        f"memory of the operator at {steady.size:,}",
        "<= 150 MiB",
        f"{now:.0f} MiB ({peak:.0f} at most since its start)",
        "-",
    )
    if steady.idle is not None:
        share = steady.idle.cpu["operator"] / steady.idle.seconds
        yield (
            f"idle CPU at {steady.size:,}",
            "<= 1 % of a core",
            f"{share:.2%}, {steady.idle_writes:.0f} writes",
            "-",
        )


# A repair also says so: in the status of its Experiment and by an Event.
_ABOUT_REPAIRS = ("POST networkpolicies", "PUT experiments", "POST events")

_BURST_HEAD = (
    "Experiments",
    "STS",
    "per second",
    "seconds",
    "p50 ms",
    "p95 ms",
    "ceiling objects (before, after)",
    "ceiling whole (before, after)",
    "ratio objects",
    "ratio whole",
    "foreign cores (ceilings, burst)",
)


def _burst_row(one: Round) -> Sequence[str]:
    times = one.result["times"]
    alone = one.size == 1
    foreign = [found["foreign"] for ceilings in one.ceilings.values() for found in ceilings]
    rate = one.result.get("rate", 0.0)
    measured = times["p50"] if alone else rate
    ready = "" if one.result["complete"] else f" (only {one.result['ready']} Ready)"
    return (
        "alone" if alone else f"{one.size:,}{ready}",
        one.store,
        "-" if alone else f"{rate:.1f}",
        "-" if alone else f"{one.result['seconds']:.1f}",
        f"{times['p50']:.0f}",
        f"{times['p95']:.0f}",
        *(_before_after(one.ceilings[name], alone=alone) for name in ("objects", "whole")),
        *(_ratio(one.ceiling(name), measured, alone=alone) for name in ("objects", "whole")),
        f"{sum(foreign) / len(foreign):.2f}, {_foreign(one):.2f}",
    )


def _before_after(ceilings: Sequence[Json], *, alone: bool) -> str:
    if alone:
        return ", ".join(f"{one['times']['p50']:.0f} ms" for one in ceilings)
    return ", ".join(f"{one['rate']:.1f}/s" for one in ceilings)


def _ratio(ceiling: float, measured: float, *, alone: bool) -> str:
    """Return measured speed by possible speed; of times it is the other way round."""
    if not ceiling or not measured:
        return "-"
    return f"{ceiling / measured if alone else measured / ceiling:.2f}"


def _foreign(one: Round) -> float:
    return one.usage.foreign_cores(one.load)


_CPU_HEAD = (
    "Experiments",
    "STS",
    "operator",
    "API server",
    "etcd",
    "controller manager",
    "store",
    "load generator",
    "API server, ceiling whole",
    "operator MiB (peak)",
    "API server MiB",
)


def _cpu_row(one: Round) -> Sequence[str]:
    count = one.result["count"]
    cpu = one.usage.cpu
    ceiling = [found["apiserver_ms"] for found in one.ceilings["whole"]]
    parts = ("operator", "apiserver", "etcd", "controllers", "store")
    return (
        "alone" if one.size == 1 else f"{one.size:,}",
        one.store,
        *(f"{cpu[part] / count * 1000:.1f}" for part in parts),
        f"{one.load / count * 1000:.1f}",
        f"{sum(ceiling) / len(ceiling):.1f}",
        f"{one.memory[0]:.0f} ({one.memory[1]:.0f})",
        f"{one.server_memory[0]:.0f}",
    )


def _steady(steady: Steady) -> str:
    restart = steady.restart
    idle = steady.idle
    writes = (
        ", ".join(f"{count} {what}" for what, count in sorted(restart["writes"].items())) or "none"
    )
    lines = [f"## At {steady.size:,}, and afterwards\n"]
    if idle is not None:
        lines.append(
            f"- Idle for {idle.seconds:.0f} s: operator {idle.cpu['operator']:.2f} s of CPU, API"
            f" server {idle.cpu['apiserver']:.2f} s, {steady.idle_reconciles:.0f} reconciles,"
            f" {steady.idle_writes:.0f} writes (foreign {idle.foreign_cores():.2f} cores)."
        )
    for title, found in (("idle", steady.drift), ("during a burst of 200", steady.drift_busy)):
        each = ", ".join(
            f"{name} p50 {found[name]['p50']:.1f} / p95 {found[name]['p95']:.1f} ms"
            for name in ("deleted", "edited")
        )
        times = found["times"]
        lines.append(
            f"- Repairs {title}: {times['count']} ({each}; longest {times['max']:.0f} ms),"
            f" {found['missing']} not repaired in 20 s."
        )
    if steady.drift_usage is not None:
        lines.append(
            "- During the idle repairs others used"
            f" {steady.drift_usage.foreign_cores(steady.drift['cpu_total']):.2f} cores."
        )
    burst = steady.drift_busy_burst
    lines.append(
        f"- That burst: {burst['rate']:.1f}/s, {burst['ready']} of {burst['count']} Ready."
    )
    lines.append(
        f"- Restart with {restart['experiments']:,} Experiments, from the start of the process:"
        f" caches complete after {restart['listed_seconds']:.1f} s, {restart['back']} of"
        f" {restart['deleted']} deleted NetworkPolicies back between"
        f" {restart['first_back_seconds']:.1f} and {restart['back_seconds']:.1f} s, every"
        f" Experiment looked at after {restart['looked_seconds'] or 0:.1f} s; {restart['cpu']:.1f}"
        f" s of CPU in the operator, {restart['apiserver_cpu']:.1f} s in the API server (foreign"
        f" {restart['foreign']:.2f} cores); writes: {writes}; memory afterwards"
        f" {restart['memory'][0]:.0f} MiB ({restart['memory'][1]:.0f} at most)."
    )
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
