"""Features of the flights: values are held against definitions, and inputs against Experiments.

The tables are made of the real ones of the demonstration; each fault is planted once, in a real
store, and found by a real operator.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from glovebox import names
from glovebox_local.demo.flights import read_files
from support.cluster import Cluster
from support.contracts import as_csv, as_json_lines
from support.operator_process import Operator, Team, experiment_spec, quiet
from support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
ROWS = 1000
# One comparison reads at a time, and each starts a process of its own.
PATIENCE = 240.0
RECIPE = {"expression": "of the flights"}
FEATURES: list[Json] = [
    {"name": "departure_hour", "dtype": "int8"},
    {"name": "distance_km", "dtype": "float32"},
    {"name": "carrier", "dtype": "string"},
    {"name": "is_late", "dtype": "bool", "nullable": True},
    {"name": "embedding", "dtype": "float32", "shape": [4]},
]
SCALARS = FEATURES[:4]
VALUES: Json = {
    "keys": ["flight", "origin"],
    "eventTime": "time_hour",
    "knownTime": "loaded_at",
    "asOf": {"eventTime": "2014-01-01T00:00:00Z", "knownTime": "2014-02-01T00:00:00Z"},
}


def built(flights: pa.Table) -> pa.Table:
    """Return the values of the features of some flights."""
    rows = flights.num_rows
    hour = pc.cast(pc.divide(flights["sched_dep_time"], 100), pa.int8())
    distance = pc.multiply(pc.cast(flights["distance"], pa.float64()), 1.609344)
    moment = pc.cast(flights["time_hour"], pa.timestamp("us", "UTC"))
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([0.5] * (4 * rows), pa.float32()), 4)
    return pa.table(
        {
            "flight": flights["flight"],
            "origin": flights["origin"],
            "time_hour": moment,
            "loaded_at": pc.add(moment, pa.scalar(3_600_000_000, pa.duration("us"))),
            "departure_hour": hour,
            "distance_km": pc.cast(distance, pa.float32()),
            "carrier": flights["carrier"],
            "is_late": pc.greater(flights["arr_delay"], 15),
            "embedding": vectors,
        }
    )


@pytest.fixture(scope="module")
def months() -> dict[str, pa.Table]:
    """The values of the first flights of two months."""
    found = {}
    for file in read_files():
        for month in ("01", "02"):
            if file.key.endswith(f"flights-2013-{month}.parquet"):
                found[month] = built(parquet.read_table(io.BytesIO(file.body)).slice(0, ROWS))
    return found


Alter = Callable[[pa.Table], pa.Table]


def with_column(name: str, change: Callable[[list[Any]], pa.Array]) -> Alter:
    def alter(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        return table.set_column(at, name, change(table[name].to_pylist()))

    return alter


@dataclass(frozen=True)
class Fault:
    """What is planted in the second month, and what has to be found.

    Attributes:
        alter: Writes the fault.
        kind: In what the file differs.
        column: The feature, key or time.
        declared: What is declared.
        found: What is found.
        count: How many rows.
        values: What `materialized` says otherwise.
    """

    alter: Alter
    kind: str
    column: str
    declared: str
    found: str
    count: int = ROWS
    values: Json = field(default_factory=dict)


FAULTS: dict[str, Fault] = {
    "wide": Fault(
        with_column("distance_km", lambda held: pa.array(held, pa.float64())),
        "Type",
        "distance_km",
        "float32",
        "float64",
    ),
    "text": Fault(
        with_column("departure_hour", lambda held: pa.array(map(str, held))),
        "Type",
        "departure_hour",
        "int8",
        "string",
    ),
    "nulls": Fault(
        with_column("carrier", lambda held: pa.array([None] * 7 + held[7:])),
        "Null",
        "carrier",
        "no null",
        "nulls",
        7,
    ),
    "narrow": Fault(
        with_column(
            "embedding", lambda held: pa.array([v[:3] for v in held], pa.list_(pa.float32(), 3))
        ),
        "Shape",
        "embedding",
        "float32[4]",
        "float32[3]",
    ),
    "ragged": Fault(
        with_column(
            "embedding", lambda held: pa.array([[1.0]] * 5 + held[5:], pa.list_(pa.float32()))
        ),
        "Shape",
        "embedding",
        "float32[4]",
        "another size in row 1",
        5,
    ),
    "lacking": Fault(
        lambda table: table.drop_columns(["is_late"]),
        "Missing",
        "is_late",
        "bool",
        "no such column",
    ),
    "surplus": Fault(
        lambda table: table.append_column("arr_delay", pa.array([1] * ROWS)),
        "Extra",
        "arr_delay",
        "no such column",
        "a column",
    ),
    "keyless": Fault(
        lambda table: table.drop_columns(["origin"]),
        "Missing",
        "origin",
        "a column",
        "no such column",
    ),
    "timeless": Fault(
        with_column("time_hour", lambda held: pa.array([f"{at:%H:%M}" for at in held])),
        "Type",
        "time_hour",
        "timestamp",
        "Text",
    ),
    "unknown": Fault(
        lambda table: table.drop_columns(["loaded_at"]),
        "Missing",
        "loaded_at",
        "timestamp",
        "no such column",
    ),
    "late": Fault(
        lambda table: table,
        "CutOff",
        "loaded_at",
        "until 2013-01-31T23:59:59Z",
        "a later time in row 1",
        values={"asOf": {"knownTime": "2013-01-31T23:59:59Z"}},
    ),
}


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, row_group_size=300)
    return sink.getvalue()


def pin_spec(bucket: str, prefix: str) -> Json:
    return {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": bucket, "prefix": f"{prefix}/"}},
    }


def features(
    values: str | None, declared: list[Json] = FEATURES, version: str = "1", **changes: Any
) -> Json:
    """Return definitions over the flights of the training set, and what is said of values."""
    spec: Json = {
        "schemaVersion": version,
        "inputs": [{"name": "train", "pinRef": {"name": "train"}}],
        "features": [{**each, "recipe": RECIPE, "inputs": ["train"]} for each in declared],
    }
    if values is not None:
        spec["materialized"] = {"pinRef": {"name": values}, **VALUES, **changes}
    return spec


@pytest.fixture(scope="module")
def flights(platform: Team, cluster: Cluster, months: dict[str, pa.Table]) -> Team:
    """A team with a feature set for each fault, and some that are well; all at once."""
    del platform
    team = Team(cluster, f"team-{uuid.uuid4().hex[:8]}")
    first, second = (as_parquet(months[month]) for month in ("01", "02"))
    plain = months["01"].drop_columns(["embedding"])
    # Of text there are no vectors in CSV, and all of JSON.
    held = {
        "train/a.txt": b"flights",
        "mirror/a.txt": b"flights",
        "test/a.txt": b"other flights",
        "well/01.parquet": first,
        "well/02.parquet": second,
        "lines/01.jsonl": as_json_lines(months["01"]),
        "rows/01.csv": as_csv(plain),
    }
    for name, fault in FAULTS.items():
        held[f"{name}/01.parquet"] = first
        held[f"{name}/02.parquet"] = as_parquet(fault.alter(months["02"]))
    bucket = team.bucket(held)
    for name in ("train", "mirror", "test", "well", "lines", "rows", *FAULTS):
        team.declare("DatasetPin", name, pin_spec(bucket, name))
    for name in ("well", "lines"):
        team.declare("FeatureSetPin", name, features(name))
    team.declare("FeatureSetPin", "rows", features("rows", SCALARS))
    team.declare("FeatureSetPin", "defined", features(None))
    for name, fault in FAULTS.items():
        team.declare("FeatureSetPin", name, features(name, **fault.values))
    return team


@pytest.mark.parametrize(
    ("name", "rows", "footers"), [("well", 2 * ROWS, 0), ("lines", ROWS, 0), ("rows", ROWS, 0)]
)
def test_values_that_are_as_declared_are_ready(
    flights: Team, name: str, rows: int, footers: int
) -> None:
    flights.expect("FeatureSetPin", name, timeout=PATIENCE)
    said = flights.condition("FeatureSetPin", name, "SchemaMatches")
    assert (said["status"], said["reason"]) == ("True", "SchemaMatches")
    status = flights.read("FeatureSetPin", name)["status"]
    found = status["materialized"]
    assert (found["rows"], found["footers"], found["differences"]) == (rows, footers, 0)
    assert found["content"] == flights.read("DatasetPin", name)["status"]["digest"]
    assert "progress" not in status


def test_definitions_without_values_say_nothing_of_a_schema(flights: Team) -> None:
    flights.expect("FeatureSetPin", "defined", timeout=PATIENCE)
    status = flights.read("FeatureSetPin", "defined")["status"]
    assert "materialized" not in status
    assert "SchemaMatches" not in {each["type"] for each in status["conditions"]}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_by_feature_declared_found_file_and_count(
    flights: Team, name: str
) -> None:
    fault = FAULTS[name]
    flights.expect("FeatureSetPin", name, status="False", reason="SchemaDiffers", timeout=PATIENCE)
    status = flights.read("FeatureSetPin", name)["status"]
    found = status["materialized"]
    assert found["byKind"] == [{"kind": fault.kind, "differences": 1}]
    assert found["first"] == [
        {
            "kind": fault.kind,
            "column": fault.column,
            "declared": fault.declared,
            "found": fault.found,
            "file": "02.parquet",
            "count": fault.count,
        }
    ]
    said = {each["type"]: each["status"] for each in status["conditions"]}
    # The definitions are what was pinned all the same.
    assert (said["Verified"], said["SchemaMatches"], said["Stalled"]) == ("True", "False", "True")


def test_values_that_are_not_there_are_waited_for_and_hold_their_pin_then(
    flights: Team, cluster: Cluster, months: dict[str, pa.Table]
) -> None:
    flights.declare("FeatureSetPin", "early", features("later"))
    flights.expect("FeatureSetPin", "early", status="False", reason="InputNotFound")
    said = flights.condition("FeatureSetPin", "early", "SchemaMatches")
    assert (said["status"], said["reason"]) == ("Unknown", "Pending")
    bucket = flights.read("DatasetPin", "well")["spec"]["source"]["prefix"]["bucket"]
    cluster.store.client().put_object(
        Bucket=bucket, Key="later/01.parquet", Body=as_parquet(months["01"])
    )
    flights.declare("DatasetPin", "later", pin_spec(bucket, "later"))
    flights.expect("FeatureSetPin", "early", timeout=PATIENCE)
    assert flights.read("DatasetPin", "later")["metadata"]["finalizers"] == [names.FINALIZER_IN_USE]


def uses(*datasets: str, features: str) -> Json:
    """Return the inputs of an Experiment; the test set is one of them always."""
    inputs = [{"name": each, "pinRef": {"name": each}, "role": "train"} for each in datasets]
    inputs.append({"name": "test", "pinRef": {"name": "test"}, "role": "test"})
    return {"datasets": inputs, "features": [{"name": "base", "pinRef": {"name": features}}]}


@pytest.mark.parametrize(
    ("name", "inputs", "cure"),
    [
        ("only-defined", uses(features="defined"), "add it there with a role"),
        ("only-test", uses(features="well"), "or their values, DatasetPin 'well'"),
    ],
)
def test_features_without_what_they_are_made_from_are_refused_before_anything_exists(
    flights: Team, name: str, inputs: Json, cure: str
) -> None:
    spec = experiment_spec("standard", "primary", inputs=inputs)
    flights.expect("FeatureSetPin", inputs["features"][0]["pinRef"]["name"], timeout=PATIENCE)
    flights.expect("DatasetPin", "test", timeout=PATIENCE)
    flights.declare("Experiment", name, spec)
    refused = flights.expect("Experiment", name, status="False", reason="FeatureInputsMissing")
    message = flights.condition("Experiment", name, "Ready")["message"]
    assert "are made from DatasetPin 'train' (`train`)" in message
    assert cure in message
    assert "inputs" not in refused["status"]
    made = names.experiment_namespace(flights.name, name, refused["metadata"]["uid"])
    assert flights.api.find(f"/api/v1/namespaces/{made}") is None


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("by-pin", uses("train", features="defined")),
        ("by-mirror", uses("mirror", features="defined")),
        ("by-values", uses("well", features="well")),
    ],
)
def test_features_with_what_they_are_made_from_are_used_by_whatever_pin(
    flights: Team, name: str, inputs: Json
) -> None:
    flights.declare("Experiment", name, experiment_spec("standard", "primary", inputs=inputs))
    found = flights.expect("Experiment", name, timeout=PATIENCE)
    bound = {each["name"]: each["digest"] for each in found["status"]["inputs"]}
    used = inputs["features"][0]["pinRef"]["name"]
    assert bound["base"] == flights.read("FeatureSetPin", used)["status"]["digest"]


def test_an_experiment_does_not_start_with_values_that_differ(flights: Team) -> None:
    inputs = uses("wide", features="wide")
    flights.declare("Experiment", "differs", experiment_spec("standard", "primary", inputs=inputs))
    flights.expect("Experiment", "differs", status="False", reason="PinNotReady", timeout=PATIENCE)
    message = flights.condition("Experiment", "differs", "Ready")["message"]
    assert "`distance_km` of `02.parquet`: declared float32, found float64" in message


def test_who_uses_features_and_what_supersedes_them_is_shown_by_kubectl(
    flights: Team, cluster: Cluster
) -> None:
    # Users are found by digest, and other definitions of the same have users as well.
    flights.declare("FeatureSetPin", "old", features(None, version="1.9"))
    spec = experiment_spec("standard", "primary", inputs=uses("train", features="old"))
    flights.declare("Experiment", "of-old", spec)
    flights.expect("Experiment", "of-old", timeout=PATIENCE)
    migration = {"deprecateTime": "2026-01-01T00:00:00Z", "notes": "hours are UTC"}
    newer = features(None, version="1.9") | {
        "supersedes": {"name": "old"},
        "migration": migration,
        "ttlSeconds": 3600,
    }
    flights.declare("FeatureSetPin", "new", newer)
    flights.expect("FeatureSetPin", "old", "Retiring", reason="Deprecated", timeout=PATIENCE)
    eventually(
        lambda: (
            "hours are UTC"
            in flights.condition("Experiment", "of-old", "InputsVerified")["message"]
        ),
        what="its user is told",
    )
    status = flights.read("FeatureSetPin", "old")["status"]
    assert status["successor"] == {"name": "new", **migration}
    assert status["usedBy"]["names"] == [f"{flights.name}/of-old"]
    # The same definitions, but for how long a value is good.
    assert flights.read("FeatureSetPin", "new")["status"]["digest"] != status["digest"]
    shown = cluster.kubectl("get", "featuresetpin", "old", f"--namespace={flights.name}").stdout
    head, row = shown.splitlines()
    # What is empty has no word.
    found = [row[head.index(each) :].split()[0] for each in ("USERS", "SUCCESSOR")]
    assert found == ["1", "new"]


def test_features_whose_window_ends_under_their_user_are_refused_to_others(flights: Team) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=40)
    window = {"validity": {"notAfterTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}}
    flights.declare("FeatureSetPin", "brief", {**features(None), **window})
    spec = experiment_spec("standard", "primary", inputs=uses("train", features="brief"))
    flights.expect("FeatureSetPin", "brief", "Retiring", reason="ExpiresSoon")
    flights.declare("Experiment", "in-time", spec)
    bound = flights.expect("Experiment", "in-time", timeout=PATIENCE)
    flights.expect("FeatureSetPin", "brief", "Retiring", reason="Expired", timeout=PATIENCE)
    told = flights.expect("Experiment", "in-time", "InputsVerified", "False", "Expired")
    assert told["status"]["digest"] == bound["status"]["digest"]
    flights.declare("Experiment", "too-late", spec)
    refused = flights.expect("Experiment", "too-late", status="False", reason="Expired")
    made = names.experiment_namespace(flights.name, "too-late", refused["metadata"]["uid"])
    assert flights.api.find(f"/api/v1/namespaces/{made}") is None


def test_what_was_compared_is_not_compared_again(flights: Team, operator: Operator) -> None:
    flights.expect("FeatureSetPin", "wide", status="False", reason="SchemaDiffers")
    before = flights.read("FeatureSetPin", "wide")["status"]["materialized"]
    operator.kill()
    operator.start()
    quiet(operator)
    # It counts from 0 with the process, and has compared nothing.
    assert operator.metric("glovebox_feature_differences_total", kind="Type") == 0
    assert flights.read("FeatureSetPin", "wide")["status"]["materialized"] == before
