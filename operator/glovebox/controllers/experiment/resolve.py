"""Phase `resolve`: read what an Experiment refers to, and compare it with what was bound.

Before the snapshot everything must be there and ready: profile, store, pins. Afterwards nothing of
it is needed: the platform's settings and the inputs are those that were bound, and the live objects
are only compared with them, so that a change is reported and never acted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.input_status import BrokenInput, InputStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.grants import lapsed_inputs, next_expiry
from glovebox.controllers.experiment.pins import bind_inputs, pins_now, resolved_inputs
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.offered import STORES
from glovebox.desired.accelerators import used_accelerators
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.platform import (
    Platform,
    read_platform,
    render_platform,
)
from glovebox.desired.stage_secrets import asked_secrets
from glovebox.errors import NotReady, Refused
from glovebox.kube.kinds import ISOLATION_PROFILE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.broken_inputs import find_broken
from glovebox.status.experiment_facts import Finding
from glovebox.status.outcome import Outcome, done
from glovebox.status.references import (
    AS_BOUND,
    NotValid,
    artifacts_protected,
    artifacts_protected_as_bound,
    inputs_granted,
    inputs_verified,
    platform_changed,
)

R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an Experiment refers to.

    Attributes:
        platform: The platform's settings, bound or about to be.
        platform_text: The same as it is recorded.
        bound: Its inputs as they are recorded in its status.
        inputs: The same with what the desired state needs of them.
        profile: The live profile with its catalogue; None when it is gone or not valid.
        store: The live store of the artifacts; None when it is gone or not valid.
        inputs_verified: What the condition InputsVerified says.
        artifacts_protected: What the condition ArtifactsProtected says.
        platform_changed: What the condition PlatformChanged says.
        inputs_granted: What the condition InputsGranted says; None where nothing is said of it.
        broken: For which inputs the experiment is stopped, recorded or found just now.
        lapsed: Why inputs may not be read any more, by the name of the input.
    """

    platform: Platform
    platform_text: str
    bound: tuple[InputStatus, ...]
    inputs: tuple[ResolvedInput, ...]
    profile: IsolationProfile | None
    store: ObjectStore | None
    inputs_verified: Finding
    artifacts_protected: Finding
    platform_changed: Finding
    inputs_granted: Finding | None = None
    broken: tuple[BrokenInput, ...] = ()
    lapsed: Mapping[str, Refused] = field(default_factory=dict, hash=False)

    @property
    def datasets(self) -> tuple[ResolvedInput, ...]:
        """The inputs that are datasets."""
        return tuple(item for item in self.inputs if item.kind == "DatasetPin")


async def resolve(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Return what the Experiment refers to."""
    del outcomes
    if not scope.is_bound:
        return done(_unbound(scope))
    # A grant that ends is reported then, and its input gets no credentials from then on.
    ends = next_expiry(scope.experiment.status.inputs, scope.now) if _reads(scope) else None
    return done(_bound(scope), retry_seconds=ends)


def _unbound(scope: Scope) -> Resolved:
    profile = _profile_to_bind(scope)
    store = _store_to_bind(scope, scope.experiment.spec.artifacts.store_ref.name)
    bound = bind_inputs(scope, profile)
    named = sorted({entry.store_ref for entry in bound if entry.store_ref})
    input_stores = tuple(_store_to_bind(scope, name) for name in named)
    # Of secrets the versions are read once nothing forbids to: by the gate.
    secrets = dict.fromkeys(asked_secrets(scope.experiment), "")
    text = _platform_text(scope, profile, store, input_stores, secrets)
    return Resolved(
        platform=read_platform(text),
        platform_text=text,
        bound=bound,
        inputs=resolved_inputs(scope, bound),
        profile=profile,
        store=store,
        inputs_verified=inputs_verified(bound, {}),
        artifacts_protected=artifacts_protected(store),
        platform_changed=AS_BOUND,
        inputs_granted=inputs_granted(bound, {}),
    )


def with_secrets(scope: Scope, resolved: Resolved, secrets: Mapping[str, str]) -> Resolved:
    """Return what is to be bound, with the versions of the secrets that stages are given.

    Args:
        scope: The look.
        resolved: With the live profile and store.
        secrets: The versions, by the names of the profile.
    """
    if resolved.profile is None or resolved.store is None:
        raise LookupError("what is not bound has its profile and its store")
    inputs = resolved.platform.input_stores
    text = _platform_text(scope, resolved.profile, resolved.store, inputs, secrets)
    return replace(resolved, platform=read_platform(text), platform_text=text)


def to_bind(outcomes: Outcomes) -> Resolved:
    """Return what the Experiment refers to, as the gate left it where it had something to add."""
    return outcomes.facts("gate", Resolved) or outcomes.need("resolve", Resolved)


def _platform_text(
    scope: Scope,
    profile: IsolationProfile,
    store: ObjectStore,
    input_stores: tuple[ObjectStore, ...],
    secrets: Mapping[str, str],
) -> str:
    used = used_accelerators(scope.experiment, profile)
    network = scope.experiment.spec.network
    return render_platform(
        profile, store, input_stores, network.services, used, secrets, uses_proxy=network.use_proxy
    )


def _bound(scope: Scope) -> Resolved:
    status = scope.experiment.status
    platform = scope.platform
    profile = _live(scope, ISOLATION_PROFILE.kind, platform.profile.name, IsolationProfile)
    stores = {
        bound.name: _live(scope, OBJECT_STORE.kind, bound.name, ObjectStore)
        for bound in (platform.store, *platform.input_stores)
    }
    store = stores[platform.store.name]
    lapsed = lapsed_inputs(scope.ports, status.inputs, scope.now)
    pins = pins_now(scope)
    broken = status.broken_inputs
    if not _is_closed(scope):
        action = platform.profile.spec.data.on_broken_input
        broken = find_broken(
            broken,
            status.inputs,
            pins,
            action,
            scope.now,
            goes_on=_reads(scope),
            runs=_reads(scope) and status.run is not None and bool(status.run.job_uid),
        )
    return Resolved(
        platform=platform,
        platform_text=status.platform,
        bound=status.inputs,
        inputs=resolved_inputs(scope, status.inputs, lapsed),
        profile=None if isinstance(profile, NotValid) else profile,
        store=None if isinstance(store, NotValid) else store,
        inputs_verified=inputs_verified(status.inputs, pins),
        artifacts_protected=artifacts_protected_as_bound(platform, store),
        platform_changed=platform_changed(platform, profile, stores),
        inputs_granted=inputs_granted(status.inputs, lapsed) if _reads(scope) else None,
        broken=broken,
        lapsed=lapsed,
    )


def _reads(scope: Scope) -> bool:
    """Whether anything is still to be read: what ends after that is no news."""
    status = scope.experiment.status
    over = status.run is not None and status.run.completion_time is not None
    return not over and not _is_closed(scope)


def _is_closed(scope: Scope) -> bool:
    """Whether all is over for good: what is sealed is what there will ever be."""
    status = scope.experiment.status
    return status.seal is not None or status.state == names.STATE_SEALED


def _live(scope: Scope, kind: str, name: str, model: type[R]) -> R | NotValid | None:
    try:
        return scope.ports.resources.parsed(Key(kind, "", name), model)
    except ValidationError:
        return NotValid()


def _profile_to_bind(scope: Scope) -> IsolationProfile:
    name = scope.experiment.spec.profile
    resources = scope.ports.resources
    try:
        profile = resources.parsed(Key(ISOLATION_PROFILE.kind, "", name), IsolationProfile)
    except ValidationError:
        raise NotReady(
            reasons.PROFILE_INVALID,
            f"`spec.profile`: IsolationProfile '{name}' is not valid; its own status says what to"
            " correct there",
        ) from None
    if profile is None or profile.is_deleting:
        offered = sorted(
            other["metadata"]["name"] for other in resources.of_kind(ISOLATION_PROFILE)
        )
        choice = (
            f"; offered are: {', '.join(offered[:10])}"
            if offered
            else "; the platform offers none yet"
        )
        raise NotReady(
            reasons.PROFILE_NOT_FOUND,
            f"`spec.profile`: there is no IsolationProfile '{name}'{choice}",
        )
    return profile


def _store_to_bind(scope: Scope, name: str) -> ObjectStore:
    try:
        store = scope.ports.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    except ValidationError:
        raise NotReady(
            reasons.STORE_NOT_READY,
            f"ObjectStore '{name}' is not valid; its own status says what to correct there",
        ) from None
    if store is None or store.is_deleting:
        raise NotReady(
            reasons.STORE_NOT_FOUND,
            f"`spec.artifacts.storeRef`: there is no ObjectStore '{name}'{STORES}",
        )
    why = store.why_not_ready
    if why is not None:
        raise NotReady(reasons.STORE_NOT_READY, f"ObjectStore '{name}' is not proven yet: {why}")
    return store
