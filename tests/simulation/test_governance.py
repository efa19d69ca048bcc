"""What pins say of their data, and what profiles demand of it, before anything exists and after."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    ISOLATION_PROFILE,
    OBJECT_STORE,
)
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.test_leakage import HOUR, MINUTE, Json, made
from simulation.world import LOADER, SOURCE, TEAM, pin_spec

COLLECTED: Json = {
    "origin": "Collected",
    "authors": ["somebody"],
    "contact": "data@team.example",
    "sources": [{"external": {"uri": "https://data.example/x", "reason": "published there"}}],
}
SAID: Json = {
    "classification": "Internal",
    "environment": "Development",
    "license": "CC-BY-4.0",
    "region": "us-east-1",
    "personalData": "Identifiable",
    "retention": {"why": "no law says otherwise"},
    "provenance": COLLECTED,
}
MADE: Json = {
    "code": {"repository": "https://git.example/etl", "commit": "1234567"},
    "image": "registry.example/etl@sha256:" + "3" * 64,
}
INPUTS: Json = {"datasets": [{"name": "rows", "pinRef": {"name": "set"}, "role": "train"}]}


def derived(*sources: str) -> Json:
    """Return all that can be said of data that were made from these pins."""
    entries = [{"pinRef": {"name": name}} for name in sources]
    return {**COLLECTED, "origin": "Derived", "sources": entries, "transformation": MADE}


async def pinned(stage: Stage, name: str = "set", **said: Any) -> None:
    """Pin the data, and wait until they were read."""
    stage.world.declare(DATASET_PIN, name, {**pin_spec(), **SAID, **said})
    while stage.condition("Ready", name, DATASET_PIN).get("status") != "True":
        await stage.sleep(1.0)


def complete(stage: Stage, name: str) -> tuple[str, str]:
    found = stage.condition("ProvenanceComplete", name, DATASET_PIN)
    return found.get("status", ""), found.get("reason", "")


def provenance(stage: Stage, name: str) -> Json:
    pin = stage.world.server.peek(DATASET_PIN, TEAM, name)
    found: Json = ((pin or {}).get("status") or {}).get("provenance") or {}
    return found


def covered(stage: Stage, namespace: str) -> Json:
    """Return what the digest of the Experiment was computed from."""
    snapshot = stage.world.server.peek(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
    assert snapshot is not None
    found: Json = orjson.loads(snapshot["data"]["snapshot.json"])
    return found


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ({"environment": "Production"}, "EnvironmentNotAllowed"),
        ({"data": {"environments": ["Staging"]}}, "EnvironmentNotAllowed"),
        ({"data": {"classifications": ["Public"]}}, "ClassificationNotAllowed"),
        ({"data": {"regions": ["eu-central-1"]}}, "RegionNotAllowed"),
        ({"data": {"pseudonymised": ["Internal"]}}, "NotPseudonymised"),
        (
            {"data": {"origins": [{"role": "train", "allowed": ["Synthetic"]}]}},
            "OriginNotAllowed",
        ),
        ({"data": {"licenses": {"denied": ["CC-BY-4.0"]}}}, "LicenseNotAllowed"),
        ({"data": {"provenance": "Full"}}, "ProvenanceIncomplete"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_profile_does_not_allow_is_refused_before_anything_exists(
    profile: Json, reason: str
) -> None:
    async def scene(stage: Stage) -> None:
        await pinned(stage, provenance={**COLLECTED, "contact": ""})
        stage.declare(run=False, inputs=INPUTS)
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        await stage.sleep(HOUR)
        for condition in ("Ready", "InputsVerified"):
            found = stage.condition(condition)
            assert (found["status"], found["reason"]) == ("False", reason)
            assert "DatasetPin 'set'" in found["message"]
        assert "digest" not in stage.status()
        assert made(stage) == []
        # A profile that asks for less lets it go on.
        easier = {"spec": {"environment": None, "data": None}}
        stage.world.edit(ISOLATION_PROFILE, None, "standard", easier)
        namespace = await stage.provisioned()
        assert "stated" not in covered(stage, namespace)["inputs"][0]
        assert stage.status()["inputs"][0]["stated"]["classification"] == "Internal"

    play(scene, profile=profile)


RULES: Json = {
    "environment": "Development",
    "data": {"provenance": "Full", "licenses": {"allowed": ["CC-BY-4.0"]}},
}


def test_what_was_checked_is_bound_and_sealed_and_later_edits_change_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await pinned(stage)
        stage.declare(run=False, inputs=INPUTS)
        namespace = await stage.provisioned()
        bound, digest = covered(stage, namespace), stage.status()["digest"]
        said = bound["inputs"][0]["stated"]
        assert said == {
            "environment": "Development",
            "license": "CC-BY-4.0",
            "digest": provenance(stage, "set")["digest"],
        }
        assert bound["platform"]["profile"]["data"] == RULES["data"]
        assert bound["platform"]["profile"]["environment"] == "Development"
        assert stage.status()["inputs"][0]["stated"]["provenance"] == "Full"

        stricter = {"spec": {"environment": "Production", "data": {"regions": ["mars-1"]}}}
        stage.world.edit(ISOLATION_PROFILE, None, "standard", stricter)
        await stage.until(
            "it is reported", lambda: stage.condition("PlatformChanged").get("status") == "True"
        )
        assert "`data`, `environment`" in stage.condition("PlatformChanged")["message"]
        assert stage.condition("Ready")["status"] == "True"
        # Another pin under the name, of which other things are said.
        stage.world.edit(DATASET_PIN, TEAM, "set", {"metadata": {"finalizers": None}})
        stage.world.remove(DATASET_PIN, TEAM, "set")
        await pinned(stage, license="MIT", environment="Production")
        await stage.until(
            "that is reported too",
            lambda: stage.condition("InputsVerified").get("reason") == "PinChanged",
        )
        assert stage.status()["digest"] == digest
        assert covered(stage, namespace) == bound

        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("the orphan is sealed", stage.world.seals, 12 * HOUR)
        (statement,) = stage.world.seals().values()
        definition = statement["predicate"]["buildDefinition"]
        assert definition["externalParameters"]["snapshot"] == bound
        (rows,) = [
            each for each in definition["resolvedDependencies"] if each.get("name") == "rows"
        ]
        assert rows["annotations"]["stated"] == {
            "environment": "Development",
            "classification": "Internal",
            "license": "CC-BY-4.0",
            "region": "us-east-1",
            "personalData": "Identifiable",
            "retention": "Unlimited",
            "origin": "Collected",
            "provenance": "Full",
            "digest": said["digest"],
        }

    play(scene, profile=RULES)


def test_a_store_elsewhere_takes_no_artifacts() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"region": "us-east-1"}})
        stage.declare(run=False)
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("Ready")["reason"] == "RegionNotAllowed"
        assert made(stage) == []

    play(scene, profile={"data": {"regions": ["eu-central-1"]}})


def test_a_source_is_missing_then_read_then_there_then_gone_and_never_held() -> None:
    async def scene(stage: Stage) -> None:
        await pinned(stage, provenance=derived("raw"))
        assert complete(stage, "set") == ("False", "ProvenanceGaps")
        (gap,) = provenance(stage, "set")["gaps"]
        assert gap["field"] == "spec.provenance.sources[0]"
        assert "there is no DatasetPin 'raw'" in gap["message"]
        assert (
            gap["message"] in stage.condition("ProvenanceComplete", "set", DATASET_PIN)["message"]
        )

        stage.world.store.put(LOADER, SOURCE, "raw/part-0", b"raw rows\n")
        stage.world.store.fault = no_answer
        stage.world.declare(DATASET_PIN, "raw", {**pin_spec("raw/"), **SAID})
        await stage.until(
            "it is waited for", lambda: complete(stage, "set") == ("Unknown", "SourcesNotReady")
        )
        stage.world.store.fault = lambda *_: None
        await stage.until(
            "all is there", lambda: complete(stage, "set") == ("True", "ProvenanceFull"), HOUR
        )
        (source,) = provenance(stage, "set")["sources"]
        raw = stage.world.server.peek(DATASET_PIN, TEAM, "raw")
        assert raw is not None
        assert source == {"name": "raw", "digest": raw["status"]["digest"]}
        assert "glovebox.dev/in-use" not in str(raw["metadata"].get("finalizers"))

        stage.world.remove(DATASET_PIN, TEAM, "raw")
        await stage.until(
            "it is gone", lambda: stage.world.server.peek(DATASET_PIN, TEAM, "raw") is None
        )
        await stage.until("that is told", lambda: complete(stage, "set")[0] == "False")
        assert provenance(stage, "set")["sources"] == [source]
        assert source["digest"] in provenance(stage, "set")["gaps"][0]["message"]
        assert stage.condition("Ready", "set", DATASET_PIN)["status"] == "True"

        stage.world.declare(DATASET_PIN, "raw", {**pin_spec("later/"), **SAID})
        await stage.until(
            "other bytes are no source",
            lambda: "(recorded)" in provenance(stage, "set")["gaps"][0]["message"],
            HOUR,
        )

    play(scene)


def no_answer(action: str, bucket: str, key: str) -> None:
    """Let nothing be read of what is to be pinned."""
    if action.startswith("s3:GetObject") and bucket == SOURCE and key.startswith("raw/"):
        raise NoAnswerError


def test_who_demands_a_full_provenance_waits_for_a_source_that_is_being_read() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.store.put(LOADER, SOURCE, "raw/part-0", b"raw rows\n")
        stage.world.store.fault = no_answer
        stage.world.declare(DATASET_PIN, "raw", {**pin_spec("raw/"), **SAID})
        await pinned(stage, provenance=derived("raw"))
        stage.declare(run=False, inputs=INPUTS)
        await stage.until(
            "it waits", lambda: stage.condition("Ready").get("reason") == "ProvenanceIncomplete"
        )
        assert not stage.condition("Stalled")
        assert made(stage) == []
        stage.world.store.fault = lambda *_: None
        await stage.provisioned()

    play(scene, sweeps=False, profile={"data": {"provenance": "Full"}})


def test_pins_that_are_made_from_each_other_are_good_and_say_so_once() -> None:
    async def scene(stage: Stage) -> None:
        await pinned(stage, provenance=derived("raw"))
        await pinned(stage, "raw", provenance=derived("set"))
        await stage.sleep(MINUTE)
        for name in ("set", "raw"):
            assert complete(stage, name) == ("False", "ProvenanceGaps")
            assert "a circle" in provenance(stage, name)["gaps"][0]["message"]
            assert stage.condition("Ready", name, DATASET_PIN)["status"] == "True"
        before = stage.world.server.peek(DATASET_PIN, TEAM, "set")
        await stage.sleep(3 * MINUTE)  # the next check by listing is later
        assert stage.world.server.peek(DATASET_PIN, TEAM, "set") == before
        # Neither holds the other.
        for name in ("set", "raw"):
            stage.world.remove(DATASET_PIN, TEAM, name)
            await stage.until(
                f"{name} is gone",
                lambda name=name: stage.world.server.peek(DATASET_PIN, TEAM, name) is None,  # type: ignore[misc]
            )

    play(scene, sweeps=False)
