"""What is refused, is refused before anything exists, in words that name the field and the cure."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from support.cluster import Cluster
from support.examples import one_stage
from support.operator_process import Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

PROGRAM = {"image": "trainer", "command": ["true"]}


def namespaces_of(team: Team, name: str) -> list[str]:
    uid = team.read("Experiment", name)["metadata"]["uid"]
    made = names.experiment_namespace(team.name, name, uid)
    return [made] if team.api.find(f"/api/v1/namespaces/{made}") else []


@pytest.mark.parametrize(
    ("name", "changes", "reason", "told"),
    [
        pytest.param(
            "greedy",
            {"resources": {"quota": {"requests.cpu": "64"}}},
            "QuotaOutOfRange",
            "spec.resources.quota['requests.cpu'] asks for 64, more than the 4 that"
            " IsolationProfile standard allows: ask for at most 4, or choose a profile that allows"
            " more",
            id="a quota above the profile's range",
        ),
        pytest.param(
            "giant",
            {
                "stages": one_stage(
                    {"image": "trainer", "command": ["true"], "resources": {"cpu": 64}}
                )
            },
            "RunOutOfRange",
            "spec.stages[train].resources['cpu'] asks for 64, more than the 1 of requests.cpu"
            " that this"
            " experiment's quota has: ask for less, or choose a profile that offers more"
            " requests.cpu",
            id="a run whose pod its quota would never admit",
        ),
        pytest.param(
            "accelerated",
            {
                "stages": one_stage(
                    {"image": "trainer", "command": ["true"], "resources": {"nvidia.com/gpu": 1}}
                )
            },
            "RunOutOfRange",
            "spec.stages[train].resources['nvidia.com/gpu'] asks for 1, but IsolationProfile"
            " standard does"
            " not offer nvidia.com/gpu: leave it out, or choose a profile that offers it (this one"
            " offers none)",
            id="an accelerator that the profile does not offer",
        ),
        pytest.param(
            "stranger",
            {"images": [{"name": "trainer", "reference": "registry.other/x@sha256:" + "b" * 64}]},
            "ImageNotApproved",
            "spec.images[trainer].reference comes from registry.other/x, which IsolationProfile"
            " standard does not approve: use an image from an approved repository"
            " (registry.example/trainer)",
            id="an image from a registry that the profile does not approve",
        ),
        pytest.param(
            "escapee",
            {
                "network": {
                    "egress": [{"name": "out", "cidr": "198.51.100.0/24", "ports": [{"port": 443}]}]
                }
            },
            "RouteNotAllowed",
            "spec.network.egress[out].cidr 198.51.100.0/24 is in no route that IsolationProfile"
            " standard allows: use a network inside one of its routes (apis 203.0.113.0/24)",
            id="a route that the profile does not allow",
        ),
    ],
)
def test_a_refusal_is_stalled_tells_the_cure_and_leaves_nothing_behind(
    team: Team, name: str, changes: dict[str, Any], reason: str, told: str
) -> None:
    team.declare("Experiment", name, experiment_spec("standard", "primary", **changes))
    refused = team.expect("Experiment", name, status="False", reason=reason)
    assert (
        next(entry for entry in refused["status"]["conditions"] if entry["type"] == "Stalled")[
            "status"
        ]
        == "True"
    )
    # As a person reads it.
    path = '{.status.conditions[?(@.type=="Ready")].message}'
    shown = team.cluster.kubectl(
        "get", "experiment", name, "-n", team.name, f"--output=jsonpath={path}"
    )
    assert shown.stdout == told
    assert namespaces_of(team, name) == []


def test_a_run_whose_local_disk_its_quota_never_has_is_refused(team: Team) -> None:
    profile = profile_spec()
    disk = {"resource": "limits.ephemeral-storage", "default": "1Gi", "maximum": "1Gi"}
    team.declare("IsolationProfile", "small-disk", profile | {"quota": [*profile["quota"], disk]})
    team.expect("IsolationProfile", "small-disk")
    run = {"image": "trainer", "command": ["true"]}
    team.declare("Experiment", "wide", experiment_spec("small-disk", "primary", run=run))
    team.expect("Experiment", "wide", status="False", reason="RunOutOfRange")

    message = team.condition("Experiment", "wide", "Ready")["message"]
    assert "more than the 1Gi of limits.ephemeral-storage" in message
    assert namespaces_of(team, "wide") == []


def test_a_refusal_is_told_by_an_event_once(team: Team) -> None:
    team.declare(
        "Experiment",
        "told",
        experiment_spec("standard", "primary", resources={"quota": {"requests.cpu": "64"}}),
    )
    team.expect("Experiment", "told", status="False", reason="QuotaOutOfRange")

    def events() -> list[dict[str, Any]]:
        found = team.api.list(f"/apis/events.k8s.io/v1/namespaces/{team.name}/events")
        return [event for event in found if event["regarding"]["name"] == "told"]

    (event,) = eventually(lambda: events() or None, what="an Event")
    assert (event["type"], event["reason"]) == ("Warning", "QuotaOutOfRange")


def test_a_cured_spec_goes_on(team: Team) -> None:
    team.declare(
        "Experiment",
        "cured",
        experiment_spec("standard", "primary", resources={"quota": {"requests.cpu": "64"}}),
    )
    team.expect("Experiment", "cured", status="False", reason="QuotaOutOfRange")
    team.api.patch(
        team.path("Experiment", "cured"),
        {"spec": {"resources": {"quota": {"requests.cpu": "2"}}}},
    )
    cured = team.expect("Experiment", "cured")
    assert not [entry for entry in cured["status"]["conditions"] if entry["type"] == "Stalled"]


def test_an_unknown_profile_waits_and_names_what_is_offered(team: Team) -> None:
    team.declare("Experiment", "lost", experiment_spec("gold", "primary"))
    waiting = team.expect("Experiment", "lost", status="False", reason="ProfileNotFound")
    message = next(
        entry["message"] for entry in waiting["status"]["conditions"] if entry["type"] == "Ready"
    )
    assert "'gold'" in message
    # Not all of them, where other tests have declared many.
    offered = [
        profile["metadata"]["name"] for profile in team.api.list(team.path("IsolationProfile"))
    ]
    assert any(name in message for name in offered)
    assert namespaces_of(team, "lost") == []


def test_a_reference_into_another_namespace_is_not_granted_and_does_not_tell_what_is_there(
    team: Team,
) -> None:
    told = []
    for name, pin in (("peek-a", "exists-not"), ("peek-b", "neither")):
        inputs = {
            "datasets": [
                {"name": "d", "role": "train", "pinRef": {"name": pin, "namespace": "kube-system"}}
            ]
        }
        team.declare("Experiment", name, experiment_spec("standard", "primary", inputs=inputs))
        refused = team.expect("Experiment", name, status="False", reason="NotGranted")
        told.append(
            next(
                entry["message"]
                for entry in refused["status"]["conditions"]
                if entry["type"] == "Ready"
            )
        )
    assert told[0] == told[1]


def test_a_missing_pin_waits_without_a_namespace_and_says_which(
    team: Team, operator: Operator, cluster: Cluster
) -> None:
    del operator, cluster
    inputs = {"datasets": [{"name": "d", "role": "train", "pinRef": {"name": "not-yet"}}]}
    team.declare("Experiment", "early", experiment_spec("standard", "primary", inputs=inputs))
    waiting = team.expect("Experiment", "early", status="False", reason="PinNotFound")
    message = next(
        entry["message"]
        for entry in waiting["status"]["conditions"]
        if entry["type"] == "InputsVerified"
    )
    assert message.endswith(
        "there is no DatasetPin 'not-yet' in this namespace; there is none at all yet: declare the"
        " DatasetPin here first"
    )
    assert namespaces_of(team, "early") == []
