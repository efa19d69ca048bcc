"""What ran: how it ended, in which pods, of which images, on which nodes."""

from __future__ import annotations

from collections.abc import Iterator

from glovebox.api.attempt_status import RunPod
from glovebox.api.experiment import Experiment
from glovebox.report import words
from glovebox.report.page import Cell, Code, Mark, Section, Table, Tone, facts


def outcome(experiment: Experiment) -> Mark | None:
    """Return how the run ended, as a mark; None where there was none."""
    run = experiment.status.run
    if run is None:
        return None
    tones = {"Succeeded": Tone.GOOD, "Failed": Tone.BAD}
    text = f"Run {run.outcome.lower()}" if run.outcome else "Running"
    return Mark(text, tones.get(run.outcome, Tone.WAITING))


def run_section(experiment: Experiment) -> Section | None:
    """Return what is known of the run; None where there was none."""
    run = experiment.status.run
    if run is None:
        return None
    rows = tuple(
        (
            each.name,
            each.phase,
            words.between(each.start_time, each.completion_time),
            words.number(each.attempts),
            "" if each.exit_code is None else str(each.exit_code),
            each.message,
        )
        for each in run.stages
    )
    heads = ("Stage", "How far", "Took", "Attempts", "Exit code", "Why it failed")
    stages = (Table(heads, rows),) if rows else ()
    nodes = tuple(
        (
            each.name,
            each.architecture,
            each.os_image,
            each.kernel_version,
            each.container_runtime_version,
            each.problem,
        )
        for each in run.nodes
    )
    return Section(
        "What ran",
        (
            facts(
                ("Outcome", run.outcome or "running"),
                ("Reason", run.reason),
                ("What it says", run.message),
                ("Exit code", "" if run.exit_code is None else str(run.exit_code)),
                ("Attempts", words.number(run.attempts)),
                ("Evictions", words.number(run.evictions) if run.evictions else ""),
                ("Took", words.between(run.start_time, run.completion_time)),
            ),
            *stages,
            Table(
                ("Pod", "Container", "Node", "Ended as", "Took", "Image that ran", "Log"),
                tuple(row for pod in run.pods for row in _containers(pod)),
            ),
            Table(("Node", "Processor", "System", "Kernel", "Runtime", "Problem"), nodes),
        ),
        outcome(experiment),
    )


def _containers(pod: RunPod) -> Iterator[tuple[Cell, ...]]:
    for each in pod.containers:
        log = each.log
        if log is None:
            kept: Cell = "not kept yet"
        elif log.problem:
            kept = Mark(log.problem, Tone.BAD)
        else:
            kept = f"{words.size(log.bytes, short=True)}{', cut' if log.truncated else ''}"
        yield (
            Code(pod.name),
            each.name,
            pod.node,
            _ended(pod, each.exit_code),
            words.between(pod.start_time, pod.completion_time),
            words.image(each.image_id or each.image),
            kept,
        )


def _ended(pod: RunPod, exit_code: int | None) -> str:
    said = pod.reason or pod.phase
    return said if exit_code is None else f"{said}, exit code {exit_code}"
