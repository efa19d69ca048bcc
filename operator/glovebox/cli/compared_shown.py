"""How compared Experiments are shown: one column each, and as a document for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, Final

from glovebox.cli.shown import aligned
from glovebox.data.counting import counted
from glovebox.data.printable import printable
from glovebox.report import words

if TYPE_CHECKING:
    from glovebox.api.experiment import Experiment
    from glovebox.report.comparison import Comparison, Content, Metric, Use

_NONE: Final = "-"
_DIGEST: Final = len("sha256:") + 12
# So long a value is in a table, and so many differences are; `-o wide` shows all.
_VALUE: Final = 40
_DIFFERENCES: Final = 30
# Of what long values begin with alike, no more than this is shown.
_ALIKE: Final = 16
ALL_THE_SAME: Final = (
    "Code, images, configuration, stages, resources, routes and platform are the same."
)
_DIGESTS: Final = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


def lines(found: Comparison, file: str, *, is_wide: bool) -> Iterator[str]:
    """Yield the lines for a person.

    Args:
        found: What was compared.
        file: Where the figures were read; empty where nobody asked for them.
        is_wide: Whether values are shown whole.
    """
    facts = (tuple(map(printable, row)) for row in facts_of(found.experiments, is_wide=is_wide))
    yield from aligned([("EXPERIMENT", *found.names), *facts])
    if found.contents:
        yield ""
        yield f"{shared(found)}:"
        rows = (_content(each, is_wide) for each in found.contents)
        yield from aligned([("CONTENT", "KIND", "SHARED", *found.names), *rows])
    yield ""
    yield from _differences(found, is_wide)
    if found.metrics is not None:
        yield ""
        yield from _metrics(found, found.metrics, file)
    if found.notes:
        yield ""
        yield from (f"Note: {printable(each)}" for each in found.notes)


def document(found: Comparison) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "experiments": [_document(each) for each in found.experiments],
        "contents": [
            {
                "digest": each.digest,
                "kind": each.kind,
                "shared": each.is_shared,
                "uses": [[asdict(use) for use in uses] for uses in each.uses],
            }
            for each in found.contents
        ],
        "differences": [
            {"path": path, "values": list(values)} for path, values in found.differences.items()
        ],
        "metrics": (
            [
                {"name": each.name, "values": list(each.values), "deltas": list(each.deltas)}
                for each in found.metrics
            ]
            if found.metrics is not None
            else None
        ),
        "notes": list(found.notes),
    }


def facts_of(experiments: Sequence[Experiment], *, is_wide: bool) -> Iterator[tuple[str, ...]]:
    """Yield a row for each thing that is told of a whole Experiment: its name, and each one's."""
    told: dict[str, list[str]] = {
        "digest": [_digest(each.status.digest, is_wide) for each in experiments],
        "state": [each.status.state or "not bound" for each in experiments],
        "run": [_run(each) for each in experiments],
        "attempts": [
            str(each.status.run.attempts) if each.status.run else _NONE for each in experiments
        ],
        "leaks found": [_leaks(each) for each in experiments],
        "results": [_results(each) for each in experiments],
        "list of results": [
            _digest(each.status.seal.manifest_digest, is_wide) if each.status.seal else _NONE
            for each in experiments
        ],
        "findings of the seal": [
            str(len(each.status.seal.findings)) if each.status.seal else _NONE
            for each in experiments
        ],
    }
    for name, cells in told.items():
        yield (name, *cells)


def _run(experiment: Experiment) -> str:
    run = experiment.status.run
    if run is None:
        return _NONE
    took = words.between(run.start_time, run.completion_time)
    return f"{run.outcome or 'not over'}{f' in {took}' if took else ''}"


def _leaks(experiment: Experiment) -> str:
    """Return how many leaks were found, and of how many ways nobody knows."""
    sheet = experiment.status.leakage
    if not sheet:
        return _NONE
    found = sum(1 for each in sheet if each.found)
    unknown = sum(1 for each in sheet if each.level == "Unknown")
    return f"{found}, and {unknown} not looked for" if unknown else str(found)


def _results(experiment: Experiment) -> str:
    seal = experiment.status.seal
    if seal is None:
        return "not sealed"
    return f"{counted(seal.objects, 'version')}, {words.size(seal.bytes, short=True)}"


def shared(found: Comparison) -> str:
    """Return how much of what goes in is the same for all."""
    of_all = sum(1 for each in found.contents if each.is_shared)
    whose = "both" if len(found.experiments) == 2 else f"all {len(found.experiments)}"  # noqa: PLR2004 - two are both
    return f"{whose.capitalize()} use {of_all} of {counted(len(found.contents), 'content')}"


def _content(content: Content, is_wide: bool) -> tuple[str, ...]:
    return (
        _digest(content.digest, is_wide),
        content.kind,
        "yes" if content.is_shared else "no",
        *(printable(used(uses)) for uses in content.uses),
    )


def used(uses: Sequence[Use]) -> str:
    """Return how one Experiment uses a content."""
    return ", ".join(f"{use.input} ({use.role}: {use.pin})" for use in uses) or _NONE


def _differences(found: Comparison, is_wide: bool) -> Iterator[str]:
    if not found.differences:
        yield ALL_THE_SAME
        return
    yield "Of what they run with, beside what goes in, these differ:"
    rows = [
        (printable(path), *map(printable, values_shown(values, is_wide=is_wide)))
        for path, values in found.differences.items()
    ]
    most = len(rows) if is_wide else _DIFFERENCES
    yield from aligned([("FIELD", *found.names), *rows[:most]])
    if len(rows) > most:
        yield f"and {len(rows) - most:,} more: -o wide shows them"


def values_shown(values: Sequence[Any], *, is_wide: bool) -> Iterator[str]:
    """Yield values as they fit into a table, so that what differs is seen; or, wide, whole."""
    texts = [
        each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in values
    ]
    if not is_wide:
        texts = [_DIGESTS.sub(r"\1", each) for each in texts]
        said = [text for text, each in zip(texts, values, strict=True) if each is not None]
        # Letter by letter: these are no paths.
        alike = len(commonprefix(said)) if len(said) > 1 else 0  # noqa: RUF071
        if alike > _ALIKE and max(map(len, texts)) > _VALUE:
            texts = [f"...{each[alike - _ALIKE // 2 :]}" for each in texts]
        texts = [each if len(each) <= _VALUE else f"{each[: _VALUE - 3]}..." for each in texts]
    for text, value in zip(texts, values, strict=True):
        yield _NONE if value is None else text


def _metrics(found: Comparison, metrics: Sequence[Metric], file: str) -> Iterator[str]:
    if not metrics:
        yield f"{printable(file)} has no numbers."
        return
    yield f"Figures of {printable(file)}, as they were sealed:"
    rows = [
        (
            printable(each.name),
            *(
                _figure(value, delta, is_first=number == 0)
                for number, (value, delta) in enumerate(zip(each.values, each.deltas, strict=True))
            ),
        )
        for each in metrics
    ]
    yield from aligned([("METRIC", *found.names), *rows])


def _figure(value: float | None, delta: float | None, *, is_first: bool) -> str:
    if value is None:
        return _NONE
    return f"{value:.6g}" if is_first or delta is None else f"{value:.6g} ({delta:+.6g})"


def _digest(digest: str, is_wide: bool) -> str:
    return (digest if is_wide else digest[:_DIGEST]) or _NONE


def _document(experiment: Experiment) -> dict[str, Any]:
    status = experiment.status
    run, seal = status.run, status.seal
    return {
        "namespace": experiment.namespace,
        "name": experiment.name,
        "uid": experiment.metadata.uid,
        "digest": status.digest,
        "state": status.state,
        "outcome": run.outcome if run else "",
        "startTime": _moment(run.start_time if run else None),
        "completionTime": _moment(run.completion_time if run else None),
        "attempts": run.attempts if run else 0,
        "leakage": [
            {"type": each.type, "level": each.level, "found": each.found} for each in status.leakage
        ],
        "seal": (
            {
                "uri": seal.uri,
                "sealedTime": _moment(seal.sealed_time),
                "manifestDigest": seal.manifest_digest,
                "objects": seal.objects,
                "bytes": seal.bytes,
                "findings": list(seal.findings),
            }
            if seal
            else None
        ),
    }


def _moment(at: Any) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
