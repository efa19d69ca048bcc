"""A session that was copied out of a run lives on; whoever writes with it holds no seal up."""

from __future__ import annotations

import threading

import pytest

from cluster.attacks.identities import EXPERIMENTER, TEAM
from cluster.attacks.run import RUN, run_pod
from cluster.attacks.stage import Stage
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.store.sealing import seal_folder
from support.kubelet import end_pod
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in
from support.waiting import eventually


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "deleted",
    [pytest.param(True, id="deleted", marks=pytest.mark.slow), pytest.param(False, id="ended")],
)
def test_a_copied_session_that_writes_on_keeps_no_seal_from_being_made(
    stage: Stage,
    deleted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    team, name = Team(stage.cluster, TEAM), f"busy-{'deleted' if deleted else 'ended'}"
    team.declare("Experiment", name, experiment_spec("standard", "primary", run=RUN))
    made = team.expect("Experiment", name)
    namespace, uid = made["status"]["namespace"], made["metadata"]["uid"]
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    store = stage.cluster.store
    writer = store.client(session=session_in(team, namespace))
    stop = threading.Event()

    def write(number: int) -> None:
        # At a pace: as fast as the store takes them it is the store's speed that is tried, for what
        # was written is read, and that takes its time. Whether two listings happen to agree is
        # chance here; what the statement says when they never do has its own tests.
        while not stop.wait(0.05):
            writer.put_object(Bucket=bucket, Key=f"{prefix}more{number}", Body=b"x")

    def is_sealed() -> bool:
        found = store.client().list_objects_v2(
            Bucket=bucket, Prefix=seal_folder(uid) + STATEMENT_NAME
        )
        return bool(found.get("Contents"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        end_pod(stage.api, run_pod(stage.api, namespace), 0)
        if deleted:
            EXPERIMENTER.of(stage.api).delete(team.path("Experiment", name))
        eventually(is_sealed, what="the seal, while somebody writes", timeout=150)
        assert all(thread.is_alive() for thread in threads), "somebody still writes"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if deleted:
        gone = team.path("Experiment", name)
        eventually(lambda: stage.api.find(gone) is None, what="the Experiment is gone", timeout=60)
