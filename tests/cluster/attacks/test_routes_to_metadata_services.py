"""No route of an Experiment leads to a metadata service, however wide its profile is."""

from __future__ import annotations

from cluster.attacks.identities import EXPERIMENTER, TEAM
from cluster.attacks.stage import Stage
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually


def test_no_route_reaches_a_metadata_service_whatever_a_profile_allows(stage: Stage) -> None:
    access = {"subjects": [{"kind": "Group", "name": "glovebox:team:$(team)"}]}
    routes = [{"name": "web", "cidr": "0.0.0.0/0", "ports": [{"port": 80}]}]
    spec = profile_spec(access=access, network={"routes": routes})
    Team(stage.cluster, "platform").declare("IsolationProfile", "wide", spec)
    egress = [
        {"name": cloud, "cidr": cidr, "ports": [{"port": 80}]}
        for cloud, cidr in {
            "alibaba": "100.100.100.200/32",
            "azure": "168.63.129.16/32",
            "oracle": "192.0.0.192/32",
        }.items()
    ]
    team = Team(stage.cluster, TEAM)
    body = {
        "apiVersion": "glovebox.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "cloud", "namespace": TEAM},
        "spec": experiment_spec("wide", "primary", network={"egress": egress}),
    }
    EXPERIMENTER.of(stage.api).create(team.path("Experiment"), body)

    def answer() -> str:
        ready = team.condition("Experiment", "cloud", "Ready")
        return str(ready.get("reason", "")) if ready.get("status") in ("True", "False") else ""

    def settled() -> str | None:
        reason = answer()
        return reason if reason in ("Provisioned", "RouteNotAllowed") else None

    assert eventually(settled, what="the Experiment's answer") == "RouteNotAllowed"
