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
from glovebox.controllers.offered import nothing_superseded, pins_offered
from glovebox.controllers.ports import Ports
from glovebox.data.features import feature_set_digest, hashed_names
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN
from glovebox.kube.resources import Key
from glovebox.status.feature_set_pin import (
    FeatureFacts,
    compute_status,
    seconds_until_it_turns,
)
from glovebox.status.outcome import Outcome, done, of_error

KIND: Final = FEATURE_SET_PIN.kind


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check the definitions against their inputs, and record the digest once."""
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    outcome = _check(ports, obj)
    return Look(
        obj,
        compute_status(obj, outcome, ports.now()),
        retry_seconds=outcome.retry_seconds,
        error=outcome.error if outcome.is_failed else None,
    )


def _check(ports: Ports, obj: Mapping[str, Any]) -> Outcome:
    try:
        pin = FeatureSetPin.model_validate(obj)
        facts = _verify(ports, pin)
    except ValidationError as error:
        return of_error(invalid_spec(error))
    except GloveboxError as error:
        result = "mismatch" if "Mismatch" in error.reason else "error"
        ports.metrics.digest_checks.labels(KIND, result).inc()
        return of_error(error)
    if not pin.status.digest:
        ports.metrics.digest_checks.labels(KIND, "match").inc()
    return done(facts, retry_seconds=seconds_until_it_turns(facts.validity, ports.now()))


def _verify(ports: Ports, pin: FeatureSetPin) -> FeatureFacts:
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
    hashed = hashed_names(pin.namespace, (feature.name for feature in pin.spec.features))
    remark = (
        nothing_superseded(ports, FEATURE_SET_PIN, pin.namespace, pin.spec.supersedes.name)
        if pin.spec.supersedes is not None
        else ""
    )
    return FeatureFacts(digest, hashed, inputs, pin.spec.validity, remark)


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
    try:
        dataset = ports.resources.parsed(Key(DATASET_PIN.kind, pin.namespace, name), DatasetPin)
    except ValidationError:
        raise NotReady(
            reasons.INPUT_NOT_READY,
            f"input `{entry.name}`: DatasetPin '{name}' is not valid; its own status says what to"
            " correct there",
        ) from None
    if dataset is None:
        raise NotReady(
            reasons.INPUT_NOT_FOUND,
            f"input `{entry.name}`: there is no DatasetPin '{name}' in this namespace"
            f"{pins_offered(ports, DATASET_PIN, pin.namespace)}",
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


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of a pin that is gone."""
    del uid
    ports.failures.forget(key)
