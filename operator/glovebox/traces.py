"""Traces by OpenTelemetry: what the operator did, and how long, for whoever asked for them.

Two kinds of traces are sent. Each reconcile and each task is a trace of its own, with its phases
and requests as spans. And each Experiment is one: its trace id is the UID of the Experiment without
the dashes, its spans are the provisioning, the run, the seal, and the whole. Those are sent once
each, when the status that records them is written; a process that dies in between sends none.

A Job of ours is given the span that its own are below, as W3C writes one down: for an Experiment
that is the one above all others of its trace, whose id is known long before it is sent.

Off is the default, and then `span` is a shared object that does nothing: no library is imported.
Nothing waits for a collector: what it does not take in time is dropped.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

Attribute: TypeAlias = str | int | float | bool
# Adds what is known of a span at its end.
Tell: TypeAlias = Callable[[Mapping[str, Attribute]], None]


# The span above all others in the trace of an Experiment.
WHOLE: Final = "experiment"
_SPAN_BITS: Final = 64


class Sink(Protocol):
    """What takes spans; `glovebox.trace_export` has the real one."""

    def span(self, name: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[Tell]:
        """Measure what is done inside; spans that begin meanwhile are below it."""
        ...

    def life(
        self,
        trace: int,
        name: str,
        times: tuple[datetime, datetime],
        attributes: Mapping[str, Attribute],
    ) -> None:
        """Send a span of the trace of an Experiment; `WHOLE` is above the others."""
        ...

    def context(self) -> str:
        """Return the span that what begins now is below, as `traceparent`; empty: none is kept."""
        ...


_sink: Sink | None = None
# The trace that is, or was last, begun here and in what began from here; empty where none is kept.
_trace: ContextVar[str] = ContextVar("trace", default="")


def send_to(sink: Sink | None) -> None:
    """Send spans there from now on; None ends it."""
    global _sink  # noqa: PLW0603 - as logs have one place for the process
    _sink = sink


def begins(trace: str) -> None:
    """Take in that a trace of that id (hexadecimal) begins here; empty: one that is not kept."""
    _trace.set(trace)


def exemplar() -> dict[str, str] | None:
    """Return the labels by which a measurement names the trace that it is of; None: it is of none.

    What is measured right after the end of a trace is of that one as well.
    """
    trace = _trace.get() if _sink is not None else ""
    return {"trace_id": trace} if trace else None


def _unheard(_: Mapping[str, Attribute]) -> None:
    """Take what is told of a span that nobody sees."""


_NOTHING: Final[AbstractContextManager[Tell]] = contextlib.nullcontext(_unheard)


def span(
    name: str,
    attributes: Mapping[str, Attribute] = MappingProxyType({}),
    *,
    about: Mapping[str, Any] | None = None,
) -> AbstractContextManager[Tell]:
    """Measure what is done inside, if somebody wants to see it.

    Args:
        name: What is done, in few words that do not grow in number; empty for what is not told.
        attributes: Of what, by OpenTelemetry's names where it has some.
        about: One of our objects that it is done for.

    Returns:
        A context manager that gives a function for what is known at the end.
    """
    if _sink is None or not name:
        return _NOTHING
    return _sink.span(name, attributes if about is None else {**attributes_of(about), **attributes})


def tell_life(
    obj: Mapping[str, Any],
    name: str,
    began: object,
    ended: object,
    attributes: Mapping[str, Attribute] = MappingProxyType({}),
) -> None:
    """Send a span of the trace of an Experiment.

    Args:
        obj: The Experiment.
        name: `provision`, `run`, `seal`, or `WHOLE`.
        began: When it began, as Kubernetes writes a time; what has none is not sent.
        ended: When it ended.
        attributes: As of `span`.
    """
    if _sink is None or not isinstance(began, str) or not isinstance(ended, str):
        return
    times = datetime.fromisoformat(began), datetime.fromisoformat(ended)
    trace = trace_of(obj["metadata"].get("uid", ""))
    _sink.life(trace, name, times, {**attributes_of(obj), **attributes})


def context_for(uid: str, *, is_experiment: bool) -> str:
    """Return the span that is above what another process does, as W3C's `traceparent`.

    Args:
        uid: Of the object that it is done for.
        is_experiment: Whether that is an Experiment, whose trace it belongs to. What is done for
            another object is below what is being done here.

    Returns:
        Empty where nobody wants to see it.
    """
    if _sink is None:
        return ""
    if not is_experiment:
        return _sink.context()
    trace = trace_of(uid)
    return f"00-{trace:032x}-{whole_of(trace):016x}-01"


def whole_of(trace: int) -> int:
    """Return the id of the span above all others in the trace of an Experiment."""
    return trace % (1 << _SPAN_BITS) or 1


def trace_of(uid: str) -> int:
    """Return the trace id of an object's life: its UID, or the hash of one that is no UUID."""
    digits = uid.replace("-", "")
    try:
        found = int(digits, 16) if len(digits) == 32 else 0  # noqa: PLR2004 - 128 bits
    except ValueError:
        found = 0
    return found or int.from_bytes(hashlib.sha256(uid.encode()).digest()[:16], "big")


def attributes_of(obj: Mapping[str, Any]) -> dict[str, Attribute]:
    """Return what a span says of one of our objects: which one, and of what content."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    found = {
        "glovebox.kind": obj.get("kind", ""),
        "glovebox.name": metadata.get("name", ""),
        "k8s.namespace.name": metadata.get("namespace", ""),
        "glovebox.uid": metadata.get("uid", ""),
        "glovebox.digest": status.get("digest") or status.get("contentDigest") or "",
    }
    return {key: value for key, value in found.items() if value}
