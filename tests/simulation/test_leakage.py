"""Inputs of different roles are compared before anything exists, whatever fails meanwhile."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest

from glovebox import names
from glovebox.api.input_status import InputStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.leakage_status import LeakType
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment import leakage, resolve
from glovebox.controllers.experiment.pins import bind_inputs
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import open_store
from glovebox.engine.tasks import TaskKey
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    ISOLATION_PROFILE,
    NAMESPACE,
    NETWORK_POLICY,
    OBJECT_STORE,
    ROLE_BINDING,
)
from glovebox.kube.resources import Key
from glovebox.store.connection import Store
from glovebox.store.manifests import PREFIX
from glovebox.tasks.overlap import OVERLAP
from simulation.api_server import Asked
from simulation.object_store import NoAnswerError
from simulation.process import OPERATOR
from simulation.stage import Stage, play
from simulation.test_ends import ends_after
from simulation.test_restore import create_again
from simulation.world import BUCKET, LOADER, SOURCE, TEAM, in_use, pin_spec

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0


async def two_pins(stage: Stage, *, shared: bool, **coverage: Json) -> None:
    """Pin two sets of three files; one of them lies in both, under two names."""
    for number in range(3):
        body = b"rows 1\n" * 9 if shared and number == 2 else f"later {number}\n".encode()
        stage.world.store.put(LOADER, SOURCE, f"later/{number}.csv", body)
    later = {"source": {"prefix": {"bucket": SOURCE, "prefix": "later/"}}}
    for name, source in (("set", {}), ("later", later)):
        said = {"coverage": coverage[name]} if name in coverage else {}
        stage.world.declare(DATASET_PIN, name, {**pin_spec(), **source, **said})
    for name in ("set", "later"):
        while stage.condition("Ready", name, DATASET_PIN).get("status") != "True":
            await stage.sleep(1.0)


def roles(*allowed: Json) -> Json:
    return {
        "datasets": [
            {"name": "train", "pinRef": {"name": "set"}, "role": "train"},
            {"name": "test", "pinRef": {"name": "later"}, "role": "test"},
        ],
        **({"allowOverlap": list(allowed)} if allowed else {}),
    }


ALLOWED: Json = {"inputs": ["train", "test"], "of": ["Objects"], "reason": "a calendar"}


def sheet(stage: Stage) -> dict[str, Json]:
    return {row["type"]: row for row in stage.status().get("leakage") or ()}


def made(stage: Stage) -> list[str]:
    """Return the namespaces of experiments that were ever asked for."""
    found = stage.world.server.everything(NAMESPACE)
    return [
        each["metadata"]["name"]
        for each in found
        if names.LABEL_EXPERIMENT_UID in (each["metadata"].get("labels") or {})
    ]


def manifests_unread(stage: Stage) -> None:
    def fault(action: str, bucket: str, key: str) -> None:
        if action.startswith("s3:GetObject") and bucket == BUCKET and key.startswith(PREFIX):
            raise NoAnswerError

    stage.world.store.fault = fault


def test_what_leaks_is_refused_before_anything_exists_and_a_reason_cures_it() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        stage.declare(run=False, inputs=roles())
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        await stage.sleep(HOUR)
        ready, verified = stage.condition("Ready"), stage.condition("InputsVerified")
        assert (ready["status"], ready["reason"]) == ("False", "LeakageFound")
        assert (verified["status"], verified["reason"]) == ("False", "LeakageFound")
        assert (
            "share 1 object byte by byte, such as `part-1` (in `test`: `2.csv`)"
            in (ready["message"])
        )
        assert "digest" not in stage.status()
        assert made(stage) == []

        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"inputs": roles(ALLOWED)}})
        namespace = await stage.provisioned()
        row = sheet(stage)["SharedObjects"]
        assert (row["level"], row["found"], row["allowedBecause"]) == ("Measured", 1, "a calendar")
        snapshot = stage.world.server.peek(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        assert snapshot is not None
        assert orjson.loads(snapshot["data"]["leakage"]) == stage.status()["leakage"]
        covered = orjson.loads(snapshot["data"]["snapshot.json"])
        assert covered["allowOverlap"] == [{**ALLOWED, "inputs": ["test", "train"]}]

    play(scene, sweeps=False)


def test_nothing_is_bound_while_a_manifest_cannot_be_read() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        manifests_unread(stage)
        stage.declare(run=False, inputs=roles())
        await stage.until(
            "it is told", lambda: "manifest" in stage.condition("Ready").get("message", "")
        )
        await stage.sleep(10 * MINUTE)
        assert "digest" not in stage.status()
        assert stage.condition("Ready")["status"] == "False"
        # Nothing is bound, so nothing is as it was bound.
        assert stage.condition("PlatformChanged")["status"] == "Unknown"
        assert stage.condition("Stalled").get("status") != "True"
        assert made(stage) == []
        stage.world.store.fault = lambda *_: None
        await stage.provisioned()
        assert sheet(stage)["SharedObjects"]["level"] == "Measured"

    play(scene)


def test_a_sweep_over_the_same_inputs_reads_their_manifests_once() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        read: list[str] = []

        def count(action: str, bucket: str, key: str) -> None:
            if action.startswith("s3:GetObject") and bucket == BUCKET and key.startswith(PREFIX):
                read.append(key)

        stage.world.store.fault = count
        stage.declare("first", run=False, inputs=roles())
        await stage.provisioned("first")
        assert len(read) == 2
        for number in range(5):
            stage.declare(f"next-{number}", run=False, inputs=roles())
        for number in range(5):
            await stage.provisioned(f"next-{number}")
            assert stage.status(f"next-{number}")["leakage"] == stage.status("first")["leakage"]
        assert len(read) == 2

    play(scene)


def test_an_operator_that_dies_while_it_compares_compares_again() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        manifests_unread(stage)
        stage.declare(run=False, inputs=roles())
        await stage.sleep(5.0)
        await stage.process.kill()
        stage.world.store.fault = lambda *_: None
        stage.process.start()
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("Ready")["reason"] == "LeakageFound"

    play(scene)


def test_the_seal_says_the_sheet_and_nothing_looks_again() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        ends_after(stage, MINUTE)
        stage.declare(run=True, inputs=roles())
        await stage.provisioned()
        before = stage.status()["leakage"]
        assert len(before) == len(get_args(LeakType))
        # From here on every manifest that is read is read by the fetcher's plan or the seal.
        await stage.process.kill()
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        (statement,) = stage.world.seals().values()
        internal = statement["predicate"]["buildDefinition"]["internalParameters"]
        assert internal["leakage"] == before == stage.status()["leakage"]

    play(scene)


WINDOW = {"column": "at", "fromTime": "2013-01-01T00:00:00Z", "untilTime": "2013-02-01T00:00:00Z"}
NEXT = {"column": "at", "fromTime": "2013-02-01T00:00:00Z", "untilTime": "2013-03-01T00:00:00Z"}


@pytest.mark.parametrize(("first", "second", "reason"), [(WINDOW, NEXT, ""), (NEXT, WINDOW, "x")])
def test_training_on_what_comes_later_is_refused(first: Json, second: Json, reason: str) -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False, set={"time": first}, later={"time": second})
        stage.declare(run=False, inputs=roles())
        if not reason:
            await stage.provisioned()
            assert sheet(stage)["TimeOrder"]["level"] == "Declared"
            return
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("Ready")["reason"] == "LeakageFound"
        assert "`of: [Time]`" in stage.condition("Ready")["message"]

    play(scene)


@pytest.mark.parametrize(
    ("rules", "allowed", "reason"),
    [
        ({"overlap": "Never"}, [ALLOWED], "OverlapNotAllowed"),
        ({"mustKnow": ["TimeOrder"]}, [], "LeakageUnknown"),
        ({"overlap": "Never", "mustKnow": ["NoTestSet"]}, [], ""),
    ],
)
def test_a_profile_demands_more(rules: Json, allowed: list[Json], reason: str) -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        stage.declare(run=False, inputs=roles(*allowed))
        if not reason:
            await stage.provisioned()
            return
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("InputsVerified")["reason"] == reason
        assert made(stage) == []
        # A profile that asks for less lets it go on.
        stage.world.edit(ISOLATION_PROFILE, None, "standard", {"spec": {"leakage": None}})
        await stage.provisioned()

    play(scene, profile={"leakage": rules})


def test_a_pin_that_says_wrong_of_its_paths_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        by_tail = {"groups": {"column": "tail"}}
        await two_pins(stage, shared=False, set=by_tail, later=by_tail)
        stage.declare(run=False, inputs=roles())
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("InputsVerified")["reason"] == "CoverageWrong"
        assert made(stage) == []

    play(scene)


BY_FLIGHT: Json = {"rows": {"key": ["flight"]}}


async def two_tables(stage: Stage, *, shared: bool, coverage: Json = BY_FLIGHT) -> None:
    """Pin two sets of tables, of other formats; one row is in both."""
    flights = [f"UA{number}" for number in range(40)]
    lines = b"".join(orjson.dumps({"flight": each, "delay": 1}) + b"\n" for each in flights)
    stage.world.store.put(LOADER, SOURCE, "train/a.jsonl", lines)
    stage.world.store.put(LOADER, SOURCE, "train/_SUCCESS", b"")
    other = b"delay,flight\n2,UA40\n" + (b"3,UA7\n" if shared else b"3,UA41\n")
    stage.world.store.put(LOADER, SOURCE, "test/b.csv", other)
    for name, prefix in (("set", "train/"), ("later", "test/")):
        stage.world.declare(DATASET_PIN, name, {**pin_spec(prefix), "coverage": coverage})
    for name in ("set", "later"):
        while stage.condition("Ready", name, DATASET_PIN).get("status") != "True":
            await stage.sleep(1.0)


def rows_unread(stage: Stage) -> list[str]:
    """Let nobody read tables; return which were asked for."""
    asked: list[str] = []

    def fault(action: str, bucket: str, key: str) -> None:
        if action.startswith("s3:GetObject") and bucket == SOURCE:
            asked.append(key)
            raise NoAnswerError

    stage.world.store.fault = fault
    return asked


def test_rows_that_leak_are_refused_before_anything_exists_and_a_reason_cures_it() -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=True)
        stage.declare(run=False, inputs=roles(ALLOWED))
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        await stage.sleep(HOUR)
        ready = stage.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", "LeakageFound")
        assert (
            "share 1 row by `flight`, such as `row 8 of a.jsonl` (in `test`: `row 2 of b.csv`)"
            in ready["message"]
        )
        # Nobody's keys are in a status, which more people read than the data.
        assert "UA7" not in orjson.dumps(stage.world.experiment("x")).decode()
        assert "digest" not in stage.status()
        assert made(stage) == []

        given = {**ALLOWED, "of": ["Rows"]}
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"inputs": roles(given)}})
        namespace = await stage.provisioned()
        row = sheet(stage)["SharedRows"]
        assert (row["level"], row["found"], row["allowedBecause"]) == ("Measured", 1, "a calendar")
        snapshot = stage.world.server.peek(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        assert snapshot is not None
        assert orjson.loads(snapshot["data"]["leakage"]) == stage.status()["leakage"]

    play(scene, sweeps=False)


BY_BODY: Json = {"texts": {"columns": ["body"]}}
LETTER = (
    "the harbour was closed for the whole of that winter and nobody in the town could say when the"
    " ships would come again or what the people would live on until they did"
)


async def two_sets_of_letters(stage: Stage, *, near: bool) -> None:
    """Pin two sets of texts, of other formats; a copy of one of them, edited, is in the other."""
    texts = [f"a letter about {number} other things, and no ship in it" for number in range(9)]
    lines = b"".join(orjson.dumps({"body": each}) + b"\n" for each in [*texts, LETTER])
    stage.world.store.put(LOADER, SOURCE, "train/a.jsonl", lines)
    copy = LETTER.replace("winter", "year").upper() if near else "what nobody wrote before"
    other = f'body,day\nquite another text of one letter,1\n"- {copy}!",2\n'
    stage.world.store.put(LOADER, SOURCE, "test/b.csv", other.encode())
    for name, prefix in (("set", "train/"), ("later", "test/")):
        stage.world.declare(DATASET_PIN, name, {**pin_spec(prefix), "coverage": BY_BODY})
    for name in ("set", "later"):
        while stage.condition("Ready", name, DATASET_PIN).get("status") != "True":
            await stage.sleep(1.0)


def test_near_texts_are_refused_before_anything_exists_and_a_reason_cures_it() -> None:
    async def scene(stage: Stage) -> None:
        await two_sets_of_letters(stage, near=True)
        stage.declare(inputs=roles({**ALLOWED, "of": ["Objects", "Rows"]}))
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        await stage.sleep(HOUR)
        ready = stage.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", "LeakageFound")
        assert (
            "hold texts in `body` that are nearly the same (near texts, version 1): 1 of `train`"
            " and 1 of `test`, such as `row 10 of a.jsonl` (in `test`: `row 2 of b.csv`)"
            in ready["message"]
        )
        # Nobody's texts are in a status, which more people read than the data.
        assert "harbour" not in orjson.dumps(stage.world.experiment("x")).decode().lower()
        assert "digest" not in stage.status()
        assert made(stage) == []

        given = {**ALLOWED, "of": ["Texts"]}
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"inputs": roles(given)}})
        await stage.provisioned()
        row = sheet(stage)["NearTexts"]
        assert (row["level"], row["found"], row["allowedBecause"]) == ("Measured", 1, "a calendar")
        before = stage.status()["leakage"]
        await stage.until("it is sealed", stage.world.seals, 12 * HOUR)
        (statement,) = stage.world.seals().values()
        internal = statement["predicate"]["buildDefinition"]["internalParameters"]
        assert internal["leakage"] == before

    play(scene, sweeps=False)


@pytest.mark.parametrize("near", [True, False], ids=["near", "apart"])
def test_a_profile_demands_to_know_of_texts(*, near: bool) -> None:
    async def scene(stage: Stage) -> None:
        await two_sets_of_letters(stage, near=near)
        stage.declare(run=False, inputs=roles())
        if near:
            await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
            assert stage.condition("InputsVerified")["reason"] == "LeakageFound"
            assert made(stage) == []
            return
        await stage.provisioned()
        row = sheet(stage)["NearTexts"]
        assert (row["level"], row["found"]) == ("Measured", 0)
        assert "(10 of `train`, 2 of `test`)" in row["message"]

    play(scene, profile={"leakage": {"mustKnow": ["NearTexts"]}})


def test_a_profile_that_demands_to_know_of_texts_refuses_pins_that_say_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        stage.declare(run=False, inputs=roles())
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        verified = stage.condition("InputsVerified")
        assert verified["reason"] == "LeakageUnknown"
        assert "use pins that say `spec.coverage.texts` by the same columns" in verified["message"]
        assert made(stage) == []

    play(scene, profile={"leakage": {"mustKnow": ["NearTexts"]}})


def test_nothing_is_bound_while_rows_cannot_be_read() -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=False)
        asked = rows_unread(stage)
        stage.declare(run=False, inputs=roles())
        await stage.until("it is tried", lambda: asked)
        await stage.sleep(10 * MINUTE)
        assert "digest" not in stage.status()
        assert stage.condition("Ready")["status"] == "False"
        assert stage.condition("Stalled").get("status") != "True"
        assert made(stage) == []
        stage.world.store.fault = lambda *_: None
        await stage.provisioned()
        assert sheet(stage)["SharedRows"]["level"] == "Measured"

    play(scene)


def test_an_operator_that_dies_while_it_reads_rows_reads_them_again() -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=True)
        asked = rows_unread(stage)
        stage.declare(run=False, inputs=roles())
        await stage.until("it is tried", lambda: asked)
        await stage.process.kill()
        stage.world.store.fault = lambda *_: None
        stage.process.start()
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("Ready")["reason"] == "LeakageFound"

    play(scene)


def test_rows_that_are_not_granted_any_more_are_not_read() -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=False)
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": []}})
        read: list[str] = []

        def note(action: str, bucket: str, key: str) -> None:
            if action.startswith("s3:GetObject") and bucket == SOURCE:
                read.append(key)

        stage.world.store.fault = note
        stage.declare(run=False, inputs=roles())
        await stage.sleep(10 * MINUTE)
        assert "is not granted" in stage.condition("Ready")["message"]
        assert (read, made(stage)) == ([], [])
        assert "digest" not in stage.status()

    play(scene)


@pytest.mark.parametrize("coverage", [BY_FLIGHT, {}])
def test_a_profile_demands_to_know_of_rows(coverage: Json) -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=False, coverage=coverage)
        stage.declare(run=False, inputs=roles())
        if coverage:
            await stage.provisioned()
            assert sheet(stage)["SharedRows"]["level"] == "Measured"
            return
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        assert stage.condition("InputsVerified")["reason"] == "LeakageUnknown"
        assert "SharedRows" in stage.condition("InputsVerified")["message"]
        assert made(stage) == []

    play(scene, profile={"leakage": {"mustKnow": ["SharedRows"]}})


def test_a_pin_of_tables_that_lack_the_key_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=False, coverage={"rows": {"key": ["tail"]}})
        stage.declare(run=False, inputs=roles())
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        verified = stage.condition("InputsVerified")
        assert verified["reason"] == "CoverageWrong"
        assert "which cannot be read from `a.jsonl`: it has no column `tail`" in verified["message"]
        assert made(stage) == []

    play(scene)


def test_a_lost_experiment_is_sealed_with_its_sheet() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        stage.declare(run=False, inputs=roles())
        await stage.provisioned()
        before = stage.status()["leakage"]
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("the orphan is sealed", stage.world.seals, 12 * HOUR)
        (statement,) = stage.world.seals().values()
        internal = statement["predicate"]["buildDefinition"]["internalParameters"]
        assert internal["leakage"] == before

    play(scene)


def test_an_input_without_a_manifest_is_not_taken_for_one_that_shares_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without(scope: Scope, profile: IsolationProfile) -> tuple[InputStatus, ...]:
        bound = bind_inputs(scope, profile)
        return (bound[0], bound[1].model_copy(update={"manifest": None}))

    monkeypatch.setattr(resolve, "bind_inputs", without)

    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        stage.declare(run=False, inputs=roles())
        await stage.until(
            "it is told", lambda: "no manifest" in stage.condition("Ready").get("message", "")
        )
        await stage.sleep(HOUR)
        assert stage.condition("Ready")["reason"] == "PinNotReady"
        assert made(stage) == []

    play(scene)


def test_a_pin_that_was_made_again_a_moment_ago_is_not_asked_for_its_coverage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def older(scope: Scope, profile: IsolationProfile) -> tuple[InputStatus, ...]:
        bound = bind_inputs(scope, profile)
        return (bound[0], bound[1].model_copy(update={"uid": "of-the-former-one"}))

    monkeypatch.setattr(resolve, "bind_inputs", older)

    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        stage.declare(run=False, inputs=roles())
        await stage.until("it waits", lambda: stage.condition("Ready").get("reason"))
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready")["reason"] == "PinNotFound"
        assert made(stage) == []

    play(scene)


@pytest.mark.parametrize("role", ["test", "train"])
def test_what_was_declared_before_an_edit_is_compared_no_more(role: str) -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        stage.declare("first", run=False, inputs=roles())
        await stage.until("it is Stalled", lambda: stage.condition("Stalled", "first"))
        manifests_unread(stage)
        edited = roles()
        edited["datasets"][1]["role"] = "validation"
        stage.declare(run=False, inputs=edited)
        await stage.until(
            "it is told", lambda: "manifest" in stage.condition("Ready").get("message", "")
        )
        assert comparisons(stage, "x") == 1
        # Known from the first one; or there is nothing to compare, and it waits for its sheet.
        edited["datasets"][1]["role"] = role
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"inputs": edited}})
        await stage.sleep(MINUTE)
        assert comparisons(stage, "x") == 0

    play(scene)


def comparisons(stage: Stage, name: str) -> int:
    running = stage.process.operator
    experiment = stage.world.experiment(name)
    assert running is not None
    assert experiment is not None
    key = TaskKey(Key.of(experiment), experiment["metadata"]["uid"], OVERLAP)
    return int(running.tasks.get(key) is not None)


def test_a_sheet_of_a_later_version_closes_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        stage.declare(run=False, inputs=roles())
        namespace = await stage.provisioned()
        await stage.process.kill()
        sheet_now = [*stage.status()["leakage"], {"type": "NearDuplicates", "level": "Sampled"}]
        asked = Asked(OPERATOR, "patch", EXPERIMENT, TEAM, "x", subresource="status")
        changed = {"status": {"leakage": sheet_now}}
        stage.world.server.patch(asked, changed, "application/merge-patch+json")
        stage.process.start()
        await stage.sleep(HOUR)
        assert stage.status()["leakage"] == sheet_now
        assert stage.condition("Ready")["status"] == "True"
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene)


def test_who_takes_over_what_was_run_shows_its_sheet() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        ends_after(stage, MINUTE)
        former = stage.declare(run=True, inputs=roles())["metadata"]["uid"]
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        before = stage.status()["leakage"]
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"adopts": former}})
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        assert stage.status()["leakage"] == before

    play(scene)


def test_what_is_bound_is_compared_no_more_and_few_results_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leakage, "_REMEMBERED", 1)

    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=False)
        other = roles()
        other["datasets"][1]["role"] = "validation"
        for name, inputs in (("x", roles()), ("y", other)):
            stage.declare(name, run=False, inputs=inputs)
            await stage.provisioned(name)
        running = stage.process.operator
        assert running is not None
        assert len(running.ports.overlaps) == 1
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(HOUR)
        running = stage.process.operator
        assert running is not None
        assert not running.ports.overlaps
        for name in ("x", "y"):
            assert comparisons(stage, name) == 0
            assert stage.condition("Ready", name)["status"] == "True"

    play(scene)


def test_what_is_bound_is_kept_although_its_overlap_would_not_be_allowed_any_more() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        stage.declare(run=False, inputs=roles(ALLOWED))
        namespace = await stage.provisioned()
        rules = {"overlap": "Never", "mustKnow": ["TimeOrder"]}
        assert stage.world.edit(ISOLATION_PROFILE, None, "standard", {"spec": {"leakage": rules}})
        await stage.sleep(MINUTE)
        policy = (NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        assert stage.world.remove(*policy)
        await stage.until("it is back", lambda: stage.there(*policy), MINUTE)
        await stage.sleep(MINUTE)
        assert stage.condition("Ready")["status"] == "True"

    play(scene)


def test_a_store_that_goes_while_its_inputs_are_compared_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(stage: Stage) -> None:
        await two_tables(stage, shared=False)
        opens = open_store

        async def opens_and_loses(ports: Ports, store: ObjectStore) -> Store:
            monkeypatch.setattr(leakage, "open_store", opens)
            stage.world.server.admission.remove(in_use)
            stage.world.edit(OBJECT_STORE, None, "primary", {"metadata": {"finalizers": None}})
            assert stage.world.remove(OBJECT_STORE, None, "primary")
            await stage.sleep(2)
            return await opens(ports, store)

        monkeypatch.setattr(leakage, "open_store", opens_and_loses)
        stage.declare(run=False, inputs=roles())
        await stage.sleep(MINUTE)
        assert stage.condition("Ready")["reason"] == "StoreNotFound"
        assert made(stage) == []

    play(scene)
