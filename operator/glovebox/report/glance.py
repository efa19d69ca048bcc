"""An Experiment on one screen: where it is, what is wrong and what to do next. Pure.

No line has anything of the present time in it: a screen that differs says that something changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions
from glovebox.api.experiment import Experiment
from glovebox.api.pin_checks import PinProgress
from glovebox.report import words
from glovebox.report.conditions import tone
from glovebox.report.page import Tone
from glovebox.report.why import SUMMARIES, Said, Why, explain

_PURPOSE: Final = 100
# So many attempts fit on a screen; the newest are what somebody looks for.
_ATTEMPTS: Final = 5


def screen(
    experiment: Experiment,
    obj: Mapping[str, Any],
    waited: Sequence[tuple[str, str]] = (),
    idle: str | None = None,
) -> Iterator[str]:
    """Yield the lines of the screen.

    Args:
        experiment: The Experiment.
        obj: The same, as the API server has it.
        waited: What it waits for, each with how far it is.
        idle: Why nobody works on it, in sentences; None where somebody does, as far as is known.
    """
    why = _why(experiment, obj, idle)
    reason = f": {why.ready.reason}" if why.ready is not None else ""
    yield f"{why.what} {'is Ready' if why.is_ready else 'is not Ready'}{reason}"
    yield from _facts(experiment)
    yield from (f"  {note}" for note in why.notes)
    yield from _conditions(experiment, _by_condition(why))
    if waited:
        yield "Inputs"
        widest = max(len(what) for what, _ in waited)
        yield from (f"  {what.ljust(widest)}  {state}" for what, state in waited)
    yield from _run(experiment)
    yield from _seal(experiment)


def document(
    experiment: Experiment,
    obj: Mapping[str, Any],
    waited: Sequence[tuple[str, str]] = (),
    idle: str | None = None,
) -> dict[str, Any]:
    """Return the same for programs.

    Args:
        experiment: The Experiment.
        obj: The same, as the API server has it.
        waited: What it waits for, each with how far it is.
        idle: Why nobody works on it, in sentences; None where somebody does, as far as is known.
    """
    why = _why(experiment, obj, idle)
    told = _by_condition(why)
    spec, status, raw = experiment.spec, experiment.status, obj.get("status") or {}
    return {
        "namespace": experiment.namespace,
        "name": experiment.name,
        "ready": why.is_ready,
        "purpose": spec.purpose.description,
        "owner": spec.purpose.owner,
        "desired": spec.lifecycle.desired,
        "state": status.state,
        "suspended": spec.suspend,
        "experimentNamespace": status.namespace,
        "digest": status.digest,
        "notes": list(why.notes),
        "conditions": [
            {
                "type": each.type,
                "status": each.status,
                "reason": each.reason,
                "message": each.message,
                "next": told[each.type].cure if each.type in told else "",
            }
            for each in status.conditions
        ],
        "inputs": [{"pin": what, "state": state} for what, state in waited],
        **{name: raw.get(name) for name in ("run", "seal", "lostNamespace")},
    }


def progress(status: Mapping[str, Any]) -> str:
    """Return how far a pin is, in words.

    Args:
        status: Its status, as the API server has it.
    """
    try:
        found = PinProgress.model_validate(status["progress"]) if status.get("progress") else None
    except ValidationError:
        found = None
    if found is None:
        return "not Ready"
    objects = words.number(found.objects)
    size = words.size(found.bytes, short=True)
    if found.objects_total is not None:
        objects += f" of {words.number(found.objects_total)}"
    if found.bytes_total is not None:
        size += f" of {words.size(found.bytes_total, short=True)}"
    return f"{found.phase}: {objects} objects, {size}"


def _why(experiment: Experiment, obj: Mapping[str, Any], idle: str | None) -> Why:
    return explain(f"Experiment {experiment.namespace}/{experiment.name}", obj, (), idle=idle)


def _by_condition(why: Why) -> dict[str, Said]:
    return {each.condition: each for each in (why.ready, *why.others) if each is not None}


def _facts(experiment: Experiment) -> Iterator[str]:
    spec, status = experiment.spec, experiment.status
    purpose = " ".join(spec.purpose.description.split())
    shown = purpose if len(purpose) <= _PURPOSE else f"{purpose[:_PURPOSE]}..."
    yield f"  Purpose    {shown} ({spec.purpose.owner})"
    state = f", now {status.state}" if status.state else ""
    held = ", suspended" if spec.suspend else ""
    yield f"  Lifecycle  {spec.lifecycle.desired}{state}{held}"
    if status.namespace:
        yield f"  Namespace  {status.namespace}"
    if status.digest:
        yield f"  Digest     {status.digest}"
    lost = status.lost_namespace
    if lost is not None:
        yield f"  Lost       its namespace was deleted by somebody: found {words.time(lost.time)}"


def _conditions(experiment: Experiment, told: Mapping[str, Said]) -> Iterator[str]:
    # Ready first, then as the operator writes them.
    found = sorted(experiment.status.conditions, key=lambda one: one.type != conditions.READY)
    if not found:
        return
    yield "Conditions"
    widest, ready = max(len(each.type) for each in found), found[0]
    for each in found:
        said = told.get(each.type)
        is_amiss = tone(each) is not Tone.GOOD and bool(each.message)
        # What Ready says is not said again; of Reconciling and Stalled nobody expects more.
        repeats = is_amiss and each is not ready and each.message == ready.message
        of_ready = ", as Ready says" if repeats and each.type not in SUMMARIES else ""
        yield f"  {each.type.ljust(widest)}  {each.status.ljust(7)}  {each.reason}{of_ready}"
        if is_amiss and not repeats:
            yield f"    {each.message}"
        if said is not None and said.cure:
            yield f"    Next: {said.cure}"


def _run(experiment: Experiment) -> Iterator[str]:
    run = experiment.status.run
    if run is None:
        return
    took = words.between(run.start_time, run.completion_time)
    known = max(run.attempts, len(run.pods))
    attempts = f"{words.number(known)} attempt{'' if known == 1 else 's'}"
    code = f", exit code {run.exit_code}" if run.exit_code is not None else ""
    yield f"Run: {run.outcome or 'not over'}, {attempts}{f', {took}' if took else ''}{code}"
    if len(run.pods) > _ATTEMPTS:
        yield f"  the newest {_ATTEMPTS}:"
    for pod in run.pods[-_ATTEMPTS:]:
        where = f" on {pod.node}" if pod.node else ""
        began = f", since {words.time(pod.start_time)}" if pod.start_time is not None else ""
        ended = f", ended {words.time(pod.completion_time)}" if pod.completion_time else ""
        yield f"  {pod.name} {pod.phase}{where}{began}{ended}"


def _seal(experiment: Experiment) -> Iterator[str]:
    seal, later = experiment.status.seal, experiment.status.seal_supplement
    if seal is None:
        yield "Seal: none yet"
        return
    yield (
        f"Seal: made {words.time(seal.sealed_time)}, {words.number(seal.objects)} object versions,"
        f" {words.size(seal.bytes, short=True)}"
    )
    yield f"  {seal.uri}"
    yield from (f"  not vouched for: {each}" for each in seal.findings)
    if later is not None and (later.added or later.missing):
        yield f"  since then {later.added} came and {later.missing} went"
