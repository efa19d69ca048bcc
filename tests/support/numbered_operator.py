"""An operator behind proxies to API server and store, which number and judge its writes."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from glovebox import names
from glovebox_local.operator_process import OPERATOR_USER
from support.numbering_proxy import (
    NumberingProxy,
    Sent,
    Write,
    api_proxy,
    artifacts_in,
    experiment_in,
    kubeconfig_through,
    numbering,
)
from support.operator_process import PLATFORM_IMAGE, Operator, Team, profile_spec, store_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.cluster import Cluster

# What must stand in a namespace before anybody gets in, and before anything runs there.
ISOLATION = {
    ("namespaces", ""),
    ("networkpolicies", names.NETWORK_POLICY_DEFAULT_DENY),
    ("networkpolicies", names.NETWORK_POLICY_DNS),
    ("networkpolicies", names.NETWORK_POLICY_STORE),
    ("networkpolicies", names.NETWORK_POLICY_OWN_PODS),
    ("resourcequotas", names.RESOURCE_QUOTA),
    ("limitranges", names.LIMIT_RANGE),
    ("configmaps", names.SNAPSHOT_CONFIG_MAP),
    ("serviceaccounts", names.RUNNER_SERVICE_ACCOUNT),
}
ACCESS = {
    ("rolebindings", names.TENANT_ROLE_BINDING),
    ("secrets", names.CREDENTIALS_SECRET),
    ("jobs", names.RUN_JOB),
}
_PATH = re.compile(r"/namespaces/(gbx-[^/]+)(?:/([a-z]+)(?:/([^/]+))?)?$")


@dataclass
class Doors:
    """Looks at each write of the operator: who gets in while a part of isolation does not stand?

    Attributes:
        standing: The objects that the API server made and has not deleted, by namespace.
        opened_early: Each request that would let somebody in, with what was missing.
        opened: How many requests were looked at that let somebody in.
    """

    standing: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    opened_early: list[str] = field(default_factory=list)
    opened: int = 0

    def look(self, write: Write) -> None:
        """Judge a write before it is sent on."""
        about = _object_of(write)
        if write.method != "POST" or about is None or about[1:] not in ACCESS:
            return
        self.opened += 1
        missing = ISOLATION - self.standing.get(about[0], set())
        if missing:
            shown = ", ".join(sorted(name or plural for plural, name in missing))
            self.opened_early.append(f"{write.subject}: {about[2]} before {shown}")

    def note(self, sent: Sent) -> None:
        """Remember what the API server made or deleted."""
        about = _object_of(sent.write)
        if about is None or sent.status >= 300:
            return
        space, *what = about
        standing = self.standing.setdefault(space, set())
        if sent.write.method == "DELETE":
            standing.discard((what[0], what[1]))
        else:
            standing.add((what[0], what[1]))


@dataclass
class Numbered:
    """The operator, its proxies, and a team, profile and store (both `platform`) of their own."""

    cluster: Cluster
    team: Team
    platform: str
    operator: Operator
    api: NumberingProxy
    store: NumberingProxy
    doors: Doors


@contextmanager
def numbered_operator(
    cluster: Cluster,
    platform: Team,
    usual: Operator,
    folder: Path,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Numbered]:
    """Run it as the only operator of the cluster: the usual one is stopped meanwhile.

    Args:
        cluster: Where.
        platform: Who declares its profile and its store.
        usual: The operator that is stopped.
        folder: Of its log and its kubeconfig.
        settings: More environment variables.
    """
    team = Team(cluster, f"cut-{uuid.uuid4().hex[:6]}")
    doors = Doors()
    usual.stop()
    with ExitStack() as stack:
        stack.callback(usual.start)
        identity = cluster.kubeconfig_for(OPERATOR_USER)
        api = stack.enter_context(numbering(api_proxy(identity, experiment_in(team.name))))
        store = stack.enter_context(
            numbering(NumberingProxy(cluster.store.endpoint, artifacts_in(team.name)))
        )
        api.before.append(doors.look)
        api.answered.append(doors.note)
        operator = Operator(
            cluster,
            folder,
            name="numbered",
            kubeconfig=kubeconfig_through(api, folder / "kubeconfig"),
            settings={"GLOVEBOX_IMAGE": PLATFORM_IMAGE, **(settings or {})},
        )
        operator.start()
        stack.callback(operator.stop)
        name = f"numbered-{team.name}"
        spec = store_spec(cluster, "glovebox-artifacts", endpoint=store.endpoint)
        platform.declare("ObjectStore", name, spec)
        platform.declare("IsolationProfile", name, profile_spec())
        platform.expect("IsolationProfile", name)
        platform.expect("ObjectStore", name, timeout=60)
        yield Numbered(cluster, team, name, operator, api, store, doors)


def _object_of(write: Write) -> tuple[str, str, str] | None:
    """Return namespace, plural and name that a write is about; a namespace has no name."""
    if write.method == "POST" and write.path == "/api/v1/namespaces":
        return _name_in(write.body), "namespaces", ""
    found = _PATH.search(write.path)
    if found is None:
        return None
    if found[2] is None:
        return found[1], "namespaces", ""
    named = found[3] or (_name_in(write.body) if write.method == "POST" else "")
    return found[1], found[2], named


def _name_in(body: bytes) -> str:
    return str(json.loads(body)["metadata"]["name"])
