"""One attack: who tries what, who must refuse it in which words, and a twin that is admitted.

A suite that only looks for "refused" passes for the wrong reason: a typing error is refused too.
The twin is the same request in a harmless form, or the same request by somebody who may. All
requests go as far as admission and no further (`dryRun=All`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from cluster.attacks.identities import CLUSTER_ADMIN, Actor
from support.api import Api, ApiError, path_of

Json = dict[str, Any]
_IRREGULAR: Final = {
    "NetworkPolicy": "networkpolicies",
    "Endpoints": "endpoints",
    "Ingress": "ingresses",
}
_PATCH: Final = "application/merge-patch+json"
_BY: Final = (
    (re.compile(r"ValidatingAdmissionPolicy '([\w-]+)' with binding"), "guard {0}"),
    (re.compile(r"violates PodSecurity \""), "pod-security"),
    (re.compile(r"is attempting to grant RBAC permissions not currently held"), "escalation"),
    (re.compile(r"User \"[^\"]*\" cannot \S+ (resource|path)"), "rbac"),
    (re.compile(r"exceeded quota: ([\w-]+)"), "quota {0}"),
)
RBAC: Final = "rbac"
POD_SECURITY: Final = "pod-security"
ESCALATION: Final = "escalation"


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    body: Any = None
    query: dict[str, str] = field(default_factory=lambda: {"dryRun": "All"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attack and its twin.

    `threat` is its line in docs/explanation/threat-model.md. `twin_by` sends the twin, by default
    the attacker; `twin` is by default the very same request.
    """

    threat: str
    name: str
    actor: Actor
    request: Request
    by: str
    words: str = ""
    twin: Request | None = None
    twin_by: Actor | None = None


def expect_refused_and_the_twin_admitted(api: Api, attempt: Attempt) -> None:
    """Make the attack and its twin."""
    twin_by = attempt.twin_by or (attempt.actor if attempt.twin else CLUSTER_ADMIN)
    error = send(api, twin_by, attempt.twin or attempt.request)
    assert error is None, (
        f"the twin of '{attempt.name}' was refused, so the attack shows nothing: {error}"
    )
    error = send(api, attempt.actor, attempt.request)
    assert error is not None, (
        f"'{attempt.name}' by {attempt.actor.user or 'the administrator'} was admitted:"
        f" {attempt.request}"
    )
    assert refused_by(error) == attempt.by, (
        f"'{attempt.name}' was refused by '{refused_by(error)}', not by '{attempt.by}': {error}"
    )
    assert attempt.words in error.message, f"'{attempt.name}': {error.message}"


def send(api: Api, actor: Actor, request: Request) -> ApiError | None:
    """Send a request as an actor; return the refusal, if it is one."""
    content_type = _PATCH if request.method == "PATCH" else "application/json"
    try:
        actor.of(api).request(
            request.method, request.path, request.body, content_type=content_type, **request.query
        )
    except ApiError as error:
        return error
    return None


def refused_by(error: ApiError) -> str:
    """Return who refused: RBAC, a guard, Pod Security, a quota, or the API server's reason."""
    for pattern, name in _BY:
        if found := pattern.search(error.message):
            return name.format(*found.groups())
    return error.reason


def creation(thing: Json) -> Request:
    """Return the request that creates an object."""
    kind = thing["kind"]
    plural = _IRREGULAR.get(kind) or kind.lower() + ("es" if kind.endswith("s") else "s")
    return Request(
        "POST",
        path_of(thing["apiVersion"], plural, namespace=thing["metadata"].get("namespace")),
        thing,
    )


def change(path: str, body: Json) -> Request:
    """Return the request that merges a change into an object."""
    return Request("PATCH", path, body)


def deletion(path: str) -> Request:
    """Return the request that deletes an object, or a whole collection."""
    return Request("DELETE", path)


def reading(path: str) -> Request:
    """Return the request that reads an object or a list."""
    return Request("GET", path, query={})
