"""Every alert about data that a fault can provoke fires in a real Prometheus, and is over after it.

Pins, features and Experiments with one fault each are declared at once, and deleted at once.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from support.api import ApiError
from support.operator_process import BREAK_GLASS, PLURALS, Team, experiment_spec
from support.prometheus import needs_prometheus
from support.waiting import eventually
from support.watched import DONE, Watched, told, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_prometheus]
Json = dict[str, Any]
LONG_AGO: Final = "2020-01-01T00:00:00Z"
FIRED: Final = (
    "BrokenLink",
    "ContractViolated",
    "DistributionMoved",
    "Expired",
    "ExpiresSoon",
    "FailedSurge",
    "ObjectsFailed",
    "ObjectsStuck",
    "OpposedRoles",
    "PinnedDataDiffer",
    "ProofFound",
    "ProvenanceGaps",
    "RetentionEnded",
    "RetentionEndsSoon",
    "SchemaDiffers",
    "WaitingForBudget",
)
FRUGAL: Final = "frugal"
ROWS: Final = 2000
# In use before it ends, on a busy machine as well.
BRIEF_SECONDS: Final = 90
OTHER_IMAGE: Final = "registry.example/foreign@sha256:" + "b" * 64


def in_days(days: float) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def csv(values: list[int]) -> bytes:
    """Return rows with a key and a value."""
    rows = (f"{key},{value}\n" for key, value in enumerate(values))
    return "".join(("k,a\n", *rows)).encode()


def pin(bucket: str, prefix: str, store: str = "primary", **more: Any) -> Json:
    source = {"prefix": {"bucket": bucket, "prefix": f"{prefix}/"}}
    return {"storeRef": {"name": store}, "source": source, **more}


def features(dtype: str = "int64", **more: Any) -> Json:
    feature = {"name": "a", "recipe": {"expression": "a"}, "dtype": dtype, "inputs": ["rows"]}
    inputs = [{"name": "rows", "pinRef": {"name": "plain"}}]
    return {"schemaVersion": "1", "inputs": inputs, "features": [feature], **more}


def uses(*pairs: tuple[str, str], sets: tuple[str, ...] = ()) -> Json:
    """Return the inputs of an Experiment: pins with their roles, and features."""
    datasets = [{"name": name, "pinRef": {"name": name}, "role": role} for name, role in pairs]
    found = [{"name": name, "pinRef": {"name": name}} for name in sets]
    return {"datasets": datasets} | ({"features": found} if found else {})


def made_due(watch: Watched, team: Team, name: str, **status: Any) -> None:
    """Let checks or proofs be long ago; only somebody whom the guards let through can say so."""
    rogue = watch.cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    rogue.patch(f"{team.path('DatasetPin', name)}/status", {"status": status})


def plant_in_pins(watch: Watched, team: Team) -> None:
    """Declare pins that are well, and pins with one fault each."""
    upwards, downwards = list(range(ROWS)), [each // 8 for each in range(ROWS)]
    bucket = team.bucket(
        {
            "plain/a.csv": csv(upwards),
            "moved/a.csv": csv(downwards),
            "eaten/a.csv": csv([1]),
            "proven/a.csv": csv([2]),
        }
    )
    watch.platform.declare("ObjectStore", FRUGAL, frugal(watch, bucket, team))
    columns = [{"name": "a", "type": "Integer", "shown": True}]
    described: Json = {"statistics": {"columns": columns}}
    narrow = {"columns": [{"name": "a", "type": "Integer", "maximum": "5"}]}
    declared = {
        "plain": pin(bucket, "plain", **described),
        "moved": pin(bucket, "moved", **described, distribution={"against": {"name": "plain"}}),
        "wrong": pin(bucket, "plain", digest="sha256:" + "0" * 64),
        "violating": pin(bucket, "plain", contract=narrow),
        "over": pin(bucket, "plain", retention={"why": "consent", "untilTime": LONG_AGO}),
        "ending": pin(bucket, "plain", retention={"why": "consent", "untilTime": in_days(3)}),
        "eaten": pin(bucket, "eaten"),
        "proven": pin(bucket, "proven"),
        "poor": pin(bucket, "plain", FRUGAL),
    }
    for name, spec in declared.items():
        team.declare("DatasetPin", name, spec)
    watch.platform.expect("ObjectStore", FRUGAL, timeout=120)
    for name in ("plain", "eaten", "proven", "poor"):
        team.expect("DatasetPin", name, timeout=120)
    s3 = watch.cluster.store.client()
    for name, status in (
        ("eaten", {"listedTime": LONG_AGO}),
        ("proven", {"verifiedTime": LONG_AGO, "verification": None}),
    ):
        version = s3.list_object_versions(Bucket=bucket, Prefix=f"{name}/")["Versions"][0]
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        made_due(watch, team, name, **status)
    made_due(watch, team, "poor", verifiedTime=LONG_AGO, verification=None)


def frugal(watch: Watched, bucket: str, team: Team) -> Json:
    spec: Json = dict(watch.platform.read("ObjectStore", "primary")["spec"])
    artifacts = {**spec["artifacts"], "bucket": "glovebox-frugal"}
    budget = {**(spec.get("verification") or {}).get("budget", {}), "bytesPerDay": 20}
    return {
        **spec,
        "artifacts": artifacts,
        "access": [team.access(bucket)],
        "verification": {**(spec.get("verification") or {}), "budget": budget},
    }


def plant_in_features(team: Team) -> None:
    """Declare features with one fault each."""
    values = {"pinRef": {"name": "plain"}, "keys": ["k"]}
    brief: Json = {"validity": {"notAfterTime": in_days(BRIEF_SECONDS / 86400)}}
    declared = {
        "linkless": {**features(), "inputs": [{"name": "rows", "pinRef": {"name": "gone"}}]},
        "ending": features(validity={"notAfterTime": in_days(3)}),
        "brief": features(**brief),
        "differing": features("bool", materialized=values),
    }
    for name, spec in declared.items():
        team.declare("FeatureSetPin", name, spec)


def plant_in_experiments(team: Team) -> None:
    """Declare Experiments that are refused, or use data against each other."""
    for number in range(4):
        images = [{"name": "trainer", "reference": OTHER_IMAGE}]
        spec = experiment_spec("standard", "primary", images=images)
        team.declare("Experiment", f"refused-{number}", spec)
    team.declare(
        "Experiment",
        "of-brief",
        experiment_spec("standard", "primary", inputs=uses(("plain", "train"), sets=("brief",))),
    )
    team.declare(
        "Experiment",
        "judging",
        experiment_spec("standard", "primary", inputs=uses(("plain", "test"))),
    )
    for name in ("of-brief", "judging"):
        team.expect("Experiment", name, timeout=120)


def take_away(watch: Watched, team: Team) -> None:
    """Delete all that was declared."""
    for kind in ("Experiment", "FeatureSetPin", "DatasetPin"):
        plural = PLURALS[kind]
        for each in watch.cluster.api.list(team.path(kind)):
            with suppress(ApiError):
                watch.cluster.api.delete(team.path(kind, each["metadata"]["name"]))
        eventually(
            lambda kind=kind: not watch.cluster.api.list(team.path(kind)) or None,  # type: ignore[misc]
            what=f"there are no {plural}",
            timeout=120,
        )
    watch.cluster.api.delete(team.path("ObjectStore", FRUGAL))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All faults at once, and what became of each alert."""
    folder: Path = tmp_path_factory.mktemp("watched")
    with watched(folder) as watch:
        team = Team(watch.cluster, "faulty")
        plant_in_pins(watch, team)
        plant_in_features(team)
        plant_in_experiments(team)
        fired = watch.fired(FIRED, timeout=200)
        take_away(watch, team)
        over = watch.over(FIRED, timeout=90)
        assert watch.prometheus.rule_errors() == []
    return told(FIRED, fired, over)


@pytest.mark.parametrize("name", FIRED)
def test_its_fault_makes_it_fire_and_its_end_makes_it_be_over(
    story: dict[str, str], name: str
) -> None:
    assert story[name] == DONE
