"""What an Experiment that goes leaves to be done: notes of last listings, and a conclusion."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment import conclude
from glovebox.errors import Forbidden
from glovebox.evidence.after_seal import SUPPLEMENT_NAME
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, NAMESPACE
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, running, statements, store_is_away, store_is_back
from simulation.test_evidence import signed
from simulation.test_orphans import lose
from simulation.test_restore import concluded_otherwise, sealed, taken_over
from simulation.test_seal_order import Refusing, wants
from simulation.test_sealed_before_it_goes import told
from simulation.world import BUCKET, TEAM

SYSTEM = "glovebox-system"
CONCLUSION = {"verdict": "Confirmed", "text": "0.8", "by": "erin"}


def notes(stage: Stage) -> list[str]:
    found = stage.world.server.everything(CONFIG_MAP, SYSTEM)
    every = [each["metadata"]["name"] for each in found]
    return [name for name in every if name.startswith(names.LAST_LISTING_PREFIX)]


def evidence(stage: Stage, name: str) -> bool:
    return any(name in key for _, key in stage.world.evidence())


@pytest.mark.parametrize(
    "changed",
    [
        {"platform": '{"format": "of another version"}'},
        {"platform": "{"},
        {"sessionsEnd": "soon"},
        {"sessionsEnd": None},
    ],
    ids=["of a newer version", "no document", "no time", "without a time"],
)
def test_a_note_that_cannot_be_read_keeps_no_other_from_being_done(
    changed: dict[str, str | None],
) -> None:
    """It was written by a newer operator, before a rollback, or somebody edited it."""
    uid = "00000000-0000-4000-8000-000000000001"

    async def scene(stage: Stage) -> None:
        stage.declare(lifecycle={"deletionPolicy": "Delete"})
        status = await sealed(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None)
        name = names.LAST_LISTING_PREFIX + uid
        note = {
            "metadata": {"name": name, "labels": {names.LABEL_LAST_LISTING: "true"}},
            "data": {
                "team": TEAM,
                "name": "y",
                "uid": uid,
                "platform": '{"format": "of another version"}',
                "sessionsEnd": status["seal"]["sessionsEndTime"],
            },
        }
        data = {**note["data"], **changed}
        note["data"] = {key: value for key, value in data.items() if value is not None}
        asked = Asked(ADMINISTRATOR, "create", CONFIG_MAP, SYSTEM, name)
        stage.world.server.create(asked, note)
        await stage.sleep(3 * HOUR)
        assert notes(stage) == [name]
        assert evidence(stage, "supplement")

    play(scene)


def test_a_note_that_is_refused_holds_the_deletion_and_hides_no_seal() -> None:
    faults = Refusing(
        lambda asked: (
            asked.kind == CONFIG_MAP and asked.verb == "create" and asked.namespace == SYSTEM
        ),
        403,
    )

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Freeze")
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(3 * HOUR)
        assert stage.status()["seal"]
        assert "last-listing" in stage.condition("Ready")["message"]
        assert stage.metric("glovebox_seals_total", result="success") == 1
        faults.in_force = False
        await stage.sleep(6 * HOUR)
        assert stage.world.experiment() is None
        assert len(statements(stage)) == 1
        assert evidence(stage, "supplement")
        assert reasons.DELETED_UNSEALED not in told(stage)

    play(scene, faults=faults)


def test_one_that_cannot_go_is_listed_once_more_once() -> None:
    """Its namespace may not be deleted, and it tries again and again."""
    faults = Refusing(lambda asked: asked.kind == NAMESPACE and asked.verb == "delete", 500)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it has its note", lambda: bool(notes(stage)), HOUR)
        await stage.until("it is listed once more", lambda: not notes(stage), 6 * HOUR)
        assert evidence(stage, "supplement")
        for _ in range(30):
            await stage.sleep(MINUTE)
            assert stage.world.experiment() is not None
            assert notes(stage) == []
        faults.in_force = False
        await stage.until("it goes", lambda: stage.world.experiment() is None, HOUR)
        assert notes(stage) == []

    play(scene, faults=faults)


def test_what_took_over_a_seal_leaves_no_note_that_nobody_can_do() -> None:
    async def scene(stage: Stage) -> None:
        await taken_over(stage)
        await stage.sleep(MINUTE)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it goes", lambda: stage.world.experiment() is None)
        await stage.sleep(6 * HOUR)
        assert notes(stage) == []
        assert evidence(stage, "supplement")

    play(scene)


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_conclusion_that_is_not_signed_yet_is_waited_for_and_no_longer_than_a_seal(
    comes_back: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        await stage.sleep(MINUTE)
        store_is_away(stage)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        await stage.sleep(MINUTE)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR / 2)
        assert stage.world.experiment() is not None
        assert "conclusion" in stage.condition("Ready")["message"]
        if comes_back:
            store_is_back(stage)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        assert evidence(stage, "conclusion") is comes_back
        assert (reasons.DELETED_UNSEALED in told(stage)) is not comes_back

    play(scene, sweeps=False)


def test_a_conclusion_that_differs_from_what_was_signed_delays_no_deletion() -> None:
    async def scene(stage: Stage) -> None:
        await concluded_otherwise(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, MINUTE)
        assert reasons.DELETED_UNSEALED in told(stage)

    play(scene)


@pytest.mark.parametrize("wait", [0.0, 0.8])
def test_a_seal_and_a_conclusion_have_one_wait_together(
    monkeypatch: pytest.MonkeyPatch, wait: float
) -> None:
    """Whatever the store refuses of both, an Experiment goes within the hour, and a bit."""

    async def refuse(*_: object, **__: object) -> None:
        raise Forbidden(reasons.STORE_FORBIDDEN, "the store denies it")

    monkeypatch.setattr(conclude, "sign_conclusion", refuse)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Freeze")
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        store_is_away(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        began = stage.now
        await stage.sleep(wait * HOUR)
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR / 10)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * HOUR)
        assert 0.9 * HOUR < stage.now - began < 1.1 * HOUR
        assert reasons.DELETED_UNSEALED in told(stage)

    play(scene, sweeps=False)


def test_what_a_lost_experiment_wrote_is_listed_once_more() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage)
        prefix = stage.status()["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
        lose(stage, "x")
        await stage.until("it is sealed", lambda: statements(stage), HOUR)
        bucket = stage.world.store.buckets[BUCKET]
        stage.world.store._store(bucket, f"{prefix}late.bin", b"late", "", None, "")
        await stage.process.kill()
        stage.process.start()
        await stage.until("it is listed", lambda: signed(stage, SUPPLEMENT_NAME), 2 * HOUR)
        (supplement,) = signed(stage, SUPPLEMENT_NAME)
        assert supplement["predicate"]["addedVersions"] == 1
        await stage.until("the note is taken away", lambda: not notes(stage), HOUR)

    play(scene)


def test_what_is_concluded_before_the_seal_is_signed_after_it() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage)
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        await stage.sleep(MINUTE)
        assert stage.condition("Ready")["status"] == "True", "nothing is wrong with it"
        assert not evidence(stage, "conclusion")
        wants(stage, "Sealed")
        await stage.until("it is signed", lambda: stage.status().get("conclusion"), HOUR)
        assert evidence(stage, "conclusion")

    play(scene)
