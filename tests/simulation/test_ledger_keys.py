"""The ledger tells of each key of seals, once, before it signs; and of one that is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.evidence.keys import TrustBundle, encode_bundle, trusted
from glovebox.evidence.signer import new_key_pair
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, OBJECT_STORE, SECRET
from glovebox.ledger.entry import Entry
from simulation.api_server import Asked, Change
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after
from simulation.test_keys import (
    OWN,
    key_condition,
    private,
    published,
    put_secret,
    ready,
    remove,
    sealed,
)
from simulation.test_ledger_cuts import Deaths, dies_at_write
from simulation.test_ledger_told import ledger_is_away
from simulation.world import TEAM
from support.told_ledgers import (
    entries,
    keys_told,
    make_key,
    make_ledger,
    told_twice,
    turn_on,
    verify,
    with_ledger,
    written,
)

# The entry of each of two keys, of the end of the first, their tiles and checkpoints.
WRITES = 4


def key_entries(stage: Stage) -> list[Entry]:
    return [each for each in entries(stage) if each.kind == "key-changed"]


def changes(stage: Stage) -> list[tuple[str, str]]:
    """Return what became of keys, with the beginning of their ids."""
    return [
        (each.details["change"], each.details.get("keyId", "")[:8]) for each in key_entries(stage)
    ]


def wake(stage: Stage, word: str) -> None:
    edit = {"metadata": {"annotations": {"a": word}}}
    assert stage.world.edit(OBJECT_STORE, None, "primary", edit)


class Signatures:
    """Which keys the ledger told of when something was first signed with each."""

    def __init__(self, stage: Stage) -> None:
        self.untold: list[str] = []
        self.signed: Counter[str] = Counter()
        self._stage = stage
        stage.world.server.on_change.append(self._see)

    def _see(self, change: Change) -> None:
        if change.new is None:
            return
        seal = (change.new.get("status") or {}).get("seal") or {}
        key = str(seal.get("keyId") or "")
        if key and key not in self.signed:
            self.signed[key] += 1
            if ("current", key[:8]) not in changes(self._stage):
                self.untold.append(key)


async def rotate(stage: Stage) -> str:
    """Replace the key, and have it sign; return its id."""
    signatures = Signatures(stage)
    pair = new_key_pair()
    put_secret(stage, pair.private)
    ends_after(stage, MINUTE)
    stage.declare()
    seal = await sealed(stage)
    assert signatures.untold == []
    new = trusted(pair.public).key_id
    assert seal["keyId"] == new
    return new


async def first_told(stage: Stage) -> str:
    """Have a ledger that tells of the first key; return its id."""
    await with_ledger(stage)
    ((change, old),) = changes(stage)
    assert change == "current"
    return old


def check(stage: Stage, old: str, new: str) -> None:
    stage.world.store.fault = lambda *_: None
    expected = [("current", old), ("retired", old), ("current", new[:8])]
    assert changes(stage) == expected
    assert told_twice(stage) == []
    recorded = {each["id"]: each["index"] for each in keys_told(stage)}
    assert recorded == {each.id: each.index for each in key_entries(stage)}
    assert verify(stage).findings == []


def test_a_key_that_takes_over_is_told_with_the_end_of_the_former_before_it_signs() -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        new = await rotate(stage)
        await stage.sleep(2 * MINUTE)
        check(stage, old, new)
        last = key_entries(stage)[-1]
        assert (last.subject.kind, last.subject.digest) == ("SigningKey", f"sha256:{new}")
        await stage.sleep(3 * HOUR)
        assert len(changes(stage)) == 3

    play(scene)


def test_the_keys_of_an_older_installation_are_told_when_the_ledger_is_turned_on() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        seal = await sealed(stage)
        await stage.sleep(5 * HOUR)
        await with_ledger(stage)
        assert changes(stage) == [("current", seal["keyId"][:8])]
        (told,) = key_entries(stage)
        assert (told.written - told.time).total_seconds() > 4 * HOUR

    play(scene)


def test_a_key_that_changes_in_the_future_is_told_then_and_keeps_no_other_from_being_told() -> None:
    """Somebody lets a former key count for longer, or a clock was ahead when it was replaced."""

    async def scene(stage: Stage) -> None:
        await ready(stage)
        put_secret(stage, new_key_pair().private)
        wake(stage, "look")
        await stage.until("it is replaced", lambda: len(published(stage).keys) == 2, HOUR)
        former, present = published(stage).keys
        later = stage.world.clock.now() + timedelta(hours=3)
        bundle = TrustBundle((replace(former, valid_until=later), present))
        data = {names.SIGNING_KEYS_FILE: encode_bundle(bundle).decode()}
        assert stage.world.edit(CONFIG_MAP, OWN, names.SIGNING_KEYS_CONFIG_MAP, {"data": data})
        old, new = former.key_id, present.key_id
        make_ledger(stage)
        make_key(stage)
        turn_on(stage)
        await stage.sleep(10 * MINUTE)
        assert changes(stage) == [("current", old[:8]), ("current", new[:8])]
        condition = written(stage)
        assert (condition["status"], condition["reason"]) == ("False", "LedgerUnavailable")
        assert "is still to come: correct the clock" in condition["message"]
        # Once its time has come it is told as any other.
        await stage.sleep(5 * HOUR)
        assert ("retired", old[:8]) in changes(stage)
        assert written(stage)["status"] == "True"
        assert told_twice(stage) == []

    play(scene)


def test_a_new_key_waits_for_a_ledger_that_is_away_for_a_quarter_of_an_hour_and_no_longer() -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        ledger_is_away(stage)
        pair = new_key_pair()
        put_secret(stage, pair.private)
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until(
            "the seal waits for the entry",
            lambda: (
                stage.condition("Sealed").get("reason") == reasons.LEDGER_UNAVAILABLE
                and "signs for the first time" in stage.condition("Sealed")["message"]
            ),
            10 * MINUTE,
        )
        assert "seal" not in stage.status()
        await stage.until("it is sealed all the same", lambda: "seal" in stage.status(), HOUR / 3)
        assert changes(stage) == [("current", old)]
        stage.world.store.fault = lambda *_: None
        await stage.until("all is told", lambda: len(changes(stage)) == 3, HOUR)
        await stage.sleep(2 * MINUTE)
        check(stage, old, trusted(pair.public).key_id)

    play(scene)


def test_a_deletion_is_sealed_although_its_key_is_new_and_the_ledger_is_away() -> None:
    async def scene(stage: Stage) -> None:
        await first_told(stage)
        ends_after(stage, 24 * HOUR)
        uid = stage.declare()["metadata"]["uid"]
        await stage.until(
            "it runs", lambda: stage.condition("Succeeded").get("reason") == reasons.RUNNING
        )
        ledger_is_away(stage)
        put_secret(stage, new_key_pair().private)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 3 * HOUR)
        assert uid in stage.world.seals()

    play(scene)


def test_a_lost_key_is_told_once_each_time_and_its_successor_as_well() -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        kept = private(stage)
        for _ in range(2):
            remove(stage, SECRET, names.SIGNING_KEY_SECRET)
            await stage.until(
                "the store says so",
                lambda: key_condition(stage) == ("False", "SigningKeyLost"),
                2 * HOUR,
            )
            await stage.sleep(2 * HOUR)
            put_secret(stage, kept)
            await stage.until("it is back", lambda: key_condition(stage)[0] == "True", 2 * HOUR)
            await stage.sleep(2 * MINUTE)
        assert changes(stage) == [("current", old), ("lost", old), ("lost", old)]
        assert told_twice(stage) == []
        new = await rotate(stage)
        await stage.sleep(2 * MINUTE)
        assert changes(stage)[3:] == [("retired", old), ("current", new[:8])]
        assert verify(stage).findings == []

    play(scene)


def test_a_key_whose_list_is_lost_too_is_told_without_its_id() -> None:
    async def scene(stage: Stage) -> None:
        await first_told(stage)
        remove(stage, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        await stage.until("it is told", lambda: len(changes(stage)) == 2, 3 * HOUR)
        assert changes(stage)[1] == ("lost", "")

    play(scene)


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "never arrived"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_process_that_dies_at_a_write_tells_of_each_key_once(
    number: int,
    arrives: bool,  # noqa: FBT001 - a column of the table
) -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        deaths = Deaths(stage)
        stage.world.store.fault = dies_at_write(deaths, number, arrives=arrives)
        pair = new_key_pair()
        put_secret(stage, pair.private)
        wake(stage, "rotated")
        await stage.until("all is told", lambda: len(changes(stage)) == 3, 2 * HOUR)
        await stage.sleep(10 * MINUTE)
        assert deaths.died == 1
        check(stage, old, trusted(pair.public).key_id)

    play(scene)


@pytest.mark.parametrize("number", range(1, 4))
def test_a_process_that_dies_after_a_write_of_the_store_s_status_tells_of_each_key_once(
    number: int,
) -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        deaths = Deaths(stage)
        deaths.after_status_write(OBJECT_STORE, number)
        pair = new_key_pair()
        put_secret(stage, pair.private)
        wake(stage, "rotated")
        await stage.until("all is told", lambda: len(changes(stage)) == 3, 2 * HOUR)
        await stage.sleep(2 * HOUR)
        assert deaths.died == 1
        check(stage, old, trusted(pair.public).key_id)
        assert written(stage)["status"] == "True"

    play(scene)


@pytest.mark.parametrize("number", range(1, 4))
def test_a_process_that_dies_at_a_write_tells_of_a_loss_once(number: int) -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        deaths = Deaths(stage)
        stage.world.store.fault = dies_at_write(deaths, number, arrives=True)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        await stage.until("it is told", lambda: len(changes(stage)) == 2, 3 * HOUR)
        await stage.sleep(2 * HOUR)
        assert deaths.died == 1
        assert changes(stage) == [("current", old), ("lost", old)]
        assert told_twice(stage) == []

    play(scene)


class Unrecorded(NoFaults):
    """Refuses every write of the ObjectStore, from a moment on."""

    def __init__(self) -> None:
        self.is_on = False
        self.refused = 0

    def request(self, asked: Asked) -> Fault:
        """Refuse it."""
        if not (self.is_on and asked.kind == OBJECT_STORE and asked.verb in ("update", "patch")):
            return NOTHING
        self.refused += 1
        return Fault("refused", 500)


def test_a_loss_is_told_once_although_it_could_not_be_recorded_for_a_while() -> None:
    faults = Unrecorded()

    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        faults.is_on = True
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        await stage.sleep(2 * HOUR)
        assert faults.refused > 3
        assert changes(stage) == [("current", old)], "only what is recorded is told"
        faults.is_on = False
        await stage.until("it is told", lambda: len(changes(stage)) == 2, HOUR)
        await stage.sleep(HOUR)
        assert changes(stage) == [("current", old), ("lost", old)]

    play(scene, faults=faults)


def test_two_that_both_lead_tell_of_each_key_once() -> None:
    async def scene(stage: Stage) -> None:
        old = await first_told(stage)
        second = stage.world.process("operator-1")
        second.start()
        new = await rotate(stage)
        await stage.sleep(2 * MINUTE)
        check(stage, old, new)

    play(scene)
