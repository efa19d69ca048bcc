"""What inputs of different roles share passes by a grant of who owns what is tested on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import ACCESS_GRANT, CONFIG_MAP, ISOLATION_PROFILE
from glovebox.store.grant_uses import PREFIX
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after
from simulation.test_grants import names_of_time
from simulation.test_leakage import ALLOWED, made, roles, sheet, two_pins
from simulation.world import BUCKET, TEAM, condition, grant_spec
from support.grants import granted, records, takers, with_data

Json = dict[str, Any]
WHY = "the calendar lies in both"


async def allow(stage: Stage, name: str = "both", **changes: Any) -> None:
    """Declare a grant that lets the test data share files with what is trained on."""
    spec = {
        "pinRef": {"name": "later"},
        "roles": ["test"],
        "overlap": {"withRoles": ["train"], "of": ["Objects"]},
        "uses": 1,
        "reason": WHY,
        **changes,
    }
    stage.world.declare(ACCESS_GRANT, name, grant_spec(**spec), namespace=TEAM)

    def is_read() -> bool:
        obj = stage.world.server.peek(ACCESS_GRANT, TEAM, name)
        return condition(obj, "Ready").get("status") == "True"

    await stage.until("the grant is Ready", is_read)


async def refused(stage: Stage, reason: str, name: str = "x") -> str:
    """Wait until an Experiment is refused; return what it says."""
    await stage.until(
        "it is refused", lambda: stage.condition("Ready", name).get("reason") == reason
    )
    assert "digest" not in stage.status(name)
    assert stage.condition("InputsVerified", name)["reason"] == reason
    return str(stage.condition("Ready", name)["message"])


def test_a_grant_lets_one_experiment_pass_and_its_seal_says_by_whose_word() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        ends_after(stage, 10 * MINUTE)
        stage.declare(run=True, inputs=roles())
        message = await refused(stage, reasons.LEAKAGE_FOUND)
        assert "pin data that are apart" in message
        assert made(stage) == []
        await allow(stage)
        namespace = await stage.provisioned()
        row = sheet(stage)["SharedObjects"]
        said = f"AccessGrant 'team-a/both': {WHY}"
        assert (row["level"], row["found"], row["allowedBecause"]) == ("Measured", 1, said)
        train, test = stage.status()["inputs"]
        assert "grants" not in train
        (grant,) = test["grants"]
        assert (grant["grantRef"], grant["use"]) == ("team-a/both", 1)
        assert grant["overlapWith"] == ["train"]
        assert len(takers(stage)) == 1
        snapshot = stage.world.server.peek(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        assert snapshot is not None
        assert orjson.loads(snapshot["data"]["inputs"]) == stage.status()["inputs"]
        # The same bytes in the same roles are the same experiment, whoever lets them in.
        assert "both" not in snapshot["data"]["snapshot.json"]
        # No data are read by it, so its end takes none away, and the run goes on.
        stage.world.edit(ACCESS_GRANT, TEAM, "both", {"spec": {"revoked": True}})
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        assert stage.status()["run"]["outcome"] == "Succeeded"
        assert not stage.condition("InputsGranted")
        (statement,) = stage.world.seals().values()
        definition = statement["predicate"]["buildDefinition"]
        assert definition["internalParameters"]["leakage"] == stage.status()["leakage"]
        (sealed,) = [
            each["annotations"]["grants"][0]
            for each in definition["resolvedDependencies"]
            if each.get("name") == "test"
        ]
        assert (sealed["grant"], sealed["use"]) == ("team-a/both", 1)
        assert sealed["overlapWith"] == ["train"]

    play(scene, sweeps=False)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("revoked", "GrantRevoked"), ("expired", "GrantExpired"), ("used up", "GrantUsedUp")],
)
def test_who_is_not_bound_when_the_grant_ends_is_refused_with_the_cure(
    ending: str, reason: str
) -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        soon = names_of_time(stage.world.clock.now().timestamp() + 30 * MINUTE)
        await allow(stage, **({"expireTime": soon} if ending == "expired" else {}))
        if ending == "used up":
            stage.declare("first", run=False, inputs=roles())
            await stage.provisioned("first")
        if ending == "revoked":
            stage.world.edit(ACCESS_GRANT, TEAM, "both", {"spec": {"revoked": True}})
        if ending == "expired":
            await stage.sleep(HOUR)
        stage.declare(run=False, inputs=roles())
        message = await refused(stage, reason)
        assert "share 1 object byte by byte" in message
        assert "ask the owner of the data for another" in message
        # Another one lets it go on.
        await allow(stage, "again")
        await stage.provisioned()

    play(scene, sweeps=False)


def test_where_the_profile_demands_a_grant_a_reason_of_ones_own_is_refused() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        stage.declare(run=False, inputs=roles())
        message = await refused(stage, reasons.LEAKAGE_FOUND)
        assert "ask the owner of DatasetPin 'later' (input `test`) for an AccessGrant" in message
        stage.declare("own", run=False, inputs=roles(ALLOWED))
        message = await refused(stage, reasons.OVERLAP_NOT_ALLOWED, "own")
        assert "`spec.leakage.overlap: WithGrant`" in message
        await allow(stage)
        await stage.provisioned()
        # Where nothing lets anything pass, no grant does.
        never = {"spec": {"leakage": {"overlap": "Never"}}}
        assert stage.world.edit(ISOLATION_PROFILE, None, "standard", never)
        stage.declare("y", run=False, inputs=roles())
        message = await refused(stage, reasons.LEAKAGE_FOUND, "y")
        assert message.endswith("pin data that are apart")
        assert len(takers(stage)) == 1

    play(scene, profile={"leakage": {"overlap": "WithGrant"}}, sweeps=False)


def test_no_use_is_lost_while_the_store_does_not_take_it() -> None:
    async def scene(stage: Stage) -> None:
        await two_pins(stage, shared=True)
        await allow(stage)

        def fault(action: str, bucket: str, key: str) -> None:
            if action == "s3:PutObject" and bucket == BUCKET and key.startswith(PREFIX):
                raise NoAnswerError

        stage.world.store.fault = fault
        stage.declare(run=False, inputs=roles())
        await stage.sleep(10 * MINUTE)
        assert "digest" not in stage.status()
        assert (records(stage), made(stage)) == ({}, [])
        await stage.process.kill()
        stage.world.store.fault = lambda *_: None
        stage.process.start()
        await stage.provisioned()
        assert len(takers(stage)) == 1

    play(scene)


def test_a_pin_of_the_same_bytes_at_home_does_not_get_around_the_owner_s_word() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage, pin={"use": {"grantFor": ["test"]}})
        await stage.sleep(2)
        await two_pins(stage, shared=True)
        # What is tested on is the other team's; this one has a pin of it, and of a file in it.
        data = [
            {"name": "train", "pinRef": {"name": "later"}, "role": "train"},
            {"name": "test", "pinRef": {"name": "set"}, "role": "test"},
        ]
        await granted(stage, roles=["test"])
        await allow(stage, "own", pinRef={"name": "set"})
        stage.declare(run=False, inputs={"datasets": data})
        message = await refused(stage, reasons.NOT_GRANTED)
        assert "Namespace 'data' is asked as well" in message
        assert made(stage) == []
        overlap = {"withRoles": ["train"], "of": ["Objects"]}
        await granted(stage, "both", roles=["test"], overlap=overlap)
        await stage.provisioned()
        grants = stage.status()["inputs"][1]["grants"]
        said = [(each["grantRef"], each.get("overlapWith", [])) for each in grants]
        # The other team's grant lets it be used as well: one use of it.
        own, theirs = ("team-a/own", ["train"]), ("data/both", ["train"])
        assert said == [("data/both", []), own, theirs]
        assert len(takers(stage)) == 2

    play(scene, profile={"leakage": {"overlap": "WithGrant"}})
