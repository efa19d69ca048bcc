"""How much a pin says of where its data came from, and what is missing. Pure.

Of artifacts of a sealed Experiment, its seal says what the run read, in which image, and of which
code where the Experiment declares it: none of that is missing.

A pin that misses something is as good as any: what is missing is said, and a profile decides what
it demands. Sources form a graph that anybody in the namespace can write: it may lead nowhere, or in
a circle, or on and on. Each of that is a gap, and none of it costs more than a bounded look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from glovebox.api import conditions as types
from glovebox.api.data_terms import ProvenanceLevel
from glovebox.api.dataset_pin import DatasetPin, DatasetPinSpec
from glovebox.api.provenance import Provenance, ProvenanceSource
from glovebox.data.digest import digest_of
from glovebox.data.licenses import why_unknown

# How far sources are followed, and over how many pins in all.
MAX_DEPTH: Final = 16
MAX_PINS: Final = 256
_SHOWN: Final = 2
_BOUNDS: Final = f"{MAX_DEPTH} steps, {MAX_PINS} pins"
_NOTHING: Final = Provenance()
_STATED: Final = (
    "owner",
    "license",
    "classification",
    "environment",
    "region",
    "personal_data",
    "retention",
    "provenance",
)


class Unreadable:
    """Stands for a pin that is there and is not valid."""


# What there is under a name in the namespace of the pin; None where there is nothing.
Look = Callable[[str], DatasetPin | Unreadable | None]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that keeps a provenance from being full.

    Attributes:
        field: What is missing, or leads nowhere.
        message: What is the matter with it.
        basic: Whether it keeps it from being basic as well.
        pending: Whether it may pass by itself: nobody knows yet.
    """

    field: str
    message: str
    basic: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a pin says of its data.

    Attributes:
        gaps: What is missing, in the order of the fields.
        sources: Content root of each pin among the sources, by its name, as it was first found.
        digest: Of all that the pin says of its data.
    """

    gaps: tuple[Gap, ...]
    sources: Mapping[str, str]
    digest: str

    @property
    def level(self) -> ProvenanceLevel:
        """How much is said."""
        if any(gap.basic for gap in self.gaps):
            return "None"
        return "Basic" if self.gaps else "Full"

    @property
    def is_pending(self) -> bool:
        """Whether all that is missing may still come by itself."""
        return bool(self.gaps) and all(gap.pending for gap in self.gaps)


@dataclass(slots=True)
class _Walk:
    """A way through the sources of one pin."""

    look: Look
    namespace: str
    seen: set[str] = field(default_factory=set)


def assess(pin: DatasetPin, look: Look) -> Assessment:
    """Return what a pin says of its data.

    Args:
        pin: The pin.
        look: Finds other pins of its namespace; others are never looked at.
    """
    status = pin.status.provenance
    recorded = {each.name: each.digest for each in status.sources} if status else {}
    walk = _Walk(look, pin.namespace)
    gaps = [*_missing_basics(pin.spec), *_missing_of_full(pin)]
    sources: dict[str, str] = {}
    for place, source in enumerate(_sources(pin)):
        if source.pin_ref is None:
            continue
        where, name = f"spec.provenance.sources[{place}]", source.pin_ref.name
        found = _found(walk, source, recorded.get(name, ""), (pin.name,))
        if name in recorded:
            sources[name] = recorded[name]
        elif isinstance(found, DatasetPin):
            sources[name] = found.status.digest
        further: Iterable[Gap] = (
            [found] if isinstance(found, Gap) else _above(walk, found, (pin.name, name))
        )
        gaps.extend(Gap(where, gap.message, pending=gap.pending) for gap in further)
    return Assessment(tuple(gaps), dict(sorted(sources.items())), statement_digest(pin.spec))


def statement_digest(spec: DatasetPinSpec) -> str:
    """Return the digest of all that a pin says of its data, beside what they are."""
    stated = spec.model_dump(
        mode="json", by_alias=True, include=set(_STATED), exclude_none=True, exclude_defaults=True
    )
    return digest_of({"format": "glovebox.dev/provenance/v1", "stated": stated})


def _missing_basics(spec: DatasetPinSpec) -> Iterator[Gap]:
    provenance = spec.provenance or _NOTHING
    if not spec.owner:
        yield Gap("spec.owner", "who is responsible for the data is not said", basic=True)
    if spec.license is None:
        yield Gap("spec.license", "under which licence they may be used is not said", basic=True)
    elif why := why_unknown(spec.license):
        yield Gap("spec.license", f"{why}; for terms of your own write LicenseRef-NAME", basic=True)
    if spec.classification is None:
        yield Gap("spec.classification", "how confidential they are is not said", basic=True)
    if provenance.origin is None and spec.source.experiment_ref is None:
        yield Gap("spec.provenance.origin", "how they came about is not said", basic=True)
    if not provenance.authors:
        yield Gap("spec.provenance.authors", "who produced them is not said", basic=True)


def _missing_of_full(pin: DatasetPin) -> Iterator[Gap]:
    spec, sealed = pin.spec, pin.status.derived
    provenance = spec.provenance or _NOTHING
    if spec.region is None:
        yield Gap("spec.region", "where they have to stay is not said")
    if spec.personal_data is None:
        yield Gap("spec.personalData", "what they hold of people is not said")
    if spec.retention is None:
        yield Gap("spec.retention", "how long they may be kept, and why, is not said")
    if not provenance.contact:
        yield Gap("spec.provenance.contact", "whom to ask is not said")
    # A seal that names no input does not say what they were made from: of nothing, or by hand.
    named = sealed is not None and sealed.sealed_time is not None and bool(sealed.inputs)
    if not provenance.sources and provenance.origin != "Synthetic" and not named:
        yield Gap("spec.provenance.sources", "what they were made from is not said")
    origin = provenance.origin or ("Derived" if spec.source.experiment_ref is not None else None)
    if origin in {"Derived", "Synthetic", "Augmented"}:
        made = provenance.transformation
        if (made is None or made.code is None) and not (sealed and sealed.code):
            yield Gap("spec.provenance.transformation.code", "which program made them is not said")
        if (made is None or made.image is None) and not (sealed and sealed.image):
            yield Gap("spec.provenance.transformation.image", "in which image is not said")


def _above(walk: _Walk, pin: DatasetPin, path: tuple[str, ...]) -> Iterator[Gap]:
    """Yield what is the matter with a source, and with what it was made from in turn.

    Args:
        walk: What was seen.
        pin: The source.
        path: The names that led to it, its own the last.
    """
    if pin.name in walk.seen:
        return  # what is the matter with it was said
    walk.seen.add(pin.name)
    missing = [gap.field for gap in _missing_basics(pin.spec)]
    if missing:
        yield Gap("", f"DatasetPin '{_way(path)}' is not Basic itself: {', '.join(missing)}")
    status = pin.status.provenance
    recorded = {each.name: each.digest for each in status.sources} if status else {}
    for source in _sources(pin):
        if source.pin_ref is None:
            continue
        name = source.pin_ref.name
        if len(path) > MAX_DEPTH or len(walk.seen) >= MAX_PINS:
            yield Gap("", f"'{pin.name}' has more sources than are followed ({_BOUNDS})")
            return
        found = _found(walk, source, recorded.get(name, ""), path)
        if isinstance(found, Gap):
            yield Gap("", f"of '{_way(path)}': {found.message}", pending=found.pending)
        else:
            yield from _above(walk, found, (*path, name))


def _found(
    walk: _Walk, source: ProvenanceSource, recorded: str, path: tuple[str, ...]
) -> DatasetPin | Gap:
    """Return the pin that a source names, or why it is a gap.

    Args:
        walk: What was seen.
        source: The source, which names a pin.
        recorded: The content root that it had when it was first found; empty where it never was.
        path: The names that led to whoever names it.
    """
    reference = source.pin_ref
    assert reference is not None  # noqa: S101 - asked by the caller
    name, namespace = reference.name, reference.namespace or walk.namespace
    if namespace != walk.namespace:
        # Said before looking: whether it exists is nobody's business without a grant.
        return Gap("", f"'{namespace}/{name}' is in another namespace, and was not granted")
    if name in path:
        return Gap("", f"'{name}' is made from '{path[-1]}' in turn: a circle")
    pin = walk.look(name)
    if pin is None:
        was = f"; it had the digest {recorded}" if recorded else ""
        return Gap("", f"there is no DatasetPin '{name}' in this namespace{was}")
    if isinstance(pin, Unreadable):
        return Gap("", f"DatasetPin '{name}' is not valid; its own status says why", pending=True)
    return _unusable(pin, {"`digest`": source.digest, "recorded": recorded}) or pin


def _unusable(pin: DatasetPin, expected: Mapping[str, str | None]) -> Gap | None:
    """Return why a pin that is there is no source, or None."""
    digest, verified = pin.status.digest, pin.status.condition(types.VERIFIED)
    if verified is not None and verified.status == types.FALSE:
        return Gap("", f"DatasetPin '{pin.name}' is not verified: {verified.reason}")
    if not digest:
        return Gap("", f"DatasetPin '{pin.name}' was not read yet", pending=True)
    for said_by, root in expected.items():
        if root and root != digest:
            return Gap("", f"DatasetPin '{pin.name}' has {digest}, and not {root} ({said_by})")
    return None


def _way(path: tuple[str, ...]) -> str:
    """Return how a pin was come to, without the one that all began with."""
    shown = path[1:] if len(path) <= _SHOWN + 1 else (path[1], "...", *path[-_SHOWN:])
    return " <- ".join(shown)


def _sources(pin: DatasetPin) -> tuple[ProvenanceSource, ...]:
    return (pin.spec.provenance or _NOTHING).sources
