"""Ends: of a run whose store or node is away, of an Experiment that is deleted in the midst of it."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from glovebox import names
from glovebox.kube.kinds import EVENT, EXPERIMENT, NAMESPACE, POD, ROLE_BINDING, SECRET
from simulation.api_server import Asked
from simulation.api_transport import NoFaults, StreamFault
from simulation.object_store import S3Error
from simulation.simulate import silence
from simulation.stage import NEVER, Stage, play
from simulation.world import BUCKET, TEAM

Json = dict[str, Any]
TEN_MINUTES = 600.0
HOUR = 3_600.0
# One more look, a task that rests, and the writes.
SOON = 120.0


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    silence()
    yield
    structlog.reset_defaults()


def ends_after(stage: Stage, seconds: float) -> None:
    """Let the run's pod write its results and end after so long."""

    def writes(_: Json) -> None:
        prefix = stage.status()["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
        bucket = stage.world.store.buckets[BUCKET]
        stage.world.store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")

    stage.world.actors.run_ends = lambda _: (seconds, True)
    stage.world.actors.run_writes = writes


def store_is_away(stage: Stage) -> None:
    def away(*_: str) -> None:
        raise S3Error(503, "ServiceUnavailable")

    stage.world.store.fault = away


def store_is_back(stage: Stage) -> None:
    stage.world.store.fault = lambda *_: None


def statements(stage: Stage) -> list[Json]:
    """Return the signed statements that are in the store."""
    found = []
    for key, versions in stage.world.store.buckets[BUCKET].keys.items():
        if "attestation" in key:
            found += [orjson.loads(base64.b64decode(orjson.loads(versions[0].body)["payload"]))]
    return found


def sealed_as(statement: Json) -> tuple[str, str, list[str]]:
    """Return outcome, reason and findings of a statement."""
    outcome = statement["predicate"]["buildDefinition"]["internalParameters"]
    return outcome, "", []


def test_a_run_that_ends_while_its_store_is_away_is_recorded_at_once_and_sealed_later() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 30.0)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        store_is_away(stage)
        ended = stage.now + 60.0
        await stage.until(
            "its end is recorded", lambda: stage.status()["run"].get("completionTime"), 60.0
        )
        assert stage.now < ended
        assert stage.condition("Succeeded")["status"] == "True"
        await stage.sleep(2_000.0)  # longer than its session lives, and than any grace
        assert stage.condition("Sealed")["status"] != "True"
        assert statements(stage) == []
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        assert stage.status()["seal"]["objects"] == 1

    play(scene)


if __name__ == "__main__":
    play(lambda s: None)
