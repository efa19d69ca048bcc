"""Intents are complete: the API server gives each back as written, nothing added or respelled.

This is what makes plain equality, and one hash, enough to know drift.
"""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from cluster.desired.provisioned import Provision, Provisioned
from glovebox.desired.difference import difference, fingerprint
from golden.cases import Case, discover, inputs_from
from support.waiting import eventually

VARIETY: Final = 40


def expect_untouched(experiment: Provisioned) -> None:
    """Every object is as declared: in the answer to its write, read alone, and in a list."""
    for intent, answer in experiment.answers:
        for live in (answer, experiment.live(intent), experiment.listed(intent)):
            assert difference(intent, live) == []
            assert fingerprint(intent) == fingerprint(live)


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_what_is_written_comes_back_unchanged(case: Case, provision: Provision) -> None:
    expect_untouched(provision(case.inputs()))


@pytest.mark.parametrize("seed", range(VARIETY))
def test_whatever_is_declared_comes_back_unchanged(seed: int, provision: Provision) -> None:
    expect_untouched(provision(inputs_from(*any_experiment(random.Random(seed)))))  # noqa: S311 - variety, no secret


def test_writing_again_changes_nothing(provision: Provision) -> None:
    experiment = provision(inputs_from())
    quota = experiment.intent("ResourceQuota")
    eventually(
        lambda: experiment.live(quota).get("status", {}).get("used"), what="the quota is counted"
    )
    for intent, _ in experiment.answers:
        before = experiment.live(intent)["metadata"]["resourceVersion"]
        assert experiment.repair(intent)["metadata"]["resourceVersion"] == before, intent["kind"]


def test_the_controllers_of_kubernetes_change_nothing_that_is_compared(
    provision: Provision,
) -> None:
    experiment = provision(inputs_from())
    quota = experiment.intent("ResourceQuota")
    # The quota's status is the last thing they write into a new namespace.
    eventually(
        lambda: experiment.live(quota).get("status", {}).get("used"), what="the quota is counted"
    )
    expect_untouched(experiment)


def any_experiment(rng: random.Random) -> list[dict[str, Any]]:
    """Return documents of some experiment, profile and store that the API allows."""
    quota = {
        resource: _amount(rng)
        for resource in rng.sample(
            ["requests.cpu", "requests.memory", "limits.cpu", "requests.storage"], 3
        )
    }
    counts = {
        resource: str(rng.randrange(100))
        for resource in rng.sample(["pods", "secrets", "count/jobs.batch", "configmaps"], 2)
    }
    limits = {
        "defaultCpu": "1",
        "defaultEphemeralStorage": "1Gi",
        "defaultMemory": "1Gi",
        "defaultRequestCpu": _small(rng),
        "defaultRequestMemory": _small(rng),
    }
    limits |= {
        maximum: _large(rng)
        for maximum in ("maxCpu", "maxEphemeralStorage", "maxMemory")
        if rng.random() < 0.5
    }
    routes = [
        {"name": f"route-{index}", "cidr": _network(rng), "ports": _ports(rng)}
        for index in range(rng.randrange(6))
    ]
    parameters = {
        f"p{index}": "".join(rng.choices('aZ0"\\ \n\t\x00äß漢😀', k=rng.randrange(20)))
        for index in range(rng.randrange(5))
    }
    subjects: list[dict[str, str]] = [
        {"kind": "Group", "name": "team:$(team)"},
        {"kind": "User", "name": "a@example.org"},
    ]
    subjects.append({"kind": "ServiceAccount", "name": "ci", "namespace": "$(team)"})
    store = rng.choice(
        [
            {"endpoint": "http://127.0.0.1:8333"},
            {"endpoint": "https://[2001:db8::1]"},
            {
                "endpoint": "https://s3.example",
                "network": {"cidrs": [_network(rng), _network(rng)]},
            },
            {
                "endpoint": "http://s3.storage.svc",
                "network": {
                    "port": 8333,
                    "pods": {"namespace": "storage", "labels": {"app": "s3"}},
                },
            },
        ]
    )
    return [
        {
            "kind": "IsolationProfile",
            "spec": {
                "quota": [
                    {"resource": name, "default": amount, "maximum": amount}
                    for name, amount in (quota | counts).items()
                ],
                "limits": limits,
                "podSecurity": rng.choice(["Restricted", "Baseline"]),
                "access": {"subjects": rng.sample(subjects, rng.randint(1, 3))},
            },
        },
        {
            "kind": "Experiment",
            "spec": {
                "resources": {},
                "network": {"egress": routes},
                "config": {"parameters": parameters},
            },
        },
        {"kind": "ObjectStore", "spec": store},
    ]


def _amount(rng: random.Random) -> str:
    number = rng.choice([0, 1, 2, 10, 1024, 4096, 1.5, 0.25, 1000])
    return f"{number}{rng.choice(['', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'm', 'e3'])}"


def _small(rng: random.Random) -> str:
    return rng.choice(["1m", "0.1", "100m", "0.25", "10m", "10u"])


def _large(rng: random.Random) -> str:
    return rng.choice(["2Gi", "4096Mi", "1e10", "10G", "5000000000"])


def _network(rng: random.Random) -> str:
    return rng.choice(
        [
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0/8",
            "203.0.113.7/32",
            "2001:DB8::/32",
            "fd00::/8",
            "128.0.0.0/1",
            "fd00:ec2::/32",
        ]
    )


def _ports(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {"port": rng.randint(1, 65535), "protocol": rng.choice(["TCP", "UDP", "SCTP"])}
        for _ in range(rng.randint(1, 4))
    ]
