"""Inputs that leak into each other, as their owner meets them with kubectl and in the seal."""

from __future__ import annotations

import gzip
import io
from typing import Any, get_args

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from glovebox import names
from glovebox.api.leakage_status import LeakType
from glovebox.evidence.told import lines_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec
from support.sealed_evidence import verified
from support.waiting import eventually

BY_TAIL = {"groups": {"column": "tail"}}
FILES = {
    "train/tail=N1/a.csv": b"1",
    "train/tail=N2/a.csv": b"2",
    "train/tail=N2/readme.txt": b"how to read these files",
    "test/tail=N3/a.csv": b"3",
    "test/tail=N3/READ ME.txt": b"how to read these files",
    "late/tail=N2/b.csv": b"4",
}


@pytest.fixture
def pins(team: Team) -> Team:
    """A team with three pins over one bucket."""
    bucket = team.bucket(FILES)
    for name in ("train", "test", "late"):
        source = {"prefix": {"bucket": bucket, "prefix": f"{name}/"}}
        spec = {"storeRef": {"name": "primary"}, "source": source, "coverage": BY_TAIL}
        team.declare("DatasetPin", name, spec)
    for name in ("train", "test", "late"):
        team.expect("DatasetPin", name)
    return team


def inputs(test: str, *allowed: dict[str, Any]) -> dict[str, Any]:
    datasets = [
        {"name": "train", "pinRef": {"name": "train"}, "role": "train"},
        {"name": "final", "pinRef": {"name": test}, "role": "holdout"},
    ]
    return {"datasets": datasets, **({"allowOverlap": list(allowed)} if allowed else {})}


def reason(of: str) -> dict[str, Any]:
    return {"inputs": ["final", "train"], "of": [of], "reason": "a text about the data"}


def declare(team: Team, name: str, test: str, *allowed: dict[str, Any], **more: Any) -> None:
    spec = experiment_spec("standard", "primary", inputs=inputs(test, *allowed), **more)
    team.declare("Experiment", name, spec)


@pytest.mark.parametrize(
    ("test", "told"),
    [
        pytest.param(
            "test",
            "inputs `train` (train) and `final` (holdout) share 1 object byte by byte, such as"
            " `tail=N2/readme.txt` (in `final`: `tail=N3/READ ME.txt`): pin data that are apart, or"
            " give the reason in `spec.inputs.allowOverlap` (`inputs: [train, final]`, `of:"
            " [Objects]`)",
            id="a file under another name",
        ),
        pytest.param(
            "late",
            "inputs `train` (train) and `final` (holdout) share 1 value of `tail`, such as `N2`:"
            " pin data that are apart, or give the reason in `spec.inputs.allowOverlap` (`inputs:"
            " [train, final]`, `of: [Groups]`)",
            id="a group in both",
        ),
    ],
)
def test_kubectl_shows_what_leaks_and_nothing_was_made(pins: Team, test: str, told: str) -> None:
    declare(pins, "leaks", test)
    refused = pins.expect("Experiment", "leaks", status="False", reason="LeakageFound")
    shown = pins.cluster.kubectl(
        "get",
        "experiment",
        "leaks",
        f"--namespace={pins.name}",
        '--output=jsonpath={.status.conditions[?(@.type=="Stalled")].message}',
    )
    assert shown.stdout == told
    made = names.experiment_namespace(pins.name, "leaks", refused["metadata"]["uid"])
    assert pins.api.find(f"/api/v1/namespaces/{made}") is None
    # The cure that the message names.
    kind = told.rpartition("of: [")[2].rstrip("])`")
    pins.api.patch(
        pins.path("Experiment", "leaks"), {"spec": {"inputs": inputs(test, reason(kind))}}
    )
    status = pins.expect("Experiment", "leaks")["status"]
    rows = {row["type"]: row for row in status["leakage"]}
    row = rows["SharedObjects" if kind == "Objects" else "SharedGroups"]
    assert (row["level"], row["found"]) == ("Measured", 1)
    assert row["allowedBecause"] == "a text about the data"


@pytest.mark.timeout(180)
def test_a_grant_of_the_owner_lets_it_pass_once(pins: Team) -> None:
    declare(pins, "first", "test")
    pins.expect("Experiment", "first", status="False", reason="LeakageFound")
    grant = {
        "pinRef": {"name": "test"},
        "namespaces": [pins.name],
        "roles": ["holdout"],
        "overlap": {"withRoles": ["train"], "of": ["Objects"]},
        "expireTime": "2099-01-01T00:00:00Z",
        "reason": "a text about the data",
    }
    pins.declare("AccessGrant", "both", grant)
    status = pins.expect("Experiment", "first")["status"]
    rows = {row["type"]: row for row in status["leakage"]}
    said = f"AccessGrant '{pins.name}/both': a text about the data"
    assert rows["SharedObjects"]["allowedBecause"] == said
    (used,) = next(each["grants"] for each in status["inputs"] if each["name"] == "final")
    assert (used["use"], used["overlapWith"]) == (1, ["train"])
    pins.expect("AccessGrant", "both", reason="GrantUsedUp")
    declare(pins, "second", "test")
    refused = pins.expect("Experiment", "second", status="False", reason="GrantUsedUp")
    (message,) = (
        each["message"] for each in refused["status"]["conditions"] if each["type"] == "Stalled"
    )
    assert "share 1 object byte by byte" in message
    assert f"AccessGrant '{pins.name}/both' is used up (by Experiment 'first' at " in message


FLIGHTS = {"rows": {"key": ["flight", "day"]}}
COLUMNS = ("day", "carrier", "flight", "delay")


def flights(*rows: tuple[str, str, int, float]) -> pa.Table:
    """Return flights as a team keeps them: the day a date, the number in 32 bits."""
    held = (pa.string(), pa.string(), pa.int32(), pa.float64())
    columns = zip(zip(*rows, strict=True), held, strict=True)
    table = pa.table(dict(zip(COLUMNS, (pa.array(*each) for each in columns), strict=True)))
    return table.set_column(0, "day", table.column("day").cast(pa.date32()))


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def as_csv(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    csv.write_csv(table, sink)
    return sink.getvalue()


JANUARY = flights(
    *((f"2013-01-{day:02d}", "UA", flight, 1.5) for day in range(1, 29) for flight in range(400))
)
FEBRUARY = flights(*((f"2013-02-{day:02d}", "UA", 7, 2.5) for day in range(1, 29)))
AGAIN = flights(("2013-02-01", "UA", 8, 0.5), ("2013-01-02", "AA", 17, 9.5))


@pytest.fixture
def tables(team: Team) -> Team:
    """A team with four pins of tables: of January, February, both, and of something else."""
    bucket = team.bucket(
        {
            "train/2013/a.parquet": as_parquet(JANUARY.slice(0, 5000), row_group_size=700),
            "train/2013/b.parquet": as_parquet(JANUARY.slice(5000), compression="zstd"),
            "train/_SUCCESS": b"",
            "test/a.csv": as_csv(FEBRUARY),
            "late/a.csv.gz": gzip.compress(as_csv(FEBRUARY)),
            "late/b.csv": as_csv(AGAIN.select(["carrier", "flight", "day"])),
            "mixed/a.csv": as_csv(FEBRUARY),
            "mixed/README.md": b"how to read these files",
        }
    )
    for name in ("train", "test", "late", "mixed"):
        source = {"prefix": {"bucket": bucket, "prefix": f"{name}/"}}
        spec = {"storeRef": {"name": "primary"}, "source": source, "coverage": FLIGHTS}
        team.declare("DatasetPin", name, spec)
    for name in ("train", "test", "late", "mixed"):
        team.expect("DatasetPin", name)
    return team


def test_rows_that_are_in_both_are_found_whatever_file_holds_them(tables: Team) -> None:
    declare(tables, "leaks", "late")
    refused = tables.expect("Experiment", "leaks", status="False", reason="LeakageFound")
    message = next(
        each["message"] for each in refused["status"]["conditions"] if each["type"] == "Ready"
    )
    assert message == (
        "inputs `train` (train) and `final` (holdout) share 1 row by `day`, `flight`, such as `row"
        " 418 of 2013/a.parquet` (in `final`: `row 2 of b.csv`): pin data that are apart, or give"
        " the reason in `spec.inputs.allowOverlap` (`inputs: [train, final]`, `of: [Rows]`)"
    )
    tables.api.patch(
        tables.path("Experiment", "leaks"), {"spec": {"inputs": inputs("late", reason("Rows"))}}
    )
    status = tables.expect("Experiment", "leaks")["status"]
    (row,) = (row for row in status["leakage"] if row["type"] == "SharedRows")
    assert (row["level"], row["found"]) == ("Measured", 1)
    assert row["allowedBecause"] == "a text about the data"


def test_rows_that_are_apart_are_said_to_be(tables: Team) -> None:
    declare(tables, "apart", "test")
    status = tables.expect("Experiment", "apart")["status"]
    (row,) = (row for row in status["leakage"] if row["type"] == "SharedRows")
    assert row == {
        "type": "SharedRows",
        "level": "Measured",
        "found": 0,
        "message": "none is shared by `day`, `flight` (11,200 of `train`, 28 of `final`)",
    }


def test_a_pin_of_something_else_than_tables_is_told_so(tables: Team) -> None:
    declare(tables, "mixed", "mixed")
    refused = tables.expect("Experiment", "mixed", status="False", reason="CoverageWrong")
    message = next(
        each["message"] for each in refused["status"]["conditions"] if each["type"] == "Ready"
    )
    assert message.startswith(
        "DatasetPin 'mixed' (input `final`) says in `spec.coverage.rows` that `day`, `flight`"
        " identify its rows, which cannot be read from `README.md`: it is no table"
    )


def test_an_auditor_reads_the_sheet_in_the_seal(cluster: Cluster, pins: Team) -> None:
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    declare(pins, "audited", "test", reason("Objects"), run=run)
    pins.expect("Experiment", "audited")

    def started() -> str | None:
        status = pins.read("Experiment", "audited")["status"]
        return status["namespace"] if (status.get("run") or {}).get("jobUid") else None

    namespace = eventually(started, what="the run was started")
    end_pod(pins.api, run_pod(pins.api, namespace), 0)
    made = pins.expect("Experiment", "audited", "Sealed", timeout=60)
    report = verified(cluster, made)
    assert report.findings == []
    lines = lines_of(report)
    (objects,) = (line for line in lines if "SharedObjects" in line)
    assert objects.startswith("leakage, SharedObjects: Measured: inputs `train` (train) and")
    assert objects.endswith("; allowed because: a text about the data")
    assert sum(line.startswith("leakage, ") for line in lines) == len(get_args(LeakType))
