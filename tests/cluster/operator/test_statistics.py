"""Statistics of real flights in a real store, and shifts that are planted in them.

The tables are the real ones of the demonstration. January and February are the reference; what is
compared with them are the same flights in another order and form, March, and one fault at a time.
"""

from __future__ import annotations

import io
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from glovebox import names
from glovebox.api.statistics_status import MAX_PARTS
from glovebox_local.demo.flights import read_files
from support.cluster import Cluster
from support.contracts import as_csv
from support.operator_process import Operator, Team, experiment_spec, quiet

pytestmark = pytest.mark.timeout(600)
Json = dict[str, Any]
ROWS = 6000
# One task reads at a time, and each starts a process of its own.
PATIENCE = 300.0
COLUMNS: list[Json] = [
    {"name": "carrier", "type": "Text", "shown": True},
    {"name": "dep_delay", "type": "Number", "shown": True},
    {"name": "distance", "type": "Integer", "shown": True},
    {"name": "origin", "type": "Text", "shown": True},
    {"name": "tailnum", "type": "Text"},
]
NAMES = [each["name"] for each in COLUMNS]
STABLE = "DistributionStable"


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def sample(table: pa.Table, seed: int) -> pa.Table:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return table.take(chance.sample(range(table.num_rows), ROWS))


@pytest.fixture(scope="module")
def winter() -> tuple[pa.Table, pa.Table]:
    """Two samples of the flights of two months; no flight is in both."""
    months = [
        parquet.read_table(io.BytesIO(file.body), columns=NAMES)
        for file in read_files()
        if file.key.endswith(("flights-2013-01.parquet", "flights-2013-02.parquet"))
    ]
    both = pa.concat_tables(months)
    mixed = both.take(random.Random(1).sample(range(both.num_rows), 2 * ROWS))  # noqa: S311
    return mixed.slice(0, ROWS), mixed.slice(ROWS)


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, values)


def with_nulls(table: pa.Table) -> pa.Table:
    """Return the flights with three times as many delays that nobody noted, and more."""
    chance = random.Random(3)  # noqa: S311 - the same each time
    share = 3 * max(0.02, table["dep_delay"].null_count / table.num_rows)
    held = table["dep_delay"].to_pylist()
    values = [None if chance.random() < share else value for value in held]
    return replaced(table, "dep_delay", pa.array(values, pa.float64()))


def with_carrier(table: pa.Table) -> pa.Table:
    values = [
        "ZZ" if at % 5 == 0 else value for at, value in enumerate(table["carrier"].to_pylist())
    ]
    return replaced(table, "carrier", pa.array(values))


@dataclass(frozen=True)
class Shift:
    """What is planted, and what has to be said of it.

    Attributes:
        alter: Writes it.
        answer: Of the condition.
        reason: Of the condition.
        column: Which moved first; none where none did.
        why: What of it.
    """

    alter: Callable[[pa.Table], pa.Table]
    answer: str
    reason: str
    column: str = ""
    why: str = ""


SHIFTS: dict[str, Shift] = {
    "same": Shift(lambda table: table, "True", "DistributionStable"),
    "mean": Shift(
        lambda table: replaced(table, "dep_delay", pc.add(table["dep_delay"], 20)),
        "False",
        "DistributionMoved",
        "dep_delay",
        "PSI",
    ),
    "carrier": Shift(with_carrier, "False", "DistributionMoved", "carrier", "PSI"),
    "nulls": Shift(with_nulls, "False", "DistributionMoved", "dep_delay", "NullShare"),
    "few": Shift(lambda table: table.slice(0, 60), "Unknown", "DistributionUnknown"),
    "gone": Shift(
        lambda table: table.drop_columns(["origin"]),
        "False",
        "DistributionMoved",
        "origin",
        "Went",
    ),
    "text": Shift(
        lambda table: replaced(table, "distance", pa.array(["far"] * table.num_rows)),
        "Unknown",
        "DistributionUnknown",
    ),
}


def pin_spec(bucket: str, prefix: str, **more: Any) -> Json:
    return {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": bucket, "prefix": f"{prefix}/"}},
        "statistics": {"columns": COLUMNS},
        **more,
    }


AGAINST: Json = {"against": {"name": "reference"}}


@pytest.fixture(scope="module")
def flights(platform: Team, cluster: Cluster, winter: tuple[pa.Table, pa.Table]) -> Team:
    """A team with the reference, a pin for each shift, and one that is judged; all at once."""
    del platform
    team = Team(cluster, f"team-{uuid.uuid4().hex[:8]}")
    reference, other = winter
    half = ROWS // 2
    held = {
        "reference/a.parquet": as_parquet(reference, row_group_size=700),
        "shuffled/b.parquet": as_parquet(
            sample(reference, 5).slice(0, half).select(NAMES[::-1]), compression="zstd"
        ),
        "shuffled/a.csv.gz": as_csv(sample(reference, 5).slice(half), packed=True),
    }
    for name, shift in SHIFTS.items():
        held[f"{name}/a.parquet"] = as_parquet(shift.alter(other))
    bucket = team.bucket(held)
    team.declare("DatasetPin", "reference", pin_spec(bucket, "reference"))
    team.declare("DatasetPin", "shuffled", pin_spec(bucket, "shuffled"))
    for name in SHIFTS:
        team.declare("DatasetPin", name, pin_spec(bucket, name, distribution=AGAINST))
    judged = pin_spec(bucket, "mean", distribution={**AGAINST, "required": True})
    team.declare("DatasetPin", "judged", judged)
    return team


def expect(team: Team, name: str, condition: str, answer: str) -> Json:
    team.expect("DatasetPin", name, condition, status=answer, timeout=PATIENCE)
    return dict(team.read("DatasetPin", name)["status"])


def document(team: Team, at: Json) -> Json:
    answer = team.cluster.store.client().get_object(
        Bucket=at["bucket"], Key=at["key"], VersionId=at["versionId"]
    )
    return dict(orjson.loads(answer["Body"].read()))


def test_the_same_flights_in_another_order_and_form_have_the_same_statistics(
    flights: Team,
) -> None:
    one = expect(flights, "reference", "StatisticsComputed", "True")["statistics"]
    other = expect(flights, "shuffled", "StatisticsComputed", "True")["statistics"]
    assert (one["rows"], one["files"], one["columns"], one["shown"]) == (ROWS, 1, 5, 4)
    assert other["files"] == 2
    assert one["document"]["digest"] == other["document"]["digest"]


def test_statistics_are_held_beside_the_manifest_and_tell_of_nobody(
    flights: Team, winter: tuple[pa.Table, pa.Table]
) -> None:
    status = expect(flights, "reference", "StatisticsComputed", "True")
    at = status["statistics"]["document"]
    assert status["manifest"]["digest"].removeprefix("sha256:") in at["key"]
    hold = flights.cluster.store.client().get_object_legal_hold(
        Bucket=at["bucket"], Key=at["key"], VersionId=at["versionId"]
    )
    assert hold["LegalHold"]["Status"] == "ON"
    found = {each["name"]: each for each in document(flights, at)["columns"]}
    table = winter[0]
    counts = {
        each["values"]: each["counts"] for each in table["carrier"].value_counts().to_pylist()
    }
    told = {each["value"]: each["count"] for each in found["carrier"]["values"]}
    assert told == {name: counts[name] for name in told}
    assert min([*told.values(), *found["distance"]["counts"], *found["dep_delay"]["counts"]]) >= 20
    for place, edge in enumerate(found["distance"]["edges"], 1):
        below = pc.sum(pc.less_equal(table["distance"], int(edge))).as_py()
        assert below == sum(found["distance"]["counts"][:place])
    tail = found["tailnum"]
    assert (tail["withheld"], tail["values"], tail["edges"]) == ("NotShown", [], [])
    assert tail["nulls"] == table["tailnum"].null_count


@pytest.mark.parametrize("name", SHIFTS)
def test_each_shift_is_named_and_keeps_nobody_from_the_data(flights: Team, name: str) -> None:
    shift = SHIFTS[name]
    flights.expect(
        "DatasetPin",
        name,
        "DistributionStable",
        status=shift.answer,
        reason=shift.reason,
        timeout=PATIENCE,
    )
    status = flights.read("DatasetPin", name)["status"]
    found = status["distribution"]
    moved = [each for each in found.get("columns", ()) if each["verdict"] == "moved"]
    assert [(each["name"], each["reason"]) for each in moved[:1]] == (
        [(shift.column, shift.why)] if shift.column else []
    )
    assert len(moved) <= 1
    assert found["againstContent"] == flights.read("DatasetPin", "reference")["status"]["digest"]
    whole = document(flights, found["document"])
    assert whole["verdict"] == found["verdict"]
    assert len(whole["columns"]) == found["stable"] + found["moved"] + found["unknown"]
    for column in found.get("drawn", ()):
        for which in ("share", "before"):
            whole_share = sum(each[which] for each in column["parts"])
            assert abs(whole_share - 10_000) <= MAX_PARTS
    assert bool(found.get("drawn")) == any("psi" in each for each in found["columns"])
    flights.expect("DatasetPin", name, timeout=PATIENCE)


def test_an_experiment_does_not_start_with_what_moved_where_that_is_asked(flights: Team) -> None:
    flights.expect(
        "DatasetPin", "judged", status="False", reason="DistributionMoved", timeout=PATIENCE
    )
    datasets = [{"name": "fit", "pinRef": {"name": "judged"}, "role": "train"}]
    spec = experiment_spec("standard", "primary", inputs={"datasets": datasets})
    flights.declare("Experiment", "refused", spec)
    refused = flights.expect("Experiment", "refused", status="False", reason="PinNotReady")
    assert (
        "column `dep_delay` (PSI" in flights.condition("Experiment", "refused", "Ready")["message"]
    )
    made = names.experiment_namespace(flights.name, "refused", refused["metadata"]["uid"])
    assert flights.api.find(f"/api/v1/namespaces/{made}") is None


def test_what_was_compared_is_not_read_again(flights: Team, operator: Operator) -> None:
    before = {}
    for name in ("same", "mean"):
        answer = SHIFTS[name].answer
        status = expect(flights, name, "DistributionStable", answer)
        before[name] = (status["statistics"], status["distribution"])
    operator.kill()
    operator.start()
    quiet(operator)
    # It counts from 0 with the process, and has read nothing.
    assert operator.metric("glovebox_statistics_rows_total") == 0
    for name, found in before.items():
        status = flights.read("DatasetPin", name)["status"]
        assert (status["statistics"], status["distribution"]) == found


def test_flights_of_another_team_are_compared_with_by_its_grant_and_by_nothing_else(
    platform: Team, cluster: Cluster, winter: tuple[pa.Table, pa.Table]
) -> None:
    reference, other = winter
    owner, team = (Team(cluster, f"{role}-{uuid.uuid4().hex[:8]}") for role in ("owner", "team"))
    theirs = owner.bucket({"reference/a.parquet": as_parquet(reference)}, store="")
    entry = {"namespaces": [owner.name], "sources": [{"bucket": theirs}], "lend": True}
    change = [{"op": "add", "path": "/spec/access/-", "value": entry}]
    platform.api.patch(platform.path("ObjectStore", "primary"), change, kind="json")
    ours = team.bucket({"same/a.parquet": as_parquet(other)})
    owner.declare("DatasetPin", "reference", pin_spec(theirs, "reference"))

    def against(name: str, **more: Any) -> Json:
        named = {"against": {"name": name, "namespace": owner.name}, **more}
        return pin_spec(ours, "same", distribution=named)

    team.declare("DatasetPin", "same", against("reference", required=True))
    team.declare("DatasetPin", "nothing", against("not-there"))
    described = expect(owner, "reference", "StatisticsComputed", "True")
    said = set()
    for name in ("same", "nothing"):
        team.expect("DatasetPin", name, STABLE, "Unknown", reason="NotGranted", timeout=PATIENCE)
        said.add(team.condition("DatasetPin", name, STABLE)["message"])
    assert len(said) == 1, "whether a pin is there is nobody's business"
    assert "distribution" not in team.read("DatasetPin", "same")["status"]

    # Rows that are lent are no leave to compare: that is a role of its own.
    loan = {
        "pinRef": {"name": "reference"},
        "namespaces": [team.name],
        "expireTime": "2099-01-01T00:00:00Z",
        "reason": "a test",
    }
    owner.declare("AccessGrant", "rows", {**loan, "roles": ["train"]})
    owner.expect("AccessGrant", "rows")
    assert team.condition("DatasetPin", "same", STABLE)["reason"] == "NotGranted"
    owner.declare("AccessGrant", "shape", {**loan, "roles": ["statistics"]})
    found = expect(team, "same", STABLE, "True")["distribution"]
    assert (found["verdict"], found["against"]) == ("stable", f"{owner.name}/reference")
    statistics = described["statistics"]["document"]["digest"]
    assert (found["againstContent"], found["againstStatistics"]) == (
        described["digest"],
        statistics,
    )
    whole = document(team, found["document"])
    assert (whole["verdict"], whole["reference"]) == ("stable", statistics)
    team.expect("DatasetPin", "same", timeout=PATIENCE)
    assert owner.read("AccessGrant", "shape")["status"]["used"] == 0

    # What was compared stays so; nothing new is, though what there is to read is the same.
    owner.api.patch(owner.path("AccessGrant", "shape"), {"spec": {"revoked": True}})
    owner.expect("AccessGrant", "shape", status="False", reason="GrantRevoked")
    team.declare("DatasetPin", "later", against("reference"))
    team.expect("DatasetPin", "later", STABLE, "Unknown", reason="GrantRevoked", timeout=PATIENCE)
    assert "distribution" not in team.read("DatasetPin", "later")["status"]
    assert team.read("DatasetPin", "same")["status"]["distribution"] == found
