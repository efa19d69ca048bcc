"""The Secret with which a kubelet pulls the images of an experiment: one, made of the platform's.

The profile names Secrets of the operator's namespace; what they say of registries is put together
into one Secret of a fixed name, so that the operator needs the right to that one name alone in
foreign namespaces. It is no function of what is declared: what the sources hold changes while an
experiment goes on, and is in no digest. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from glovebox import names
from glovebox.api import reasons
from glovebox.data.digest import canonical_json, digest_of
from glovebox.desired.metadata import KubernetesObject
from glovebox.errors import InvalidInput, NotReady

TYPE: Final = "kubernetes.io/dockerconfigjson"
KEY: Final = ".dockerconfigjson"
# Nothing tells of a change of these Secrets: the operator may not watch what is in its namespace.
# Who waits for a profile is woken by it, and looks itself no more often than this.
_LOOK_AGAIN_SECONDS: Final = 60.0
# What a Secret holds.
_MOST_BYTES: Final = 1 << 20
_CURE: Final = "`kubectl create secret docker-registry` makes such a one"


def pull_secret(
    metadata: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]
) -> KubernetesObject:
    """Return the Secret.

    Args:
        metadata: Namespace and labels, beside its name.
        sources: The Secrets that the profile names, as they were read, in the order of their names.

    Raises:
        NotReady: `PullSecretInvalid`: one of them is of another type or cannot be read, or two name
            one registry and differ.
    """
    found: dict[str, Any] = {}
    said_by: dict[str, str] = {}
    for source in sources:
        name = source["metadata"]["name"]
        for registry, entry in _registries(source).items():
            if found.setdefault(registry, entry) != entry:
                raise _invalid(
                    f"Secrets '{said_by[registry]}' and '{name}' both name the registry"
                    f" '{registry}', with other credentials: leave it in one of them"
                )
            said_by.setdefault(registry, name)
    content = canonical_json({"auths": found})
    if len(content) > _MOST_BYTES:
        raise _invalid("the Secrets are too large together: leave registries out that nobody needs")
    data = {KEY: base64.b64encode(content).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            **metadata,
            "name": names.PULL_SECRET,
            "annotations": {names.ANNOTATION_CONTENT_DIGEST: digest_of(data)},
        },
        "type": TYPE,
        "data": data,
    }


def is_as_written(live: Mapping[str, Any]) -> bool:
    """Return whether a Secret is as an operator wrote it, whatever the sources hold by now."""
    told = (live["metadata"].get("annotations") or {}).get(names.ANNOTATION_CONTENT_DIGEST)
    is_whole = live.get("type") == TYPE and not live.get("immutable")
    return is_whole and told == digest_of(live.get("data") or {})


def is_as_wanted(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a Secret that was read holds what it is to hold, and is marked as ours."""
    labels = live["metadata"].get("labels") or {}
    return (
        is_as_written(live)
        and live.get("data") == wanted["data"]
        and all(labels.get(key) == value for key, value in wanted["metadata"]["labels"].items())
    )


def not_found(name: str, namespace: str) -> NotReady:
    """Return what is waited for while a Secret that the profile names is not there."""
    return NotReady(
        reasons.PULL_SECRET_NOT_FOUND,
        f"there is no Secret '{name}' in the operator's namespace '{namespace}', which"
        f" `spec.imagePullSecrets` of the IsolationProfile names: create it there ({_CURE}), or"
        " take it out of the profile, which an Experiment that is bound does not follow",
        retry_seconds=_LOOK_AGAIN_SECONDS,
    )


def _registries(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a Secret says of registries, by their names."""
    name, kind = source["metadata"]["name"], source.get("type") or "Opaque"
    if kind != TYPE:
        raise _invalid(f"Secret '{name}' is of type '{kind}': it must be of type '{TYPE}'; {_CURE}")
    try:
        document = orjson.loads(base64.b64decode((source.get("data") or {})[KEY], validate=True))
        registries = document["auths"]
        is_read = isinstance(registries, dict) and all(
            isinstance(entry, dict) for entry in registries.values()
        )
        canonical_json(registries)
    except (KeyError, TypeError, binascii.Error, orjson.JSONDecodeError, InvalidInput):
        is_read = False
    if not is_read:
        raise _invalid(f"Secret '{name}' says nothing of registries under `auths`; {_CURE}")
    found: Mapping[str, Any] = registries
    return found


def _invalid(what: str) -> NotReady:
    # Whoever corrects it is not the one who declared the Experiment: it waits, and is not refused.
    return NotReady(
        reasons.PULL_SECRET_INVALID,
        f"of what `spec.imagePullSecrets` of the IsolationProfile names, {what}",
        retry_seconds=_LOOK_AGAIN_SECONDS,
    )
