"""kill -9 of the operator at random moments of provisioning: it converges; no duplicate or leak."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from glovebox import names
from glovebox.desired.snapshot import KEY_PLATFORM_IMAGE
from glovebox_local.operator_process import OPERATOR_USER
from support.cluster import Cluster
from support.operator_process import PLATFORM_IMAGE, Operator, Team, experiment_spec, quiet
from support.waiting import eventually

ROUNDS = 20


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_twenty_kills_at_random_moments_leave_no_duplicate_and_no_leak(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    moments = random.Random(20)  # noqa: S311 - the same moments in every run
    made: list[str] = []
    for round_ in range(ROUNDS):
        for number in range(3):
            made.append(f"r{round_:02}-{number}")
            team.declare("Experiment", made[-1], experiment_spec("standard", "primary"))
        # One experiment takes some tens of milliseconds: the moment falls into, between and after
        # them.
        time.sleep(moments.uniform(0, 0.25))
        operator.kill()
        operator.start()
    ready = {name: team.expect("Experiment", name, timeout=60) for name in made}
    spaces = {name: obj["status"]["namespace"] for name, obj in ready.items()}
    assert len(set(spaces.values())) == len(made)
    mine = f"gbx-{team.name}-"
    existing = {
        obj["metadata"]["name"]
        for obj in cluster.api.list("/api/v1/namespaces")
        if obj["metadata"]["name"].startswith(mine)
    }
    assert existing == set(spaces.values()), "no namespace without its experiment"
    for name, space in spaces.items():
        policies = cluster.api.list(
            f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies"
        )
        assert len(policies) == 4, name
        snapshot = cluster.api.get(
            f"/api/v1/namespaces/{space}/configmaps/{names.SNAPSHOT_CONFIG_MAP}"
        )
        assert snapshot["data"]["digest"] == ready[name]["status"]["digest"]
    assert not repeated_creations(cluster, set(spaces.values()))


def repeated_creations(cluster: Cluster, spaces: set[str]) -> dict[tuple[str, str, str], int]:
    """Return what the operator created more than once, by the audit log.

    Secrets are left out: those may be issued again.
    """
    created: Counter[tuple[str, str, str]] = Counter()
    for event in cluster.audit(*spaces):
        about = event.get("objectRef") or {}
        space = about.get("namespace") or about.get("name") or ""
        if (
            event["verb"] != "create"
            or space not in spaces
            or event.get("responseStatus", {}).get("code") != 201
        ):
            continue
        if event["user"]["username"] != OPERATOR_USER or about["resource"] == "secrets":
            continue
        created[about["resource"], space, about.get("name", "")] += 1
    counted = {space for _, space, _ in created}
    assert counted == spaces, "the log tells of every namespace; else nothing was counted"
    return {what: count for what, count in created.items() if count > 1}


def writes_nothing(*operators: Operator, seconds: float) -> bool:
    """Whether none of them writes anything for that long."""
    before = sum(each.writes() for each in operators)
    time.sleep(seconds)
    return sum(each.writes() for each in operators) == before


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_two_operators_at_once_arrive_at_the_same_and_do_not_fight(
    cluster: Cluster, team: Team, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    newer = PLATFORM_IMAGE.replace("e" * 64, "f" * 64)
    # As during an upgrade: what one of them binds to an experiment is not what the other would have
    # bound.
    second = Operator(
        cluster,
        tmp_path_factory.mktemp("second"),
        name="second",
        settings={"GLOVEBOX_IMAGE": newer},
    )
    second.start()
    try:
        made = [f"twin-{number}" for number in range(10)]
        for name in made:
            team.declare("Experiment", name, experiment_spec("standard", "primary"))
        for name in made:
            team.expect("Experiment", name)
        quiet(operator, second)
        # A late write is none of a fight, which has no end.
        eventually(
            lambda: writes_nothing(operator, second, seconds=10),
            timeout=90,
            what="two of them write nothing more",
        )
    finally:
        second.stop()
    statuses = [team.read("Experiment", name)["status"] for name in made]
    for status in statuses:
        snapshot = cluster.api.get(
            f"/api/v1/namespaces/{status['namespace']}/configmaps/{names.SNAPSHOT_CONFIG_MAP}"
        )
        assert snapshot["data"][KEY_PLATFORM_IMAGE] == status["platformImage"]
