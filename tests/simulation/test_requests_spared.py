"""What is known is not asked again; and what is asked all the same, because it may not be so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import NAMESPACE, NETWORK_POLICY, POD, SECRET, SERVICE_ACCOUNT
from simulation.api_server import Asked, Change
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.process import OPERATOR
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE
from simulation.test_held import HELD, LET_GO
from simulation.test_intruders import ENFORCE, OF_THE_HOST, OF_THE_TEAM, enforced, label, start
from simulation.test_seal_order import Refusing
from simulation.world import TEAM

# Its pod is followed by lists of its own.
UNPROVEN = {"probe": {"schedule": "Never"}}


class Heard(Refusing):
    """Refuses nothing, and keeps what the operator asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        super().__init__(self._hear)
        self.in_force = True

    def _hear(self, asked: Asked) -> bool:
        if asked.user.startswith(OPERATOR):
            self.asked.append(asked)
        return False

    def of(self, verb: str, kind: str) -> list[Asked]:
        return [one for one in self.asked if (one.verb, one.kind.kind) == (verb, kind)]


def _searched(heard: Heard) -> list[str]:
    """Return the namespaces whose pods were listed."""
    return [one.namespace for one in heard.of("list", POD.kind) if one.namespace]


async def _standing(stage: Stage, *names_of: str) -> list[str]:
    for name in names_of:
        stage.declare(name, run=False)
    found = [await stage.provisioned(name) for name in names_of]
    await stage.sleep(5)
    return found


async def _again(stage: Stage, heard: Heard) -> None:
    await stage.process.kill()
    heard.asked.clear()
    stage.process.start()
    await stage.sleep(MINUTE)


def test_a_new_namespace_is_not_searched_for_pods() -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        await _standing(stage, "x")
        assert _searched(heard) == []

    play(scene, profile=UNPROVEN, faults=heard, sweeps=False)


def test_a_namespace_whose_creation_was_not_answered_is_searched() -> None:
    """Pods may have come in past the labels that it had meanwhile: nobody saw it made."""
    heard, met = Heard(), list[Asked]()

    class Lost(NoFaults):
        def request(self, asked: Asked) -> Fault:
            heard.request(asked)
            if (asked.verb, asked.kind) == ("create", NAMESPACE) and not met:
                met.append(asked)
                return Fault("unanswered")
            return NOTHING

    async def scene(stage: Stage) -> None:
        (namespace,) = await _standing(stage, "x")
        assert met
        assert namespace in _searched(heard)

    play(scene, profile=UNPROVEN, faults=Lost(), sweeps=False)


def test_after_a_restart_one_list_tells_which_namespaces_are_empty() -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        _, busy, _ = await _standing(stage, "x", "y", "z")
        start(stage, busy, "theirs", OF_THE_TEAM)
        await _again(stage, heard)
        assert set(_searched(heard)) == {busy}
        read = [one.namespace for one in heard.of("get", SECRET.kind)]
        assert not any(names.is_experiment_namespace(namespace) for namespace in read)
        assert stage.there(POD, busy, "theirs")

    play(scene, faults=heard, sweeps=False)


@pytest.mark.parametrize(
    "undo",
    [
        lambda stage, namespace: label(stage, namespace, "theirs", "1"),
        lambda stage, namespace: label(stage, namespace, ENFORCE, None),
    ],
    ids=["a label of others", "the label that keeps pods out"],
)
def test_a_namespace_that_changed_since_that_list_is_searched(
    undo: Callable[[Stage, str], None],
) -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        (namespace,) = await _standing(stage, "x")
        await _again(stage, heard)
        assert _searched(heard) == []
        undo(stage, namespace)
        stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DNS)
        await stage.sleep(MINUTE)
        assert namespace in _searched(heard)

    play(scene, faults=heard, sweeps=False)


def test_what_admission_lets_in_for_a_moment_after_a_repair_goes_as_well() -> None:
    """An API server may judge a pod by the labels that it knew before."""

    async def scene(stage: Stage) -> None:
        (namespace,) = await _standing(stage, "x")
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live is not None
        label(stage, namespace, ENFORCE, None)

        def is_back() -> bool:
            now = stage.world.server.peek(NAMESPACE, None, namespace)
            return now is not None and now["metadata"]["labels"].get(ENFORCE) is not None

        await stage.until("the label is back", is_back, MINUTE)
        await stage.sleep(0.5)
        start(stage, namespace, "late", OF_THE_HOST)
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "late")

    play(scene, sweeps=False)


class OnLists(Heard):
    """Does to each list of all pods, but for the first of a watch, what is said."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault
        self.lists = 0

    def request(self, asked: Asked) -> Fault:
        is_of_all = (asked.verb, asked.kind, asked.namespace) == ("list", POD, "")
        self.lists += is_of_all
        super().request(asked)
        return self.fault if is_of_all and self.in_force and self.lists > 1 else NOTHING


@pytest.mark.parametrize(
    "fault", [Fault("refused", 403), Fault("slow", seconds=14.0)], ids=["refused", "slow"]
)
def test_a_list_of_pods_that_does_not_come_keeps_nothing_from_being_done(fault: Fault) -> None:
    faults = OnLists(fault)

    async def scene(stage: Stage) -> None:
        (namespace,) = await _standing(stage, "x")
        level = enforced(stage, namespace)
        await stage.process.kill()
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "theirs", OF_THE_HOST)
        label(stage, namespace, ENFORCE, level)
        faults.lists = 0
        stage.process.start()
        await stage.sleep(10)
        assert faults.lists == 2
        assert not stage.there(POD, namespace, "theirs")

    play(scene, faults=faults, sweeps=False)


def test_where_pods_are_many_each_namespace_is_searched_by_itself() -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        (namespace,) = await _standing(stage, "x")
        for count in range(35):
            start(stage, TEAM, f"pod-{count}", OF_THE_TEAM)
        await stage.process.kill()
        level = enforced(stage, namespace)
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "theirs", OF_THE_HOST)
        label(stage, namespace, ENFORCE, level)
        heard.asked.clear()
        stage.process.start()
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "theirs")
        pages = [one for one in heard.of("list", POD.kind) if not one.namespace]
        assert len(pages) == 1 + 2, "that of a watch, and no more than two for one namespace"

    play(scene, profile=UNPROVEN, faults=heard, sweeps=False)


class LateAnswer(NoFaults):
    """That a namespace was created is answered late."""

    def request(self, asked: Asked) -> Fault:
        is_creation = (asked.verb, asked.kind) == ("create", NAMESPACE)
        return Fault("stale", seconds=3.0) if is_creation else NOTHING


def test_a_new_namespace_that_was_another_meanwhile_is_searched() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        made: list[str] = []

        def see(change: Change) -> None:
            if change.served.kind == NAMESPACE and change.old is None:
                made.append(change.last["metadata"]["name"])

        stage.world.server.on_change.append(see)
        await stage.until("it is there", lambda: made)
        (namespace,) = made
        level = enforced(stage, namespace)
        label(stage, namespace, ENFORCE, None)
        await stage.sleep(0.5)
        start(stage, namespace, "theirs", OF_THE_HOST)
        label(stage, namespace, ENFORCE, level)
        await stage.provisioned()
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "theirs")

    play(scene, faults=LateAnswer(), sweeps=False)


def test_who_makes_the_account_first_is_learnt() -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        for name in ("x", "y", "z"):
            await _standing(stage, name)
        # The controllers of the simulation come late: so is found once.
        assert [one.name for one in heard.of("update", SERVICE_ACCOUNT.kind)] == ["default"]
        assert [one.name for one in heard.of("create", SERVICE_ACCOUNT.kind)].count("default") == 3

    play(scene, faults=heard, sweeps=False)


def test_a_namespace_that_others_write_to_all_the_time_is_searched_ever_more_rarely() -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        (namespace,) = await _standing(stage, "x")
        heard.asked.clear()
        label(stage, namespace, ENFORCE, None)
        for count in range(240):
            note = {"metadata": {"annotations": {"theirs": str(count)}}}
            stage.world.edit(NAMESPACE, None, namespace, note)
            await stage.sleep(0.5)
        assert len(_searched(heard)) < 12
        start(stage, namespace, "late", OF_THE_HOST)
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "late"), "and once it is calm, to the end"
        heard.asked.clear()
        await stage.sleep(5 * MINUTE)
        assert _searched(heard) == []

    play(scene, profile=UNPROVEN, faults=heard, sweeps=False)


def test_an_account_that_others_made_first_is_replaced_without_another_look() -> None:
    heard = Heard()

    async def scene(stage: Stage) -> None:
        await _standing(stage, "x")

        def make(change: Change) -> None:
            if change.served.kind == NAMESPACE and change.old is None:
                where = change.last["metadata"]["name"]
                asked = Asked("controllers", "create", SERVICE_ACCOUNT, where, "default")
                stage.world.server.create(asked, {"metadata": {"name": "default"}})

        stage.world.server.on_change.append(make)
        heard.asked.clear()
        for name in ("y", "z"):
            await _standing(stage, name)
        assert [one.name for one in heard.of("update", SERVICE_ACCOUNT.kind)] == ["default"] * 2
        tried = [one.name for one in heard.of("create", SERVICE_ACCOUNT.kind)]
        assert tried.count("default") == 1
        assert heard.of("get", SERVICE_ACCOUNT.kind) == []

    play(scene, faults=heard, sweeps=False)


def test_a_namespace_that_is_held_in_its_deletion_is_asked_to_take_nothing() -> None:
    """It takes nothing any more, for as long as somebody's finalizer holds it."""
    faults = Refusing(lambda asked: (asked.kind, asked.verb) == (NETWORK_POLICY, "create"))

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        stage.world.edit(NAMESPACE, None, namespace, HELD)
        stage.world.remove(NAMESPACE, None, namespace)
        await stage.sleep(5)
        faults.in_force = True
        await stage.sleep(2 * MINUTE)
        assert stage.condition("NamespaceReady")["reason"] == reasons.NAMESPACE_TERMINATING
        assert faults.refused == []
        faults.in_force = False
        stage.world.edit(NAMESPACE, None, namespace, LET_GO)
        await stage.until(
            "it is there again", lambda: stage.condition("NamespaceReady")["status"] == "True"
        )

    play(scene, faults=faults)
