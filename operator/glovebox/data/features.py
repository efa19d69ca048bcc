"""The identity of a feature set: what each feature is computed from, how, and when it may be used.

The digest covers everything that changes a value or the permission to use it (recipe, type, shape,
nullability, inputs and values with the digests of the data behind them, schema version, validity
window, time to live) and nothing that only describes it (description, owner). Order of features, of
inputs and of keys never matters. Names are hashed with a key for uses where the name itself must
not be shown: without the key nobody can try which name a hash is of.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, TypedDict

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json, digest_of
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT: Final = "glovebox.dev/feature-set/v1"
DOCUMENT_FORMAT: Final = "glovebox.dev/features/v1"
_FEATURE: Final = "glovebox.dev/feature/v1"
_NAME: Final = b"glovebox.dev/feature-name/v2"
_DESCRIPTIVE: Final = frozenset({"description"})
_DOCUMENT_FIELDS: Final = frozenset({"features", "format", "inputs", "schemaVersion", "validity"})
# There where they were declared: without them a set has the digest that it always had.
_OPTIONAL: Final = frozenset({"materialized", "ttlSeconds"})


class FeatureDefinitions(TypedDict):
    """What the digest of a feature set covers: see `feature_set_digest`."""

    features: list[dict[str, object]]
    inputs: Mapping[str, str]
    schema_version: str
    validity: Mapping[str, str | None] | None
    more: Mapping[str, object]


def feature_digest(feature: Mapping[str, object]) -> str:
    """Return `sha256:<hex>` of one feature, without `description`, its inputs taken as a set.

    Args:
        feature: The feature as JSON with the API's field names. `inputs` may be absent.

    Raises:
        InvalidInput: It holds something that has no canonical JSON, or an input twice.
    """
    fields = {
        key: value
        for key, value in feature.items()
        if key not in _DESCRIPTIVE and value is not None
    }
    fields["inputs"] = _unique(
        _texts(feature.get("inputs")), f"input of feature {feature.get('name')!r}"
    )
    # Written or left to its default, it is the same feature.
    fields.setdefault("nullable", False)
    fields.setdefault("shape", [])
    return digest_of({"feature": fields, "format": _FEATURE})


def feature_set_digest(
    features: Iterable[Mapping[str, object]],
    *,
    inputs: Mapping[str, str],
    schema_version: str,
    validity: Mapping[str, str | None] | None = None,
    more: Mapping[str, object] | None = None,
) -> str:
    """Return `sha256:<hex>` of a feature set.

    Args:
        features: Each as JSON with the API's field names: name, recipe, dtype, shape, inputs,
            nullable.
        inputs: Digest of the data behind each input, by the input's name.
        schema_version: As declared.
        validity: `notBeforeTime` and `notAfterTime`, RFC 3339; absent or None values do not count.
        more: `materialized` and `ttlSeconds`, where they are declared: see `declared_more`.

    Raises:
        InvalidInput: Two features have one name, or one uses an input that is not there.
    """
    digests: dict[str, str] = {}
    for feature in features:
        name = str(feature.get("name"))
        if name in digests:
            raise InvalidInput(
                reasons.FEATURES_INCOMPLETE,
                f"feature {name!r} is there twice; give each a name of its own",
            )
        for used in _texts(feature.get("inputs")):
            if used not in inputs:
                raise InvalidInput(
                    reasons.FEATURES_INCOMPLETE,
                    f"feature {name!r} uses input {used!r}, which spec.inputs does not hold",
                )
        digests[name] = feature_digest(feature)
    window = {key: value for key, value in (validity or {}).items() if value is not None}
    document = {
        "features": digests,
        "format": FORMAT,
        "inputs": dict(inputs),
        "schemaVersion": schema_version,
        "validity": window,
        **(more or {}),
    }
    return DIGEST_PREFIX + hashlib.sha256(canonical_json(document)).hexdigest()


def feature_set_document(
    features: Iterable[Mapping[str, object]],
    *,
    inputs: Mapping[str, str],
    schema_version: str,
    validity: Mapping[str, str | None] | None = None,
    more: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return what a run is given of a feature set.

    That is all definitions in full, and everything that its digest covers.

    Args: as in `feature_set_digest`, which `document_digest` computes from the result again.
    """
    return {
        "features": sorted(
            (dict(feature) for feature in features), key=lambda feature: str(feature.get("name"))
        ),
        "format": DOCUMENT_FORMAT,
        "inputs": dict(inputs),
        "schemaVersion": schema_version,
        "validity": {key: value for key, value in (validity or {}).items() if value is not None},
        **(more or {}),
    }


def declared_more(
    values: Mapping[str, object] | None, content: str, ttl_seconds: int | None
) -> dict[str, object]:
    """Return what a feature set declares beside its definitions.

    Args:
        values: `spec.materialized` as JSON with the API's field names; None where there is none.
        content: Content root of the values.
        ttl_seconds: As declared.
    """
    found: dict[str, object] = {}
    if values is not None:
        # Which pin it is, is no part of it: another one of the same content is as good.
        kept = {key: value for key, value in values.items() if key not in {"pinRef", "digest"}}
        keys = sorted(_texts(values.get("keys")))
        found["materialized"] = {**kept, "keys": keys, "content": content}
    if ttl_seconds is not None:
        found["ttlSeconds"] = ttl_seconds
    return found


def document_digest(document: Mapping[str, object]) -> str:
    """Return the digest of the feature set that a document describes.

    Raises:
        InvalidInput: It is no such document, or holds more than the digest and the descriptions
            cover.
    """
    features, inputs, validity = (
        document.get("features"),
        document.get("inputs"),
        document.get("validity"),
    )
    whole = (
        document.keys() - _OPTIONAL == _DOCUMENT_FIELDS and document["format"] == DOCUMENT_FORMAT
    )
    if (
        not whole
        or not isinstance(features, list)
        or not isinstance(inputs, dict)
        or not isinstance(validity, dict)
    ):
        raise InvalidInput(
            reasons.FEATURES_INCOMPLETE,
            f"the document of the features is not one of {DOCUMENT_FORMAT}; render it again",
        )
    if not all(isinstance(feature, dict) for feature in features):
        raise InvalidInput(
            reasons.FEATURES_INCOMPLETE,
            "a feature in the document is no JSON object; render it again",
        )
    return feature_set_digest(
        features,
        inputs=inputs,
        schema_version=str(document["schemaVersion"]),
        validity=validity,
        more={key: value for key, value in document.items() if key in _OPTIONAL},
    )


def keyed_name(key: bytes, namespace: str, name: str) -> str:
    """Return 64 hex digits for a feature's name: the same only within one namespace, by one key.

    HMAC-SHA256 of the words `glovebox.dev/feature-name/v2`, the namespace and the name, each behind
    its length in four bytes.
    """
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for part in (_NAME, namespace.encode(), name.encode()):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.hexdigest()


def keyed_names(key: bytes, namespace: str, names: Iterable[str]) -> dict[str, str]:
    """Return the hash of each name, by name, in the order of the names."""
    return {name: keyed_name(key, namespace, name) for name in sorted(names)}


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise InvalidInput(reasons.NOT_CANONICAL, "the inputs of a feature are no list")
    return [str(item) for item in value]


def _unique(names: list[str], what: str) -> list[str]:
    if len(set(names)) != len(names):
        raise InvalidInput(reasons.FEATURES_INCOMPLETE, f"an {what} is named twice")
    return sorted(names)
