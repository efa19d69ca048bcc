"""Which bytes went into which runs, and what came of them: a graph by content. Pure.

    pin --(content root)--> bytes --> experiment --> results --> pin --> ...

Bytes are one thing whatever they are called: a mirror, a renamed bucket or another pin over the
same objects has the same content root. Results are bytes of another kind: a pin over the prefix of
an experiment's results, or one that names a pin as its source, goes on from there.

It is made of Experiments and pins as the API server has them, and of locked events as the store has
them; what only one of them knows is in it all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from glovebox.data.digest import DIGEST_PREFIX
from glovebox.lineage.facets import OURS

_PIN: Final = "DatasetPin"
# So much of a digest names it.
_DIGITS_LEAST: Final = 8


@dataclass(frozen=True, slots=True)
class Use:
    """Some bytes in a run.

    Attributes:
        role: Name of the input.
        pin: `namespace/name`.
        content: Content root, or the digest of features.
        pin_root: Root over the exact copies; empty where it has none.
        place: `s3://bucket/prefix`; empty where it is no whole prefix.
        kind: `DatasetPin` or `FeatureSetPin`.
    """

    role: str
    pin: str
    content: str
    pin_root: str = ""
    place: str = ""
    kind: str = _PIN


@dataclass(frozen=True, slots=True)
class Run:
    """An Experiment with what went into it and what came out.

    Attributes:
        name: `namespace/name`.
        uid: Its UID.
        digest: Its identity.
        outcome: `Succeeded`, `Failed`, or empty.
        sealed: Digest of the sealed list; empty where nothing is sealed.
        place: `s3://bucket/prefix` of the results; empty where that is not known.
        uses: What went in.
    """

    name: str
    uid: str
    digest: str
    outcome: str = ""
    sealed: str = ""
    place: str = ""
    uses: tuple[Use, ...] = ()


class Source(NamedTuple):
    """A pin that another one was derived from.

    Attributes:
        name: `namespace/name`.
        content: Its content root, as it was expected or first found; empty where it never was.
    """

    name: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin as it is known.

    Attributes:
        name: `namespace/name`.
        kind: `DatasetPin` or `FeatureSetPin`.
        content: As of `Use`.
        pin_root: As of `Use`.
        place: As of `Use`.
        sources: The pins that it was derived from.
        code: Repository and commit of the program that made it; empty where it does not say.
        licence: As it says.
    """

    name: str
    kind: str = _PIN
    content: str = ""
    pin_root: str = ""
    place: str = ""
    sources: tuple[Source, ...] = ()
    code: str = ""
    licence: str = ""


@dataclass(slots=True)
class Graph:
    """Everything that is known.

    Attributes:
        runs: By UID.
        pins: By name and content: a pin that was recreated over other bytes is another one.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    pins: dict[tuple[str, str], Pin] = field(default_factory=dict)

    def add_run(self, run: Run) -> None:
        """Add a run; what knows more of it counts."""
        before = self.runs.get(run.uid)
        if before is None or (run.sealed and not before.sealed) or not before.uses:
            self.runs[run.uid] = run
        for use in run.uses:
            if not use.pin:
                continue
            key = (use.pin, use.content)
            pin = Pin(use.pin, use.kind, use.content, use.pin_root, use.place)
            self.pins.setdefault(key, pin)

    def pins_of(self, content: str) -> list[Pin]:
        """Return the pins over some bytes, by name."""
        found = (pin for pin in self.pins.values() if content and pin.content == content)
        return sorted(found, key=lambda pin: (pin.name, pin.content))

    def runs_on(self, content: str) -> list[tuple[Run, Use]]:
        """Return which runs used some bytes, and as what."""
        found = (
            (run, use)
            for run in self.runs.values()
            for use in run.uses
            if content and use.content == content
        )
        return sorted(found, key=lambda each: (each[0].name, each[0].uid, each[1].role))

    def made_by(self, pin: Pin) -> Run | None:
        """Return the run whose results a pin is over."""
        return next((run for run in self.runs.values() if _is_below(pin.place, run.place)), None)

    def pins_over(self, run: Run) -> list[Pin]:
        """Return the pins over the results of a run."""
        found = (pin for pin in self.pins.values() if _is_below(pin.place, run.place))
        return sorted(found, key=lambda pin: (pin.name, pin.content))

    def derived_from(self, pin: Pin) -> list[Pin]:
        """Return the pins that name this one as a source."""
        found = (
            each
            for each in self.pins.values()
            if any(
                source.name == pin.name and source.content in {"", pin.content}
                for source in each.sources
            )
        )
        return sorted(found, key=lambda each: (each.name, each.content))

    def contents_of_source(self, source: Source) -> list[str]:
        """Return the content roots of a source: the one that is known, else those of its name."""
        if source.content:
            return [source.content]
        return [content for name, content in sorted(self.pins) if name == source.name and content]

    def contents_of(self, what: str) -> list[str]:
        """Return the content roots that a pin's name, or a digest, stands for."""
        if _is_digest_like(what):
            wanted = DIGEST_PREFIX + what.removeprefix(DIGEST_PREFIX)
            found = {
                pin.content
                for pin in self.pins.values()
                if pin.content.startswith(wanted) or pin.pin_root.startswith(wanted)
            }
        else:
            found = {pin.content for pin in self.pins.values() if _is_named(pin.name, what)}
        return sorted(found - {""})

    def runs_called(self, what: str) -> list[Run]:
        """Return the runs that a name, a UID, an identity or the digest of results stands for."""
        wanted = DIGEST_PREFIX + what.removeprefix(DIGEST_PREFIX) if _is_digest_like(what) else ""
        found = (
            run
            for run in self.runs.values()
            if run.uid == what
            or _is_named(run.name, what)
            or (wanted and (run.digest.startswith(wanted) or run.sealed.startswith(wanted)))
        )
        return sorted(found, key=lambda run: (run.name, run.uid))


def graph_of(
    experiments: Iterable[Mapping[str, Any]] = (),
    pins: Iterable[Mapping[str, Any]] = (),
    events: Iterable[bytes] = (),
) -> Graph:
    """Return what objects of the cluster and locked events know.

    Args:
        experiments: Experiments as the API server has them.
        pins: DatasetPins and FeatureSetPins.
        events: Locked events; what is none is left out.
    """
    graph = Graph()
    sealed: list[Run] = []
    for obj in pins:
        pin = _pin(obj)
        graph.pins[pin.name, pin.content] = pin
        sealed += _sealed_run(obj)
    for obj in experiments:
        run = _run(obj)
        if run is not None:
            graph.add_run(run)
    for body in events:
        told = _run_of_event(body)
        if told is not None:
            graph.add_run(told)
    # What pins have on record of seals: of runs that neither cluster nor store tells of any more.
    for run in sealed:
        if run.uid not in graph.runs:
            graph.add_run(run)
    return graph


def _pin(obj: Mapping[str, Any]) -> Pin:
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    prefix = (spec.get("source") or {}).get("prefix") or {}
    provenance = spec.get("provenance") or {}
    code = (provenance.get("transformation") or {}).get("code") or {}
    derived = status.get("derived") or {}
    team = metadata["namespace"]
    return Pin(
        name=f"{team}/{metadata['name']}",
        kind=str(obj.get("kind") or _PIN),
        content=str(status.get("digest") or spec.get("digest") or ""),
        pin_root=str(status.get("pinDigest") or ""),
        place=(
            str(derived.get("artifacts") or "").rstrip("/")
            or _place(prefix.get("bucket"), prefix.get("prefix"))
        ),
        sources=tuple(_sources(spec, status, team)),
        code=(
            f"{code.get('repository')}@{code.get('commit')}"
            if code
            else str(derived.get("code") or "")
        ),
        licence=str(spec.get("license") or ""),
    )


def _sealed_run(obj: Mapping[str, Any]) -> Iterator[Run]:
    """Yield the run whose artifacts a pin is of, as its seal has it."""
    derived = (obj.get("status") or {}).get("derived") or {}
    if not derived.get("seal"):
        return
    name = str(derived.get("experiment"))
    yield Run(
        name=name,
        uid=str(derived.get("uid")),
        digest=str(derived.get("digest") or ""),
        sealed=str(derived.get("manifestDigest") or ""),
        place=str(derived.get("artifacts") or "").rstrip("/"),
        uses=tuple(
            # The seal names inputs, and not their pins.
            Use(role=str(each.get("name")), pin="", content=str(each.get("digest") or ""))
            for each in derived.get("inputs") or ()
            if not each.get("behind")
        ),
    )


def _sources(spec: Mapping[str, Any], status: Mapping[str, Any], team: str) -> Iterator[Source]:
    """Yield the pins among the sources; another pin under the name of one is none of them."""
    recorded = {
        each.get("name"): str(each.get("digest") or "")
        for each in (status.get("provenance") or {}).get("sources") or ()
    }
    for source in (spec.get("provenance") or {}).get("sources") or ():
        reference = source.get("pinRef") or {}
        if name := reference.get("name"):
            content = str(source.get("digest") or recorded.get(name) or "")
            yield Source(f"{reference.get('namespace') or team}/{name}", content)


def _run(obj: Mapping[str, Any]) -> Run | None:
    metadata, status = obj["metadata"], obj.get("status") or {}
    if not status.get("digest"):
        return None
    team = str(metadata["namespace"])
    return Run(
        name=f"{team}/{metadata['name']}",
        uid=str((obj.get("spec") or {}).get("adopts") or metadata["uid"]),
        digest=str(status["digest"]),
        outcome=str((status.get("run") or {}).get("outcome") or ""),
        sealed=str((status.get("seal") or {}).get("manifestDigest") or ""),
        place=str((status.get("artifacts") or {}).get("uri") or "").rstrip("/"),
        uses=tuple(
            Use(
                role=str(entry.get("name")),
                pin=_whole(str(entry.get("pinRef") or entry.get("name")), team),
                content=str(entry.get("digest") or ""),
                pin_root=str(entry.get("pinDigest") or ""),
                place=_place(entry.get("bucket"), entry.get("prefix")),
                kind=str(entry.get("kind") or _PIN),
            )
            for entry in status.get("inputs") or ()
        ),
    )


def _run_of_event(body: bytes) -> Run | None:
    try:
        event = orjson.loads(body)
        about = event["run"]["facets"][OURS + "experiment"]
        outputs = event["outputs"]
        return Run(
            name=str(about["experiment"]),
            uid=str(about["uid"]),
            digest=str(about["digest"]),
            outcome=str(about.get("outcome") or ""),
            sealed=str(outputs[0]["facets"]["version"]["datasetVersion"]) if outputs else "",
            place=f"{outputs[0]['namespace']}/{outputs[0]['name']}" if outputs else "",
            uses=tuple(_use_of_event(each) for each in event["inputs"]),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None


def _use_of_event(dataset: Mapping[str, Any]) -> Use:
    about, namespace = dataset["facets"][OURS + "pin"], str(dataset["namespace"])
    is_prefix = namespace.startswith("s3://")
    return Use(
        role=str(about["input"]),
        pin=str(about["pin"]),
        content=str(about.get("contentRoot") or about.get("digest") or ""),
        pin_root=str(about.get("pinRoot") or ""),
        place=f"{namespace}/{dataset['name']}".rstrip("/") if is_prefix else "",
    )


def _whole(reference: str, team: str) -> str:
    return reference if "/" in reference else f"{team}/{reference}"


def _place(bucket: Any, prefix: Any) -> str:
    return f"s3://{bucket}/{str(prefix or '').strip('/')}".rstrip("/") if bucket else ""


def _is_below(place: str, folder: str) -> bool:
    return bool(folder) and (place == folder or place.startswith(f"{folder}/"))


def _is_named(name: str, what: str) -> bool:
    return what in (name, name.partition("/")[2])


def _is_digest_like(what: str) -> bool:
    digits = what.removeprefix(DIGEST_PREFIX)
    is_hex = len(digits) >= _DIGITS_LEAST and not digits.strip("0123456789abcdef")
    return what.startswith(DIGEST_PREFIX) or is_hex
