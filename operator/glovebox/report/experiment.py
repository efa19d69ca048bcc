"""The page about an Experiment: what it was for, what went in, what ran, what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from glovebox.api import conditions
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.derived import RecordedOrigin, UpstreamInput
from glovebox.api.experiment import Experiment
from glovebox.api.input_status import InputGrant
from glovebox.api.leakage_status import level_in_words
from glovebox.report import conditions as shown_conditions
from glovebox.report import upstream, words
from glovebox.report.distribution import pictures_section
from glovebox.report.page import (
    Block,
    Cell,
    Code,
    Facts,
    Mark,
    Page,
    Section,
    Share,
    Table,
    Tone,
    Words,
    facts,
    present,
)
from glovebox.report.run import outcome, run_section

# How a leak is known: the better, the quieter.
_LEVELS: Final = {
    "Proved": Tone.GOOD,
    "Measured": Tone.GOOD,
    "Declared": Tone.WAITING,
    "Unknown": Tone.PLAIN,
}
_LEGEND: Final = (
    "Proved: it cannot be. Measured: looked for in the pinned data. Declared: the owners of the"
    " pins say so. Unknown: nobody looked."
)
# Less of a life would not be seen.
_SEEN: Final = 0.004


def experiment_page(experiment: Experiment, now: datetime, pins: Sequence[DatasetPin] = ()) -> Page:
    """Return the page about an Experiment. Pure.

    Args:
        experiment: The Experiment, as the API server has it.
        now: When the page is made.
        pins: Pins as they are now. Of those that it was bound to it is shown how they are
            distributed.
    """
    status = experiment.status
    ready, summary = shown_conditions.readiness(status)
    marks = (
        ready,
        outcome(experiment),
        shown_conditions.answer(status, conditions.ISOLATED, "Isolated", "Not isolated"),
        shown_conditions.answer(status, conditions.SEALED, "Sealed", "Not sealed"),
    )
    return Page(
        kind=experiment.KIND,
        name=f"{experiment.namespace}/{experiment.name}",
        about=experiment.spec.purpose.description,
        marks=tuple(each for each in marks if each is not None),
        summary=summary,
        sections=present(
            [
                _purpose(experiment),
                _life(experiment),
                _inputs(experiment),
                _leakage(experiment),
                pictures_section(experiment, pins),
                run_section(experiment),
                _results(experiment),
                _isolation(experiment),
                _records(experiment),
                shown_conditions.section(status),
            ]
        ),
        made=words.time(now),
    )


def _purpose(experiment: Experiment) -> Section:
    spec, bound = experiment.spec, experiment.status.purpose
    purpose, code, conclusion = spec.purpose, spec.code, spec.conclusion
    stated = facts(
        ("Owner", purpose.owner),
        ("Ticket", purpose.ticket),
        ("Cost centre", purpose.cost_center),
        ("Profile", spec.profile),
        (
            "Namespace of its own",
            Code(experiment.status.namespace) if experiment.status.namespace else None,
        ),
        ("Digest", words.digest(experiment.status.digest)),
        ("Code", Code(f"{code.repository} at {code.commit}") if code else None),
    )
    frozen: list[Block] = []
    if bound is not None and bound.description != purpose.description:
        frozen.append(Words(f"When it was bound its purpose read: {bound.description}"))
    if conclusion is not None:
        signed = experiment.status.conclusion
        frozen.append(
            facts(
                ("Conclusion", conclusion.verdict),
                ("Because", conclusion.text),
                ("By", conclusion.by),
                ("Signed", words.time(signed.signed_time) if signed else "not yet"),
            )
        )
    return Section("What it is for", (stated, *frozen))


def _life(experiment: Experiment) -> Section:
    """Return its steps, with a bar for what each took of the whole."""
    steps = list(_steps(experiment))
    if not steps:
        return Section("Its life", ())
    first, last = steps[0][1], steps[-1][1]
    whole = (last - first).total_seconds() or 1.0
    rows: list[tuple[Cell, ...]] = []
    before = first
    for name, at in steps:
        took = (at - before).total_seconds()
        rows.append(
            (
                name,
                words.time(at),
                Share(max(took / whole, _SEEN), words.between(before, at)) if took > 0 else "",
            )
        )
        before = at
    return Section("Its life", (Table(("Step", "When", "After the one before"), tuple(rows)),))


def _steps(experiment: Experiment) -> Iterator[tuple[str, datetime]]:
    status = experiment.status
    run, seal = status.run, status.seal
    known = (
        ("Declared", experiment.metadata.creation_timestamp),
        ("Bound", status.bound_time),
        ("Provisioned", status.provisioned.time if status.provisioned else None),
        ("Run started", run.start_time if run else None),
        ("Run ended", run.completion_time if run else None),
        ("Sealed", seal.sealed_time if seal else None),
    )
    there = [(name, at) for name, at in known if at is not None]
    yield from sorted(there, key=lambda step: step[1])


def _inputs(experiment: Experiment) -> Section:
    roles = {each.name: each.role for each in experiment.spec.inputs.datasets}
    rows = tuple(
        (
            each.name,
            roles.get(each.name, "features"),
            f"{each.kind} {each.pin_ref}",
            words.digest(each.digest) or "",
            words.number(each.objects),
            words.size(each.bytes, short=True),
            words.time(each.verified_time),
            words.listed(tuple(_grant(grant) for grant in each.grants)) or "none needed",
            upstream.parts(each.part_of),
        )
        for each in experiment.status.inputs
    )
    what = ("Input", "Role", "Pin", "Content", "Objects", "Size", "All bytes read", "Grants")
    headings = (*what, "Part")
    made = tuple(
        (
            each.name,
            f"{each.derived.experiment}, UID {each.derived.uid}",
            words.digest(each.derived.seal) or "",
            f"{upstream.called(read)} ({read.role or read.kind})",
            read.read_by,
            words.digest(read.digest) or "",
            upstream.parts(read.part_of),
        )
        for each in experiment.status.inputs
        if each.derived is not None
        for read in (*each.derived.inputs, *_unnamed(each.derived))
    )
    of_seals = ("Input", "Written by", "By the seal", "Made from", "Read by", "Content", "Part")
    return Section(
        "What goes in",
        (Table(headings, rows), Table(of_seals, made), *_broken(experiment)),
        shown_conditions.answer(
            experiment.status, conditions.INPUTS_VERIFIED, "As pinned", "Not as pinned"
        ),
    )


def _grant(grant: InputGrant) -> str:
    """Return a grant by which an input is used, or shares something."""
    if not grant.overlap_with:
        return grant.grant_ref
    return f"{grant.grant_ref} (overlap with {', '.join(grant.overlap_with)})"


def _unnamed(origin: RecordedOrigin) -> tuple[UpstreamInput, ...]:
    """Return a line that says that not all is named, or that there is nothing; else none."""
    if origin.inputs and not origin.more_inputs:
        return ()
    name = "more" if origin.more_inputs else "nothing"
    return (UpstreamInput(name=name, kind="not named", digest="", read_by=""),)


def _broken(experiment: Experiment) -> Iterator[Block]:
    """Yield what was found broken, where the experiment was stopped for it."""
    broken = experiment.status.broken_inputs
    if not broken:
        return
    headings = ("Found broken", "Pin", "Which versions", "What", "When", "So the profile said")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.name,
            each.pin_ref,
            words.digest(each.pin_digest) or "",
            f"{each.reason}: {each.message}",
            words.time(each.found_time),
            Mark(each.action, Tone.BAD),
        )
        for each in broken
    )
    yield Table(headings, rows)


def _leakage(experiment: Experiment) -> Section:
    sheet = experiment.status.leakage
    rows = tuple(
        (
            each.type,
            Mark(
                level_in_words(each.level),
                Tone.BAD if each.found else _LEVELS.get(each.level, Tone.PLAIN),
            ),
            words.number(each.found),
            each.message,
            each.allowed_because,
        )
        for each in sheet
    )
    headings = ("Leak", "How it is known", "Found", "What is known", "Allowed because")
    shared = [each for each in sheet if each.found]
    mark = None
    if shared:
        excused = all(each.allowed_because for each in shared)
        mark = (
            Mark("Shared, with a reason", Tone.WAITING)
            if excused
            else Mark("Something is shared", Tone.BAD)
        )
    return Section("Could its result be too good?", (Table(headings, rows, _LEGEND),), mark)


def _results(experiment: Experiment) -> Section:
    status = experiment.status
    artifacts, seal, later = status.artifacts, status.seal, status.seal_supplement
    blocks: list[Block] = []
    if artifacts is not None:
        blocks.append(facts(("Artifacts", Code(artifacts.uri)), ("Store", artifacts.store_ref)))
    if seal is not None:
        blocks += [
            facts(
                ("Seal", Code(seal.uri)),
                ("Artifacts in it", words.number(seal.objects)),
                ("Size", words.size(seal.bytes)),
                ("Digest of their list", words.digest(seal.manifest_digest)),
                ("Locked until", words.time(seal.retain_until_time)),
                ("Signed with", words.digest(seal.key_id)),
            ),
            Table(("Finding inside the signature",), tuple((each,) for each in seal.findings)),
        ]
        if later is not None:
            blocks.append(
                facts(
                    ("Listed once more", words.time(later.listed_time)),
                    ("Came after the seal", words.number(later.added)),
                    ("Gone since", words.number(later.missing)),
                )
            )
        blocks += [
            Words("This page proves nothing. The seal does, and anybody can check it:"),
            Words(
                f"glovebox verify {seal.uri} --key keys.json"
                f" --experiment {experiment.namespace}/{experiment.name}",
                is_command=True,
            ),
        ]
    return Section(
        "What came out",
        tuple(blocks),
        shown_conditions.answer(status, conditions.SEALED, "Sealed", "Not sealed"),
    )


def _isolation(experiment: Experiment) -> Section:
    status = experiment.status
    probe, drift, others = status.isolation, status.drift, status.tenant_pods
    blocks: list[Block] = []
    if probe is not None:
        blocks.append(
            facts(
                ("Tried from inside", probe.outcome),
                ("What was found", probe.message),
                ("Failed", words.listed(probe.failed)),
                ("When", words.time(probe.verified_time)),
            )
        )
    if drift is not None:
        last = drift.last
        blocks.append(
            facts(
                ("Differences repaired", words.number(drift.repairs)),
                ("Pods among them", words.number(drift.pods) if drift.pods else None),
                ("The last one", words.time(drift.last_repair_time)),
                ("It was", f"{last.kind} {last.name}, {last.change.lower()}" if last else None),
                ("In", Code(last.field) if last and last.field else None),
                ("Written by", last.manager if last else None),
            )
        )
    left = drift.outstanding if drift is not None else None
    if left is not None:
        blocks.append(
            facts(
                ("Found and left as it was", words.number(left.times)),
                ("The last time", words.time(left.since_time)),
                ("Until", words.time(left.until_time) or "now"),
                ("Why", left.reason),
                ("Objects", words.number(left.objects)),
                ("One is", f"{left.first.kind} {left.first.name}, {left.first.change.lower()}"),
                ("There in", Code(left.first.field) if left.first.field else None),
                ("Written there by", left.first.manager),
            )
        )
    lost = status.lost_namespace
    if lost is not None:
        blocks.append(
            facts(
                ("Its namespace was deleted by somebody", words.time(lost.time)),
                ("UID of that namespace", lost.uid),
            )
        )
    if others is not None:
        names = words.listed(tuple(each.name for each in others.pods))
        blocks.append(facts(("Other pods in its namespace", names or "none")))
    return Section(
        "Was it alone?",
        tuple(blocks),
        shown_conditions.answer(status, conditions.ISOLATED, "Isolated", "Not isolated"),
    )


def _records(experiment: Experiment) -> Section:
    ledger, lineage = experiment.status.ledger, experiment.status.lineage
    blocks: list[Block] = []
    if ledger is not None:
        rows = tuple(
            (each.kind, str(each.epoch), words.number(each.index)) for each in ledger.entries
        )
        blocks.append(Table(("Entry of the ledger", "Epoch", "Index"), rows))
    if lineage is not None:
        events: Facts | Table = Table(
            ("Event of lineage", "Digest"),
            tuple((each.type, words.digest(each.digest) or "") for each in lineage.events),
        )
        blocks.append(events)
    return Section("What is on record", tuple(blocks))
