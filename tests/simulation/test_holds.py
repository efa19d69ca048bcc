"""Manifests are held while somebody uses them and a window longer, and by nobody for ever."""

from __future__ import annotations

from typing import Any

from glovebox.controllers.manifest_holds import sweep_holds
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT
from glovebox.store.manifest_holds import PREFIX as HOLDS
from glovebox.store.manifests import PREFIX as MANIFESTS
from simulation.stage import Stage, play
from simulation.world import BUCKET, SOURCE, TEAM, pin_spec

Json = dict[str, Any]
DAY = 86_400.0
WINDOW = 30 * DAY


def held(stage: Stage) -> list[bool]:
    """Return of each manifest whether a legal hold is on it."""
    keys = stage.world.store.buckets[BUCKET].keys
    return [
        version.hold
        for key, versions in sorted(keys.items())
        for version in versions
        if key.startswith(MANIFESTS)
    ]


def on_record(stage: Stage) -> list[str]:
    keys = stage.world.store.buckets[BUCKET].keys
    return sorted(key.rpartition("/")[2] for key in keys if key.startswith(HOLDS))


async def pinned(stage: Stage, name: str = "set") -> str:
    """Declare a pin, wait until it is Ready, and return its UID."""
    made = stage.world.declare(DATASET_PIN, name, pin_spec())
    await stage.until(
        "it is pinned", lambda: stage.condition("Ready", name, DATASET_PIN).get("status") == "True"
    )
    return str(made["metadata"]["uid"])


async def unpinned(stage: Stage, name: str = "set") -> None:
    assert stage.world.remove(DATASET_PIN, TEAM, name)
    await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, name))


async def sweep(stage: Stage, *, after: float = 0.0) -> None:
    """Let the time of day go on, and look at all holds."""
    running = stage.process.operator
    assert running is not None
    if after:
        await stage.sleep(60)  # no check of the store is under way while the clock jumps
        stage.world.clock.jump(after)
    running.ports.swept_holds.clear()
    await sweep_holds(running.ports)


def test_a_manifest_is_let_go_when_its_last_pin_is_gone_and_the_window_has_passed() -> None:
    async def body(stage: Stage) -> None:
        uid = await pinned(stage)
        assert held(stage) == [True]
        (user,) = on_record(stage)
        assert user.endswith(f".{uid}.json")
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [True], "its pin is there"
        await unpinned(stage)
        await sweep(stage)
        assert held(stage) == [True], "it is gone since a moment ago"
        await sweep(stage, after=WINDOW - DAY)
        assert held(stage) == [True], "the window is not over"
        await sweep(stage, after=2 * DAY)
        assert held(stage) == [False]

    play(body)


def test_a_manifest_that_another_pin_uses_is_held() -> None:
    async def body(stage: Stage) -> None:
        await pinned(stage)
        await pinned(stage, "copy")
        assert held(stage) == [True], "the same versions are one manifest"
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [True]
        await unpinned(stage, "copy")
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [False]

    play(body)


def test_a_manifest_is_held_for_a_sealed_experiment_whose_pin_was_taken_by_force() -> None:
    async def body(stage: Stage) -> None:
        await pinned(stage)
        stage.declare(pin="set")
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 3_600)
        stage.world.edit(DATASET_PIN, TEAM, "set", {"metadata": {"finalizers": None}})
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [True]
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: stage.world.experiment() is None)
        await sweep(stage)
        assert held(stage) == [False]

    play(body)


def test_a_pin_of_another_cluster_holds_a_manifest_of_a_bucket_that_both_use() -> None:
    async def body(stage: Stage) -> None:
        await pinned(stage)
        (own,) = on_record(stage)
        store, key = stage.world.store, next(iter(_keys(stage, HOLDS)))
        other = key.replace(own, "another-cluster.some-uid.json")
        store._store(store.bucket(BUCKET), other, b'{"user":"DatasetPin b/set"}', "", None, "")
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [True]

    play(body)


def test_a_cluster_restored_without_its_pins_calls_a_tenth_of_them_gone_in_one_round() -> None:
    async def body(stage: Stage) -> None:
        for number in range(11):
            key = f"set/more-{number}"
            stage.world.store._store(stage.world.store.bucket(SOURCE), key, b"rows\n", "", None, "")
            await pinned(stage, f"set-{number}")
        for number in range(11):
            await unpinned(stage, f"set-{number}")
        await sweep(stage)
        assert sum(name.endswith(".gone.json") for name in on_record(stage)) == 2
        await sweep(stage, after=2 * WINDOW)
        assert held(stage).count(False) == 2

    play(body)


def test_a_manifest_that_was_let_go_is_held_again_when_it_is_pinned_again() -> None:
    async def body(stage: Stage) -> None:
        await pinned(stage)
        await unpinned(stage)
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [False]
        await pinned(stage)
        assert held(stage) == [True]
        await sweep(stage, after=2 * WINDOW)
        assert held(stage) == [True]

    play(body)


def test_a_pin_says_who_keeps_its_manifest_and_until_when() -> None:
    def said(stage: Stage) -> str:
        found = stage.world.server.peek(DATASET_PIN, TEAM, "set") or {}
        return str((found.get("status") or {}).get("whyRetained", ""))

    async def body(stage: Stage) -> None:
        await pinned(stage)
        assert said(stage) == (
            "its manifest is under a legal hold while the pin is there, and for 30 days after that"
        )
        stage.declare(run=False, pin="set")
        await stage.until("it is told", lambda: "used by 1" in said(stage))
        assert "Experiment/team-a/x" in said(stage)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is told", lambda: "used by" not in said(stage))

    play(body)


def _keys(stage: Stage, prefix: str) -> list[str]:
    return [key for key in stage.world.store.buckets[BUCKET].keys if key.startswith(prefix)]
