"""A FeatureSetPin: feature definitions and their digest.

The digest covers recipes, types, shapes, validity, and the bytes that features are computed from,
and those that they were computed to where the pin names them; these are held against the
definitions by `controllers/materialized.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.feature_set_pin import FeatureInput, FeatureSetPin
from glovebox.controllers.feature_names import RETRY_SECONDS, feature_names_key
from glovebox.controllers.looking import Look, earlier, invalid_spec
from glovebox.controllers.materialized import look_at_values, report_values
from glovebox.controllers.offered import nothing_superseded, pins_offered
from glovebox.controllers.pin_users import users_of_content
from glovebox.controllers.ports import Ports
from glovebox.controllers.retiring import report_retiring
from glovebox.data.features import (
    FeatureDefinitions,
    declared_more,
    feature_set_digest,
    keyed_names,
)
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, FEATURE_SET_PIN
from glovebox.kube.resources import Key
from glovebox.status.built_features import BuiltFacts
from glovebox.status.feature_set_pin import (
    FeatureFacts,
    compute_status,
    seconds_until_it_turns,
)
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.retiring import Successor

KIND: Final = FEATURE_SET_PIN.kind


@dataclass(frozen=True, slots=True)
class _Verified:
    """Definitions that were verified.

    Attributes:
        pin: The pin.
        facts: What its status says of it.
        values: The pin of the values; None where it names none.
    """

    pin: FeatureSetPin
    facts: FeatureFacts
    values: DatasetPin | None


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check the definitions against their inputs and values, and record the digest once."""
    if obj["metadata"].get("deletionTimestamp"):
        ports.tasks.forget(obj["metadata"]["uid"])
        return Look(obj, None)
    key = await feature_names_key(ports)
    outcome, verified = _check(ports, obj, key)
    look = Look(
        obj,
        None,
        retry_seconds=earlier(outcome.retry_seconds, None if key else RETRY_SECONDS),
        error=outcome.error if outcome.is_failed else None,
    )
    values = None
    if verified is not None and verified.values is not None:
        values = await look_at_values(ports, verified.pin, verified.values)
        look = replace(look, retry_seconds=earlier(look.retry_seconds, values.retry_seconds))
    status = compute_status(obj, outcome, ports.now(), values.facts if values is not None else None)

    def report() -> None:
        report_retiring(ports, obj, status)
        recorded = values.facts.recorded if values is not None and values.is_new else None
        if verified is not None and recorded is not None:
            report_values(ports, obj, verified.pin, recorded)

    return replace(look, status=status, after=report)


def _check(
    ports: Ports, obj: Mapping[str, Any], key: bytes | None
) -> tuple[Outcome, _Verified | None]:
    try:
        verified = _verify(ports, FeatureSetPin.model_validate(obj), key)
    except ValidationError as error:
        return of_error(invalid_spec(error)), None
    except GloveboxError as error:
        result = "mismatch" if "Mismatch" in error.reason else "error"
        ports.metrics.digest_checks.labels(KIND, result).inc()
        return of_error(error), None
    if not verified.pin.status.digest:
        ports.metrics.digest_checks.labels(KIND, "match").inc()
    facts = verified.facts
    turn = seconds_until_it_turns(facts.validity, ports.now(), facts.successor)
    return done(facts, retry_seconds=turn), verified


def _verify(ports: Ports, pin: FeatureSetPin, key: bytes | None) -> _Verified:
    _complete(pin)
    inputs = {entry.name: _input_digest(ports, pin, entry) for entry in pin.spec.inputs}
    values = _values(ports, pin)
    digest = feature_set_digest(**definitions_of(pin, inputs, _content(values)))
    for field, expected in (("spec.digest", pin.spec.digest), ("status.digest", pin.status.digest)):
        if expected and expected != digest:
            raise InvalidInput(
                reasons.DIGEST_MISMATCH,
                f"`{field}` is {expected}, but the definitions and their inputs have the digest"
                f" {digest}",
            )
    features = [feature.name for feature in pin.spec.features]
    hashed = keyed_names(key, pin.namespace, features) if key is not None else {}
    remark = (
        nothing_superseded(ports, FEATURE_SET_PIN, pin.namespace, pin.spec.supersedes.name)
        if pin.spec.supersedes is not None
        else ""
    )
    facts = FeatureFacts(
        digest,
        len(features),
        hashed,
        inputs,
        pin.spec.validity,
        remark,
        content=_content(values),
        successor=_successor(ports, pin),
        used_by=users_of_content(ports, pin.namespace, digest),
        built=_built(pin, values, inputs),
    )
    return _Verified(pin, facts, values)


def _successor(ports: Ports, pin: FeatureSetPin) -> Successor | None:
    """Return the newest pin that supersedes one; None before any was verified."""
    found = []
    for key in ports.registry.successors_of(Key(KIND, pin.namespace, pin.name)):
        try:
            other = ports.resources.parsed(key, FeatureSetPin)
        except ValidationError:
            continue
        if other is not None and other.status.digest and not other.is_deleting:
            found.append(other)
    if not found:
        return None
    newest = max(found, key=lambda each: (str(each.metadata.creation_timestamp), each.name))
    migration = newest.spec.migration
    if migration is None:
        return Successor(newest.name)
    return Successor(newest.name, migration.deprecate_time, migration.notes)


def definitions_of(
    pin: FeatureSetPin, inputs: Mapping[str, str], content: str
) -> FeatureDefinitions:
    """Return what the digest of a feature set covers, and what a run is given.

    Args:
        pin: The definitions.
        inputs: Content root of each dataset, by the name of the input.
        content: Content root of the values; empty where the pin names none.
    """
    spec = pin.spec
    values = spec.materialized
    return {
        "features": [
            feature.model_dump(by_alias=True, mode="json", exclude_none=True)
            for feature in spec.features
        ],
        "inputs": inputs,
        "schema_version": spec.schema_version,
        "validity": (
            spec.validity.model_dump(by_alias=True, mode="json", exclude_none=True)
            if spec.validity is not None
            else None
        ),
        "more": declared_more(
            values.model_dump(by_alias=True, mode="json", exclude_none=True)
            if values is not None
            else None,
            content,
            spec.ttl_seconds,
        ),
    }


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
    recorded = {taken.name: taken.digest for taken in pin.status.inputs}.get(entry.name, "")
    what = f"input `{entry.name}`"
    return _verified(ports, pin, what, entry.pin_ref.name, entry.digest, recorded).status.digest


def _values(ports: Ports, pin: FeatureSetPin) -> DatasetPin | None:
    """Return the pin of the values, which is verified; None where none is named."""
    values = pin.spec.materialized
    if values is None:
        return None
    recorded = pin.status.materialized.content if pin.status.materialized is not None else ""
    what = "`spec.materialized`"
    return _verified(ports, pin, what, values.pin_ref.name, values.digest, recorded)


def _built(
    pin: FeatureSetPin, values: DatasetPin | None, inputs: Mapping[str, str]
) -> BuiltFacts | None:
    """Return which sealed run wrote the values; None where they are of none."""
    seal = values.status.derived if values is not None else None
    if seal is None:
        return None
    pins = {entry.name: entry.pin_ref.name for entry in pin.spec.inputs}
    return BuiltFacts(seal, {name: (content, pins[name]) for name, content in inputs.items()})


def _content(values: DatasetPin | None) -> str:
    return values.status.digest if values is not None else ""


def _verified(
    ports: Ports, pin: FeatureSetPin, what: str, name: str, expected: str | None, recorded: str
) -> DatasetPin:
    """Return a DatasetPin whose bytes are verified.

    Args:
        ports: The outside world.
        pin: Whoever names it.
        what: The place where it does.
        name: Of the pin.
        expected: The content root that it has to have; None for any.
        recorded: The one that was taken in before; empty for none.
    """
    try:
        dataset = ports.resources.parsed(Key(DATASET_PIN.kind, pin.namespace, name), DatasetPin)
    except ValidationError:
        raise NotReady(
            reasons.INPUT_NOT_READY,
            f"{what}: DatasetPin '{name}' is not valid; its own status says what to correct there",
        ) from None
    if dataset is None:
        raise NotReady(
            reasons.INPUT_NOT_FOUND,
            f"{what}: there is no DatasetPin '{name}' in this namespace"
            f"{pins_offered(ports, DATASET_PIN, pin.namespace)}",
        )
    verified = dataset.status.condition(types.VERIFIED)
    # Ready also falls for what says nothing about the data, such as a deletion that has to wait.
    known = bool(dataset.status.digest) and verified is not None and verified.is_true
    # What was taken in stays so until there is a definite answer against it: a store that does not
    # answer is none.
    unknown = verified is not None and verified.status == types.UNKNOWN
    known = known or (unknown and bool(recorded) and recorded == dataset.status.digest)
    why = None if known else dataset.why_not_ready
    if why is not None:
        raise NotReady(reasons.INPUT_NOT_READY, f"{what}: DatasetPin '{name}' is not ready: {why}")
    if expected is not None and expected != dataset.status.digest:
        raise InvalidInput(
            reasons.INPUT_DIGEST_MISMATCH,
            f"{what}: expected {expected}, but DatasetPin '{name}' has {dataset.status.digest}",
        )
    return dataset


def forget(ports: Ports, key: Key, uid: str) -> None:
    """End the work of a pin that is gone, and drop what is remembered of it."""
    del uid
    ports.tasks.forget_owner(key)
    ports.failures.forget(key)
