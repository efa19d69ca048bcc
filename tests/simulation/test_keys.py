"""The keys that seals are signed with: made once, rotated by people, never replaced in silence."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.signing_keys import PRIVATE, key_secret
from glovebox.evidence.envelope import opened, sign
from glovebox.evidence.keys import TrustBundle, read_bundle, trusted
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import CONFIG_MAP, EVENT, OBJECT_STORE, SECRET
from glovebox.store.key_records import PREFIX as RECORDS
from glovebox.store.sealing import seal_folder
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.world import BUCKET

Json = dict[str, Any]
OWN = "glovebox-system"
SOON = 180.0
# And what an answer takes.
A_MINUTE = 65.0


def secret(stage: Stage) -> Json | None:
    found: Json | None = stage.world.server.peek(SECRET, OWN, names.SIGNING_KEY_SECRET)
    return found


def private(stage: Stage) -> str:
    made = secret(stage)
    assert made is not None
    return base64.b64decode(made["data"][PRIVATE]).decode()


def published(stage: Stage) -> TrustBundle:
    found = stage.world.server.peek(CONFIG_MAP, OWN, names.SIGNING_KEYS_CONFIG_MAP)
    return read_bundle(found["data"][names.SIGNING_KEYS_FILE]) if found else TrustBundle(())


def records(stage: Stage) -> set[str]:
    """Return the ids of the keys that lie beside the evidence."""
    keys = stage.world.store.buckets[BUCKET].keys
    return {key.removeprefix(RECORDS)[:-4] for key in keys if key.endswith(".pem")}


def remove(stage: Stage, kind: Any, name: str) -> None:
    assert stage.world.remove(kind, OWN, name)


def put_secret(stage: Stage, pem: str) -> None:
    """Put a signing key as a person does: delete and create, or create where none is."""
    if secret(stage) is not None:
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
    asked = Asked(ADMINISTRATOR, "create", SECRET, OWN, names.SIGNING_KEY_SECRET)
    stage.world.server.create(asked, key_secret(OWN, {PRIVATE: pem}))


def key_condition(stage: Stage) -> tuple[str, str]:
    found = stage.condition("KeyPublished", "primary", OBJECT_STORE)
    return found.get("status", ""), found.get("reason", "")


async def ready(stage: Stage) -> None:
    await stage.until("the key is published", lambda: key_condition(stage)[0] == "True")


def envelope(stage: Stage) -> bytes:
    made = stage.world.experiment("x")
    assert made is not None
    uid = made["metadata"]["uid"]
    versions = stage.world.store.buckets[BUCKET].keys[f"{seal_folder(uid)}{STATEMENT_NAME}"]
    return bytes(versions[-1].body)


async def sealed(stage: Stage) -> Json:
    await stage.until("x is sealed", lambda: stage.status().get("seal"), 3_600)
    seal: Json = stage.status()["seal"]
    return seal


def signers(stage: Stage) -> list[str]:
    return [key.key_id for key in opened(envelope(stage), published(stage)).keys]


def test_a_key_is_published_before_anything_is_signed_with_it() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        (key,) = published(stage).keys
        assert (key.valid_until, records(stage)) == (None, {key.key_id})
        stage.declare()
        assert (await sealed(stage))["keyId"] == key.key_id
        assert signers(stage) == [key.key_id]

    play(body)


def test_a_key_that_a_person_puts_in_its_place_signs_from_then_on() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        (former,) = published(stage).keys
        pair = new_key_pair()
        put_secret(stage, pair.private)
        stage.declare()
        seal = await sealed(stage)
        old, new = published(stage).keys
        assert (old.key_id, new.key_id) == (former.key_id, trusted(pair.public).key_id)
        assert old.valid_until is not None
        assert (new.valid_until, seal["keyId"]) == (None, new.key_id)
        assert signers(stage) == [new.key_id]
        assert records(stage) == {old.key_id, new.key_id}

    play(body)


def test_a_lost_key_is_told_and_never_replaced_and_the_seal_waits_for_it() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        kept = private(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        stage.declare()
        await stage.until(
            "the seal waits for the key",
            lambda: stage.condition("Sealed").get("reason") == "SigningKeyLost",
            3_600,
        )
        assert stage.condition("Sealed")["status"] == "False"
        assert stage.metric("glovebox_signing_key_unusable") == 1
        await stage.sleep(3_600)
        assert secret(stage) is None
        assert "seal" not in stage.status()
        put_secret(stage, kept)
        assert (await sealed(stage))["keyId"] == published(stage).keys[0].key_id
        assert len(published(stage).keys) == 1
        assert stage.metric("glovebox_signing_key_unusable") == 0

    play(body)


def test_a_lost_key_is_told_on_the_store_before_any_seal_needs_it() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        wake = {"metadata": {"annotations": {"a": "person"}}}
        assert stage.world.edit(OBJECT_STORE, None, "primary", wake)
        await stage.until(
            "the store says so",
            lambda: key_condition(stage) == ("False", "SigningKeyLost"),
            7_200,
        )
        assert stage.condition("Ready", "primary", OBJECT_STORE)["status"] == "True"
        told = [
            each
            for each in stage.world.server.list(Asked(ADMINISTRATOR, "list", EVENT, "", ""))[
                "items"
            ]
            if each["reason"] == "SigningKeyLost" and each["type"] == "Warning"
        ]
        assert len(told) == 1
        put_secret(stage, new_key_pair().private)
        await ready(stage)
        assert len(published(stage).keys) == 2

    play(body)


@pytest.mark.parametrize("also_the_list", [False, True], ids=["secret", "secret-and-list"])
def test_a_lost_key_is_told_within_a_minute_although_nobody_wakes_the_store(
    also_the_list: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        if also_the_list:
            remove(stage, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
        await stage.until(
            "the store says so",
            lambda: key_condition(stage) == ("False", "SigningKeyLost"),
            A_MINUTE,
        )

    play(body, sweeps=False)


def test_a_list_that_is_lost_is_published_again_within_a_minute_without_a_seal() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        before = published(stage)
        remove(stage, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
        await stage.until("it is there again", lambda: published(stage) == before, A_MINUTE)

    play(body, sweeps=False)


def test_keys_that_are_well_cost_no_write_however_often_they_are_looked_at() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        await stage.sleep(120)  # what came with the first look is written
        before = len(stage.promises.writes)
        await stage.sleep(1_200)
        assert len(stage.promises.writes) == before

    play(body, sweeps=False)


async def waits_for_the_key(stage: Stage) -> None:
    """Declare an Experiment, and see that its seal waits for a lost key, and that none is made."""
    stage.declare()
    await stage.until(
        "the seal waits for the key",
        lambda: stage.condition("Sealed").get("reason") == "SigningKeyLost",
        3_600,
    )
    assert secret(stage) is None


def test_a_cluster_that_lost_secret_and_list_makes_no_key_where_the_store_knows_one() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        remove(stage, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
        await waits_for_the_key(stage)

    play(body)


def test_a_lost_key_is_not_replaced_where_a_new_bucket_knows_none() -> None:
    """The list in the cluster says that there was one, whatever lies beside the evidence."""

    async def body(stage: Stage) -> None:
        await ready(stage)
        kept = stage.world.store.buckets[BUCKET].keys
        for key in [key for key in kept if key.startswith(RECORDS)]:
            del kept[key]
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        await waits_for_the_key(stage)

    play(body)


def test_a_list_that_is_lost_comes_back_from_the_store_with_the_former_keys() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        put_secret(stage, new_key_pair().private)
        stage.declare()
        await sealed(stage)
        before = published(stage)
        assert len(before.keys) == 2
        remove(stage, CONFIG_MAP, names.SIGNING_KEYS_CONFIG_MAP)
        stage.declare("y")
        await stage.until("y is sealed", lambda: stage.status("y").get("seal"), 3_600)
        assert published(stage) == before

    play(body)


def test_an_old_key_that_is_put_back_signs_nothing() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        old = private(stage)
        put_secret(stage, new_key_pair().private)
        stage.declare()
        await sealed(stage)
        put_secret(stage, old)
        stage.declare("y")
        await stage.until(
            "the seal waits for the key",
            lambda: stage.condition("Sealed", "y").get("reason") == "SigningKeyRetired",
            3_600,
        )

    play(body)


def test_a_foreign_statement_under_the_name_of_the_seal_is_neither_taken_nor_a_hindrance() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        uid = stage.declare()["metadata"]["uid"]
        bucket, key = stage.world.store.buckets[BUCKET], f"{seal_folder(uid)}{STATEMENT_NAME}"
        foreign = sign(b"{}", LocalSigner.of(new_key_pair().private))
        stage.world.store._store(bucket, key, foreign, "", None, "")
        seal = await sealed(stage)
        assert seal["keyId"] == published(stage).keys[0].key_id
        assert len(bucket.keys[key]) == 2
        assert signers(stage) == [seal["keyId"]]

    play(body)
