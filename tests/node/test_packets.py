"""Real packets against the network policies.

The whole table of what reaches what, and again after everything that could open one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.api import ApiError, path_of
from support.scene import PLAIN, Scene
from support.verdicts import differences, read_verdicts
from support.waiting import eventually
from support.wire import asking_command, listening_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox_local.images import Image
    from support.node import NodeCluster
    from support.operator_process import Operator, Team

VERDICTS = read_verdicts()
POLICIES = "networking.k8s.io/v1"
ALLOW_ALL: dict[str, Any] = {
    "metadata": {"name": "allow-all"},
    "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{}],
        "egress": [{}],
    },
}
PLAIN_TCP = "a plain pod, TCP"


@pytest.fixture(scope="module")
def scene(node_cluster: NodeCluster, platform: Team, glovebox_image: Image) -> Iterator[Scene]:
    """Everybody who asks and everybody who listens."""
    del platform
    built = Scene(node_cluster, glovebox_image.reference)
    try:
        built.build()
        yield built
    finally:
        built.end()


def expect_the_table(scene: Scene) -> None:
    """Try every cell."""
    assert differences(VERDICTS, scene.ask_all(VERDICTS), scene.listeners) == []


def test_the_table_asks_enough_and_every_silence_has_a_control() -> None:
    cells = [is_open for column in VERDICTS.values() for is_open in column.values()]
    assert len(cells) > 300
    assert cells.count(False) > 200
    destinations = {key for column in VERDICTS.values() for key in column}
    assert destinations == {
        key for column in VERDICTS.values() for key, is_open in column.items() if is_open
    }


def test_packets_go_where_the_table_says(scene: Scene) -> None:
    expect_the_table(scene)


def test_the_walls_hold_while_the_operator_is_down(scene: Scene, operator: Operator) -> None:
    operator.kill()
    try:
        expect_the_table(scene)
    finally:
        operator.start()


def test_policies_of_tenants_are_refused_where_they_would_open_something_and_harmless_elsewhere(
    scene: Scene,
) -> None:
    inside, team = scene.pod_of("A's pod")[0], scene.red.name
    with pytest.raises(ApiError) as refused:
        scene.tenant(scene.red).create(
            path_of(POLICIES, "networkpolicies", namespace=inside), ALLOW_ALL
        )
    assert refused.value.reason == "Forbidden"
    with pytest.raises(ApiError) as refused:
        # Even with all rights of Kubernetes: only a broken glass passes the guards.
        scene.api.create(path_of(POLICIES, "networkpolicies", namespace=inside), ALLOW_ALL)
    assert "only the Glovebox operator may create networkpolicies" in refused.value.message
    # Where they do have the right, a policy speaks of their own pods only.
    for namespace in (team, PLAIN):
        scene.api.create(path_of(POLICIES, "networkpolicies", namespace=namespace), ALLOW_ALL)
    try:
        expect_the_table(scene)
    finally:
        for namespace in (team, PLAIN):
            scene.api.delete(
                path_of(POLICIES, "networkpolicies", namespace=namespace, name="allow-all")
            )


@pytest.mark.slow
def test_walls_that_a_broken_glass_took_away_come_back_and_cut_what_went_through(
    scene: Scene, operator: Operator
) -> None:
    namespace, _ = scene.pod_of("A's pod")
    policies = path_of(POLICIES, "networkpolicies", namespace=namespace)
    operator.kill()
    try:
        for policy in scene.api.list(policies):
            scene.rescuer.delete(f"{policies}/{policy['metadata']['name']}")
        # Now the way is open in both directions: so it was the policies that had closed it, and
        # nothing else.
        eventually(
            lambda: scene.ask("A's pod", [PLAIN_TCP])[PLAIN_TCP] == ["open plain"],
            what="the way out is open",
        )
        eventually(
            lambda: scene.ask("a plain pod", ["A's pod, TCP"])["A's pod, TCP"] == ["open a-pod"],
            what="the way in is open",
        )
        with (
            scene.held("A's pod", PLAIN_TCP) as outwards,
            scene.held("a plain pod", "A's pod, TCP") as inwards,
        ):
            operator.start()
            assert outwards.readline() == "cut\n"
            assert inwards.readline() == "cut\n"
    finally:
        operator.start()
    expect_the_table(scene)


def test_a_foreign_policy_that_opens_everything_is_gone_at_once(scene: Scene) -> None:
    namespace, _ = scene.pod_of("B's run")
    policies = path_of(POLICIES, "networkpolicies", namespace=namespace)
    scene.rescuer.create(policies, ALLOW_ALL)
    eventually(
        lambda: scene.api.find(f"{policies}/allow-all") is None,
        what="the foreign policy is removed",
        timeout=10,
    )
    scene.red.expect("Experiment", "b")
    eventually(
        lambda: not differences(VERDICTS, scene.ask_all(VERDICTS), scene.listeners),
        what="the table holds again",
    )


@pytest.mark.slow
def test_no_pod_is_born_outside_the_walls(scene: Scene) -> None:
    """A run, and the first pod that admission lets a tenant start, ask from the first moment."""
    places = {
        key: scene.places[key].question
        for key, is_open in VERDICTS["C's run"].items()
        if not is_open
    }
    places["the store, S3"] = scene.places["the store, S3"].question
    command = asking_command(json.dumps({"places": places, "seconds": 1.0, "until": 3}))
    scene.declare(scene.red, "running", run={"image": "trainer", "command": command})
    scene.declare(scene.red, "first", run=None)
    # The same questions in the same moment of a life without policies.
    scene.api.create(
        path_of("v1", "pods", namespace=PLAIN), scene.pod("first", command, runner=False)
    )
    tenant = scene.tenant(scene.red)

    def first_pod() -> str:
        namespace = (scene.red.read("Experiment", "first").get("status") or {}).get("namespace")
        if namespace:
            tenant.create(path_of("v1", "pods", namespace=namespace), scene.pod("first", command))
        return namespace or ""

    namespace = eventually(first_pod, what="a tenant may start a pod")
    control = {key: seen[-1] for key, seen in scene.said_by(PLAIN, "first").items()}
    expected = {"plain": {key: VERDICTS["a plain pod"][key] for key in places}}
    assert differences(expected, {"plain": control}, scene.listeners) == []
    running = scene.red.expect("Experiment", "running", "Succeeded", timeout=60)["status"][
        "namespace"
    ]
    for where, name in ((namespace, "first"), (running, "job/glovebox-run")):
        seen = scene.said_by(where, name)
        assert seen.pop("the store, S3") == ["open"], name
        assert {key: outcomes for key, outcomes in seen.items() if outcomes != ["silent"]} == {}, (
            name
        )


@pytest.mark.slow
@pytest.mark.parametrize("state", ["Frozen", "Sealed"])
def test_a_closed_experiment_is_silent_and_not_even_a_broken_glass_starts_a_pod_in_it(
    scene: Scene, operator: Operator, state: str
) -> None:
    name = state.lower()
    scene.declare(scene.red, name)
    namespace, pod = scene.run_of(scene.red, name)
    key = f"{name}'s run"
    scene.add(key, namespace, pod, f"{name}-run")
    assert scene.ask("the node", [key])[key] == [f"open {name}-run"]
    with scene.held("the node", key) as connection:
        scene.api.patch(
            scene.red.path("Experiment", name), {"spec": {"lifecycle": {"desired": state}}}
        )
        condition, status = ("Ready", "False") if state == "Frozen" else ("Sealed", "True")
        scene.red.expect("Experiment", name, condition, status, timeout=60)
        assert connection.readline() == "cut\n"
    seen = scene.ask_all({source: [key] for source in VERDICTS})
    assert [source for source, answers in seen.items() if answers[key].startswith("open")] == []
    operator.kill()
    try:
        for somebody in (scene.tenant(scene.red), scene.api, scene.rescuer):
            with pytest.raises(ApiError) as refused:
                somebody.create(
                    path_of("v1", "pods", namespace=namespace),
                    scene.pod("late", listening_command("late")),
                )
            assert refused.value.reason == "Forbidden"
        assert f"is {state}: nothing may start in it" in refused.value.message
    finally:
        operator.start()
