"""One dropped connection, or a store away for a moment, changes nothing that others wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import Api, path_of
from support.numbering_proxy import Cut
from support.operator_process import Team, experiment_spec, quiet
from support.run_credentials import make_due
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster import Cluster
    from support.numbered_operator import Numbered

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def team(numbered: Numbered) -> Team:
    """The team whose writes are numbered."""
    return numbered.team


@pytest.fixture
def store_comes_back(numbered: Numbered) -> Iterator[None]:
    """However a test ends."""
    yield
    numbered.store.down.clear()


def ready(numbered: Numbered, name: str, **changes: Any) -> str:
    """Declare an Experiment, wait until it is Ready, and return its namespace."""
    spec = experiment_spec(numbered.platform, numbered.platform, **changes)
    numbered.team.declare("Experiment", name, spec)
    made: str = numbered.team.expect("Experiment", name)["status"]["namespace"]
    return made


def store_errors(numbered: Numbered) -> float:
    """Return how much of the work on stores failed, after all its repetitions."""
    return numbered.operator.metric("glovebox_object_store_operations_total", result="error")


def flips(cluster: Cluster, team: Team, name: str) -> list[str]:
    """Return what was written about an Experiment, once Ready, that says it is not any more.

    By the audit log: also what stood for a moment only.
    """
    found: list[str] = []
    was_ready = False
    for event in cluster.audit(team.name):
        about = event.get("objectRef") or {}
        if (
            about.get("subresource") != "status"
            or (about.get("namespace"), about.get("name")) != (team.name, name)
            or (event.get("responseStatus") or {}).get("code") != 200
        ):
            continue
        conditions = {
            entry["type"]: entry
            for entry in event["responseObject"]["status"].get("conditions", [])
        }
        ready_now = conditions.get("Ready", {}).get("status") == "True"
        if was_ready and not ready_now:
            found.append(f"Ready: {conditions.get('Ready')}")
        if was_ready and conditions.get("Reconciling", {}).get("status") == "True":
            found.append(f"Reconciling: {conditions['Reconciling']}")
        was_ready |= ready_now
    assert was_ready, "the log was read"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", [Cut.BEFORE, Cut.LOST], ids=lambda how: how.value)
def test_one_dropped_connection_in_a_repair_flips_nothing(
    numbered: Numbered, rogue: Api, how: Cut
) -> None:
    name = f"dropped-{how.value}"
    namespace = ready(numbered, name)
    path = path_of("v1", "limitranges", namespace=namespace, name="glovebox-limits")
    # A PUT is repeated by the HTTP library itself; what is created again is not.
    numbered.api.cuts[name] = numbered.api.count(name) + 1, how
    was = rogue.get(path)["metadata"]["uid"]
    rogue.delete(path)
    eventually(
        lambda: (found := rogue.find(path)) and found["metadata"]["uid"] != was,
        what="it is repaired",
    )
    quiet(numbered.operator)
    assert any(sent.cut for sent in numbered.api.sent[name])
    assert flips(numbered.cluster, numbered.team, name) == []


@pytest.mark.slow
def test_a_store_that_is_away_when_credentials_are_due_flips_nothing(
    numbered: Numbered, rogue: Api, store_comes_back: None
) -> None:
    del store_comes_back
    namespace = ready(numbered, "away")
    path = path_of("v1", "secrets", namespace=namespace, name="glovebox-artifacts-credentials")
    before = rogue.get(path)["data"]["credentials"]
    failed = store_errors(numbered)
    numbered.store.down.set()
    make_due(rogue, path, seconds=120)
    eventually(lambda: store_errors(numbered) > failed or None, what="a renewal failed", timeout=60)
    numbered.store.down.clear()
    eventually(
        lambda: rogue.get(path)["data"]["credentials"] != before or None,
        what="they are renewed",
        timeout=60,
    )
    assert flips(numbered.cluster, numbered.team, "away") == []


@pytest.mark.slow
def test_a_store_that_is_away_when_a_pin_is_checked_flips_no_experiment(
    numbered: Numbered, rogue: Api, cluster: Cluster, store_comes_back: None
) -> None:
    del store_comes_back
    team = numbered.team
    bucket = team.bucket({"train/a": b"x"}, store=numbered.platform)
    team.declare(
        "DatasetPin",
        "train",
        {
            "storeRef": {"name": numbered.platform},
            "source": {"prefix": {"bucket": bucket, "prefix": "train/"}},
            "verification": {"listIntervalSeconds": 60},
        },
    )
    team.expect("DatasetPin", "train")
    inputs = {"datasets": [{"name": "train", "role": "train", "pinRef": {"name": "train"}}]}
    ready(numbered, "user", inputs=inputs)
    numbered.store.down.set()
    failed = store_errors(numbered)
    due = {"status": {"listedTime": "2020-01-01T00:00:00Z"}}
    rogue.patch(f"{team.path('DatasetPin', 'train')}/status", due)
    eventually(lambda: store_errors(numbered) > failed or None, what="the check failed", timeout=60)
    # What the failure leads to, if it does, is written by now.
    quiet(numbered.operator)
    numbered.store.down.clear()
    eventually(
        lambda: (
            (
                team.read("DatasetPin", "train")["status"]["listedTime"] > "2021"
                and team.condition("DatasetPin", "train", "Ready")["status"] == "True"
            )
            or None
        ),
        what="the pin was checked",
        timeout=60,
    )
    assert flips(cluster, team, "user") == []
