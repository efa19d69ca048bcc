"""Artifacts of sealed Experiments are pinned by their seals, whatever becomes of anything else."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.controllers import origins
from glovebox.evidence.signer import new_key_pair
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    SPLIT_PIN,
)
from glovebox.store.sealing import PREFIX
from simulation.object_store import NoAnswerError, Version
from simulation.stage import Stage, play
from simulation.test_keys import published, put_secret
from simulation.test_leakage import made
from simulation.test_ledger_keys import wake
from simulation.world import BUCKET, LOADER, SOURCE, TEAM, grant_spec, pin_spec

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0
FEATURES = b'{"flight": 1, "hour": 7}\n'
WRITTEN = {"features/a.jsonl": FEATURES, "features/b.jsonl": FEATURES * 2, "model.bin": b"weights"}


def sealed_spec(prefix: str = "features/", **changes: Any) -> Json:
    return {
        "storeRef": {"name": "primary"},
        "source": {"experimentRef": {"name": "x", "prefix": prefix, **changes}},
        "verification": {"listIntervalSeconds": 300},
    }


def store_version(stage: Stage, key: str, body: bytes) -> None:
    """Write into the bucket of artifacts, as whoever has a right to."""
    bucket = stage.world.store.buckets[BUCKET]
    stage.world.store._store(bucket, key, body, "", None, "")


def artifacts_of(stage: Stage) -> str:
    return str(stage.status()["artifacts"]["uri"]).removeprefix(f"s3://{BUCKET}/")


def writes(stage: Stage, files: Mapping[str, bytes] = WRITTEN, *, succeeds: bool = True) -> None:
    """Let the run write these and end."""

    def write(_: Json) -> None:
        for name, body in files.items():
            store_version(stage, artifacts_of(stage) + name, body)

    stage.world.actors.run_ends = lambda _: (20.0, succeeds)
    stage.world.actors.run_writes = write


def declare_raw(stage: Stage, name: str = "raw", rows: int = 3) -> None:
    body = b"".join(orjson.dumps({"flight": at}) + b"\n" for at in range(rows))
    stage.world.store.put(LOADER, SOURCE, f"{name}/0.jsonl", body)
    stage.world.declare(DATASET_PIN, name, pin_spec(f"{name}/"))


def reading(*names: str, role: str = "train") -> Json:
    return {"datasets": [{"name": name, "pinRef": {"name": name}, "role": role} for name in names]}


def uid_of(stage: Stage) -> str:
    experiment = stage.world.experiment()
    assert experiment is not None
    return str(experiment["metadata"]["uid"])


async def is_sealed(stage: Stage) -> None:
    await stage.until("x is sealed", lambda: stage.status().get("seal"), HOUR)


def status(stage: Stage, name: str = "built") -> Json:
    return (stage.world.server.peek(DATASET_PIN, TEAM, name) or {}).get("status") or {}


def is_because(stage: Stage, reason: str, name: str = "built", kind: Any = DATASET_PIN) -> bool:
    return stage.condition("Ready", name, kind).get("reason") == reason


async def until(stage: Stage, reason: str, name: str = "built", kind: Any = DATASET_PIN) -> None:
    wanted = partial(is_because, stage, reason, name, kind)
    await stage.until(f"{name} is {reason}", wanted, HOUR)


def pinned(stage: Stage, name: str = "built") -> dict[str, bytes]:
    """Return the bytes of each path of a pin, by the versions that its manifest names."""
    at = status(stage, name)["manifest"]
    keys = stage.world.store.buckets[BUCKET].keys
    raw = next(each.body for each in keys[at["key"]] if each.version_id == at["versionId"])
    entries = [orjson.loads(line) for line in gzip.decompress(raw).splitlines()[1:-1]]
    return {
        entry["path"]: next(
            each.body for each in keys[entry["key"]] if each.version_id == entry["versionId"]
        )
        for entry in entries
    }


def evidence(stage: Stage, ending: str) -> tuple[str, list[Version]]:
    """Return the versions of a document of the only seal."""
    (found,) = (
        (key, versions)
        for key, versions in stage.world.store.buckets[BUCKET].keys.items()
        if key.startswith(PREFIX) and key.endswith(ending)
    )
    return found


def test_a_pin_waits_for_the_seal_and_stays_when_the_experiment_goes() -> None:
    async def scene(stage: Stage) -> None:
        declare_raw(stage)
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.EXPERIMENT_NOT_FOUND)
        writes(stage)
        stage.declare(inputs=reading("raw"))
        await until(stage, reasons.EXPERIMENT_NOT_SEALED)
        await until(stage, reasons.VERIFIED)
        assert pinned(stage) == {"a.jsonl": FEATURES, "b.jsonl": FEATURES * 2}
        uid, seal = uid_of(stage), stage.status()["seal"]
        told = status(stage)["derived"]
        assert (told["experiment"], told["uid"]) == (f"{TEAM}/x", uid)
        assert told["manifestDigest"] == seal["manifestDigest"]
        assert told["sealVersion"] == seal["attestationVersion"]
        assert told["digest"] == stage.status()["digest"]
        assert told["inputs"] == [
            {
                "name": "raw",
                "kind": "DatasetPin",
                "role": "train",
                "digest": status(stage, "raw")["digest"],
                "readBy": f"{TEAM}/x",
            }
        ]
        gaps = {gap["field"] for gap in status(stage)["provenance"]["gaps"]}
        assert not {each for each in gaps if each.startswith("spec.provenance.sources")}
        assert "spec.provenance.origin" not in gaps
        assert "spec.provenance.transformation.image" not in gaps
        assert "spec.provenance.transformation.code" in gaps, "the Experiment declares no code"
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: not stage.there(EXPERIMENT, TEAM, "x"), HOUR)
        before = status(stage)["listedTime"]
        await stage.until(
            "it was checked again", lambda: status(stage)["listedTime"] > before, HOUR
        )
        assert is_because(stage, reasons.VERIFIED)
        assert status(stage)["derived"] == told

    play(scene, sweeps=False)


def test_what_is_written_after_the_seal_does_not_enter_the_pin() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        await is_sealed(stage)
        below = artifacts_of(stage)
        store_version(stage, f"{below}features/a.jsonl", b"replaced")
        store_version(stage, f"{below}features/new.jsonl", b"added")
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        assert pinned(stage) == {"a.jsonl": FEATURES, "b.jsonl": FEATURES * 2}

    play(scene)


def test_the_pin_is_made_by_the_next_process_although_the_experiment_is_gone() -> None:
    async def scene(stage: Stage) -> None:
        held = [True]

        def hold(action: str, _: str, key: str) -> None:
            # Until the other process is there, no artifact can be read.
            is_artifact = key.endswith(".jsonl") and not key.startswith(PREFIX)
            if held[0] and is_artifact and action.startswith("s3:GetObject"):
                raise NoAnswerError

        writes(stage)
        stage.declare()
        await is_sealed(stage)
        stage.world.store.fault = hold
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await stage.until("it is bound", lambda: status(stage).get("derived"), HOUR)
        assert "seal" not in status(stage)["derived"]
        uid = uid_of(stage)
        await stage.process.kill()
        stage.process.start()
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: not stage.there(EXPERIMENT, TEAM, "x"), HOUR)
        held[0] = False
        await until(stage, reasons.VERIFIED)
        assert status(stage)["derived"]["uid"] == uid
        assert len(pinned(stage)) == 2

    play(scene)


def test_by_its_uid_the_seal_of_one_that_is_gone_is_found_and_not_that_of_its_successor() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        await is_sealed(stage)
        uid = uid_of(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: not stage.there(EXPERIMENT, TEAM, "x"), HOUR)
        stage.declare(run=False)
        stage.world.declare(DATASET_PIN, "built", sealed_spec(uid=uid))
        await until(stage, reasons.VERIFIED)
        assert status(stage)["derived"]["uid"] == uid
        stage.world.declare(DATASET_PIN, "later", sealed_spec())
        await until(stage, reasons.EXPERIMENT_NOT_SEALED, "later")

    play(scene)


def damage_statement(stage: Stage) -> None:
    _, (version, *_) = evidence(stage, STATEMENT_NAME)
    version.body = version.body.replace(b'"sig":"', b'"sig":"AAAA', 1)


def damage_list(stage: Stage) -> None:
    (found,) = (
        versions
        for key, versions in stage.world.store.buckets[BUCKET].keys.items()
        if key.startswith(PREFIX) and "/artifacts." in key
    )
    found[0].body = found[0].body.replace(b"features/a.jsonl", b"features/z.jsonl")


def damage_bytes(stage: Stage) -> None:
    (version,) = stage.world.store.buckets[BUCKET].keys[artifacts_of(stage) + "features/a.jsonl"]
    version.body = b"x" * len(version.body)


def lose_statement(stage: Stage) -> None:
    key, _ = evidence(stage, STATEMENT_NAME)
    del stage.world.store.buckets[BUCKET].keys[key]


@pytest.mark.parametrize(
    ("damage", "reason", "said"),
    [
        pytest.param(damage_statement, reasons.SEAL_INVALID, "does not verify", id="the signature"),
        pytest.param(damage_list, reasons.SEAL_NOT_FOUND, "is not whole", id="the list"),
        pytest.param(damage_bytes, reasons.DIGEST_MISMATCH, "its list says", id="the bytes"),
        pytest.param(
            lose_statement, reasons.SEAL_NOT_FOUND, "nothing else is taken", id="no statement"
        ),
    ],
)
def test_what_does_not_verify_is_not_pinned(
    damage: Callable[[Stage], None], reason: str, said: str
) -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        await is_sealed(stage)
        damage(stage)
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reason)
        assert said in stage.condition("Ready", "built", DATASET_PIN)["message"]
        assert "manifest" not in status(stage)

    play(scene)


def test_a_key_that_was_replaced_counts_for_what_it_signed_and_for_nothing_later() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        await is_sealed(stage)
        put_secret(stage, new_key_pair().private)
        wake(stage, "look")
        await stage.until("it is replaced", lambda: len(published(stage).keys) == 2, HOUR)
        former, _ = published(stage).keys
        assert former.valid_until is not None
        stage.world.declare(DATASET_PIN, "before", sealed_spec())
        await until(stage, reasons.VERIFIED, "before")
        assert status(stage, "before")["derived"]["keyId"] == former.key_id
        # The same statement, which the store took in when that key had ended.
        _, (version, *_) = evidence(stage, STATEMENT_NAME)
        version.modified = former.valid_until + timedelta(hours=1)
        stage.world.declare(DATASET_PIN, "after", sealed_spec())
        await until(stage, reasons.SEAL_INVALID, "after")
        said = stage.condition("Ready", "after", DATASET_PIN)["message"]
        assert "and the store has it since" in said

    play(scene)


def test_the_seal_of_another_experiment_in_its_place_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        await is_sealed(stage)
        uid = uid_of(stage)
        spec = sealed_spec(uid=uid)
        spec["source"]["experimentRef"]["name"] = "y"
        stage.world.declare(DATASET_PIN, "built", spec)
        await until(stage, reasons.SEAL_OF_OTHER)
        wrong = sealed_spec(digest="sha256:" + "a" * 64)
        stage.world.declare(DATASET_PIN, "other", wrong)
        await until(stage, reasons.SEAL_OF_OTHER, "other")

    play(scene)


def test_what_a_failed_run_left_is_no_dataset() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage, succeeds=False)
        stage.declare()
        await is_sealed(stage)
        uid = uid_of(stage)
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.EXPERIMENT_FAILED)
        # By the signed statement, too: whoever names the UID does not come around it.
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("x is gone", lambda: not stage.there(EXPERIMENT, TEAM, "x"), HOUR)
        stage.world.declare(DATASET_PIN, "named", sealed_spec(uid=uid))
        await until(stage, reasons.EXPERIMENT_FAILED, "named")

    play(scene)


def test_what_no_lock_protects_is_named_and_only_left_out_outside_the_prefix() -> None:
    async def scene(stage: Stage) -> None:
        def write(_: Json) -> None:
            for name, body in {**WRITTEN, "model/m": b"m"}.items():
                store_version(stage, artifacts_of(stage) + name, body)
            keys = stage.world.store.buckets[BUCKET].keys
            (version,) = keys[artifacts_of(stage) + "features/b.jsonl"]
            version.until, version.mode = None, ""

        stage.world.actors.run_ends = lambda _: (20.0, True)
        stage.world.actors.run_writes = write
        stage.declare()
        await is_sealed(stage)
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.ARTIFACTS_UNUSABLE)
        said = stage.condition("Ready", "built", DATASET_PIN)["message"]
        assert "`features/b.jsonl` (no lock protects it). Name a `prefix`" in said
        assert "a.jsonl" not in said
        stage.world.declare(DATASET_PIN, "rest", sealed_spec("model/"))
        await until(stage, reasons.VERIFIED, "rest")

    play(scene)


def test_of_what_was_written_over_before_the_seal_the_last_one_is_pinned() -> None:
    async def scene(stage: Stage) -> None:
        def write(_: Json) -> None:
            for body in (b"first", b"second"):
                store_version(stage, artifacts_of(stage) + "features/a", body)
            store_version(stage, artifacts_of(stage) + "other/b", b"beside")

        stage.world.actors.run_ends = lambda _: (20.0, True)
        stage.world.actors.run_writes = write
        stage.declare()
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        assert stage.status()["seal"]["objects"] == 3
        assert pinned(stage) == {"a": b"second"}

    play(scene)


def test_an_experiment_without_a_run_is_pinned_when_it_is_sealed() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        store_version(stage, artifacts_of(stage) + "features/a", b"by hand")
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.EXPERIMENT_NOT_SEALED)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": "Sealed"}}})
        await until(stage, reasons.VERIFIED)
        assert pinned(stage) == {"a": b"by hand"}
        assert "image" not in status(stage)["derived"]

    play(scene)


def test_nothing_below_the_prefix_is_no_dataset() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        await is_sealed(stage)
        stage.world.declare(DATASET_PIN, "built", sealed_spec("nothing/"))
        await until(stage, reasons.SOURCE_EMPTY)
        stage.world.declare(DATASET_PIN, "all", sealed_spec(""))
        await until(stage, reasons.VERIFIED, "all")
        assert set(pinned(stage, "all")) == set(WRITTEN)

    play(scene)


def features_spec(*inputs: str, values: str = "built") -> Json:
    hour = {"name": "hour", "dtype": "int8", "recipe": {"expression": "time / 100"}}
    return {
        "schemaVersion": "1",
        "inputs": [{"name": name, "pinRef": {"name": name}} for name in inputs],
        "features": [hour],
        "materialized": {"pinRef": {"name": values}, "keys": ["flight"]},
    }


def test_values_are_built_from_what_their_definitions_say() -> None:
    async def scene(stage: Stage) -> None:
        declare_raw(stage, "raw")
        declare_raw(stage, "other", rows=5)
        writes(stage)
        stage.declare(inputs=reading("raw"))
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        stage.world.declare(FEATURE_SET_PIN, "good", features_spec("raw"))
        stage.world.declare(FEATURE_SET_PIN, "bad", features_spec("raw", "other"))
        await until(stage, reasons.VERIFIED, "good", FEATURE_SET_PIN)
        built = stage.condition(types.BUILT_FROM_INPUTS, "good", FEATURE_SET_PIN)
        assert (built["status"], built["reason"]) == ("True", reasons.BUILT_FROM_INPUTS)
        await until(stage, reasons.BUILT_FROM_OTHERS, "bad", FEATURE_SET_PIN)
        built = stage.condition(types.BUILT_FROM_INPUTS, "bad", FEATURE_SET_PIN)
        assert "'other' (`other`)" in built["message"]
        assert "'raw'" not in built["message"]
        assert stage.condition("Stalled", "bad", FEATURE_SET_PIN)["status"] == "True"
        before = made(stage)
        features = [{"name": "a", "pinRef": {"name": "bad"}}]
        stage.declare("y", run=False, inputs=reading("built") | {"features": features})
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready", "y")["reason"] == reasons.PIN_NOT_READY
        assert made(stage) == before

    play(scene, sweeps=False)


def test_who_trains_on_what_was_made_out_of_its_test_data_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        declare_raw(stage, "raw")
        declare_raw(stage, "final", rows=5)
        writes(stage)
        inputs = reading("raw")["datasets"] + reading("final", role="test")["datasets"]
        # One that shares rows knowingly, as who scales all of the data does.
        stage.declare(inputs={"datasets": inputs, "allowOverlap": []})
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        assert [each["role"] for each in status(stage)["derived"]["inputs"]] == ["test", "train"]
        trained = reading("built")["datasets"] + reading("final", role="test")["datasets"]
        stage.declare("y", run=False, inputs={"datasets": trained})
        await stage.until(
            "y is refused",
            lambda: stage.condition("Ready", "y").get("reason") == reasons.LEAKAGE_FOUND,
            HOUR,
        )
        assert (
            f"'{TEAM}/x', which had read what `final` (test) holds"
            in (stage.condition("Ready", "y")["message"])
        )

    play(scene)


def test_no_other_pin_of_the_artifacts_hides_what_they_were_made_from() -> None:
    """Neither a part of a split of them, nor a pin of the same bytes by their prefix."""

    async def scene(stage: Stage) -> None:
        declare_raw(stage, "final", rows=5)
        parts = [b'{"flight": %d, "hour": 7}\n' % at for at in range(4)]
        writes(stage, {f"features/{at}.jsonl": body for at, body in enumerate(parts)})
        stage.declare(inputs=reading("final"))
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        by_prefix = pin_spec(f"{artifacts_of(stage)}features/")
        by_prefix["source"]["prefix"]["bucket"] = BUCKET
        stage.world.declare(DATASET_PIN, "mirror", by_prefix)
        split = {
            "source": {"pinRef": {"name": "built"}},
            "granularity": "Objects",
            "rule": {"by": "Key", "salt": "s"},
            "parts": [
                {"name": "test", "role": "test", "share": 5000},
                {"name": "train", "role": "train", "share": 5000},
            ],
        }
        stage.world.declare(SPLIT_PIN, "parts", split)
        of_the_part = {**pin_spec(), "source": {"split": {"name": "parts", "part": "train"}}}
        stage.world.declare(DATASET_PIN, "part", of_the_part)
        for at, name in enumerate(("mirror", "part")):
            await until(stage, reasons.VERIFIED, name)
            assert "derived" not in status(stage, name)
            trained = reading(name)["datasets"] + reading("final", role="test")["datasets"]
            stage.declare(f"y{at}", run=False, inputs={"datasets": trained})
            refused = partial(is_because, stage, reasons.LEAKAGE_FOUND, f"y{at}", EXPERIMENT)
            await stage.until(f"{name} is refused", refused, HOUR)
        stage.declare("z", run=False, inputs=reading("part"))
        await stage.until("z is bound", lambda: stage.status("z").get("inputs"), HOUR)
        (entry,) = stage.status("z")["inputs"]
        assert entry["derived"]["seal"] == status(stage)["derived"]["seal"]
        assert [each["part"] for each in entry["partOf"]] == ["train"]

    play(scene, sweeps=False)


def test_the_seal_says_of_which_splits_is_what_the_run_read() -> None:
    async def scene(stage: Stage) -> None:
        body = b"".join(b'{"flight": %d}\n' % at for at in range(20))
        for at in range(4):
            stage.world.store.put(LOADER, SOURCE, f"all/{at}.jsonl", body + b"%d\n" % at)
        stage.world.declare(DATASET_PIN, "all", pin_spec("all/"))
        split = {
            "source": {"pinRef": {"name": "all"}},
            "granularity": "Objects",
            "rule": {"by": "Key", "salt": "s"},
            "parts": [
                {"name": "test", "role": "test", "share": 5000},
                {"name": "train", "role": "train", "share": 5000},
            ],
        }
        stage.world.declare(SPLIT_PIN, "parts", split)
        for name in ("train", "test"):
            of_the_part = {**pin_spec(), "source": {"split": {"name": "parts", "part": name}}}
            stage.world.declare(DATASET_PIN, name, of_the_part)
        writes(stage)
        stage.declare(inputs=reading("train"))
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        (told,) = status(stage)["derived"]["inputs"]
        (of_split,) = told["partOf"]
        assert (of_split["part"], of_split["sourceDigest"]) == (
            "train",
            status(stage, "all")["digest"],
        )
        whole = reading("built")["datasets"] + reading("all", role="test")["datasets"]
        stage.declare("y", run=False, inputs={"datasets": whole})
        refused = partial(is_because, stage, reasons.LEAKAGE_FOUND, "y", EXPERIMENT)
        await stage.until("the whole is refused", refused, HOUR)
        apart = reading("built")["datasets"] + reading("test", role="test")["datasets"]
        stage.declare("z", run=False, inputs={"datasets": apart})
        await stage.until("the other part is not", lambda: stage.status("z").get("inputs"), HOUR)

    play(scene, sweeps=False)


def test_artifacts_are_lent_to_nobody() -> None:
    async def scene(stage: Stage) -> None:
        writes(stage)
        stage.declare()
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        wanted = grant_spec(pinRef={"name": "built"}, namespaces=[TEAM, "team-b"])
        stage.world.declare(ACCESS_GRANT, "lent", wanted)
        await until(stage, reasons.STORE_NOT_LENDING, "lent", ACCESS_GRANT)
        said = stage.condition("Ready", "lent", ACCESS_GRANT)["message"]
        assert "is of the artifacts of an Experiment, which are used in its own namespace" in said

    play(scene)


def test_the_chain_is_sealed_on_and_on() -> None:
    async def scene(stage: Stage) -> None:
        declare_raw(stage)
        writes(stage)
        stage.declare(inputs=reading("raw"))
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        stage.world.actors.run_writes = lambda _: store_version(
            stage,
            str(stage.status("y")["artifacts"]["uri"]).removeprefix(f"s3://{BUCKET}/") + "m",
            b"model",
        )
        stage.declare("y", inputs=reading("built"))
        await stage.until("y is sealed", lambda: stage.status("y").get("seal"), HOUR)
        (entry,) = stage.status("y")["inputs"]
        assert entry["stated"]["origin"] == "Derived"
        assert entry["derived"]["seal"] == status(stage)["derived"]["seal"]
        spec = sealed_spec("")
        spec["source"]["experimentRef"]["name"] = "y"
        stage.world.declare(DATASET_PIN, "twice", spec)
        await until(stage, reasons.VERIFIED, "twice")
        assert [
            (each["name"], each["readBy"]) for each in status(stage, "twice")["derived"]["inputs"]
        ] == [("built", f"{TEAM}/y"), ("raw", f"{TEAM}/x")]

    play(scene)


def test_what_is_not_recorded_of_a_chain_is_told_to_whoever_trains_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(origins, "MAX_RECORDED_BYTES", 0)

    async def scene(stage: Stage) -> None:
        declare_raw(stage)
        declare_raw(stage, "final", rows=5)
        writes(stage)
        stage.declare(inputs=reading("raw"))
        stage.world.declare(DATASET_PIN, "built", sealed_spec())
        await until(stage, reasons.VERIFIED)
        stage.world.actors.run_writes = lambda _: store_version(
            stage,
            str(stage.status("y")["artifacts"]["uri"]).removeprefix(f"s3://{BUCKET}/") + "m",
            b"model",
        )
        stage.declare("y", inputs=reading("built"))
        await stage.until("y is sealed", lambda: stage.status("y").get("seal"), HOUR)
        (entry,) = stage.status("y")["inputs"]
        assert entry["derived"]["moreInputs"]
        assert "inputs" not in entry["derived"]
        spec = sealed_spec("")
        spec["source"]["experimentRef"]["name"] = "y"
        stage.world.declare(DATASET_PIN, "twice", spec)
        await until(stage, reasons.VERIFIED, "twice")
        told = status(stage, "twice")["derived"]
        assert told["moreInputs"]
        assert [each["name"] for each in told["inputs"]] == ["built"]
        trained = reading("twice")["datasets"] + reading("final", role="test")["datasets"]
        stage.declare("z", run=False, inputs={"datasets": trained})
        await stage.until("z is bound", lambda: stage.status("z").get("leakage"), HOUR)
        rows = next(row for row in stage.status("z")["leakage"] if row["type"] == "SharedRows")
        assert rows["level"] == "Unknown"
        assert "more went into `twice` (train) than its seals name" in rows["message"]

    play(scene, sweeps=False)
