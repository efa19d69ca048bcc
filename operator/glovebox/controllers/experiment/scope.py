"""What one look at an Experiment may see and use, and the outcomes that its phases left so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.ports import Ports
from glovebox.desired.as_bound import AsBound, experiment_as_bound, spec_as_bound
from glovebox.desired.platform import Platform, read_platform
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.kube.kinds import EXPERIMENT, Kind
from glovebox.kube.resources import Key
from glovebox.status.broken_inputs import stops_for_good
from glovebox.status.outcome import Outcome

T = TypeVar("T")


class Outcomes(dict[str, Outcome]):
    """What the phases reported, by phase."""

    def facts(self, phase: str, kind: type[T]) -> T | None:
        """Return what a phase left for later ones, or None when it did not come to it."""
        outcome = self.get(phase)
        return outcome.facts if outcome is not None and isinstance(outcome.facts, kind) else None

    def need(self, phase: str, kind: type[T]) -> T:
        """Return what a phase left that this one depends on (`Phase.needs` sees to it)."""
        found = self.facts(phase, kind)
        if found is None:
            raise LookupError(f"phase `{phase}` left no {kind.__name__}")
        return found

    @property
    def obj(self) -> Mapping[str, Any] | None:
        """The resource after the last write of a phase; None where none wrote to it."""
        return next((one.obj for one in reversed(self.values()) if one.obj is not None), None)

    @property
    def error(self) -> GloveboxError | None:
        """The error of the first phase that failed."""
        return next((one.error for one in self.values() if one.is_failed), None)

    @property
    def retries(self) -> list[float]:
        """After how many seconds each phase, and each thing that was applied, wants a look."""
        wanted = [
            seconds
            for each in self.values()
            for seconds in (each.retry_seconds, *(one.retry_seconds for one in each.applied))
        ]
        return [seconds for seconds in wanted if seconds is not None]

    def is_done(self, phase: str) -> bool:
        """Whether a phase reached its end in this look."""
        outcome = self.get(phase)
        return outcome is not None and outcome.is_done


@dataclass(frozen=True, slots=True)
class Scope:
    """One look: the Experiment as it was read, and the ports to the outside world.

    Attributes:
        ports: What may be used.
        obj: The Experiment as the API server holds it.
        experiment: The same, parsed.
        now: When the look began.
        cleanups: Called when the look ends, however it ends.
        as_bound: What counts in the place of what is declared; None where what is declared counts.
    """

    ports: Ports
    obj: Mapping[str, Any]
    experiment: Experiment
    now: datetime
    cleanups: list[Callable[[], None]] = field(default_factory=list)
    as_bound: AsBound | None = None

    @property
    def key(self) -> Key:
        """The Experiment's key."""
        return Key(EXPERIMENT.kind, self.experiment.namespace, self.experiment.name)

    @property
    def namespace(self) -> str:
        """The experiment's own namespace: the recorded one, else the one that its UID gives."""
        return namespace_of(self.experiment)

    @property
    def as_counts(self) -> Mapping[str, Any]:
        """The Experiment with the spec that counts, whatever it declares."""
        if self.as_bound is None:
            return self.obj
        return {**self.obj, "spec": spec_as_bound(self.as_bound, self.obj)}

    @property
    def is_bound(self) -> bool:
        """Whether the snapshot is recorded: everything comes from what was bound, from then on."""
        return bool(self.experiment.status.digest)

    @property
    def state(self) -> str:
        """Whether the namespace is to be open, frozen, or closed for good."""
        return state_of(self.experiment)

    @property
    def is_open(self) -> bool:
        """Whether pods may start."""
        return self.state == names.STATE_OPEN

    @property
    def is_suspended(self) -> bool:
        """Whether nothing may begin that has not begun."""
        return self.experiment.spec.suspend

    def refused_since(self, reason: str) -> datetime | None:
        """Return since when Ready has been False; None where it is not, or for another reason."""
        ready = self.experiment.status.condition(types.READY)
        if ready is None or (ready.status, ready.reason) != (types.FALSE, reason):
            return None
        return ready.last_transition_time

    @property
    def platform(self) -> Platform:
        """The platform's settings as they were bound.

        Raises:
            InvalidInput: This version cannot read them, or nothing is bound.
        """
        try:
            return read_platform(self.experiment.status.platform)
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(
                reasons.INTERNAL_ERROR,
                "`status.platform` cannot be read by this version of the operator"
                f" ({type(error).__name__}): run the version that bound the Experiment",
            ) from None

    @property
    def drift_policies(self) -> Mapping[str, str]:
        """The drift policies of the bound profile, by kind; a kind that is missing is repaired."""
        if not self.experiment.status.platform:
            return {}
        return {rule.kind: rule.policy for rule in self.platform.profile.spec.drift}

    def is_latched(self, namespace_uid: str) -> bool:
        """Whether this very namespace was recorded as complete for this very digest."""
        status = self.experiment.status
        latch = status.provisioned
        return (
            latch is not None
            and latch.digest == status.digest
            and latch.namespace_uid == namespace_uid
        )

    def with_obj(self, obj: Mapping[str, Any]) -> Scope:
        """Return this look after a write to the Experiment."""
        if self.as_bound:
            return replace(self, obj=obj, experiment=experiment_as_bound(self.as_bound, obj))
        # Most writes change one part of it: what is the same was read already.
        same = {
            name: part
            for name, part in (("spec", self.experiment.spec), ("status", self.experiment.status))
            if name in obj and obj[name] == self.obj.get(name)
        }
        return replace(self, obj=obj, experiment=Experiment.model_validate({**obj, **same}))


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of a reconcile.

    Attributes:
        name: As conditions, logs and metrics call it.
        run: What it does.
        needs: The phases that must be done before; nothing else keeps it from running.
        keeps: The kinds of the objects that it keeps as declared.
    """

    name: str
    run: Callable[[Scope, Outcomes], Awaitable[Outcome]]
    needs: tuple[str, ...] = ()
    keeps: tuple[Kind, ...] = ()


def state_of(experiment: Experiment) -> str:
    """Return whether the namespace is open, frozen, or closed for good.

    It is closed by its run's end, on request, for a broken input, or by the seal. Once it is
    recorded that everything was closed, that is final, whatever the spec says: what is sealed is
    what there will ever be.
    """
    status = experiment.status
    closed = status.seal is not None or status.state == names.STATE_SEALED
    over = status.run is not None and status.run.completion_time is not None
    lifecycle = experiment.spec.lifecycle
    frozen = lifecycle.is_frozen or bool(status.broken_inputs)
    ends = lifecycle.is_to_be_sealed or stops_for_good(status.broken_inputs)
    if closed or ends or (over and not frozen):
        return names.STATE_SEALED
    return names.STATE_FROZEN if frozen else names.STATE_OPEN


def namespace_of(experiment: Experiment) -> str:
    """Return the namespace of an experiment: the recorded one, else the one that its UID gives."""
    metadata = experiment.metadata
    return experiment.status.namespace or names.experiment_namespace(
        metadata.namespace, metadata.name, metadata.uid
    )
