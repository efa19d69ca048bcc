"""Experiments beside each other: what they share, what differs, and what came out. Pure.

Data are told by their content, whatever the pins and inputs are called: the same bytes in two
Experiments are one row. Nothing is read from anywhere; figures of results are given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from glovebox.api.experiment import Experiment
from glovebox.api.input_status import InputStatus
from glovebox.report.leaves import different

Json = dict[str, Any]

# What of the spec says how an Experiment is run, and not why or for how long.
_COMPARED: Final = (
    "profile",
    "code",
    "config",
    "images",
    "stages",
    "resources",
    "network",
    "artifacts",
)
_LEARNT: Final = frozenset({"train"})
_JUDGED: Final = frozenset({"validation", "test", "holdout"})
_FEATURES: Final = "features"


@dataclass(frozen=True, slots=True)
class Use:
    """How one Experiment uses a content.

    Attributes:
        input: Name of the input.
        role: Its role; `features` of definitions.
        pin: The pin, with its namespace where that is another one.
    """

    input: str
    role: str
    pin: str


@dataclass(frozen=True, slots=True)
class Content:
    """A content that at least one of them uses.

    Attributes:
        digest: Of the content.
        kind: Of the pins.
        uses: Of each Experiment, in their order.
    """

    digest: str
    kind: str
    uses: tuple[tuple[Use, ...], ...]

    @property
    def is_shared(self) -> bool:
        """Whether all of them use it."""
        return all(self.uses)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of the results.

    Attributes:
        name: Its path in the document of the run.
        values: Of each Experiment; None where it is not there.
    """

    name: str
    values: tuple[float | None, ...]

    @property
    def deltas(self) -> tuple[float | None, ...]:
        """What each is more than the first one; None where one of the two is not there."""
        first = self.values[0]
        return tuple(
            None if first is None or value is None else value - first for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Experiments beside each other.

    Attributes:
        experiments: In the order in which they were named.
        contents: What goes in, the shared ones first.
        differences: What their specs and bound platforms do not say alike, by path.
        metrics: Figures of their results; None where nobody asked for them.
        notes: What a reader should know, in sentences.
    """

    experiments: tuple[Experiment, ...]
    contents: tuple[Content, ...]
    differences: Mapping[str, Sequence[Any]]
    metrics: tuple[Metric, ...] | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called: with their namespaces."""
        return tuple(map(_called, self.experiments))


def compare(
    experiments: Sequence[Experiment],
    specs: Sequence[Mapping[str, Any]],
    figures: Sequence[Mapping[str, float]] | None = None,
) -> Comparison:
    """Return Experiments beside each other.

    Args:
        experiments: Two or more.
        specs: The spec of each, as the API server has it.
        figures: The numbers of each one's results; None where nobody asked for them.
    """
    contents = tuple(sorted(_contents(experiments), key=lambda each: not each.is_shared))
    return Comparison(
        tuple(experiments),
        contents,
        different(
            [
                {**_declared(spec), **_platform(experiment)}
                for spec, experiment in zip(specs, experiments, strict=True)
            ]
        ),
        tuple(_metrics(figures)) if figures is not None else None,
        tuple(_notes(experiments, contents)),
    )


def _called(experiment: Experiment) -> str:
    return f"{experiment.namespace}/{experiment.name}"


def _declared(spec: Mapping[str, Any]) -> Json:
    """Return what of a spec is compared; which data it names is compared by content."""
    allowed = (spec.get("inputs") or {}).get("allowOverlap")
    return {**{name: spec.get(name) for name in _COMPARED}, "inputs": {"allowOverlap": allowed}}


def _platform(experiment: Experiment) -> Json:
    """Return the settings of the platform as they were bound; nothing before that."""
    text = experiment.status.platform
    return {"platform": json.loads(text)} if text else {}


def _contents(experiments: Sequence[Experiment]) -> Iterator[Content]:
    found: dict[tuple[str, str], list[list[Use]]] = {}
    for number, experiment in enumerate(experiments):
        roles = {each.name: each.role for each in experiment.spec.inputs.datasets}
        for each in experiment.status.inputs:
            if each.digest:
                uses = found.setdefault(
                    (each.digest, each.kind), [[] for _ in range(len(experiments))]
                )
                role = roles.get(each.name, _FEATURES)
                uses[number].append(Use(each.name, role, each.pin_ref))
    for (digest, kind), uses in found.items():
        yield Content(digest, kind, tuple(map(tuple, uses)))


def _metrics(figures: Sequence[Mapping[str, float]]) -> Iterator[Metric]:
    for name in sorted({name for each in figures for name in each}):
        yield Metric(name, tuple(each.get(name) for each in figures))


def _notes(experiments: Sequence[Experiment], contents: Sequence[Content]) -> Iterator[str]:
    digests = {each.status.digest for each in experiments}
    if len(digests) == 1 and digests != {""}:
        yield (
            "All have one digest: the same inputs, images, configuration and platform. Results that"
            " differ do so by chance, or by what no digest covers."
        )
    for each in experiments:
        if not each.status.digest:
            yield f"{_called(each)} is not bound: what goes in is not decided."
        elif each.status.seal is None:
            yield f"{_called(each)} is not sealed: what came out can still change."
    yield from _opposed(experiments, contents)
    yield from _cut_otherwise(experiments)


def _opposed(experiments: Sequence[Experiment], contents: Sequence[Content]) -> Iterator[str]:
    """Yield what one of them learns from, and another is judged by."""
    for content in contents:
        learning, judging = (
            [
                _called(experiment)
                for experiment, uses in zip(experiments, content.uses, strict=True)
                if any(use.role in roles for use in uses)
            ]
            for roles in (_LEARNT, _JUDGED)
        )
        # What one does by itself it was refused for, or allowed to with a reason.
        pairs = [(one, other) for one in learning for other in judging if one != other]
        if pairs:
            one, other = pairs[0]
            yield (
                f"{one} learns from {_short(content.digest)}, by which {other} is judged: the model"
                " of the first must not be measured by the test of the second."
            )


def _cut_otherwise(experiments: Sequence[Experiment]) -> Iterator[str]:
    """Yield data of which different splits made the parts that are used: rows may be in both."""
    parts: dict[str, dict[str, str]] = {}
    for experiment in experiments:
        for each in experiment.status.inputs:
            user = f"{_called(experiment)} ({each.name})"
            for source, split in _cuts(each):
                parts.setdefault(source, {}).setdefault(split, user)
    for source, users in sorted(parts.items()):
        if len(users) > 1:
            yield (
                f"{' and '.join(users.values())} are parts of the same data, {_short(source)}, by"
                " different splits: one row can be in both."
            )


def _cuts(given: InputStatus) -> Iterator[tuple[str, str]]:
    for part in given.part_of:
        yield part.source_digest, part.split_digest


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
