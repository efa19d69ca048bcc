"""The page about a DatasetPin: what it is, where it came from, whether it holds, who has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from glovebox.api import conditions
from glovebox.api.contract_status import ContractStatus
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.dataset_pin_status import PinHold
from glovebox.api.provenance import ProvenanceSource
from glovebox.report import conditions as shown_conditions
from glovebox.report import upstream, words
from glovebox.report.access import access_section
from glovebox.report.distribution import distribution_section
from glovebox.report.evolution import evolution_section
from glovebox.report.page import (
    Block,
    Cell,
    Code,
    Page,
    Section,
    Share,
    Table,
    Words,
    facts,
    present,
)
from glovebox.report.proofs import proofs_section
from glovebox.report.readings import Reading
from glovebox.report.reads import reads_section

_NO_RIGHTS: Final = (
    "Who else can read the content is not shown: that takes the right to list DatasetPins,"
    " AccessGrants and Experiments of all namespaces."
)
# Where less than this holds nothing, a bar would not be seen.
_SEEN: Final = 0.005


def pin_page(
    pin: DatasetPin, readings: Sequence[Reading] | None, now: datetime, unread: str = _NO_RIGHTS
) -> Page:
    """Return the page about a pin. Pure.

    Args:
        pin: The pin, as the API server has it.
        readings: Who can read its content; None where that could not be asked.
        now: When the page is made.
        unread: Why not, in a sentence.
    """
    ready, summary = shown_conditions.readiness(pin.status)
    marks = (
        ready,
        shown_conditions.answer(pin.status, conditions.VERIFIED, "Verified", "Not as pinned"),
        shown_conditions.answer(
            pin.status, conditions.CONTRACT_MET, "Contract met", "Contract broken"
        ),
        shown_conditions.answer(
            pin.status, conditions.DISTRIBUTION_STABLE, "Distribution stable", "Distribution moved"
        ),
        shown_conditions.answer(
            pin.status, conditions.READS_EXPECTED, "Reads as declared", "Unusual reads"
        ),
        shown_conditions.answer(
            pin.status, conditions.RETIRING, "May be kept and used", "May not be kept for long"
        ),
    )
    return Page(
        kind=pin.KIND,
        name=f"{pin.namespace}/{pin.name}",
        about=pin.spec.description,
        marks=tuple(each for each in marks if each is not None),
        summary=summary,
        sections=present(
            [
                _what(pin),
                _origin(pin),
                proofs_section(pin),
                _contract(pin),
                evolution_section(pin),
                distribution_section(pin),
                _access(pin, readings, unread),
                reads_section(pin),
                shown_conditions.section(pin.status),
            ]
        ),
        made=words.time(now),
    )


def _what(pin: DatasetPin) -> Section:
    spec, status = pin.spec, pin.status
    part = status.part
    terms = facts(
        ("Content root", words.digest(status.digest)),
        ("Pin root", words.digest(status.pin_digest)),
        ("Objects", words.number(status.objects)),
        ("Size", words.size(status.bytes)),
        ("Folder markers left out", words.number(status.folder_markers)),
        ("Source", _source(pin)),
        ("Store", spec.store_ref.name),
        ("Part", f"{part.name} of SplitPin {part.split}, as {part.role}" if part else None),
        ("Replaces", spec.supersedes.name if spec.supersedes else None),
    )
    rules = facts(
        ("Owner", spec.owner),
        ("Licence", spec.license),
        ("Classification", spec.classification),
        ("Environment", spec.environment),
        ("Region", spec.region),
        ("Personal data", spec.personal_data),
        ("Kept until", words.time(spec.retention.until_time) if spec.retention else None),
        ("Kept because", spec.retention.why if spec.retention else None),
        ("May be used from", words.time(spec.validity.not_before_time) if spec.validity else None),
        ("May be used until", words.time(spec.validity.not_after_time) if spec.validity else None),
    )
    return Section("What it is", (terms, rules))


def _source(pin: DatasetPin) -> Cell:
    source = pin.spec.source
    if source.prefix is not None:
        return Code(f"{source.prefix.bucket}/{source.prefix.prefix}")
    if source.manifest is not None:
        return Code(f"{source.manifest.bucket}/{source.manifest.key}")
    if source.split is not None:
        return f"part {source.split.part} of SplitPin {source.split.name}"
    if source.experiment_ref is not None:
        below = source.experiment_ref.prefix
        return (
            f"artifacts of Experiment {source.experiment_ref.name}{f', {below}' if below else ''}"
        )
    return f"{words.number(len(source.objects))} objects by name"


def _origin(pin: DatasetPin) -> Section:
    stated, found = pin.spec.provenance, pin.status.provenance
    mark = shown_conditions.answer(
        pin.status, conditions.PROVENANCE_COMPLETE, "Complete", "Incomplete"
    )
    blocks: list[Block] = []
    if stated is not None:
        step = stated.transformation
        code = step.code if step is not None else None
        sources = tuple((_named(each), _known(each, pin)) for each in stated.sources)
        blocks += [
            facts(
                ("How it came to be", stated.origin),
                ("Authors", words.listed(stated.authors)),
                ("Contact", stated.contact),
                ("Code", Code(f"{code.repository} at {code.commit}") if code else None),
                ("Image", Code(step.image) if step is not None and step.image else None),
                ("Filters", words.listed(step.filters) if step is not None else None),
            ),
            Table(("Made from", "Content"), sources),
        ]
    blocks += _sealed(pin)
    if found is not None:
        gaps = tuple((Code(each.field), each.message) for each in found.gaps)
        blocks += [
            facts(("How much is said", found.level)),
            Table(("What is missing", "What is the matter with it"), gaps),
        ]
    return Section("Where it came from", tuple(blocks), mark)


def _sealed(pin: DatasetPin) -> list[Block]:
    """Return what the seal says of how artifacts came to be."""
    seal = pin.status.derived
    if seal is None or seal.sealed_time is None:
        return []
    read = tuple(
        (
            upstream.called(each),
            each.role or each.kind,
            each.read_by,
            words.digest(each.digest) or "",
            upstream.parts(each.part_of),
        )
        for each in seal.inputs
    )
    return [
        facts(
            ("Written by Experiment", f"{seal.experiment}, UID {seal.uid}"),
            ("Sealed", words.time(seal.sealed_time)),
            ("Identity of the Experiment", words.digest(seal.digest)),
            ("Seal", words.digest(seal.seal)),
            ("Version of the seal", Code(seal.seal_version) if seal.seal_version else None),
            ("List of artifacts", words.digest(seal.manifest_digest)),
            ("Signed with the key", Code(seal.key_id) if seal.key_id else None),
            ("Artifacts", Code(seal.artifacts) if seal.artifacts else None),
            ("Image of the run", Code(seal.image) if seal.image else None),
            ("Code of the run", Code(seal.code) if seal.code else None),
            ("What the seal cannot vouch for", words.number(seal.findings or None)),
            ("Not all of what went in is named", "so it is" if seal.more_inputs else None),
        ),
        Table(("What went in", "Role", "Read by", "Content", "Part"), read),
    ]


def _named(source: ProvenanceSource) -> Cell:
    if source.external is not None:
        return Code(source.external.uri)
    if source.pin_ref is not None:
        return f"DatasetPin {source.pin_ref.name}"
    return "known by its content"


def _known(source: ProvenanceSource, pin: DatasetPin) -> Cell:
    if source.external is not None:
        return source.external.reason
    resolved = pin.status.provenance.sources if pin.status.provenance is not None else ()
    name = source.pin_ref.name if source.pin_ref is not None else ""
    root = source.digest or next((each.digest for each in resolved if each.name == name), "")
    return words.digest(root) or "not read yet"


def _contract(pin: DatasetPin) -> Section | None:
    found = pin.status.contract
    mark = shown_conditions.answer(pin.status, conditions.CONTRACT_MET, "Met", "Not met")
    if found is None:
        condition = pin.status.condition(conditions.CONTRACT_MET)
        said = condition.message if condition is not None else ""
        return Section("What was promised of it", (Words(said),), mark)
    return Section(
        "What was promised of it",
        (
            facts(
                ("Rules", words.number(found.rules)),
                ("Files", words.number(found.files)),
                ("Rows", words.number(found.rows)),
                ("Checked", words.time(found.checked_time)),
                ("Violations", words.number(found.violations) if found.violations else "none"),
                ("Of these by rule", _by_rule(found)),
            ),
            Table(
                ("Rule", "Column", "File", "Rows", "Expected, and found"),
                tuple(
                    (
                        each.rule,
                        Code(each.column) if each.column else "",
                        Code(each.file) if each.file else "the dataset",
                        words.number(each.count),
                        each.message,
                    )
                    for each in found.first
                ),
                _more(found),
            ),
            Table(
                ("Column", "Holds", "Rows that hold nothing", "Breaks"),
                tuple(
                    (
                        Code(each.name),
                        each.type,
                        _nulls(each.nulls, found.rows),
                        _breaks(each.name, found),
                    )
                    for each in found.columns
                ),
            ),
            Table(
                ("Values looked up in", "Content"),
                tuple(
                    (f"DatasetPin {each.name}", words.digest(each.digest) or "")
                    for each in found.targets
                ),
            ),
        ),
        mark,
    )


def _by_rule(found: ContractStatus) -> str:
    return ", ".join(f"{each.rule} {words.number(each.violations)}" for each in found.by_rule)


def _breaks(column: str, found: ContractStatus) -> str:
    """Return which rules a column is known to break: those of the violations that are listed."""
    return (
        words.listed(tuple(dict.fromkeys(e.rule for e in found.first if e.column == column))) or ""
    )


def _more(found: ContractStatus) -> str:
    left = found.violations - len(found.first)
    return f"{words.number(left)} more are not listed." if left > 0 else ""


def _nulls(nulls: int | None, rows: int) -> Cell:
    if nulls is None:
        return "not counted"
    if not nulls or not rows:
        return words.number(nulls)
    share = nulls / rows
    return Share(max(share, _SEEN), f"{words.number(nulls)} ({share:.1%})")


def _hold(hold: PinHold) -> Block:
    """Return what of the versions is under a legal hold."""
    return facts(
        ("Legal hold on the versions", hold.state),
        ("Versions held", words.number(hold.objects)),
        ("Of these by somebody else before", words.number(hold.others)),
        ("Held since", words.time(hold.held_time)),
    )


def _access(pin: DatasetPin, readings: Sequence[Reading] | None, unread: str) -> Section:
    status = pin.status
    beside = (_hold(status.hold),) if status.hold is not None else ()
    return access_section(
        status.used_by, readings, unread, kept_by=status.why_retained, beside=beside
    )
