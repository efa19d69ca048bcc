"""What a sealed run read, out of its verified statement: what its artifacts were made from. Pure.

What the run read is in the snapshot, which the statement repeats word for word. What one of these
inputs was made from in turn is beside it, as its own pin knew it when the run began. So one seal
tells of the whole chain, whoever is gone by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.derived import MAX_UPSTREAM, RecordedOrigin, UpstreamInput
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import InvalidInput
from glovebox.evidence.statement import FINDING, ORIGIN, PART_OF, SNAPSHOT_NAME
from glovebox.evidence.verification import Report


@dataclass(frozen=True, slots=True)
class SealedRun:
    """What is known of a run by its seal.

    Attributes:
        experiment: `namespace/name`.
        uid: Of the Experiment.
        digest: Its identity.
        outcome: `Succeeded`, `Failed`, or empty without a run.
        sealed: When it was sealed, RFC 3339.
        artifacts: `s3://bucket/prefix/`.
        code: Repository and commit; empty where it declares none.
        image: Of the last stage of the run by the order of its digest; empty without a run.
        has_run: Whether it was to have one.
        findings: How many things the seal cannot vouch for.
        inputs: What went into it, and what that was made from.
        more_inputs: Whether that is not all.
    """

    experiment: str
    uid: str
    digest: str
    outcome: str
    sealed: str
    artifacts: str
    code: str
    image: str
    has_run: bool
    findings: int
    inputs: tuple[UpstreamInput, ...]
    more_inputs: bool


def sealed_run(report: Report) -> SealedRun:
    """Return what a statement says of its run.

    Args:
        report: Of a statement that was verified, and has no finding.

    Raises:
        InvalidInput: `SealInvalid`: it is signed, and is not as this version knows it.
    """
    try:
        return _run_of(report)
    except (LookupError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise InvalidInput(
            reasons.SEAL_INVALID,
            "the signed statement of the seal is not as this version of the operator knows it"
            f" ({type(error).__name__})",
        ) from error


def _run_of(report: Report) -> SealedRun:
    definition = report.definition
    snapshot = definition["externalParameters"]["snapshot"]
    experiment = str(definition["externalParameters"]["experiment"])
    byproducts = report.statement["predicate"]["runDetails"]["byproducts"]
    outcome = byproducts[0]["annotations"]
    code, stages = snapshot.get("code"), snapshot.get("stages") or ()
    dependencies = definition["resolvedDependencies"]
    inputs, more = _inputs(experiment, snapshot.get("inputs") or (), dependencies)
    return SealedRun(
        experiment=experiment,
        uid=str(definition["internalParameters"]["uid"]),
        digest=DIGEST_PREFIX + _snapshot_digest(dependencies),
        outcome=str(outcome["outcome"]),
        sealed=str(outcome["sealedOn"]),
        artifacts=str(definition["internalParameters"]["artifacts"]),
        code=f"{code['repository']}@{code['commit']}" if code else "",
        # Of several stages nobody knows which of them wrote what: the last one has the word.
        image=str(snapshot["images"][stages[-1]["image"]]) if stages else "",
        has_run=bool(stages),
        findings=sum(each.get("name") == FINDING for each in byproducts),
        inputs=inputs,
        more_inputs=more,
    )


def _inputs(
    experiment: str, read: Any, dependencies: Any
) -> tuple[tuple[UpstreamInput, ...], bool]:
    """Return what the run read and what that was made from, and whether there is more."""
    about = {
        (str(each["name"]), str(said.get("kind"))): said for each, said in _annotated(dependencies)
    }
    found: dict[tuple[str, str, str], UpstreamInput] = {}
    for each in read:
        name, kind = str(each["name"]), str(each["kind"])
        entry = UpstreamInput(
            name=name,
            kind=kind,
            role=str(each.get("role") or ""),
            digest=str(each["digest"]),
            read_by=experiment,
            part_of=about.get((name, kind), {}).get(PART_OF) or (),
        )
        found.setdefault((entry.digest, entry.role, entry.read_by), entry)
    more = False
    for name, origin in _origins(dependencies):
        more = more or origin.more_inputs
        for entry in origin.inputs:
            behind = entry.model_copy(update={"behind": name})
            found.setdefault((entry.digest, entry.role, entry.read_by), behind)
    return tuple(found.values())[:MAX_UPSTREAM], more or len(found) > MAX_UPSTREAM


def _snapshot_digest(dependencies: Any) -> str:
    found = (each["digest"]["sha256"] for each in dependencies if each.get("name") == SNAPSHOT_NAME)
    return str(next(found))


def _annotated(dependencies: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for entry in dependencies:
        said = entry.get("annotations")
        if "name" in entry and isinstance(said, Mapping):
            yield entry, said


def _origins(dependencies: Any) -> Iterator[tuple[str, RecordedOrigin]]:
    """Yield where inputs came from, by their names."""
    for entry, about in _annotated(dependencies):
        said = about.get(ORIGIN)
        if said:
            try:
                yield str(entry["name"]), RecordedOrigin.model_validate(said)
            except ValidationError as error:
                raise ValueError(ORIGIN) from error
