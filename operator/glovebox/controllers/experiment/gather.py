"""Everything an Experiment refers to, read once: profile, store, pins.

Before the snapshot the pins are taken as they are now, and must be ready. Afterwards the inputs are
those that were bound; the pins are only compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import InputManifest, InputStatus
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.references import PinRef
from glovebox.controllers.world import World
from glovebox.data.features import feature_set_document
from glovebox.desired.inputs import PinKind, ResolvedInput
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused
from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN, ISOLATION_PROFILE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft, counted

Pin = DatasetPin | FeatureSetPin


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an Experiment refers to.

    Attributes:
        profile: Its IsolationProfile.
        store: The ObjectStore of its artifacts.
        bound: Its inputs as they are recorded in its status.
        inputs: The same with what the desired state needs of them.
        input_stores: The ObjectStores that hold its datasets, by name.
    """

    profile: IsolationProfile
    store: ObjectStore
    bound: tuple[InputStatus, ...]
    inputs: tuple[ResolvedInput, ...]
    input_stores: tuple[ObjectStore, ...]


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    kind: PinKind
    pin_ref: PinRef
    role: str | None


def gather(world: World, experiment: Experiment, draft: Draft) -> Surroundings:
    """Read what an Experiment refers to, and answer InputsVerified and ArtifactsProtected.

    Raises:
        NotReady: Something is missing or not ready yet; its change wakes the Experiment.
        Refused: A reference goes to another namespace that did not consent.
    """
    taken = bool(experiment.status.digest)
    profile = _profile(world, experiment)
    store = _store(world, experiment, draft, must_be_ready=not taken)
    references = _references(experiment)
    try:
        bound = (
            _compared(world, experiment, references, draft)
            if taken
            else _bind(world, experiment, references, draft)
        )
    except GloveboxError as error:
        draft.no(types.INPUTS_VERIFIED, error.reason, error.message)
        raise
    roles = {reference.name: reference.role for reference in references}
    if not taken and profile.spec.delivery.mode == "Image":
        bound = tuple(_with_image(world, experiment, entry) for entry in bound)
    inputs = tuple(_resolved(world, experiment, entry, roles.get(entry.name)) for entry in bound)
    return Surroundings(
        profile=profile,
        store=store,
        bound=bound,
        inputs=inputs,
        input_stores=_input_stores(world, bound),
    )


def _profile(world: World, experiment: Experiment) -> IsolationProfile:
    name = experiment.spec.profile
    profile = world.resources.parsed(Key(ISOLATION_PROFILE.kind, "", name), IsolationProfile)
    if profile is None:
        offered = sorted(
            other["metadata"]["name"] for other in world.resources.of_kind(ISOLATION_PROFILE)
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


def _store(
    world: World, experiment: Experiment, draft: Draft, *, must_be_ready: bool
) -> ObjectStore:
    name = experiment.spec.artifacts.store_ref.name
    store = world.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    if store is None:
        missing = NotReady(
            reasons.STORE_NOT_FOUND, f"`spec.artifacts.storeRef`: there is no ObjectStore '{name}'"
        )
        draft.no(types.ARTIFACTS_PROTECTED, missing.reason, missing.message)
        raise missing
    why = store.why_not_ready
    if why is not None:
        unproven = NotReady(
            reasons.STORE_NOT_READY, f"ObjectStore '{name}' is not proven yet: {why}"
        )
        draft.no(types.ARTIFACTS_PROTECTED, unproven.reason, unproven.message)
        if must_be_ready:
            raise unproven
        return store
    lock = store.status.condition(types.LOCK_PROVEN)
    if lock is not None and lock.is_true:
        draft.yes(
            types.ARTIFACTS_PROTECTED,
            reasons.PROVEN,
            f"bucket `{store.spec.artifacts.bucket}` locks what is written: {lock.message}",
        )
    else:
        draft.no(
            types.ARTIFACTS_PROTECTED,
            reasons.PROOF_FAILED,
            f"ObjectStore '{name}' is used with `worm: BestEffort` and its lock is not proven:"
            " results could be rewritten",
        )
    return store


def _input_stores(world: World, bound: tuple[InputStatus, ...]) -> tuple[ObjectStore, ...]:
    wanted = sorted({entry.store_ref for entry in bound if entry.store_ref})
    found = (
        world.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore) for name in wanted
    )
    return tuple(store for store in found if store is not None)


def _references(experiment: Experiment) -> list[_Reference]:
    inputs = experiment.spec.inputs
    datasets = [
        _Reference(entry.name, "DatasetPin", entry.pin_ref, entry.role) for entry in inputs.datasets
    ]
    return datasets + [
        _Reference(entry.name, "FeatureSetPin", entry.pin_ref, None) for entry in inputs.features
    ]


def _bind(
    world: World, experiment: Experiment, references: list[_Reference], draft: Draft
) -> tuple[InputStatus, ...]:
    bound = tuple(_bound(world, experiment, reference) for reference in references)
    draft.yes(types.INPUTS_VERIFIED, reasons.VERIFIED, _verified(len(bound)))
    return bound


def _bound(world: World, experiment: Experiment, reference: _Reference) -> InputStatus:
    pin = _pin(world, experiment, reference)
    if pin is None:
        raise NotReady(
            reasons.PIN_NOT_FOUND,
            f"input `{reference.name}`: there is no {reference.kind} '{reference.pin_ref.name}' in"
            " this namespace",
        )
    why = pin.why_not_ready
    if why is not None:
        raise NotReady(
            reasons.PIN_NOT_READY,
            f"input `{reference.name}`: {reference.kind} '{pin.name}' is not ready: {why}",
        )
    validity = pin.spec.validity
    if validity is not None and validity.is_early(world.now()):
        raise Refused(
            reasons.NOT_YET_VALID,
            f"input `{reference.name}`: {reference.kind} '{pin.name}' may be used from"
            f" {validity.not_before_time} on",
        )
    if validity is not None and validity.is_over(world.now()):
        raise Refused(
            reasons.EXPIRED,
            f"input `{reference.name}`: {reference.kind} '{pin.name}' expired at"
            f" {validity.not_after_time}; use its successor",
        )
    dataset = pin.status if isinstance(pin, DatasetPin) else None
    return InputStatus(
        name=reference.name,
        kind=reference.kind,
        pin_ref=pin.name,
        uid=pin.uid,
        digest=pin.status.digest,
        pin_digest=dataset.pin_digest if dataset is not None else "",
        objects=dataset.objects if dataset is not None else None,
        bytes=dataset.bytes if dataset is not None else None,
        verified_time=pin.status.verified_time,
        manifest=(
            InputManifest(**dataset.manifest.model_dump(exclude={"bytes"}))
            if dataset is not None and dataset.manifest
            else None
        ),
        store_ref=pin.spec.store_ref.name if isinstance(pin, DatasetPin) else "",
    )


def _compared(
    world: World, experiment: Experiment, references: list[_Reference], draft: Draft
) -> tuple[InputStatus, ...]:
    """Return the inputs as they were bound, and report pins that are not what they were."""
    by_name = {reference.name: reference for reference in references}
    for entry in experiment.status.inputs:
        problem = (
            _problem(world, experiment, by_name[entry.name], entry)
            if entry.name in by_name
            else None
        )
        if problem is not None:
            draft.no(types.INPUTS_VERIFIED, *problem)
            return experiment.status.inputs
    draft.yes(types.INPUTS_VERIFIED, reasons.VERIFIED, _verified(len(experiment.status.inputs)))
    return experiment.status.inputs


def _problem(
    world: World, experiment: Experiment, reference: _Reference, entry: InputStatus
) -> tuple[str, str] | None:
    pin = _pin(world, experiment, reference)
    what = f"input `{entry.name}`: {entry.kind} '{entry.pin_ref}'"
    if pin is None:
        return (
            reasons.PIN_NOT_FOUND,
            (
                f"{what} was deleted; the snapshot keeps its digest {entry.digest}, and nobody"
                " verifies the data any more"
            ),
        )
    if pin.uid != entry.uid:
        return (
            reasons.PIN_CHANGED,
            f"{what} was deleted and made anew; the experiment stays bound to {entry.digest}",
        )
    if pin.status.digest and pin.status.digest != entry.digest:
        return (
            reasons.PIN_CHANGED,
            (
                f"{what} now has the digest {pin.status.digest}; the experiment is bound to"
                f" {entry.digest}"
            ),
        )
    ready = pin.status.condition(types.READY)
    if ready is not None and ready.status == types.FALSE:
        return ready.reason, f"{what}: {ready.message}"
    return None


def _pin(world: World, experiment: Experiment, reference: _Reference) -> Pin | None:
    namespace = reference.pin_ref.namespace or experiment.namespace
    if namespace != experiment.namespace:
        # Said before looking: whether the pin exists is nobody's business without a grant.
        raise Refused(
            reasons.NOT_GRANTED,
            f"input `{reference.name}`: not granted. `pinRef.namespace` names another namespace,"
            " and grants across namespaces are not supported yet: pin the data in"
            f" '{experiment.namespace}', and leave `pinRef.namespace` out",
        )
    name = reference.pin_ref.name
    pin: Pin | None
    if reference.kind == "DatasetPin":
        pin = world.resources.parsed(Key(DATASET_PIN.kind, namespace, name), DatasetPin)
    else:
        pin = world.resources.parsed(Key(FEATURE_SET_PIN.kind, namespace, name), FeatureSetPin)
    return None if pin is None or pin.is_deleting else pin


def _resolved(
    world: World, experiment: Experiment, entry: InputStatus, role: str | None
) -> ResolvedInput:
    if entry.kind not in {"DatasetPin", "FeatureSetPin"}:
        raise InvalidInput(
            reasons.INTERNAL_ERROR,
            f"`status.inputs`: unknown kind '{entry.kind}' of input `{entry.name}`",
        )
    kind: PinKind = "DatasetPin" if entry.kind == "DatasetPin" else "FeatureSetPin"
    pin = _bound_pin(world, experiment, entry)
    prefix = pin.spec.source.prefix if pin is not None else None
    return ResolvedInput(
        name=entry.name,
        kind=kind,
        pin_name=entry.pin_ref,
        uid=entry.uid,
        digest=entry.digest,
        pin_digest=entry.pin_digest,
        objects=entry.objects or 0,
        bytes=entry.bytes or 0,
        role=role,
        store=entry.store_ref,
        manifest=entry.manifest,
        bucket=prefix.bucket if prefix is not None else "",
        prefix=prefix.prefix if prefix is not None else "",
        image=entry.image,
        document=_document(world, experiment, entry) if kind == "FeatureSetPin" else None,
    )


def _with_image(world: World, experiment: Experiment, entry: InputStatus) -> InputStatus:
    """Return the input with the image that its pin names, bound like the rest of it."""
    pin = _bound_pin(world, experiment, entry)
    return entry.model_copy(update={"image": pin.spec.image or ""}) if pin is not None else entry


def _bound_pin(world: World, experiment: Experiment, entry: InputStatus) -> DatasetPin | None:
    """Return the very DatasetPin that was bound."""
    if entry.kind != "DatasetPin":
        return None
    pin = world.resources.parsed(
        Key(DATASET_PIN.kind, experiment.namespace, entry.pin_ref), DatasetPin
    )
    return pin if pin is not None and pin.uid == entry.uid else None


def _document(world: World, experiment: Experiment, entry: InputStatus) -> dict[str, object] | None:
    """Return the definitions behind a feature input, from the very pin that was bound."""
    pin = world.resources.parsed(
        Key(FEATURE_SET_PIN.kind, experiment.namespace, entry.pin_ref), FeatureSetPin
    )
    if pin is None or pin.uid != entry.uid:
        return None
    spec = pin.spec
    return feature_set_document(
        [
            feature.model_dump(by_alias=True, mode="json", exclude_none=True)
            for feature in spec.features
        ],
        inputs={entry.name: entry.digest for entry in pin.status.inputs},
        schema_version=spec.schema_version,
        validity=(
            spec.validity.model_dump(by_alias=True, mode="json", exclude_none=True)
            if spec.validity is not None
            else None
        ),
    )


def _verified(count: int) -> str:
    return f"{counted(count, 'input')} pinned and verified" if count else "no inputs are declared"
