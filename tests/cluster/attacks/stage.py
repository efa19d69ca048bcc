"""The place under attack.

A cluster with the chart, the running operator, and an experiment of each of two teams.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.attacks.identities import (
    ANONYMOUS,
    BREAK_GLASS,
    ENTERING_TEAM,
    ENTERING_TENANT,
    EXPERIMENTER,
    NAMESPACE_ADMIN,
    NOBODY,
    OPERATOR,
    OTHER_TEAM,
    OTHER_TENANT,
    TEAM,
    TENANT,
    Actor,
    account,
)
from glovebox_local.operator_process import OPERATOR_NAMESPACE
from support.api import Api, ApiError, path_of
from support.cluster import Cluster
from support.jobset import define_jobsets
from support.kueue import define_queues
from support.operator_process import Team, experiment_spec, profile_spec, store_spec
from support.waiting import eventually

RBAC = "rbac.authorization.k8s.io"
EXPERIMENT = "delay"


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands, and the names that the operator chose."""

    cluster: Cluster
    own: str
    other: str
    entered: str

    @property
    def api(self) -> Api:
        """The API server as the administrator."""
        return self.cluster.api

    @property
    def places(self) -> dict[str, str]:
        """The places in which rights are asked about. The empty name means the whole cluster."""
        return {
            "everywhere": "",
            "experiment": self.own,
            "other-experiment": self.other,
            "entered-experiment": self.entered,
            "team": TEAM,
            "operator": OPERATOR_NAMESPACE,
            "kube-system": "kube-system",
        }

    def actor(self, identity: str) -> Actor:
        """Return who plays an identity."""
        actors = {
            "tenant": TENANT,
            "entering-tenant": ENTERING_TENANT,
            "runner": account(self.own),
            "other-tenant": OTHER_TENANT,
            "namespace-admin": NAMESPACE_ADMIN,
            "experimenter": EXPERIMENTER,
            "operator": OPERATOR,
            "authenticated": NOBODY,
            "anonymous": ANONYMOUS,
        }
        return actors[identity]


def build(cluster: Cluster) -> Stage:
    """Have the operator make both experiments, and bind people as an administrator would."""
    platform = Team(cluster, "platform")
    # Without them nobody asks who may write one.
    define_jobsets(cluster)
    define_queues(cluster)
    access = {"subjects": [{"kind": "Group", "name": "glovebox:team:$(team)"}]}
    profile = profile_spec(access=access)
    # With room for Services, so that their types are what is refused.
    profile["quota"] = [*profile["quota"], {"resource": "services", "default": "2", "maximum": "4"}]
    platform.declare("IsolationProfile", "standard", profile)
    entry = {**profile, "access": access | {"podEntry": "Allowed"}}
    platform.declare("IsolationProfile", "entered", entry)
    platform.declare("ObjectStore", "primary", store_spec(cluster, "glovebox-artifacts"))
    platform.expect("ObjectStore", "primary", timeout=60)
    profiles = {TEAM: "standard", OTHER_TEAM: "standard", ENTERING_TEAM: "entered"}
    teams = [Team(cluster, name) for name in profiles]
    for team in teams:
        team.declare("Experiment", EXPERIMENT, experiment_spec(profiles[team.name], "primary"))
    # Only `Isolated` stays Unknown where there is no node; the namespace is complete all the same.
    own, other, entered = (
        team.expect("Experiment", EXPERIMENT)["status"]["namespace"] for team in teams
    )
    for actor, role in ((NAMESPACE_ADMIN, "admin"), (EXPERIMENTER, "glovebox-experimenter")):
        bind(cluster.api, TEAM, role, actor)
    cluster.api.create(
        f"/apis/{RBAC}/v1/clusterrolebindings",
        {
            "metadata": {"name": "break-glass"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": BREAK_GLASS.group}],
        },
    )
    eventually(lambda: _guards_act(cluster.api), what="the guards act", timeout=60)
    return Stage(cluster, own, other, entered)


def _guards_act(api: Api) -> bool:
    decoy = {"metadata": {"name": "decoy", "labels": {"glovebox.dev/team": TEAM}}}
    try:
        api.create("/api/v1/namespaces", decoy, dryRun="All")
    except ApiError as error:
        return "glovebox-namespaces" in error.message
    return False


def bind(api: Api, namespace: str, role: str, actor: Actor) -> str:
    """Bind an actor to a ClusterRole in a namespace; return the path of the binding."""
    name = f"{actor.user}-{role}"
    api.create(
        path_of(f"{RBAC}/v1", "rolebindings", namespace=namespace),
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": actor.user}],
        },
    )
    return path_of(f"{RBAC}/v1", "rolebindings", namespace=namespace, name=name)
