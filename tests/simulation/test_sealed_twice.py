"""A seal that was written, not recorded, and cannot be read for a day: two, of which one counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    CONCLUSION_TYPE,
    SUPPLEMENT_NAME,
    SUPPLEMENT_TYPE,
    envelope_digest,
    is_about,
    payload_of,
)
from glovebox.evidence.standing import Rule
from glovebox.evidence.stated import read_stated
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.jobs.verifying import Demand, verify_seal
from glovebox.kube.kinds import EXPERIMENT
from glovebox.store.connection import Credentials, Stop, StoreSettings
from glovebox.store.evidence_objects import find_seal
from glovebox.store.sealing import seal_folder
from simulation.object_store import S3Error, Version
from simulation.object_store_faces import SimStores
from simulation.stage import Stage, play
from simulation.test_copied_evidence import CONCLUSION, versions_of
from simulation.test_ends import HOUR, MINUTE
from simulation.test_forged_seals import hides_the_first
from simulation.test_former_keys import runs
from simulation.test_keys import published, ready
from simulation.test_run_records import Away
from simulation.world import BUCKET, OPERATOR_KEY, TEAM

LAID = b"somebody else's"
AUDITOR = StoreSettings("https://store.invalid", credentials=Credentials(OPERATOR_KEY, "simulated"))


def seals_of(stage: Stage, uid: str) -> list[Version]:
    """Return what lies under the name of the seal and is no stranger's."""
    return [each for each in versions_of(stage, uid, STATEMENT_NAME) if each.body != LAID]


async def dies_unrecorded(stage: Stage, faults: Away, uid: str) -> None:
    """Let a process die when it has written the seal, and before it says so."""

    def fault(action: str, _: str, key: str) -> None:
        if action == "s3:PutObject" and key.endswith(STATEMENT_NAME):
            faults.away = True

    stage.world.store.fault = fault
    await stage.until("it is written", lambda: seals_of(stage, uid), HOUR)
    await stage.process.kill()
    stage.world.store.fault, faults.away = lambda *_: None, False


def lays(stage: Stage, uid: str, several: int) -> None:
    """Have a stranger lay versions under the name of the seal."""
    for _ in range(several):
        key = seal_folder(uid) + STATEMENT_NAME
        stage.world.store._store(stage.world.store.buckets[BUCKET], key, LAID, "", None, "")


@pytest.mark.parametrize("around", [0, 40], ids=["alone", "among what a stranger laid there"])
def test_of_two_seals_the_recorded_one_counts_for_everybody(
    monkeypatch: pytest.MonkeyPatch, around: int
) -> None:
    monkeypatch.setattr("glovebox.controllers.bound_seal.UNREAD_WAIT", timedelta(hours=2))
    faults = Away()

    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 5 * MINUTE)
        await dies_unrecorded(stage, faults, uid)
        serve = stage.world.store.get
        hides_the_first(stage, uid, lambda: S3Error(403, "AccessDenied"))
        lays(stage, uid, around)
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        lays(stage, uid, around)
        first, second = seals_of(stage, uid)
        recorded = stage.status()["seal"]["attestationVersion"]
        assert recorded == second.version_id
        assert read_stated(second.body).passed_over == (first.version_id,)
        assert any(first.version_id in each for each in stage.status()["seal"]["findings"])

        # What was denied can be read again: nothing of what is on record changes.
        stage.world.store.get = serve  # type: ignore[method-assign]  # of this one world
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), 3 * HOUR)
        assert stage.status()["seal"]["attestationVersion"] == recorded
        assert len(versions_of(stage, uid, STATEMENT_NAME)) == 2 + 2 * around
        for name, kind in ((SUPPLEMENT_NAME, SUPPLEMENT_TYPE), (CONCLUSION_NAME, CONCLUSION_TYPE)):
            (made,) = versions_of(stage, uid, name)
            assert is_about(payload_of(made.body), kind, envelope_digest(second.body))

        # Nor does somebody who knows nothing but the bucket and the keys take the other one.
        auditor, folder = SimStores(stage.world.store).open(AUDITOR), seal_folder(uid)
        trust = published(stage)
        found = find_seal(auditor, BUCKET, folder, f"{TEAM}/x", uid, Rule(trust), Stop())
        assert found is not None
        assert found.version_id == recorded
        shown = verify_seal(auditor, BUCKET, folder, Demand(trust), Stop(), read_bytes=False)
        (remark,) = [each for each in shown.report.remarks if "not the seal" in each]
        assert first.version_id in remark
        # The only way to two of them, and it is seen.
        assert {each.promise for each in stage.promises.broken} == {"4 one seal"}
        stage.promises.broken.clear()

    play(scene, faults=faults)
