"""Contracts of the flights: each rule is broken once in a real store, and found by a real operator.

The tables are the real ones of the demonstration, cut to some thousand rows a month.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from glovebox import names
from glovebox_local.demo.flights import read_files
from support.cluster import Cluster
from support.operator_process import Operator, Team, experiment_spec, quiet

pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
ROWS = 1500
# One check reads at a time, and each starts a process of its own.
PATIENCE = 240.0
MONTHS = ("01", "02", "03")
COLUMNS: list[Json] = [
    {"name": "distance", "type": "Integer", "minimum": "80", "maximum": "4983", "maxNullShare": 0},
    {"name": "dep_delay", "type": "Number", "minimum": "-60", "maxNullShare": 500},
    {"name": "carrier", "type": "Text", "pattern": "[0-9A-Z]{2}", "shown": True},
    {"name": "origin", "type": "Text", "allowed": ["EWR", "JFK", "LGA"], "maxNullShare": 0},
    {"name": "tailnum", "type": "Text"},
    {"name": "flight", "type": "Integer"},
    {"name": "time_hour", "type": "Timestamp", "maximum": "2014-01-01T05:00:00Z"},
]
KEY = ["time_hour", "carrier", "flight", "origin"]


def contract(**changes: Any) -> Json:
    return {
        "columns": COLUMNS,
        "rows": {"minimumPerFile": 1000, "minimum": 3000},
        "unique": [{"columns": KEY}],
        **changes,
    }


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, row_group_size=700)
    return sink.getvalue()


@pytest.fixture(scope="module")
def months() -> dict[str, pa.Table]:
    """The first flights of three months, and all planes."""
    found = {}
    for file in read_files():
        table = parquet.read_table(io.BytesIO(file.body))
        if file.key.endswith("planes.parquet"):
            found["planes"] = table
        for month in MONTHS:
            if file.key.endswith(f"flights-2013-{month}.parquet"):
                # Some thousand in the order of time, and each with a plane that is known.
                found[month] = table
    known = found["planes"]["tailnum"]
    for month in MONTHS:
        table = found[month]
        found[month] = table.filter(pc.is_in(table["tailnum"], known.combine_chunks())).slice(
            0, ROWS
        )
    return found


Alter = Callable[[dict[str, pa.Table]], dict[str, pa.Table | bytes]]


def changed(month: str, column: str, change: Callable[[list[Any]], pa.Array | list[Any]]) -> Alter:
    """Return what writes one column of one month otherwise."""

    def alter(tables: dict[str, pa.Table]) -> dict[str, pa.Table | bytes]:
        table = tables[month]
        values = change(table[column].to_pylist())
        if isinstance(values, list):
            values = pa.array(values, table.schema.field(column).type)
        at = table.schema.get_field_index(column)
        return {**tables, month: table.set_column(at, column, values)}

    return alter


def with_first(value: Any, number: int = 1) -> Callable[[list[Any]], list[Any]]:
    return lambda values: [value] * number + values[number:]


def other(**more: pa.Table | bytes) -> Alter:
    return lambda tables: {**tables, **more}


@dataclass(frozen=True)
class Fault:
    """What is planted, and what has to be found.

    Attributes:
        rule: The rule.
        alter: Writes the fault.
        file: The file that is named.
        column: The column that is named.
        count: How many rows are counted.
        says: A part of the message.
        contract: What the contract says otherwise.
    """

    rule: str
    alter: Alter
    file: str
    column: str
    count: int
    says: str
    contract: Json = field(default_factory=dict)


FAULTS: dict[str, Fault] = {
    "text": Fault(
        "Type",
        changed("02", "distance", lambda values: pa.array(map(str, values))),
        "02.parquet",
        "distance",
        ROWS,
        "holds Text, and has to hold Integer",
    ),
    "nulls": Fault(
        "NullShare",
        changed("03", "dep_delay", lambda values: [None] * 150 + [0.0] * len(values[150:])),
        "03.parquet",
        "dep_delay",
        150,
        "holds nothing in 150 of 1,500 rows (10.00 %), and may in at most 5.00 %",
    ),
    "low": Fault(
        "Minimum",
        changed("01", "distance", with_first(79, 2)),
        "01.parquet",
        "distance",
        2,
        "row 1 is less than 80",
    ),
    "high": Fault(
        "Maximum",
        changed("02", "distance", with_first(4984)),
        "02.parquet",
        "distance",
        1,
        "row 1 is greater than 4983",
    ),
    "foreign": Fault(
        "Allowed",
        changed("03", "origin", with_first("TEB", 3)),
        "03.parquet",
        "origin",
        3,
        "row 1 is none of the 3 allowed values",
    ),
    "shape": Fault(
        "Pattern",
        changed("01", "carrier", with_first("delta")),
        "01.parquet",
        "carrier",
        1,
        "row 1 does not match the pattern: 'delta'",
    ),
    "lacking": Fault(
        "Columns",
        lambda tables: {**tables, "02": tables["02"].drop_columns(["tailnum"])},
        "02.parquet",
        "tailnum",
        ROWS,
        "is missing",
    ),
    "surplus": Fault(
        "Columns",
        lambda tables: {
            **{
                month: table.select([each["name"] for each in COLUMNS])
                for month, table in tables.items()
            },
            "02": tables["02"].select([*(each["name"] for each in COLUMNS), "hour"]),
        },
        "02.parquet",
        "hour",
        ROWS,
        "is no column of the contract",
        {"otherColumns": "Refused"},
    ),
    "unlike": Fault(
        "SameType",
        changed("03", "hour", lambda values: pa.array(map(str, values))),
        "03.parquet",
        "hour",
        ROWS,
        "holds Text, and Integer in 2 files, such as `01.parquet`",
    ),
    "twice": Fault(
        "Unique",
        lambda tables: {
            **tables,
            "03": pa.concat_tables([tables["03"], tables["01"].slice(4, 2)]),
        },
        "03.parquet",
        ", ".join(KEY),
        2,
        "row 1,501 has the same key as row 5 of `01.parquet`",
    ),
    "unknown": Fault(
        "Reference",
        changed("02", "tailnum", with_first("N00000", 4)),
        "02.parquet",
        "tailnum",
        4,
        "row 1 holds what DatasetPin 'planes' does not",
        {"references": [{"columns": ["tailnum"], "pinRef": {"name": "planes"}}]},
    ),
    "few": Fault(
        "RowCount",
        lambda tables: {**tables, "02": tables["02"].slice(0, 999)},
        "02.parquet",
        "",
        999,
        "there are 999 rows, fewer than 1,000",
    ),
    "stale": Fault(
        "Freshness",
        dict,
        "03.parquet",
        "time_hour",
        1,
        "the newest value of all is older than 1 day at 2013-04-01T00:00:00Z",
        {
            "freshness": {
                "column": "time_hour",
                "maxAgeSeconds": 86400,
                "atTime": "2013-04-01T00:00:00Z",
            }
        },
    ),
    "silent": Fault(
        "Gap",
        dict,
        "",
        "time_hour",
        2,
        "nothing for ",
        {"gaps": {"column": "time_hour", "maxSeconds": 10 * 86400}},
    ),
    "prose": Fault(
        "Format",
        other(**{"README.txt": b"flights"}),
        "README.txt",
        "",
        1,
        "is no table",
    ),
    "csv": Fault(
        "Format",
        other(**{"04.csv": b"distance\n1\n"}),
        "04.csv",
        "",
        1,
        "is CSV, and has to be Parquet",
        {"format": "Parquet"},
    ),
    "damaged": Fault(
        "Readable",
        other(**{"04": b"PAR1 and no more PAR1"}),
        "04.parquet",
        "",
        1,
        "cannot be read: it cannot be read as Parquet",
    ),
}


def pin_spec(bucket: str, prefix: str, rules: Json | None = None) -> Json:
    spec: Json = {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": bucket, "prefix": f"{prefix}/"}},
    }
    return spec if rules is None else {**spec, "contract": rules}


def objects(prefix: str, tables: dict[str, pa.Table | bytes]) -> dict[str, bytes]:
    found = {}
    for name, table in tables.items():
        path = name if "." in name else f"{name}.parquet"
        found[f"{prefix}/{path}"] = table if isinstance(table, bytes) else as_parquet(table)
    return found


@pytest.fixture(scope="module")
def flights(platform: Team, cluster: Cluster, months: dict[str, pa.Table]) -> Team:
    """A team with a pin for each fault, one that is well, and the planes; all at once."""
    del platform
    team = Team(cluster, f"team-{uuid.uuid4().hex[:8]}")
    whole = {month: months[month] for month in MONTHS}
    held = objects("planes", {"planes": months["planes"]}) | objects("well", dict(whole))
    for name, fault in FAULTS.items():
        held |= objects(name, fault.alter(whole))
    bucket = team.bucket(held)
    by_planes = {"references": [{"columns": ["tailnum"], "pinRef": {"name": "planes"}}]}
    team.declare("DatasetPin", "well", pin_spec(bucket, "well", contract(**by_planes)))
    for name, fault in FAULTS.items():
        team.declare("DatasetPin", name, pin_spec(bucket, name, contract(**fault.contract)))
    team.declare("DatasetPin", "planes", pin_spec(bucket, "planes"))
    return team


def test_flights_that_hold_what_was_promised_are_ready(flights: Team) -> None:
    flights.expect("DatasetPin", "well", timeout=PATIENCE)
    met = flights.condition("DatasetPin", "well", "ContractMet")
    assert (met["status"], met["reason"]) == ("True", "ContractMet")
    found = flights.read("DatasetPin", "well")["status"]["contract"]
    assert (found["rows"], found["files"], found["violations"]) == (3 * ROWS, 3, 0)
    assert found["targets"] == [
        {"name": "planes", "digest": flights.read("DatasetPin", "planes")["status"]["digest"]}
    ]
    types = {column["name"]: column["type"] for column in found["columns"]}
    assert types == {column["name"]: column["type"] for column in COLUMNS}


def test_a_pin_without_a_contract_says_nothing_of_one(flights: Team) -> None:
    flights.expect("DatasetPin", "planes", timeout=PATIENCE)
    status = flights.read("DatasetPin", "planes")["status"]
    assert "contract" not in status
    assert "ContractMet" not in {each["type"] for each in status["conditions"]}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_by_file_column_and_count(flights: Team, name: str) -> None:
    fault = FAULTS[name]
    flights.expect("DatasetPin", name, status="False", reason="ContractViolated", timeout=PATIENCE)
    status = flights.read("DatasetPin", name)["status"]
    found = status["contract"]
    assert found["byRule"] == [{"rule": fault.rule, "violations": 1}]
    (violation,) = found["first"]
    assert violation.get("file", "") == fault.file
    assert violation.get("column", "") == fault.column
    assert violation["count"] == fault.count
    assert fault.says in violation["message"]
    # The bytes are what was pinned all the same.
    said = {each["type"]: each["status"] for each in status["conditions"]}
    assert (said["Verified"], said["ContractMet"], said["Stalled"]) == ("True", "False", "True")


def test_an_experiment_does_not_start_with_data_that_break_the_contract(flights: Team) -> None:
    datasets = [{"name": "fit", "pinRef": {"name": "text"}, "role": "train"}]
    spec = experiment_spec("standard", "primary", inputs={"datasets": datasets})
    flights.declare("Experiment", "refused", spec)
    refused = flights.expect("Experiment", "refused", status="False", reason="PinNotReady")
    ready = flights.condition("Experiment", "refused", "Ready")
    assert "column `distance` of `02.parquet`" in ready["message"]
    assert "(Type, 1,500)" in ready["message"]
    made = names.experiment_namespace(flights.name, "refused", refused["metadata"]["uid"])
    assert flights.api.find(f"/api/v1/namespaces/{made}") is None


def test_what_was_checked_is_not_checked_again(flights: Team, operator: Operator) -> None:
    flights.expect("DatasetPin", "well", timeout=PATIENCE)
    before = flights.read("DatasetPin", "well")["status"]["contract"]
    rows = "glovebox_contract_rows_total"
    operator.kill()
    operator.start()
    quiet(operator)
    # It counts from 0 with the process, and has checked nothing.
    assert operator.metric(rows) == 0
    assert flights.read("DatasetPin", "well")["status"]["contract"] == before
