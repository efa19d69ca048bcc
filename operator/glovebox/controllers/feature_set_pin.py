"""A FeatureSetPin: feature definitions and their digest.

The digest covers recipes, types, shapes, validity, and the bytes that features are computed from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.feature_set_pin import FeatureInput, FeatureSetPin
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.data.features import feature_set_digest, hashed_names
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN
from glovebox.kube.resources import Key
from glovebox.status.builder import StatusBuilder, counted, format_time
from glovebox.status.outcome import Outcome, Verdict, done, of_error
from glovebox.status.summary import summarise

KIND: Final = FEATURE_SET_PIN.kind
CONDITIONS: Final = (types.READY, types.VERIFIED)
_READY: Final = (reasons.VERIFIED, "the definitions are complete and their inputs are as pinned")


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check the definitions against their inputs, and record the digest once."""
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    metadata, now = obj["metadata"], ports.now()
    builder = StatusBuilder(obj.get("status"), metadata.get("generation", 0), CONDITIONS, now)
    outcome = _check(ports, obj, builder)
    if outcome.verdict is Verdict.REFUSED or outcome.verdict is Verdict.WAITING:
        builder.mark_false(types.VERIFIED, outcome.reason, outcome.message)
    summarise(builder, outcome, (types.VERIFIED,), _READY)
    return Look(
        obj,
        builder.render(),
        retry_seconds=outcome.retry_seconds,
        error=outcome.error if outcome.is_failed else None,
    )


def _check(ports: Ports, obj: Mapping[str, Any], builder: StatusBuilder) -> Outcome:
    try:
        return _verify(ports, FeatureSetPin.model_validate(obj), builder)
    except ValidationError as error:
        return of_error(invalid_spec(error))
    except GloveboxError as error:
        result = "mismatch" if "Mismatch" in error.reason else "error"
        ports.metrics.digest_checks.labels(KIND, result).inc()
        return of_error(error)


def _verify(ports: Ports, pin: FeatureSetPin, builder: StatusBuilder) -> Outcome:
    _complete(pin)
    inputs = {entry.name: _input_digest(ports, pin, entry) for entry in pin.spec.inputs}
    validity = (
        pin.spec.validity.model_dump(by_alias=True, mode="json", exclude_none=True)
        if pin.spec.validity is not None
        else None
    )
    digest = feature_set_digest(
        [
            feature.model_dump(by_alias=True, mode="json", exclude_none=True)
            for feature in pin.spec.features
        ],
        inputs=inputs,
        schema_version=pin.spec.schema_version,
        validity=validity,
    )
    for field, expected in (("spec.digest", pin.spec.digest), ("status.digest", pin.status.digest)):
        if expected and expected != digest:
            raise InvalidInput(
                reasons.DIGEST_MISMATCH,
                f"`{field}` is {expected}, but the definitions and their inputs have the digest"
                f" {digest}",
            )
    retry = _window(ports, pin, builder)
    if not pin.status.digest:
        builder.set(verifiedTime=format_time(ports.now()))
        ports.metrics.digest_checks.labels(KIND, "match").inc()
    builder.set(
        digest=digest,
        features=len(pin.spec.features),
        hashedNames=[
            {"name": name, "hash": value}
            for name, value in hashed_names(
                pin.namespace, (f.name for f in pin.spec.features)
            ).items()
        ],
        inputs=[{"name": name, "digest": value} for name, value in inputs.items()],
    )
    return retry


def _complete(pin: FeatureSetPin) -> None:
    known = {entry.name for entry in pin.spec.inputs}
    for feature in pin.spec.features:
        unknown = sorted(set(feature.inputs) - known)
        if unknown:
            raise InvalidInput(
                reasons.FEATURES_INCOMPLETE,
                f"feature `{feature.name}` reads '{unknown[0]}', which is not in `spec.inputs`; add"
                " it there with its pin",
            )


def _input_digest(ports: Ports, pin: FeatureSetPin, entry: FeatureInput) -> str:
    name = entry.pin_ref.name
    dataset = ports.resources.parsed(Key(DATASET_PIN.kind, pin.namespace, name), DatasetPin)
    if dataset is None:
        raise NotReady(
            reasons.INPUT_NOT_FOUND,
            f"input `{entry.name}`: there is no DatasetPin '{name}' in this namespace",
        )
    verified = dataset.status.condition(types.VERIFIED)
    # Ready also falls for what says nothing about the data, such as a deletion that has to wait.
    known = bool(dataset.status.digest) and verified is not None and verified.is_true
    # What was taken in stays so until there is a definite answer against it: a store that does not
    # answer is none.
    recorded = {taken.name: taken.digest for taken in pin.status.inputs}.get(entry.name)
    unknown = verified is not None and verified.status == types.UNKNOWN
    known = known or (unknown and bool(recorded) and recorded == dataset.status.digest)
    why = None if known else dataset.why_not_ready
    if why is not None:
        raise NotReady(
            reasons.INPUT_NOT_READY,
            f"input `{entry.name}`: DatasetPin '{name}' is not ready: {why}",
        )
    if entry.digest is not None and entry.digest != dataset.status.digest:
        raise InvalidInput(
            reasons.INPUT_DIGEST_MISMATCH,
            f"input `{entry.name}`: expected {entry.digest}, but DatasetPin '{name}' has"
            f" {dataset.status.digest}",
        )
    return dataset.status.digest


def _window(ports: Ports, pin: FeatureSetPin, builder: StatusBuilder) -> Outcome:
    """Answer Verified by the validity window, and say when it turns."""
    validity = pin.spec.validity
    now = ports.now()
    if validity is not None and validity.is_early(now) and validity.not_before_time is not None:
        builder.mark_false(
            types.VERIFIED,
            reasons.NOT_YET_VALID,
            f"the definitions may be used from {format_time(validity.not_before_time)} on",
        )
        return done(retry_seconds=(validity.not_before_time - now).total_seconds())
    if validity is not None and validity.is_over(now) and validity.not_after_time is not None:
        builder.mark_false(
            types.VERIFIED,
            reasons.EXPIRED,
            f"the definitions expired at {format_time(validity.not_after_time)}; pin their"
            " successor",
        )
        return done()
    builder.mark_true(
        types.VERIFIED,
        reasons.VERIFIED,
        f"{counted(len(pin.spec.features), 'definition')} over"
        f" {counted(len(pin.spec.inputs), 'pinned input')} complete",
    )
    if validity is not None and validity.not_after_time is not None:
        return done(retry_seconds=(validity.not_after_time - now).total_seconds())
    return done()


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Nothing is remembered of a pin."""
    del ports, key, uid
