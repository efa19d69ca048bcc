"""What the API server's authorizer grants to somebody, over everything that the server offers.

Asked are `SubjectAccessReview`s, one for each cell (place, resource, verb, perhaps a name): the
authorizer's own word, with nothing inferred from roles. The verbs of a resource are those that the
server serves for it, and those that exist for the authorizer alone (bind, escalate, impersonate,
sign ...): with any other verb there is no request to make. Roles are read for one thing only, the
names that they mention: a right on a named object shows only when it is asked by that name. Many
cells are asked at once, through a few connections that stay open.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from support.api import Api

PATHS: Final = "paths"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_ROLES = "/apis/rbac.authorization.k8s.io/v1"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CONNECTIONS = 4
# Things that exist for the authorizer alone, and verbs that belong to no request of their own.
_SPECIAL: Final[Mapping[str, tuple[str, ...]]] = {
    "core/users": ("impersonate",),
    "core/groups": ("impersonate",),
    "core/serviceaccounts": ("impersonate",),
    "authentication.k8s.io/userextras": ("impersonate",),
    "authentication.k8s.io/uids": ("impersonate",),
    "authentication.k8s.io/users": ("impersonate:user-info",),
    "authentication.k8s.io/serviceaccounts": ("impersonate:serviceaccount",),
    "rbac.authorization.k8s.io/roles": ("bind", "escalate"),
    "rbac.authorization.k8s.io/clusterroles": ("bind", "escalate"),
    "certificates.k8s.io/signers": ("approve", "attest", "sign"),
}
# Served by paths that are not listed.
_UNLISTED_PATHS = (
    "/debug/pprof/profile",
    "/logs/kube-apiserver.log",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
)


Verbs = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody as the authorizer knows them, with every group."""

    user: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One question.

    `resource` is `group/resource[/subresource]`, the core group is `core`; an empty namespace means
    the whole cluster.

    For a path that is no resource, `resource` is `paths` and `name` the path.
    """

    namespace: str
    resource: str
    verb: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the server offers: verbs of namespaced and other resources, paths, names in roles.

    The names are those that any role mentions.
    """

    namespaced: Verbs
    cluster: Verbs
    paths: frozenset[str]
    named: frozenset[tuple[str, str, str]]

    def cells(self, namespace: str) -> Iterator[Cell]:
        """Return every question about a namespace, or with `""` about the whole cluster.

        The latter: cluster-wide kinds, and all namespaces at once.
        """
        # Somebody may be given rights on a namespace from inside it, so the namespace itself is
        # asked about there too.
        own = {
            resource: verbs
            for resource, verbs in self.cluster.items()
            if namespace and resource.startswith("core/namespaces")
        }
        here = {**self.namespaced, **(own if namespace else self.cluster)}
        for resource, verbs in sorted(here.items()):
            for verb in sorted(verbs):
                yield Cell(namespace, resource, verb, namespace if resource in own else "")
        for resource, verb, name in sorted(self.named):
            if resource in here and resource not in own:
                yield Cell(namespace, resource, verb, name)
        if not namespace:
            for path in sorted(self.paths):
                yield Cell("", PATHS, "get", path)


def discover(api: Api) -> Offer:
    """Return all resources and subresources of all versions, and the authorizer's own."""
    namespaced: dict[str, set[str]] = {}
    cluster: dict[str, set[str]] = {}
    for root in ("/api", "/apis"):
        for group in api.request("GET", root, accept=_DISCOVERY)["items"]:
            name = group["metadata"].get("name") or "core"
            for version in group["versions"]:
                for entry in version["resources"]:
                    place = namespaced if entry["scope"] == "Namespaced" else cluster
                    resource = f"{name}/{entry['resource']}"
                    place.setdefault(resource, set()).update(entry["verbs"])
                    for part in entry.get("subresources", []):
                        place.setdefault(f"{resource}/{part['subresource']}", set()).update(
                            part["verbs"]
                        )
    for resource, verbs in _SPECIAL.items():
        (namespaced if resource in namespaced else cluster).setdefault(resource, set()).update(
            verbs
        )
    paths = {path for path in api.get("/")["paths"] if path.count("/") == 1}
    return Offer(namespaced, cluster, frozenset({*paths, *_UNLISTED_PATHS}), frozenset(_named(api)))


def _named(api: Api) -> Iterator[tuple[str, str, str]]:
    for plural in ("roles", "clusterroles"):
        for role in api.list(f"{_ROLES}/{plural}"):
            for rule in role.get("rules") or []:
                for group in rule.get("apiGroups", []):
                    for resource in rule.get("resources", []):
                        for name in rule.get("resourceNames", []):
                            yield from (
                                (f"{group or 'core'}/{resource}", verb, name)
                                for verb in rule["verbs"]
                            )


def allowed(api: Api, who: Who, cells: Sequence[Cell]) -> set[Cell]:
    """Return those cells to which the authorizer says yes."""
    size = max(1, -(-len(cells) // _CONNECTIONS))
    slices = [cells[start : start + size] for start in range(0, len(cells), size)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        return {
            cell for part in pool.map(lambda part: _ask(api, who, part), slices) for cell in part
        }


def _ask(api: Api, who: Who, cells: Iterable[Cell]) -> list[Cell]:
    connection = api.connect()
    try:
        return [cell for cell in cells if _answer(api, connection, who, cell)]
    finally:
        connection.close()


def _answer(api: Api, connection: http.client.HTTPSConnection, who: Who, cell: Cell) -> bool:
    spec = {**_attributes(cell), "user": who.user, "groups": who.groups}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    connection.request(
        "POST",
        _REVIEWS,
        body=json.dumps(review),
        headers={**api.headers, "Content-Type": "application/json"},
    )
    answer = connection.getresponse()
    content = json.loads(answer.read())
    assert answer.status == http.HTTPStatus.CREATED, content
    # An error of one authorizer must not pass for a no.
    assert not content["status"].get("evaluationError"), content
    return bool(content["status"]["allowed"])


def _attributes(cell: Cell) -> dict[str, Any]:
    if cell.resource == PATHS:
        return {"nonResourceAttributes": {"verb": cell.verb, "path": cell.name}}
    group, resource, *rest = cell.resource.split("/", 2)
    return {
        "resourceAttributes": {
            "namespace": cell.namespace,
            "verb": cell.verb,
            "group": "" if group == "core" else group,
            "resource": resource,
            "subresource": rest[0] if rest else "",
            "name": cell.name,
        }
    }
