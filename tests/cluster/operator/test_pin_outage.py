"""A verified pin whose store does not answer: it stays verified, and is not written repeatedly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from glovebox.status.text import format_time
from glovebox.store.connection import Credentials
from support.cluster import Cluster
from support.lying_store import Answered, Asked, Liar, lying
from support.operator_process import (
    BREAK_GLASS,
    CSI_DRIVER,
    Team,
    experiment_spec,
    profile_spec,
    store_spec,
)
from support.waiting import eventually


class Flaky:
    """A store that answers nothing about the data while it is away; artifacts and proofs go on."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.away = False
        self.refused = 0

    def __call__(self, asked: Asked, _: Liar) -> Answered | None:
        if not self.away or not asked.path.startswith(f"/{self.bucket}"):
            return None
        self.refused += 1
        return Answered(503, b"<Error><Code>SlowDown</Code></Error>")


def conditions(team: Team, kind: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = team.read(kind, name)["status"]["conditions"]
    return found


def answers(found: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in found}


def test_a_store_that_does_not_answer_a_check_changes_no_condition_and_is_asked_again(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    store = f"{team.name}-flaky"
    data = team.bucket({"train/a": b"a"}, store="")
    keys = cluster.store.access.loader
    admin = Credentials(keys.access_key_id, keys.secret_access_key)
    flaky = Flaky(data)
    with lying(cluster.store.endpoint, admin, flaky) as endpoint:
        spec = store_spec(
            cluster, "glovebox-artifacts", endpoint=endpoint, access=[team.access(data)]
        )
        del spec["sts"]  # nothing runs with it, and the proxy's user may not assume roles
        platform.declare("ObjectStore", store, spec)
        platform.expect("ObjectStore", store, timeout=60)
        source = {"prefix": {"bucket": data, "prefix": "train/"}}
        declared = {
            "storeRef": {"name": store},
            "source": source,
            "verification": {"listIntervalSeconds": 60},
        }
        team.declare("DatasetPin", "train", declared)
        team.expect("DatasetPin", "train")
        inputs = {"datasets": [{"name": "train", "role": "train", "pinRef": {"name": "train"}}]}
        # A driver asks the store by itself: this one issues no sessions that would be delivered.
        profile = f"{team.name}-driven"
        driver = {"driver": CSI_DRIVER, "volumeAttributes": {"bucketName": "$(bucket)"}}
        platform.declare(
            "IsolationProfile", profile, profile_spec(delivery={"mode": "CSI", "csi": driver})
        )
        platform.expect("IsolationProfile", profile)
        team.declare("Experiment", "bound", experiment_spec(profile, "primary", inputs=inputs))
        team.expect("Experiment", "bound")
        verified = conditions(team, "DatasetPin", "train")
        flaky.away = True
        rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
        # Just due, and not overdue, of which the condition `ProofsCurrent` would tell.
        due = format_time(datetime.now(UTC) - timedelta(seconds=70))
        proofs = team.read("DatasetPin", "train")["status"]["verification"]
        listed = [each | ({"lastTime": due} if each["level"] == "List" else {}) for each in proofs]
        rogue.patch(
            f"{team.path('DatasetPin', 'train')}/status",
            {"status": {"listedTime": due, "verification": listed}},
        )
        patched = team.read("DatasetPin", "train")["metadata"]["resourceVersion"]
        bound = team.read("Experiment", "bound")["metadata"]["resourceVersion"]
        # Four requests to a try: this is the third at least.
        eventually(lambda: flaky.refused >= 12, what="three tries", timeout=60)
        assert conditions(team, "DatasetPin", "train") == verified
        assert team.read("DatasetPin", "train")["metadata"]["resourceVersion"] == patched
        assert team.read("Experiment", "bound")["metadata"]["resourceVersion"] == bound
        flaky.away = False
        eventually(
            lambda: team.read("DatasetPin", "train")["status"]["listedTime"] > due,
            what="a check that ended",
            timeout=60,
        )
        assert answers(conditions(team, "DatasetPin", "train")) == answers(verified)
        # The bucket and everything in it stay for the session; nothing refers to this store more.
        team.api.delete(team.path("Experiment", "bound"))
        team.api.delete(team.path("DatasetPin", "train"))
