"""Found: a session that reads more than was granted, and a seal that can be kept from being made.

Each is expected to fail until cured.
"""

from __future__ import annotations

import threading
import time

import pytest

from cluster.attacks.found import RUN, PromiseBroken, say_complete
from cluster.attacks.identities import EXPERIMENTER, TEAM
from cluster.attacks.stage import Stage
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in
from support.waiting import eventually


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="two equal lists in a row are wanted")
def test_a_copied_session_that_writes_on_keeps_no_seal_from_being_made(stage: Stage) -> None:
    """After an hour of this the Experiment is gone, and nothing was sealed (`SEAL_WAIT`)."""
    team = Team(stage.cluster, TEAM)
    team.declare("Experiment", "busy", experiment_spec("standard", "primary", run=RUN))
    made = team.expect("Experiment", "busy")["status"]
    bucket, prefix = made["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    writer = stage.cluster.store.client(session=session_in(team, made["namespace"]))
    stop = threading.Event()

    def write(number: int) -> None:
        while not stop.is_set():
            writer.put_object(Bucket=bucket, Key=f"{prefix}more{number}", Body=b"x")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    path = team.path("Experiment", "busy")
    try:
        say_complete(stage.api, made["namespace"])
        EXPERIMENTER.of(stage.api).delete(path)
        begun = time.monotonic()
        while time.monotonic() - begun < 45:
            status = (stage.api.find(path) or {"status": {"seal": "made"}})["status"]
            if status.get("seal"):
                return
            time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # It was this that it waited for, and nothing else.
    eventually(lambda: stage.api.find(path) is None, what="the Experiment is gone", timeout=120)
    raise PromiseBroken("no seal while somebody writes")
