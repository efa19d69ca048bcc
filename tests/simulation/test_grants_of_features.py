"""Definitions of another namespace are used by a grant, counted and taken back as data are."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    NAMESPACE,
)
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_grants import about_grants, is_bound, refused, why
from simulation.test_seal_order import Refusing
from simulation.test_waits import features_spec
from simulation.world import TEAM, pin_spec
from support.grants import (
    DATA,
    grant,
    grant_spec,
    granted,
    ready,
    reason_of,
    records,
    takers,
    with_data,
)
from support.told_ledgers import told, with_ledger

Json = dict[str, Any]
STORE: Json = {"storeRef": {"name": "primary"}}


def by_definitions(**changes: Any) -> Json:
    """Return changes of a grant that make it one of definitions."""
    return (
        {"pinRef": None, "featureSetRef": {"name": "v1"}, "roles": ["features"]} | STORE | changes
    )


def spec_of(**changes: Any) -> Json:
    found = grant_spec(**by_definitions(**changes))
    return {name: value for name, value in found.items() if value is not None}


async def loan(stage: Stage, name: str = "loan", **changes: Any) -> Json:
    """Declare a grant of the definitions, and wait until it is Ready."""
    made = stage.world.declare(ACCESS_GRANT, name, spec_of(**changes), namespace=DATA)
    reached = (reasons.GRANTED, reasons.GRANT_USED_UP)
    await stage.until("the grant is Ready", lambda: reason_of(stage, name) in reached)
    return made


async def with_features(stage: Stage, *, lend: bool = True) -> None:
    """Have definitions in another namespace over data there, and a copy of the data at home."""
    await with_data(stage, lend=lend)
    stage.world.declare(FEATURE_SET_PIN, "v1", features_spec(), namespace=DATA)
    stage.world.declare(DATASET_PIN, "mirror", pin_spec())
    await stage.until("they are Ready", lambda: ready(stage, FEATURE_SET_PIN, "v1"))
    await stage.until("the copy is", lambda: ready(stage, DATASET_PIN, "mirror", TEAM))


def using(name: str = "v1", *, data: bool = True) -> Json:
    """Return inputs with the definitions of the other namespace, and what they are made from."""
    rows = [{"name": "rows", "pinRef": {"name": "mirror"}, "role": "train"}] if data else []
    reference = {"name": name, "namespace": DATA}
    return {"datasets": rows, "features": [{"name": "base", "pinRef": reference}]}


def delivered(stage: Stage) -> Json | None:
    """Return what the run is given of the definitions; None where nothing lies there."""
    namespace = stage.status().get("namespace", "")
    plan = stage.world.server.peek(CONFIG_MAP, namespace, names.INPUTS_CONFIG_MAP)
    if plan is None:
        return None
    (found,) = orjson.loads(next(iter(plan["data"].values())))["features"]
    document: Json = found
    return document


def test_definitions_are_lent_once_and_the_next_is_refused_by_whom_they_were_used() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        stage.declare(inputs=using())
        there = await refused(stage, reasons.NOT_GRANTED)
        stage.declare("z", inputs=using("not-there"))
        assert await refused(stage, reasons.NOT_GRANTED, "z") == there
        made = await loan(stage)
        uid = stage.world.experiment("x")["metadata"]["uid"]  # type: ignore[index]
        await stage.provisioned()
        pin = stage.world.server.peek(FEATURE_SET_PIN, DATA, "v1")
        assert pin is not None
        entry = next(each for each in stage.status()["inputs"] if each["name"] == "base")
        assert (entry["pinRef"], entry["digest"]) == ("data/v1", pin["status"]["digest"])
        (used,) = entry["grants"]
        assert (used["grantRef"], used["uid"]) == ("data/loan", made["metadata"]["uid"])
        assert (used["use"], used["contentRoot"]) == (1, entry["digest"])
        assert takers(stage) == [uid]
        given = delivered(stage)
        assert given is not None
        assert given["digest"] == entry["digest"]
        assert given["document"]["features"]
        await stage.until("it is counted", lambda: reason_of(stage) == reasons.GRANT_USED_UP)
        assert [each["experiment"] for each in grant(stage)["status"]["uses"]] == ["team-a/x"]
        # The owner sees who uses them, and cannot delete them below the run.
        await stage.until(
            "its user is told",
            lambda: (
                (stage.world.server.peek(FEATURE_SET_PIN, DATA, "v1") or {})["status"].get("usedBy")
                == {"experiments": "1", "names": ["team-a/x"]}
            ),
        )
        stage.declare("y", inputs=using())
        message = await refused(stage, reasons.GRANT_USED_UP, "y")
        assert "by Experiment 'x' at " in message
        # Deleted and made again it gives none back.
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.until("the grant is gone", lambda: not stage.there(ACCESS_GRANT, DATA, "loan"))
        stage.world.declare(ACCESS_GRANT, "loan", spec_of(), namespace=DATA)
        await stage.until("it is read again", lambda: reason_of(stage) == reasons.GRANT_USED_UP)
        assert why(stage, "y") == reasons.GRANT_USED_UP
        assert takers(stage) == [uid]

    play(scene, sweeps=False)


def test_lent_definitions_are_kept_for_whom_they_are_lent_to_also_after_the_grant_is_gone() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        await loan(stage)
        stage.declare(run=False, inputs=using())
        await stage.provisioned()
        stage.world.remove(FEATURE_SET_PIN, DATA, "v1")
        await stage.sleep(HOUR)
        assert stage.there(FEATURE_SET_PIN, DATA, "v1")
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("they go", lambda: not stage.there(FEATURE_SET_PIN, DATA, "v1"), HOUR)

    play(scene)


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"namespaces": ["team-b"]}, "another namespace is let in"),
        ({"featureSetRef": None, "contentRoot": "sha256:" + "0" * 64}, "other definitions"),
    ],
)
def test_a_grant_lets_in_the_definitions_that_it_names_alone(changes: Json, why_not: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        await loan(stage, **changes)
        stage.declare(inputs=using())
        await refused(stage, reasons.NOT_GRANTED)
        await stage.sleep(MINUTE)
        assert not is_bound(stage), why_not

    play(scene)


def test_definitions_are_granted_by_their_digest_and_no_dataset_is_by_it() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        pin = stage.world.server.peek(FEATURE_SET_PIN, DATA, "v1")
        assert pin is not None
        root = pin["status"]["digest"]
        # In a role of data the same digest lets no definitions in.
        wrong = {"featureSetRef": None, "contentRoot": root}
        await loan(stage, "wrong", **wrong, roles=["train"])
        stage.declare(run=False, inputs=using())
        await refused(stage, reasons.NOT_GRANTED)
        await loan(stage, "right", **wrong)
        await stage.until("it is bound", lambda: is_bound(stage))
        assert [key.split("/")[3] for key in records(stage)] == ["right"]

    play(scene)


def test_lent_definitions_bring_no_data_with_them() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        await loan(stage)
        stage.declare(run=False, inputs=using(data=False))
        said = await refused(stage, reasons.FEATURE_INPUTS_MISSING)
        assert "a dataset of another namespace takes an AccessGrant of its own" in said
        assert "'data/set' (`rows`)" in said
        assert takers(stage) == [], "what is refused costs no use"
        # By a grant of each, nothing is needed at home.
        await granted(stage, "rows")
        lent = {"name": "rows", "pinRef": {"name": "set", "namespace": DATA}, "role": "train"}
        stage.declare("y", run=False, inputs={**using(data=False), "datasets": [lent]})
        await stage.until("it is bound", lambda: is_bound(stage, "y"))
        assert sorted(key.split("/")[3] for key in records(stage)) == ["loan", "rows"]

    play(scene)


def test_a_namespace_that_may_lend_nothing_lends_no_definitions() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage, lend=False)
        stage.world.declare(ACCESS_GRANT, "loan", spec_of(), namespace=DATA)
        await stage.until("it says so", lambda: reason_of(stage) == reasons.STORE_NOT_LENDING)
        stage.declare(run=False, inputs=using())
        await stage.until("it waits", lambda: why(stage) == reasons.GRANT_NOT_READY)
        await stage.sleep(10 * MINUTE)
        assert not is_bound(stage)

    play(scene)


@pytest.mark.parametrize("pin", ["gone", "expired"])
def test_a_grant_of_definitions_waits_for_them_and_says_what_for(pin: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        if pin == "expired":
            over = {"validity": {"notAfterTime": "2020-01-01T00:00:00Z"}}
            stage.world.declare(FEATURE_SET_PIN, "v1", features_spec(**over), namespace=DATA)
        stage.world.declare(ACCESS_GRANT, "loan", spec_of(), namespace=DATA)
        reason = reasons.PIN_NOT_FOUND if pin == "gone" else reasons.PIN_NOT_READY
        await stage.until("it says so", lambda: reason_of(stage) == reason)
        if pin == "gone":
            stage.world.declare(FEATURE_SET_PIN, "v1", features_spec(), namespace=DATA)
            # Woken by the pin: a retry comes after a minute.
            await stage.until("it grants", lambda: reason_of(stage) == reasons.GRANTED, 30)

    play(scene, sweeps=False)


@pytest.mark.parametrize("by", ["revoked", "deleted"])
def test_a_grant_of_definitions_that_is_over_is_reported_and_a_run_goes_on(by: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        await with_features(stage)
        await loan(stage)
        uid = stage.declare(inputs=using())["metadata"]["uid"]
        await stage.provisioned()
        await stage.until("it runs", lambda: stage.status().get("run"))
        assert stage.condition("InputsGranted")["status"] == "True"
        before = delivered(stage)
        if by == "revoked":
            stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})
        else:
            stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.until(
            "it is told",
            lambda: stage.condition("InputsGranted")["reason"] == reasons.GRANT_REVOKED,
            60,
        )
        assert stage.condition("Ready")["status"] == "True"
        assert delivered(stage) == before, "what was written stays"
        stage.declare("y", run=False, inputs=using())
        await stage.until("nobody else is let in", lambda: why(stage, "y") != "")
        assert why(stage, "y") in {reasons.GRANT_REVOKED, reasons.NOT_GRANTED}
        await stage.until("it is told", lambda: len(about_grants(stage)) > 1, HOUR)
        assert about_grants(stage) == ["granted", "grant-revoked"]
        assert told(stage, uid)[:2] == ["grant-used", "bind"]

    play(scene, sweeps=False)


def test_definitions_whose_grant_is_over_are_written_into_no_namespace() -> None:
    faults = Refusing(lambda asked: (asked.kind, asked.verb) == (NAMESPACE, "create"), 403)

    async def scene(stage: Stage) -> None:
        await with_features(stage)
        await loan(stage)
        faults.in_force = True
        stage.declare(run=False, inputs=using())
        await stage.until("it is bound", lambda: is_bound(stage))
        stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})
        await stage.sleep(MINUTE)
        faults.in_force = False
        await stage.provisioned()
        await stage.sleep(10 * MINUTE)
        assert delivered(stage) is None
        assert stage.condition("InputsDelivered")["reason"] == reasons.GRANT_REVOKED
        assert stage.condition("InputsGranted")["reason"] == reasons.GRANT_REVOKED

    play(scene, faults=faults)


def test_pods_that_are_made_by_hand_are_told_that_definitions_are_lent_no_more() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        await loan(stage)
        stage.declare(run=False, inputs=using())
        await stage.provisioned()
        await stage.until(
            "its inputs are there",
            lambda: stage.condition("InputsDelivered").get("status") == "True",
        )
        stage.world.remove(ACCESS_GRANT, DATA, "loan")
        await stage.until(
            "it says so",
            lambda: stage.condition("InputsDelivered")["reason"] == reasons.GRANT_REVOKED,
            60,
        )
        assert "written into no namespace again" in stage.condition("InputsDelivered")["message"]

    play(scene)


# -- what an Experiment is for


def test_a_grant_for_a_ticket_lets_in_whose_purpose_names_it() -> None:
    async def scene(stage: Stage) -> None:
        await with_features(stage)
        await loan(stage, tickets=["DS-7", "DS-8"])
        stage.declare(run=False, inputs=using())
        said = await refused(stage, reasons.NOT_GRANTED)
        assert "AccessGrant 'data/loan' is for other tickets" in said
        assert "`spec.purpose.ticket` names none" in said
        assert "DS-7" not in said
        purpose = {"description": "simulated", "owner": TEAM, "ticket": "DS-9"}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": purpose}})
        await stage.until("it is read", lambda: "DS-9" in stage.condition("Ready")["message"])
        assert not is_bound(stage)
        purpose["ticket"] = "DS-8"
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": purpose}})
        await stage.until("it is bound", lambda: is_bound(stage))
        assert stage.status()["purpose"]["ticket"] == "DS-8"
        # What is written into the purpose later takes nothing back, and lets nobody else in.
        purpose["ticket"] = ""
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": purpose}})
        await stage.sleep(MINUTE)
        assert stage.condition("InputsGranted")["status"] == "True"
        assert stage.status()["purpose"]["ticket"] == "DS-8"

    play(scene, sweeps=False)
