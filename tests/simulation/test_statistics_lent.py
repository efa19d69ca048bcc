"""Distributions are compared with pins of other namespaces by leave of these alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers import statistics
from glovebox.kube.kinds import ACCESS_GRANT, DATASET_PIN, NAMESPACE, OBJECT_STORE
from glovebox.tasks.statistics import compute_statistics
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_contracts import HOUR, MINUTE, status, until
from simulation.test_statistics import COMPUTED, STABLE, STATISTICS, declare, put
from simulation.world import SOURCE, TEAM, pin_spec
from support.grants import DATA, grant, grant_spec, ready, reason_of, records

Json = dict[str, Any]
THEIRS: Json = {"name": "old", "namespace": DATA}


def against(**more: Any) -> Json:
    return {"distribution": {"against": THEIRS, **more}}


async def with_theirs(stage: Stage, *, lend: bool = True, **changes: Any) -> None:
    """Have described data in another namespace, and data like them in the team's."""
    asked = Asked(ADMINISTRATOR, "create", NAMESPACE, "", DATA)
    stage.world.server.create(asked, {"metadata": {"name": DATA}})
    theirs = {"namespaces": [DATA], "sources": [{"bucket": SOURCE, "prefix": "old/"}], "lend": lend}
    ours = {"namespaces": [TEAM], "sources": [{"bucket": SOURCE}], "artifacts": True}
    assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": [ours, theirs]}})
    put(stage, "old", 1)
    put(stage, "same", 2)
    spec = pin_spec("old/") | {"statistics": STATISTICS} | changes
    stage.world.declare(DATASET_PIN, "old", spec, namespace=DATA)
    await stage.until("they are described", partial(described, stage), HOUR)


def described(stage: Stage) -> bool:
    pin = stage.world.server.peek(DATASET_PIN, DATA, "old") or {}
    return bool((pin.get("status") or {}).get("statistics"))


def loan(stage: Stage, **changes: Any) -> None:
    spec = grant_spec(**{"pinRef": {"name": "old"}, "roles": ["statistics"], **changes})
    stage.world.declare(
        ACCESS_GRANT, "loan", {k: v for k, v in spec.items() if v is not None}, namespace=DATA
    )


def said(stage: Stage, name: str = "same") -> str:
    return str(stage.condition(STABLE, name, DATASET_PIN).get("message"))


def test_they_are_compared_once_they_are_granted_and_no_use_is_taken() -> None:
    async def scene(stage: Stage) -> None:
        await with_theirs(stage)
        declare(stage, "same", "same", **against(required=True))
        await until(stage, "same", reasons.NOT_GRANTED, STABLE)
        await until(stage, "same", reasons.NOT_GRANTED)
        loan(stage)
        # Woken by the grant, and by no sweep.
        await stage.until("it is compared", lambda: status(stage, "same").get("distribution"), 20)
        found = status(stage, "same")["distribution"]
        assert (found["verdict"], found["against"]) == ("stable", f"{DATA}/old")
        theirs = (stage.world.server.peek(DATASET_PIN, DATA, "old") or {})["status"]
        assert found["againstStatistics"] == theirs["statistics"]["document"]["digest"]
        await until(stage, "same", reasons.VERIFIED)
        assert (records(stage), grant(stage)["status"]["used"]) == ({}, 0)
        # What was compared stays so, whatever becomes of the grant; nothing new is compared.
        stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})
        declare(stage, "later", "same", **against())
        await until(stage, "later", reasons.GRANT_REVOKED, STABLE)
        await stage.sleep(HOUR)
        assert status(stage, "same")["distribution"] == found
        assert "distribution" not in status(stage, "later")

    play(scene, sweeps=False)


def test_a_refusal_says_nothing_of_what_is_there() -> None:
    async def scene(stage: Stage) -> None:
        await with_theirs(stage)
        missing = {"distribution": {"against": {"name": "not-there", "namespace": DATA}}}
        declare(stage, "same", "same", **against())
        declare(stage, "other", "same", **missing)
        for name in ("same", "other"):
            await until(stage, name, reasons.NOT_GRANTED, STABLE)
        assert said(stage) == said(stage, "other")
        assert said(stage) == (
            "`spec.distribution.against`: not granted. `namespace` names another namespace: ask"
            f" the owner of namespace '{DATA}' for an AccessGrant there that names namespace"
            f" '{TEAM}' and role `statistics`"
        )
        # It decides nothing where it is not required, and whoever is named is not held by it.
        await until(stage, "same", reasons.VERIFIED)
        assert stage.world.remove(DATASET_PIN, DATA, "old")
        await stage.until("it goes", lambda: not stage.there(DATASET_PIN, DATA, "old"), HOUR)

    play(scene)


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"roles": ["train", "reference"]}, "rows may be read, by Experiments"),
        ({"namespaces": ["team-b"]}, "another namespace may compare"),
        ({"tickets": ["DS-7"]}, "a comparison has no ticket"),
    ],
)
def test_a_grant_in_another_way_compares_nothing(changes: Json, why_not: str) -> None:
    async def scene(stage: Stage) -> None:
        await with_theirs(stage)
        loan(stage, **changes)
        await stage.until("it is Ready", lambda: ready(stage, ACCESS_GRANT, "loan"))
        declare(stage, "same", "same", **against())
        await until(stage, "same", reasons.NOT_GRANTED, STABLE)
        await stage.sleep(10 * MINUTE)
        assert "distribution" not in status(stage, "same"), why_not

    play(scene)


@pytest.mark.parametrize("by", ["pin", "content"])
def test_what_the_platform_does_not_let_lend_is_not_compared_with(by: str) -> None:
    """By content a grant is Ready where its namespace may lend anything at all."""

    async def scene(stage: Stage) -> None:
        await with_theirs(stage, lend=False)
        root = (stage.world.server.peek(DATASET_PIN, DATA, "old") or {})["status"]["digest"]
        if by == "content":
            store = stage.world.server.peek(OBJECT_STORE, None, "primary")
            assert store is not None
            other = {"namespaces": [DATA], "sources": [{"bucket": "others"}], "lend": True}
            access = [*store["spec"]["access"], other]
            assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
            loan(stage, pinRef=None, contentRoot=root, storeRef={"name": "primary"})
            await stage.until("it is Ready", lambda: ready(stage, ACCESS_GRANT, "loan"))
            reason = reasons.STORE_NOT_LENDING
        else:
            loan(stage)
            await stage.until("it says so", lambda: reason_of(stage) == reasons.STORE_NOT_LENDING)
            reason = reasons.GRANT_NOT_READY
        declare(stage, "same", "same", **against())
        await until(stage, "same", reason, STABLE)
        await stage.sleep(10 * MINUTE)
        assert "distribution" not in status(stage, "same")

    play(scene)


def test_what_was_compared_by_a_grant_that_is_over_by_then_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the watch has not told: the API server is asked before it is recorded."""
    compared: list[bool] = []

    async def scene(stage: Stage) -> None:
        await with_theirs(stage)
        loan(stage)
        await stage.until("it is Ready", lambda: ready(stage, ACCESS_GRANT, "loan"))

        async def compute(context: Any, request: Any) -> Any:
            found = await compute_statistics(context, request)
            if request.reference is not None:
                compared.append(found.compared is not None)
                stage.world.edit(ACCESS_GRANT, DATA, "loan", {"spec": {"revoked": True}})
            return found

        monkeypatch.setattr(statistics, "compute_statistics", compute)
        declare(stage, "same", "same", **against())
        await until(stage, "same", reasons.GRANT_REVOKED, STABLE)
        await until(stage, "same", reasons.STATISTICS_COMPUTED, COMPUTED)
        assert compared[0]
        assert "distribution" not in status(stage, "same")

    play(scene)


def test_a_pin_is_not_compared_with_itself_by_naming_its_own_namespace() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "same", 2)
        itself = {"distribution": {"against": {"name": "same", "namespace": TEAM}}}
        declare(stage, "same", "same", **itself)
        await until(stage, "same", reasons.REFERENCE_GONE, STABLE)
        assert "does not move against itself" in said(stage)
        await stage.sleep(HOUR)
        assert "distribution" not in status(stage, "same")

    play(scene)
