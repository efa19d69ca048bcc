"""A store that breaks a promise after an Experiment was bound: its run does not begin there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cluster.operator.test_probes import probe_pod, words
from glovebox.data.probing import Outcome
from glovebox.store.connection import Credentials
from support.kubelet import end_pod
from support.lying_store import Answered, Asked, Liar, lying
from support.operator_process import BREAK_GLASS, Team, experiment_spec, profile_spec, store_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from support.cluster import Cluster

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


def test_a_run_does_not_begin_on_a_store_whose_check_fails_since_it_was_bound(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    lies = threading.Event()

    def overwrite_all_the_same(asked: Asked, liar: Liar) -> Answered | None:
        is_canary = asked.method == "PUT" and asked.path.endswith("lock-canary")
        if not (lies.is_set() and is_canary and "if-none-match" in asked.headers):
            return None
        return liar.as_admin(asked.without("if-none-match"))

    keys = cluster.store.access.operator
    store, profile = f"{team.name}-later", f"{team.name}-proven"
    strict = {"schedule": "Once", "requiredForRuns": True}
    platform.declare("IsolationProfile", profile, profile_spec(probe=strict))
    with lying(
        cluster.store.endpoint,
        Credentials(keys.access_key_id, keys.secret_access_key),
        overwrite_all_the_same,
    ) as endpoint:
        platform.declare(
            "ObjectStore", store, store_spec(cluster, f"{team.name}-later", endpoint=endpoint)
        )
        platform.expect("ObjectStore", store, timeout=60)
        team.declare("Experiment", "late", experiment_spec(profile, store, run=RUN))
        namespace = team.expect("Experiment", "late")["status"]["namespace"]
        pod = probe_pod(team.api, namespace)

        def check_again() -> None:
            """Let the last check be long ago; only somebody whom the guards let through can."""
            rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
            rogue.patch(
                f"{platform.path('ObjectStore', store)}/status",
                {"status": {"lastVerifiedTime": "2020-01-01T00:00:00Z"}},
            )

        lies.set()
        check_again()
        platform.expect("ObjectStore", store, status="False", reason="ProofFailed", timeout=60)
        end_pod(team.api, pod, 0, container="probe", message=words(api=Outcome.PASSED))
        team.expect("Experiment", "late", "Isolated", "True")
        eventually(
            lambda: (
                f"when ObjectStore '{store}' is Ready again"
                in team.condition("Experiment", "late", "Succeeded")["message"]
            ),
            what="the condition says what the run waits for",
        )
        run = f"/apis/batch/v1/namespaces/{namespace}/jobs/glovebox-run"
        assert not team.api.find(run)
        lies.clear()
        # A declaration that changes nothing that was bound: the check is made at once.
        path = platform.path("ObjectStore", store)
        platform.api.patch(path, {"spec": {"verifyIntervalSeconds": 3600}})
        platform.expect("ObjectStore", store, timeout=60)
        eventually(lambda: team.api.find(run), what="the run starts", timeout=60)
