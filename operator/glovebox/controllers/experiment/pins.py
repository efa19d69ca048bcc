"""The inputs of an Experiment: bound once to the pins that were found, then only compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.access_grant import FEATURES
from glovebox.api.dataset_pin import DatasetPin, Retention
from glovebox.api.experiment_inputs import MaxProofAge
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.input_status import InputGrant, InputManifest, InputStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.references import PinRef
from glovebox.api.stated_data import KEPT_WITHOUT_END, StatedData
from glovebox.controllers.evolution import compatibility_of
from glovebox.controllers.experiment.grants import Asking, require_grants
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.feature_set_pin import definitions_of
from glovebox.controllers.offered import pins_offered
from glovebox.controllers.origins import bounded, parts_of, recorded_of
from glovebox.controllers.pin_sources import why_at_home
from glovebox.controllers.proof_demands import ages_of
from glovebox.controllers.provenance import assess_pin
from glovebox.controllers.statistics import verdict_of
from glovebox.data.digest import digest_of
from glovebox.data.features import feature_set_document
from glovebox.desired.feature_inputs import UsedFeatures, require_inputs
from glovebox.desired.inputs import PinKind, ResolvedInput, pin_place
from glovebox.errors import InvalidInput, NotReady, Refused
from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN
from glovebox.kube.resources import Key
from glovebox.status.pin_proofs import last_proof
from glovebox.status.references import NotValid, Pin
from glovebox.status.text import format_time

_ASK_AGAIN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    kind: PinKind
    pin_ref: PinRef
    role: str | None
    max_age: MaxProofAge | None = None


def bind_inputs(scope: Scope, profile: IsolationProfile) -> tuple[InputStatus, ...]:
    """Return every input with the pin that it names, which must be there and ready.

    Args:
        scope: The look.
        profile: It says whether datasets are mounted from images, and which roles need grants.

    Raises:
        NotReady: A pin is missing, not ready, or not valid yet; its change wakes the Experiment.
        Refused: There is no grant for what needs one, a pin has expired, or features are used
            without what they are made from.
    """
    references = _references(scope)
    bound = tuple(_bind(scope, each, profile) for each in references)
    _require_feature_inputs(scope, references, bound)
    return bounded(bound)


def _require_feature_inputs(
    scope: Scope, references: Sequence[_Reference], bound: Sequence[InputStatus]
) -> None:
    contents: set[str] = set()
    used = []
    for reference, entry in zip(references, bound, strict=True):
        pin = _named(scope, reference)
        if isinstance(pin, FeatureSetPin):
            used.append(_used(scope, reference.name, pin))
            continue
        contents.add(entry.digest)
        part = pin.status.part if pin is not None else None
        contents.update(each.source_digest for each in (part.splits if part is not None else ()))
    for each in used:
        require_inputs(each, contents)


def _used(scope: Scope, name: str, pin: FeatureSetPin) -> UsedFeatures:
    contents = {entry.name: entry.digest for entry in pin.status.inputs}
    values, found = pin.spec.materialized, pin.status.materialized
    # As an input would name them.
    where = f"{pin.namespace}/" if pin.namespace != scope.experiment.namespace else ""
    return UsedFeatures(
        name,
        f"{where}{pin.name}",
        {
            each.name: (contents.get(each.name, ""), f"{where}{each.pin_ref.name}")
            for each in pin.spec.inputs
        },
        (found.content, f"{where}{values.pin_ref.name}")
        if values is not None and found is not None
        else None,
        is_lent=bool(where),
    )


def pins_now(scope: Scope) -> dict[str, Pin | NotValid | None]:
    """Return the pins of the inputs as they are now, by the name of the input."""
    pins: dict[str, Pin | NotValid | None] = {}
    for reference in _references(scope):
        try:
            pins[reference.name] = _named(scope, reference)
        except ValidationError:
            pins[reference.name] = NotValid()
    return pins


def resolved_inputs(
    scope: Scope, bound: tuple[InputStatus, ...], lapsed: Collection[str] = ()
) -> tuple[ResolvedInput, ...]:
    """Return the bound inputs with what the desired state needs of them.

    Args:
        scope: The look.
        bound: The inputs as they are recorded.
        lapsed: Names of those whose grants are over: their definitions are written down no more.
    """
    roles = {reference.name: reference.role for reference in _references(scope)}
    return tuple(
        _resolved(scope, entry, roles.get(entry.name), is_over=entry.name in lapsed)
        for entry in bound
    )


def _references(scope: Scope) -> list[_Reference]:
    inputs = scope.experiment.spec.inputs
    datasets = [
        _Reference(entry.name, "DatasetPin", entry.pin_ref, entry.role, entry.max_proof_age)
        for entry in inputs.datasets
    ]
    return datasets + [
        _Reference(entry.name, "FeatureSetPin", entry.pin_ref, None) for entry in inputs.features
    ]


def _bind(scope: Scope, reference: _Reference, profile: IsolationProfile) -> InputStatus:
    what = f"input `{reference.name}`: {reference.kind} '{reference.pin_ref.name}'"
    try:
        pin, grants = _granted(scope, reference, profile.spec.data.grant_for)
    except ValidationError:
        raise NotReady(
            reasons.PIN_NOT_READY, f"{what} is not valid; its own status says what to correct there"
        ) from None
    # A pin that is being deleted is held by those who use it already; nobody new may begin to.
    if pin is not None and pin.is_deleting:
        raise NotReady(
            reasons.PIN_NOT_READY,
            f"{what} is being deleted, and nobody new may begin to use it; name another one, or"
            " declare it again once it is gone",
        )
    if pin is None:
        kind = DATASET_PIN if reference.kind == "DatasetPin" else FEATURE_SET_PIN
        raise NotReady(
            reasons.PIN_NOT_FOUND,
            f"input `{reference.name}`: there is no {reference.kind} '{reference.pin_ref.name}' in"
            f" this namespace{pins_offered(scope.ports, kind, scope.experiment.namespace)}",
        )
    validity = pin.spec.validity
    if validity is not None and validity.is_early(scope.now) and validity.not_before_time:
        raise NotReady(
            reasons.NOT_YET_VALID,
            f"{what} may be used from {format_time(validity.not_before_time)} on",
            retry_seconds=(validity.not_before_time - scope.now).total_seconds(),
        )
    if validity is not None and validity.is_over(scope.now) and validity.not_after_time:
        raise Refused(
            reasons.EXPIRED,
            f"{what} expired at {format_time(validity.not_after_time)}; use its successor",
        )
    why = pin.why_not_ready
    if why is not None:
        raise NotReady(reasons.PIN_NOT_READY, f"{what} is not ready: {why}")
    if isinstance(pin, DatasetPin):
        _require_role(reference, pin)
        _require_home(scope, reference, pin)
        _require_recent(scope, reference, pin)
    with_images = profile.spec.delivery.mode == "Image"
    return _entry(scope, reference, pin, with_images=with_images).model_copy(
        update={"grants": grants}
    )


def _require_role(reference: _Reference, pin: DatasetPin) -> None:
    """Accept that a pin is used in a role; a part of a split has one role and no other.

    Raises:
        Refused: `RoleNotAllowed`.
    """
    part = pin.status.part
    if part is None or reference.role == part.role:
        return
    raise Refused(
        reasons.ROLE_NOT_ALLOWED,
        f"input `{reference.name}`: DatasetPin '{pin.name}' is part `{part.name}` of SplitPin"
        f" '{part.split}', which is for the role `{part.role}`, and is used as"
        f" `{reference.role}`: say `role: {part.role}`, or name the pin of the part that is for"
        f" `{reference.role}`",
    )


def _require_home(scope: Scope, reference: _Reference, pin: DatasetPin) -> None:
    """Accept that a pin is used where it is; what lies in the bucket of artifacts stays at home.

    Raises:
        Refused: `StoreNotLending`.
    """
    if pin.namespace == scope.experiment.namespace:
        return
    what = why_at_home(pin.spec.source)
    if what:
        raise Refused(
            reasons.STORE_NOT_LENDING,
            f"input `{reference.name}`: DatasetPin '{pin.name}' is {what} used in its own namespace"
            f" alone: declare the Experiment in '{pin.namespace}'",
        )


def _require_recent(scope: Scope, reference: _Reference, pin: DatasetPin) -> None:
    """Accept a pin whose proofs are as recent as is demanded.

    Raises:
        NotReady: `ProofTooOld`; the pin is proven at once, which wakes the Experiment.
    """
    if reference.max_age is None:
        return
    for level, most in ages_of(reference.max_age).items():
        last = last_proof(pin, level, scope.now)
        if last is not None and scope.now - last <= most:
            continue
        is_ours = pin.namespace == scope.experiment.namespace
        if is_ours:
            scope.ports.wake(Key(DATASET_PIN.kind, pin.namespace, pin.name))
        when = f"was at {format_time(last)}" if last is not None else "was never made"
        cure = (
            "it is made now, and the Experiment goes on when it has passed (`ProofsCurrent` of the"
            " pin says what it waits for)"
            if is_ours
            else "only its own namespace can have it made sooner: ask the owner of the pin"
        )
        raise NotReady(
            reasons.PROOF_TOO_OLD,
            f"input `{reference.name}`: the last proof `{level.value}` of DatasetPin '{pin.name}'"
            f" {when}, and `maxProofAge` demands one of the last {most.total_seconds():.0f}"
            f" seconds: {cure}",
            retry_seconds=None if is_ours else _ASK_AGAIN_SECONDS,
        )


def _entry(scope: Scope, reference: _Reference, pin: Pin, *, with_images: bool) -> InputStatus:
    is_elsewhere = pin.namespace != scope.experiment.namespace
    common = {
        "name": reference.name,
        "kind": reference.kind,
        "pin_ref": f"{pin.namespace}/{pin.name}" if is_elsewhere else pin.name,
        "uid": pin.uid,
        "digest": pin.status.digest,
        "verified_time": pin.status.verified_time,
    }
    if isinstance(pin, FeatureSetPin):
        return InputStatus.model_validate(common)
    status, source = pin.status, pin.spec.source.prefix
    manifest = status.manifest
    return InputStatus.model_validate(
        common
        | {
            "pin_digest": status.pin_digest,
            "objects": status.objects,
            "bytes": status.bytes,
            "manifest": (
                InputManifest(**manifest.model_dump(exclude={"bytes"})) if manifest else None
            ),
            "store_ref": pin.spec.store_ref.name,
            "image": (pin.spec.image or "") if with_images else "",
            "bucket": source.bucket if source is not None else "",
            "prefix": source.prefix if source is not None else "",
            "stated": _stated(scope, pin),
            "derived": recorded_of(scope.ports, pin) if not is_elsewhere else None,
            "part_of": parts_of(pin),
        }
    )


def _stated(scope: Scope, pin: DatasetPin) -> StatedData:
    spec, found = pin.spec, assess_pin(scope.ports, pin)
    origin = spec.provenance.origin if spec.provenance is not None else None
    return StatedData(
        environment=spec.environment or "",
        classification=spec.classification or "",
        license=spec.license or "",
        region=spec.region or "",
        personal_data=spec.personal_data or "",
        origin=origin or ("Derived" if spec.source.experiment_ref is not None else ""),
        provenance=found.level,
        digest=found.digest,
        contract=pin.status.contract.digest if pin.status.contract is not None else "",
        compatibility=compatibility_of(pin),
        distribution=verdict_of(pin),
        migration=digest_of(spec.migration.notes) if spec.migration is not None else "",
        hold=spec.hold or "",
        retention=_kept_until(spec.retention),
    )


def _kept_until(retention: Retention | None) -> str:
    if retention is None:
        return ""
    ends = retention.until_time
    # As it was written: the last hours of the year 9999 have no time in UTC.
    return ends.isoformat().replace("+00:00", "Z") if ends is not None else KEPT_WITHOUT_END


def _granted(
    scope: Scope, reference: _Reference, by_profile: tuple[str, ...]
) -> tuple[Pin | None, tuple[InputGrant, ...]]:
    """Return the pin that an input names, and the grants by which it may be used.

    Of another namespace nothing is looked at that no grant covers: whether a pin exists there is
    nobody's business without one.

    Raises:
        Refused, NotReady: As `require_grants`.
        ValidationError: The pin is in the own namespace, and not valid.
    """
    own = scope.experiment.namespace
    namespace = reference.pin_ref.namespace or own
    try:
        pin = _named(scope, reference)
    except ValidationError:
        if namespace == own:
            raise
        pin = None
    asking = Asking(reference.name, reference.role or FEATURES, namespace, by_profile)
    return pin, require_grants(scope, asking, pin)


def _named(scope: Scope, reference: _Reference) -> Pin | None:
    """Return the pin that an input names, whosever it is."""
    namespace = reference.pin_ref.namespace or scope.experiment.namespace
    resources, name = scope.ports.resources, reference.pin_ref.name
    if reference.kind == "DatasetPin":
        return resources.parsed(Key(DATASET_PIN.kind, namespace, name), DatasetPin)
    return resources.parsed(Key(FEATURE_SET_PIN.kind, namespace, name), FeatureSetPin)


def _resolved(
    scope: Scope, entry: InputStatus, role: str | None, *, is_over: bool
) -> ResolvedInput:
    if entry.kind not in {"DatasetPin", "FeatureSetPin"}:
        raise InvalidInput(
            reasons.INTERNAL_ERROR,
            f"`status.inputs`: unknown kind '{entry.kind}' of input `{entry.name}`",
        )
    kind: PinKind = "DatasetPin" if entry.kind == "DatasetPin" else "FeatureSetPin"
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
        bucket=entry.bucket,
        prefix=entry.prefix,
        image=entry.image,
        stated=entry.stated,
        document=_document(scope, entry) if kind == "FeatureSetPin" and not is_over else None,
    )


def _document(scope: Scope, entry: InputStatus) -> dict[str, object] | None:
    """Return the definitions behind a feature input, from the very pin that was bound.

    None when the pin is gone: what was delivered from it stays in the experiment's namespace.
    """
    key = Key(FEATURE_SET_PIN.kind, *pin_place(entry.pin_ref, scope.experiment.namespace))
    try:
        pin = scope.ports.resources.parsed(key, FeatureSetPin)
    except ValidationError:
        return None
    if pin is None or pin.uid != entry.uid:
        return None
    inputs = {entry.name: entry.digest for entry in pin.status.inputs}
    values = pin.status.materialized
    return feature_set_document(
        **definitions_of(pin, inputs, values.content if values is not None else "")
    )
