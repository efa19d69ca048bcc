"""Markers of folders, which consoles and Hadoop leave, are no files of a pin and no drift of it."""

from __future__ import annotations

from typing import Any

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN
from simulation.stage import Stage, play
from simulation.test_ends import HOUR
from simulation.world import LOADER, SOURCE, TEAM, is_true, pin_spec

Json = dict[str, Any]


def pin(stage: Stage, name: str) -> Json:
    found = stage.world.server.peek(DATASET_PIN, TEAM, name)
    assert found is not None
    return found


def put(stage: Stage, key: str, body: bytes = b"") -> None:
    stage.world.store.put(LOADER, SOURCE, key, body)


async def declared(stage: Stage, name: str, prefix: str) -> Json:
    stage.world.declare(DATASET_PIN, name, pin_spec(prefix))
    await stage.until(f"{name} is Ready", lambda: is_true(pin(stage, name), "Ready"))
    return dict(pin(stage, name)["status"])


def test_they_are_left_out_counted_and_no_drift() -> None:
    async def scene(stage: Stage) -> None:
        for prefix in ("with/", "without/"):
            put(stage, f"{prefix}sub/a", b"rows")
        # The folder of the prefix itself, one that holds something, and one that holds nothing.
        for key in ("with/", "with/sub/", "with/empty/"):
            put(stage, key)
        found = await declared(stage, "with", "with/")
        other = await declared(stage, "without", "without/")
        assert (found["objects"], found["folderMarkers"]) == (1, 3)
        assert found["digest"] == other["digest"]
        assert "folderMarkers" not in other
        said = stage.condition("Verified", "with", DATASET_PIN)["message"]
        assert said == "1 object with 4 bytes read and hashed; 3 folder markers left out"
        put(stage, "with/later/")
        await stage.sleep(HOUR)
        assert not is_true(pin(stage, "with"), "DriftDetected")
        assert pin(stage, "with")["status"]["folderMarkers"] == 3
        put(stage, "with/later/b", b"more rows")
        await stage.until(
            "what was added is", lambda: is_true(pin(stage, "with"), "DriftDetected"), HOUR
        )
        assert pin(stage, "with")["status"]["findings"]["samples"] == ["extra with/later/b"]

    play(scene)


def test_a_key_that_ends_as_a_folder_and_holds_bytes_is_refused_by_name() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "odd/sub/", b"rows")
        stage.world.declare(DATASET_PIN, "odd", pin_spec("odd/"))
        await stage.until(
            "it is refused",
            lambda: (
                stage.condition("Stalled", "odd", DATASET_PIN).get("reason") == reasons.KEY_REFUSED
            ),
        )
        said = stage.condition("Stalled", "odd", DATASET_PIN)["message"]
        assert "path 'sub/' ends in '/'" in said

    play(scene)
