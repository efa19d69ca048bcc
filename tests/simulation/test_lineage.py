"""Lineage: each run is told whole, at least once, whatever goes away in the meantime."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import CONFIG_MAP, EVENT, EXPERIMENT, SECRET
from glovebox.lineage.sending import Answer
from glovebox.settings import Lineage
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.object_store import NoAnswerError
from simulation.sink import DESTINATION, READS_BACK, TELLS
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after, store_is_away, store_is_back
from simulation.test_orphans import lose
from simulation.test_restore import sealed
from simulation.world import BUCKET, TEAM
from support.lineage import problems_of

Json = dict[str, Any]
SYSTEM = "glovebox-system"
WHOLE = ["START", "COMPLETE"]


def config_maps(stage: Stage, prefix: str) -> list[Json]:
    found = stage.world.server.everything(CONFIG_MAP, SYSTEM)
    return [each for each in found if each["metadata"]["name"].startswith(prefix)]


def notes(stage: Stage) -> list[Json]:
    return config_maps(stage, names.LINEAGE_PREFIX)


def records(stage: Stage) -> list[bytes]:
    """Return the events that lie in the bucket."""
    keys = stage.world.store.buckets[BUCKET].keys
    return [keys[key][0].body for key in keys if "/lineage." in key]


def has_seal(stage: Stage, name: str) -> bool:
    return "seal" in stage.status(name)


def is_whole(stage: Stage, name: str) -> bool:
    return stage.world.sink.steps(name) == WHOLE


def is_away(stage: Stage) -> None:
    stage.world.sink.answers = lambda _: None


def is_back(stage: Stage) -> None:
    stage.world.sink.answers = lambda _: Answer(200)


def test_a_run_is_told_from_its_start_and_whole_when_it_is_sealed() -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        stage.declare()
        await stage.until("its start is told", lambda: sink.steps() == ["START"])
        status = await sealed(stage)
        await stage.until("its end is told", lambda: sink.steps() == WHOLE)
        await stage.sleep(1)
        events = sink.events()
        assert [problem for event in events for problem in problems_of(event)] == []
        assert sorted(sink.received) == sorted(records(stage))
        assert len(sink.received) == len(WHOLE)
        assert notes(stage) == []
        recorded = stage.status()["lineage"]
        assert [entry["type"] for entry in recorded["events"]] == WHOLE
        facet = events[1]["outputs"][0]["facets"]["glovebox_seal"]
        assert facet["listDigest"] == status["seal"]["manifestDigest"]

    play(scene, lineage=TELLS)


def test_without_the_setting_nothing_is_written_for_it() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        await stage.sleep(10 * MINUTE)
        assert records(stage) == []
        assert notes(stage) == []
        assert "lineage" not in stage.status()
        assert stage.world.sink.asked == 0

    play(scene)


def test_without_a_destination_the_record_is_written_all_the_same() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        await stage.until("it is recorded", lambda: len(records(stage)) == len(WHOLE))
        assert notes(stage) == []

    play(scene, lineage=Lineage(enabled=True))


def test_the_record_is_locked_as_long_as_the_seal() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        await stage.until("it is recorded", lambda: len(records(stage)) == len(WHOLE))
        await stage.sleep(1)
        keys = stage.world.store.buckets[BUCKET].keys
        (seal,) = (keys[key][0] for key in keys if key.endswith("attestation.dsse.json"))
        written = [keys[key][0] for key in keys if "/lineage." in key]
        assert seal.until is not None
        for version in written:
            assert version.mode == seal.mode
            assert version.until is not None
            assert version.until >= seal.until.replace(microsecond=0)

    play(scene, lineage=TELLS)


@pytest.mark.parametrize("answer", [None, Answer(503), Answer(401), Answer(404), Answer(302)])
def test_a_destination_that_is_away_for_an_hour_misses_nothing(answer: Answer | None) -> None:
    """Runs end meanwhile, one of them is deleted, and the operator is started again."""
    runs = [f"run-{number}" for number in range(3 if answer else 10)]

    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        sink.answers = lambda _: answer
        for name in runs:
            stage.declare(name, lifecycle={"deletionPolicy": "Delete"})
        for name in runs:
            await stage.until(f"{name} is sealed", partial(has_seal, stage, name))
        await stage.until("all is noted", lambda: len(notes(stage)) == len(runs) * 2)
        stage.world.remove(EXPERIMENT, TEAM, runs[0])
        await stage.until("it is gone", lambda: stage.world.experiment(runs[0]) is None)
        await stage.sleep(HOUR / 2)
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(HOUR / 2)
        assert sink.received == []
        assert len(notes(stage)) == len(runs) * 2
        # It is asked now and then, and not all the time.
        assert sink.asked < 60
        is_back(stage)
        for name in runs:
            await stage.until(f"{name} is told", partial(is_whole, stage, name))
        await stage.until("nothing waits", lambda: not notes(stage))

    play(scene, lineage=TELLS)


def test_a_destination_that_is_away_delays_no_run_and_no_seal() -> None:
    async def ends(stage: Stage) -> None:
        ends_after(stage, 30.0)
        stage.declare()
        await sealed(stage)
        took.append(stage.now)

    async def without(stage: Stage) -> None:
        is_away(stage)
        await ends(stage)

    took: list[float] = []
    play(ends, lineage=TELLS)
    play(without, lineage=TELLS)
    assert took[0] == pytest.approx(took[1], abs=5.0)


def test_a_store_that_is_away_delays_the_record_and_not_the_run() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.until("it runs", lambda: stage.status().get("run", {}).get("startTime"))
        store_is_away(stage)
        await stage.until(
            "it is over", lambda: stage.status().get("run", {}).get("completionTime"), HOUR
        )
        await stage.sleep(10 * MINUTE)
        store_is_back(stage)
        await sealed(stage)
        await stage.until("it is told", lambda: stage.world.sink.steps() == WHOLE)

    play(scene, lineage=TELLS)


def test_an_event_that_is_refused_for_good_is_given_up_and_told() -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        sink.answers = lambda event: Answer(
            422 if event["eventType"] == "START" and event["job"]["name"].endswith(".x") else 200
        )
        stage.declare()
        await sealed(stage)
        stage.declare("other")
        await stage.until("its end is told", lambda: sink.steps() == ["COMPLETE"], HOUR)
        await stage.until(
            "it is given up", lambda: config_maps(stage, names.UNDELIVERED_PREFIX), HOUR
        )
        (dead,) = config_maps(stage, names.UNDELIVERED_PREFIX)
        assert (dead["data"]["type"], dead["data"]["why"]) == ("START", "it answers 422")
        await stage.until("nothing waits", lambda: not notes(stage))
        lost = stage.metric(
            "glovebox_lineage_dead_letters_total", destination="consumer", reason="refused"
        )
        assert lost == 1
        # The record has it all the same.
        kept = [json.loads(body) for body in records(stage)]
        steps = [each["eventType"] for each in kept if each["job"]["name"].endswith(".x")]
        assert sorted(steps) == sorted(WHOLE)

    play(scene, lineage=TELLS)


@pytest.mark.parametrize("is_mended", [True, False], ids=["mended", "refused again"])
def test_what_was_given_up_is_sent_again_when_somebody_asks_for_it(*, is_mended: bool) -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        refuses = True

        def answer(event: Json) -> Answer:
            is_it = event["eventType"] == "START" and event["job"]["name"].endswith(".x")
            return Answer(422 if is_it and refuses else 200)

        sink.answers = answer
        stage.declare()
        await sealed(stage)
        stage.declare("other")
        await stage.until("its end is told", lambda: sink.steps() == ["COMPLETE"], HOUR)
        await stage.until(
            "it is given up", lambda: config_maps(stage, names.UNDELIVERED_PREFIX), HOUR
        )
        (dead,) = config_maps(stage, names.UNDELIVERED_PREFIX)
        refuses = not is_mended
        labels = {names.LABEL_LINEAGE: names.LINEAGE_WAITING}
        change = {"metadata": {"labels": labels}}
        stage.world.edit(CONFIG_MAP, SYSTEM, dead["metadata"]["name"], change)
        before = sink.asked
        await stage.sleep(11 * MINUTE)
        stage.declare("third")  # is taken, so that what is refused is judged
        await stage.until("its end is told", partial(is_whole, stage, "third"))
        await stage.sleep(HOUR)
        left = config_maps(stage, names.UNDELIVERED_PREFIX)
        if is_mended:
            assert sorted(sink.steps()) == sorted(WHOLE)
            assert left == []
        else:
            assert sink.asked > before
            given_up = stage.metric(
                "glovebox_lineage_dead_letters_total", destination="consumer", reason="refused"
            )
            assert given_up > 1
            assert [each["metadata"]["uid"] for each in left] == [dead["metadata"]["uid"]]

    play(scene, lineage=TELLS)


def test_one_run_that_is_refused_holds_up_no_other() -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        sink.answers = lambda event: Answer(400 if event["job"]["name"].endswith(".bad") else 200)
        stage.declare("bad")
        await stage.until("it is refused", lambda: sink.asked)
        before = stage.now
        stage.declare("good")
        await stage.until("the other is told", lambda: sink.steps("good")[:1] == ["START"])
        assert stage.now - before < MINUTE

    play(scene, lineage=TELLS)


@pytest.mark.parametrize("answer", [None, Answer(500)])
def test_an_event_over_which_a_consumer_fails_holds_up_no_other(answer: Answer | None) -> None:
    """A team chooses names, and consumers have been known to fail over what is in an event."""

    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        sink.answers = lambda event: (
            answer if event["job"]["name"].endswith(".bad") else Answer(200)
        )
        stage.declare("bad")
        await stage.until("it is tried", lambda: sink.asked)
        stage.declare("good")
        await stage.until("the other is told", partial(is_whole, stage, "good"), HOUR)
        assert len(config_maps(stage, names.UNDELIVERED_PREFIX)) == 0

    play(scene, lineage=TELLS)


def test_a_destination_whose_token_is_not_there_is_not_up_and_told_once_it_is() -> None:
    (destination,) = TELLS.destinations
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": SYSTEM},
        "data": {"token": base64.b64encode(b"t").decode()},
    }

    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        stage.declare()
        await sealed(stage)
        await stage.sleep(10 * MINUTE)
        assert sink.asked == 0
        assert stage.metric("glovebox_lineage_destination_up", destination="consumer") == 0
        stage.world.server.create(Asked(ADMINISTRATOR, "create", SECRET, SYSTEM, "token"), secret)
        await stage.until("it is told", partial(is_whole, stage, "x"))

    asks = destination.model_copy(update={"secret_name": "token"})
    play(scene, lineage=TELLS.model_copy(update={"destinations": (asks,)}))


@pytest.mark.parametrize("many", [1, 12])
def test_a_destination_that_refuses_everything_loses_nothing(many: int) -> None:
    """A wrong path behind a proxy answers 400 to whatever comes."""
    runs = [f"run-{number}" for number in range(many)]

    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        sink.answers = lambda _: Answer(400)
        for name in runs:
            stage.declare(name)
        await stage.sleep(2 * HOUR)
        assert len(config_maps(stage, names.UNDELIVERED_PREFIX)) == 0
        is_back(stage)
        for name in runs:
            await stage.until(f"{name} is told", partial(is_whole, stage, name), HOUR)

    play(scene, lineage=TELLS)


def test_what_was_sealed_before_the_setting_is_told_once_it_is_on() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        await stage.process.kill()
        stage.world.lineage = TELLS
        stage.world.process("next").start()
        await stage.until("it is told", lambda: stage.world.sink.steps() == WHOLE)

    play(scene)


def test_a_note_that_cannot_be_read_or_names_something_else_is_left_alone() -> None:
    """Whoever can write there must not have the operator post what it can read."""

    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.until("its start is told", lambda: stage.world.sink.steps() == ["START"])
        (body,) = records(stage)
        forged = {
            "destination": "consumer",
            "team": TEAM,
            "experiment": "x",
            "uid": "u",
            "type": "START",
            "time": "2026-11-25T11:01:00Z",
            "store": "primary",
            "bucket": BUCKET,
            "key": "team-a/x/weights.bin",
            "digest": "sha256:" + "0" * 64,
        }
        for number, data in enumerate((forged, {"destination": "consumer"}, {})):
            name = f"{names.LINEAGE_PREFIX}forged-{number}"
            labels = {names.LABEL_LINEAGE: names.LINEAGE_WAITING}
            asked = Asked(ADMINISTRATOR, "create", CONFIG_MAP, SYSTEM, name)
            note = {"metadata": {"name": name, "labels": labels}, "data": data}
            stage.world.server.create(asked, note)
        await stage.process.kill()
        stage.process.start()
        await sealed(stage)
        await stage.until("its end is told", lambda: stage.world.sink.steps() == WHOLE)
        await stage.sleep(10 * MINUTE)
        assert set(stage.world.sink.received) == set(records(stage))
        assert body in stage.world.sink.received
        assert len(notes(stage)) == 3

    play(scene, lineage=TELLS)


def test_the_end_of_what_lost_its_experiment_is_told() -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        ends_after(stage, HOUR)
        stage.declare()
        await stage.until("its start is told", lambda: sink.steps() == ["START"])
        lose(stage, "x")
        await stage.until("its end is told", lambda: len(sink.steps()) > 1, HOUR)
        start, end = sink.events()
        assert end["eventType"] in ("FAIL", "ABORT")
        assert end["run"]["runId"] == start["run"]["runId"]
        assert len(end["outputs"]) == 1
        assert problems_of(end) == []

    play(scene, lineage=TELLS)


def kept(stage: Stage) -> float | None:
    running = stage.process.operator
    assert running is not None
    return running.registry.get_sample_value(
        "glovebox_lineage_run_kept", {"destination": DESTINATION}
    )


def test_a_destination_is_asked_for_a_run_that_it_took_once_an_hour() -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        stage.declare()
        await sealed(stage)
        await stage.until("its end is told", lambda: sink.steps() == WHOLE)
        await stage.until("it is asked", lambda: bool(sink.read_back))
        assert sink.read_back == [sink.events()[0]["run"]["runId"]]
        await stage.until("it is known", lambda: kept(stage) == 1)
        stage.declare("y")
        await stage.until("the next is told", partial(is_whole, stage, "y"))
        await stage.sleep(10 * MINUTE)
        assert len(sink.read_back) == 1

    play(scene, lineage=READS_BACK)


def test_a_destination_that_takes_everything_and_keeps_nothing_is_found() -> None:
    async def scene(stage: Stage) -> None:
        sink = stage.world.sink
        sink.keeps = lambda _: "missing"
        stage.declare()
        await sealed(stage)
        await stage.until("its end is told", lambda: sink.steps() == WHOLE)
        await stage.sleep(10 * MINUTE)
        assert len(sink.read_back) == 2
        assert kept(stage) is None  # it may be slow
        await stage.sleep(HOUR / 2)
        assert kept(stage) == 0
        # It keeps nobody from anything, and is seen to be well once it is.
        sink.keeps = lambda _: "found"
        stage.declare("y")
        await stage.until("the next is told", partial(is_whole, stage, "y"))
        await stage.until("it is known", lambda: kept(stage) == 1)

    play(scene, lineage=READS_BACK)


def test_nobody_is_asked_whose_setting_says_nothing_of_it() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare()
        await sealed(stage)
        await stage.until("its end is told", lambda: stage.world.sink.steps() == WHOLE)
        await stage.sleep(HOUR)
        assert stage.world.sink.read_back == []
        assert kept(stage) is None

    play(scene, lineage=TELLS)


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_deletion_waits_for_its_last_event_for_an_hour_and_no_longer(*, comes_back: bool) -> None:
    """Nobody could write it later."""

    def away(action: str, bucket: str, key: str) -> None:
        del bucket
        if action.startswith("s3:PutObject") and "/lineage." in key:
            raise NoAnswerError

    async def scene(stage: Stage) -> None:
        ends_after(stage, 24 * HOUR)
        stage.declare(lifecycle={"deletionPolicy": "Delete"})
        await stage.until("its start is told", lambda: stage.world.sink.steps() == WHOLE[:1])
        stage.world.store.fault = away
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR - 2 * MINUTE)
        assert stage.status()["seal"]
        assert "the lineage of the run is written before" in stage.condition("Ready")["message"]
        if comes_back:
            store_is_back(stage)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 5 * MINUTE)
        await stage.sleep(MINUTE)
        assert len(records(stage)) == (2 if comes_back else 1)
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert (reasons.LINEAGE_UNDELIVERED in told) is not comes_back

    play(scene, lineage=TELLS)
