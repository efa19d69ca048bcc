"""Which pins an Experiment begins to use, and that it goes on from the very one that was bound."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    NAMESPACE,
    OBJECT_STORE,
    SECRET,
)
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, ends_after, findings_of, statements
from simulation.test_seal_order import pin_is_ready
from simulation.test_waits import features_spec
from simulation.world import SOURCE, TEAM, pin_spec, store_spec

Json = dict[str, Any]
OWN = "glovebox-system"
BEGUN = {"metadata": {"finalizers": ["example.com/held"]}}


async def ready_pin(stage: Stage, **changes: Any) -> None:
    stage.world.declare(DATASET_PIN, "set", {**pin_spec(), **changes})
    await stage.until("the pin is Ready", lambda: pin_is_ready(stage))


def dataset(**ref: str) -> Json:
    return {"datasets": [{"name": "a", "pinRef": {"name": "set", **ref}, "role": "train"}]}


def test_nobody_new_begins_to_use_a_pin_that_is_being_deleted() -> None:
    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        stage.world.edit(DATASET_PIN, TEAM, "set", BEGUN)
        stage.world.remove(DATASET_PIN, TEAM, "set")
        await stage.sleep(5.0)
        stage.declare(run=False, inputs=dataset())
        await stage.sleep(5 * MINUTE)
        assert stage.there(DATASET_PIN, TEAM, "set")
        assert "digest" not in stage.status()
        assert stage.condition("Ready")["reason"] == reasons.PIN_NOT_READY
        assert "being deleted" in stage.condition("Ready")["message"]

    play(scene)


def test_a_pin_that_is_not_there_is_named_with_those_that_are_and_waited_for() -> None:
    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        stage.declare(run=False, pin="sett")
        await stage.sleep(5.0)
        said = stage.condition("Ready")
        assert (said["status"], said["reason"]) == ("False", reasons.PIN_NOT_FOUND)
        assert "there is no DatasetPin 'sett' in this namespace" in said["message"]
        assert "set" in said["message"].partition("in this namespace")[2]
        assert stage.condition("Stalled").get("status") != "True"
        stage.world.declare(DATASET_PIN, "sett", pin_spec())
        await stage.provisioned()

    play(scene)


@pytest.mark.parametrize("there", [True, False])
def test_a_pin_of_another_namespace_is_refused_whether_it_is_there_or_not(
    there: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(stage: Stage) -> None:
        asked = Asked(ADMINISTRATOR, "create", NAMESPACE, "", "team-b")
        stage.world.server.create(asked, {"metadata": {"name": "team-b"}})
        access = [{"namespaces": [TEAM, "team-b"], "sources": [{"bucket": SOURCE}]}]
        access[0] |= {"artifacts": True}
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
        if there:
            stage.world.declare(DATASET_PIN, "set", pin_spec(), namespace="team-b")
        await stage.sleep(MINUTE)
        stage.declare(run=False, inputs=dataset(namespace="team-b"))
        await stage.sleep(MINUTE)
        assert "digest" not in stage.status()
        assert stage.condition("Stalled")["reason"] == reasons.NOT_GRANTED

    play(scene)


@pytest.mark.parametrize("there", [True, False])
def test_features_of_another_namespace_are_refused_whether_they_are_there_or_not(
    there: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Whether definitions exist there is nobody's business without a grant."""

    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        stage.world.server.create(
            Asked(ADMINISTRATOR, "create", NAMESPACE, "", "team-b"),
            {"metadata": {"name": "team-b"}},
        )
        if there:
            stage.world.declare(FEATURE_SET_PIN, "theirs", features_spec(), namespace="team-b")
        ref = {"name": "theirs", "namespace": "team-b"}
        stage.declare(run=False, inputs={"features": [{"name": "a", "pinRef": ref}]})
        await stage.sleep(MINUTE)
        assert "digest" not in stage.status()
        said = stage.condition("Stalled")
        assert said["reason"] == reasons.NOT_GRANTED
        assert (
            "ask the owner of namespace 'team-b' for an AccessGrant there that names namespace"
            f" '{TEAM}' and role `features`"
        ) in said["message"]

    play(scene)


def test_a_pin_that_has_expired_is_not_bound() -> None:
    async def scene(stage: Stage) -> None:
        await ready_pin(stage, validity={"notAfterTime": "2020-01-01T00:00:00Z"})
        stage.declare(run=False, inputs=dataset())
        await stage.sleep(MINUTE)
        assert "digest" not in stage.status()
        assert stage.condition("Stalled")["reason"] == reasons.EXPIRED

    play(scene)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another one of its name"])
@pytest.mark.parametrize("restarts", [False, True])
def test_features_are_delivered_from_the_very_pin_that_was_bound(
    restarts: bool,  # noqa: FBT001 - a parameter of the test
    again: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    def delivered(stage: Stage, namespace: str) -> Any:
        found = stage.world.server.peek(CONFIG_MAP, namespace, names.INPUTS_CONFIG_MAP)
        return found and found["data"]

    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        stage.world.declare(FEATURE_SET_PIN, "made", features_spec())
        stage.declare(
            run=False,
            inputs={
                "datasets": [{"name": "rows", "pinRef": {"name": "set"}, "role": "train"}],
                "features": [{"name": "a", "pinRef": {"name": "made"}}],
            },
        )
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        before = delivered(stage, namespace)
        assert before
        stage.world.edit(FEATURE_SET_PIN, TEAM, "made", {"metadata": {"finalizers": None}})
        stage.world.remove(FEATURE_SET_PIN, TEAM, "made")
        if again:
            stage.world.declare(FEATURE_SET_PIN, "made", features_spec(schemaVersion="2.0.0"))
        if restarts:
            await stage.process.kill()
            stage.process.start()
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"labels": {"a": "b"}}})
        await stage.sleep(5 * MINUTE)
        assert delivered(stage, namespace) == before

    play(scene)


def test_a_pin_of_what_is_not_granted_reads_nothing_of_it() -> None:
    asked: list[str] = []

    async def scene(stage: Stage) -> None:
        await stage.sleep(5.0)
        stage.world.store.fault = lambda action, bucket, _: asked.append(f"{action} {bucket}")
        source = {"prefix": {"bucket": "salaries", "prefix": "2026/"}}
        stage.world.declare(DATASET_PIN, "set", {**pin_spec(), "source": source})
        await stage.sleep(MINUTE)
        assert stage.condition("Stalled", "set", DATASET_PIN)["reason"] == reasons.NOT_GRANTED
        assert not [each for each in asked if "salaries" in each]

    play(scene)


def test_the_session_of_the_inputs_is_renewed_ahead_of_its_end() -> None:
    def ends(stage: Stage, namespace: str) -> str:
        found = stage.world.server.peek(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET)
        assert found is not None
        return str(found["metadata"]["annotations"][names.ANNOTATION_CREDENTIALS_EXPIRE_TIME])

    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        ends_after(stage, 24 * HOUR)
        stage.declare(pin="set")
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        namespace = stage.status()["namespace"]
        first = ends(stage, namespace)
        await stage.sleep(25 * MINUTE)  # a session of 30 minutes is renewed after 20
        assert ends(stage, namespace) > first

    play(scene)


def give_another_store(stage: Stage, **changes: Json) -> None:
    """Declare a store beside the one of the artifacts, with keys of its own."""
    keys = stage.world.server.peek(SECRET, OWN, "store-keys")
    assert keys is not None
    asked = Asked(ADMINISTRATOR, "create", SECRET, OWN, "others")
    stage.world.server.create(
        asked, {"metadata": {"name": "others"}, "type": "Opaque", "data": keys["data"]}
    )
    spec = store_spec() | {"credentialsSecretRef": {"name": "others"}}
    spec |= {"artifacts": {**spec["artifacts"], "bucket": "gbx-others"}}
    stage.world.declare(OBJECT_STORE, "others", spec | changes)


def test_no_input_comes_from_the_address_of_a_metadata_service() -> None:
    async def scene(stage: Stage) -> None:
        give_another_store(stage, network={"cidrs": ["168.63.129.16/32"], "port": 8333})
        await ready_pin(stage, storeRef={"name": "others"})
        stage.declare(pin="set")
        await stage.until(
            "it is refused",
            lambda: stage.condition("Ready").get("reason") == reasons.ROUTE_NOT_ALLOWED,
        )
        said = stage.condition("Ready")["message"]
        assert "name pins of another store" in said
        assert not stage.status().get("digest")

    play(scene)


def test_an_input_whose_store_cannot_be_opened_is_a_finding_and_no_reason_to_wait() -> None:
    async def scene(stage: Stage) -> None:
        give_another_store(stage)
        await ready_pin(stage, storeRef={"name": "others"})
        ends_after(stage, 5 * MINUTE)
        stage.declare(pin="set")
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await stage.sleep(MINUTE)
        await stage.process.kill()
        stage.world.remove(SECRET, OWN, "others")
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 5 * MINUTE + SOON)
        assert any(
            "could not be verified again" in each for each in findings_of(statements(stage)[0])
        )

    play(scene)
