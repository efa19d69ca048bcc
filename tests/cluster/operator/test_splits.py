"""A dataset divided into parts by a SplitPin, as a team declares and uses them, in a real store."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from glovebox import names
from glovebox.data.row_keys import canonical_key
from glovebox.data.splits import ByShare, hash_of
from support.cluster import Cluster
from support.operator_process import Operator, Team, experiment_spec
from support.waiting import eventually

SHARES = (1500, 1500, 7000)
PARTS = [
    {"name": "test", "role": "test", "share": 1500},
    {"name": "validation", "role": "validation", "share": 1500},
    {"name": "train", "role": "train", "share": 7000},
]
ARTIFACTS = "glovebox-artifacts"
PATIENTS = 400
VISITS = 5


def visits(first: int, last: int) -> pa.Table:
    """Return visits of patients, one row each."""
    rows = [(patient, visit) for patient in range(first, last) for visit in range(VISITS)]
    return pa.table(
        {
            "patient": pa.array([f"P{patient:04}" for patient, _ in rows]),
            "visit": pa.array([visit for _, visit in rows], pa.int32()),
            "score": [patient / 7 + visit for patient, visit in rows],
        }
    )


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def part_of(patient: int) -> str:
    found = hash_of("clinic", canonical_key((f"P{patient:04}",)))
    return str(PARTS[ByShare(SHARES).part_of(found)]["name"])


def split_spec(pin: str = "all", **changes: Any) -> dict[str, Any]:
    return {
        "source": {"pinRef": {"name": pin}},
        "granularity": "Rows",
        "rule": {"by": "Key", "columns": [{"name": "patient"}], "salt": "clinic"},
        "parts": PARTS,
        **changes,
    }


def part_spec(split: str, part: str, **changes: Any) -> dict[str, Any]:
    return {
        "storeRef": {"name": "primary"},
        "source": {"split": {"name": split, "part": part}},
        **changes,
    }


def declare_whole(team: Team) -> str:
    """Pin two tables of visits as `all`; return their bucket."""
    bucket = team.bucket(
        {
            "visits/2013/a.parquet": as_parquet(visits(0, 150), row_group_size=100),
            "visits/2014/b.parquet": as_parquet(visits(150, PATIENTS), compression="zstd"),
            "visits/_SUCCESS": b"",
        }
    )
    source = {"prefix": {"bucket": bucket, "prefix": "visits/"}}
    team.declare("DatasetPin", "all", {"storeRef": {"name": "primary"}, "source": source})
    team.expect("DatasetPin", "all")
    return bucket


@pytest.fixture
def divided(team: Team) -> Team:
    """A team with a pin of two tables, divided into three parts that are pinned."""
    declare_whole(team)
    # In one `kubectl apply`, in any order.
    for part in PARTS:
        team.declare("DatasetPin", str(part["name"]), part_spec("clinic", str(part["name"])))
    team.declare("SplitPin", "clinic", split_spec())
    team.expect("SplitPin", "clinic")
    for part in PARTS:
        team.expect("DatasetPin", str(part["name"]))
    return team


def use(team: Team, name: str, **roles: str) -> None:
    """Declare an Experiment that uses pins in roles."""
    datasets = [
        {"name": f"in-{role}", "pinRef": {"name": pin}, "role": role} for pin, role in roles.items()
    ]
    spec = experiment_spec("standard", "primary", inputs={"datasets": datasets})
    team.declare("Experiment", name, spec)


def refusal(team: Team, name: str, reason: str) -> str:
    refused = team.expect("Experiment", name, status="False", reason=reason)
    made = names.experiment_namespace(team.name, name, refused["metadata"]["uid"])
    assert team.api.find(f"/api/v1/namespaces/{made}") is None
    return next(
        str(each["message"])
        for each in refused["status"]["conditions"]
        if each["type"] == "Stalled"
    )


def read_part(cluster: Cluster, team: Team, part: str) -> list[dict[str, Any]]:
    """Return the rows of a part, through the versions that its pin's manifest names."""
    where = team.read("DatasetPin", part)["status"]["manifest"]
    s3 = cluster.store.client()

    def get(bucket: str, key: str, version: str) -> bytes:
        answer = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
        return bytes(answer["Body"].read())

    raw = get(where["bucket"], where["key"], where["versionId"])
    lines = [json.loads(line) for line in gzip.decompress(raw).splitlines()]
    rows: list[dict[str, Any]] = []
    for entry in lines[1:-1]:
        body = get(entry["bucket"], entry["key"], entry["versionId"])
        rows += parquet.read_table(io.BytesIO(body)).to_pylist()
    return rows


def test_each_row_is_in_the_one_part_of_its_patient(cluster: Cluster, divided: Team) -> None:
    status = divided.read("SplitPin", "clinic")["status"]
    by_name = {part["name"]: part for part in status["parts"]}
    whole = visits(0, PATIENTS).to_pylist()
    for name in ("test", "validation", "train"):
        rows = read_part(cluster, divided, name)
        assert rows == [row for row in whole if part_of(int(row["patient"][1:])) == name]
        pin, part = divided.read("DatasetPin", name)["status"], by_name[name]
        assert (part["rows"], part["keys"]) == (len(rows), len({row["patient"] for row in rows}))
        assert (pin["digest"], pin["pinDigest"]) == (part["digest"], part["pinDigest"])
        assert (pin["part"]["split"], pin["part"]["role"]) == ("clinic", name)
    assert sum(part["rows"] for part in by_name.values()) == PATIENTS * VISITS
    ready = divided.condition("SplitPin", "clinic", "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "SplitDone")
    shown = divided.cluster.kubectl("get", "splitpin", "clinic", f"--namespace={divided.name}")
    assert "clinic" in shown.stdout
    assert "SplitDone" in shown.stdout


def test_what_is_written_is_locked(cluster: Cluster, divided: Team) -> None:
    s3 = cluster.store.client()
    listed = s3.list_object_versions(Bucket=ARTIFACTS, Prefix=f".glovebox/splits/{divided.name}/")[
        "Versions"
    ]
    rows = [each for each in listed if each["Key"].endswith(".parquet")]
    assert len(rows) == 6
    for each in rows:
        where = {"Bucket": ARTIFACTS, "Key": each["Key"], "VersionId": each["VersionId"]}
        lock = s3.get_object_retention(**where)["Retention"]
        assert lock["Mode"] in {"COMPLIANCE", "GOVERNANCE"}
    # Each name once: nothing was written twice.
    assert len({each["Key"] for each in listed}) == len(listed)


def test_an_experiment_takes_train_and_test_which_are_proved_apart(divided: Team) -> None:
    use(divided, "fits", train="train", test="test", validation="validation")
    status = divided.expect("Experiment", "fits")["status"]
    levels = {row["type"]: row["level"] for row in status["leakage"]}
    assert (levels["SharedRows"], levels["SharedObjects"]) == ("Proved", "Measured")
    assert (levels["SharedGroups"], levels["TimeOrder"]) == ("Unknown", "Unknown")


def test_groups_that_the_pins_declare_are_proved_apart(divided: Team) -> None:
    by_patient = {"groups": {"column": "patient"}}
    for part in ("train", "test"):
        spec = part_spec("clinic", part, coverage=by_patient)
        divided.declare("DatasetPin", f"{part}-grouped", spec)
        divided.expect("DatasetPin", f"{part}-grouped")
    use(divided, "grouped", **{"train-grouped": "train", "test-grouped": "test"})
    status = divided.expect("Experiment", "grouped")["status"]
    (row,) = (row for row in status["leakage"] if row["type"] == "SharedGroups")
    assert row["level"] == "Proved"


@pytest.mark.parametrize(
    ("roles", "reason", "told"),
    [
        pytest.param(
            {"test": "train", "validation": "validation"},
            "RoleNotAllowed",
            "input `in-train`: DatasetPin 'test' is part `test` of SplitPin 'clinic', which is for"
            " the role `test`, and is used as `train`: say `role: test`, or name the pin of the"
            " part that is for `train`",
            id="trained on the test part",
        ),
        pytest.param(
            {"test": "holdout", "train": "train"},
            "RoleNotAllowed",
            "which is for the role `test`, and is used as `holdout`",
            id="a role that is only like it",
        ),
        pytest.param(
            {"all": "train", "test": "test"},
            "LeakageFound",
            "inputs `in-train` (train) and `in-test` (test) share rows: `in-test` is a part of what"
            " `in-train` holds: pin data that are apart",
            id="trained on the whole",
        ),
    ],
)
def test_refused_before_anything_is_made(
    divided: Team, roles: dict[str, str], reason: str, told: str
) -> None:
    use(divided, "refused", **roles)
    assert told in refusal(divided, "refused", reason)


def test_parts_of_another_split_of_the_same_data_overlap(divided: Team) -> None:
    other = {"by": "Key", "columns": [{"name": "patient"}], "salt": "other"}
    divided.declare("SplitPin", "other", split_spec(rule=other))
    divided.declare("DatasetPin", "other-train", part_spec("other", "train"))
    divided.expect("DatasetPin", "other-train")
    use(divided, "crossed", **{"other-train": "train", "test": "test"})
    told = refusal(divided, "crossed", "LeakageFound")
    assert "share rows: both are parts of the same data, by different splits" in told


def test_a_part_can_be_divided_again(divided: Team) -> None:
    parts = [
        {"name": "tune", "role": "validation", "share": 3000},
        {"name": "fit", "role": "train", "share": 7000},
    ]
    again = {"by": "Key", "columns": [{"name": "patient"}], "salt": "again"}
    divided.declare("SplitPin", "inner", split_spec("train", rule=again, parts=parts))
    for part in ("tune", "fit"):
        divided.declare("DatasetPin", part, part_spec("inner", part))
        divided.expect("DatasetPin", part)
    # Apart by the inner split, and both from the test part by the outer one.
    use(divided, "nested", fit="train", tune="validation", test="test")
    status = divided.expect("Experiment", "nested")["status"]
    (row,) = (row for row in status["leakage"] if row["type"] == "SharedRows")
    assert row["level"] == "Proved"
    use(divided, "within", train="train", tune="validation")
    assert "`in-validation` is a part of what `in-train` holds" in refusal(
        divided, "within", "LeakageFound"
    )


def test_a_split_of_more_data_moves_no_row(cluster: Cluster, divided: Team) -> None:
    bucket = team_bucket(divided)
    cluster.store.client().put_object(
        Bucket=bucket,
        Key="visits/2015/c.parquet",
        Body=as_parquet(visits(PATIENTS, PATIENTS + 40)),
    )
    source = {"prefix": {"bucket": bucket, "prefix": "visits/"}}
    divided.declare("DatasetPin", "more", {"storeRef": {"name": "primary"}, "source": source})
    divided.declare("SplitPin", "grown", split_spec("more"))
    divided.declare("DatasetPin", "grown-test", part_spec("grown", "test"))
    divided.expect("DatasetPin", "grown-test")
    before = {(row["patient"], row["visit"]) for row in read_part(cluster, divided, "test")}
    after = {(row["patient"], row["visit"]) for row in read_part(cluster, divided, "grown-test")}
    assert before < after
    assert {int(patient[1:]) for patient, _ in after - before} <= set(
        range(PATIENTS, PATIENTS + 40)
    )


def team_bucket(team: Team) -> str:
    return str(team.read("DatasetPin", "all")["spec"]["source"]["prefix"]["bucket"])


def test_whole_objects_are_divided_without_being_read(cluster: Cluster, team: Team) -> None:
    files = {
        f"scans/patient={at:03}/{n}.dcm": f"{at} {n}".encode() for at in range(60) for n in (1, 2)
    }
    bucket = team.bucket(files)
    source = {"prefix": {"bucket": bucket, "prefix": "scans/"}}
    team.declare("DatasetPin", "all", {"storeRef": {"name": "primary"}, "source": source})
    team.declare("SplitPin", "scans", split_spec(granularity="Objects"))
    grouped = {"groups": {"column": "patient"}}
    for part in ("test", "train"):
        team.declare("DatasetPin", part, part_spec("scans", part, coverage=grouped))
        team.expect("DatasetPin", part)
    status = team.read("SplitPin", "scans")["status"]
    assert sum(part["objects"] for part in status["parts"]) == 120
    assert sum(part["keys"] for part in status["parts"]) == 60
    assert {part["manifest"]["bucket"] for part in status["parts"]} == {ARTIFACTS}
    listed = cluster.store.client().list_object_versions(
        Bucket=ARTIFACTS, Prefix=f".glovebox/splits/{team.name}/"
    )
    assert not listed.get("Versions")
    use(team, "fits", train="train", test="test")
    rows = {row["type"]: row for row in team.expect("Experiment", "fits")["status"]["leakage"]}
    assert rows["SharedGroups"]["level"] == "Proved"
    assert rows["SharedObjects"]["level"] == "Measured"
    # Bytes that are equal are found whatever the split says.
    use(team, "whole", all="train", test="test")
    assert "byte by byte" in refusal(team, "whole", "LeakageFound")


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        pytest.param(
            {"rule": {"by": "Key", "columns": [{"name": "doctor"}], "salt": "s"}},
            "TableUnreadable",
            "`2013/a.parquet` cannot be divided: it has no column `doctor`",
            id="no such column",
        ),
        pytest.param(
            {"rule": {"by": "Key", "columns": [{"name": "score"}], "salt": "s"}},
            "TableUnreadable",
            "floats are hardly ever equal",
            id="a column that is no key",
        ),
        pytest.param(
            {
                "rule": {
                    "by": "Assignment",
                    "columns": [{"name": "patient"}],
                    "assignment": {"path": "parts.csv"},
                },
                "parts": [{"name": "test", "role": "test"}, {"name": "train", "role": "train"}],
            },
            "AssignmentWrong",
            "`parts.csv`, which says each key's part, cannot be used: the pin has no such object",
            id="no list",
        ),
    ],
)
def test_what_cannot_be_divided_stalls_with_the_cure(
    team: Team, changes: dict[str, Any], reason: str, told: str
) -> None:
    declare_whole(team)
    team.declare("SplitPin", "wrong", split_spec(**changes))
    team.declare("DatasetPin", "part", part_spec("wrong", "test"))
    team.expect("SplitPin", "wrong", "Stalled", reason=reason)
    assert told in team.condition("SplitPin", "wrong", "Stalled")["message"]
    team.expect("DatasetPin", "part", status="False", reason="SplitNotReady")


def test_a_part_that_there_is_not_stalls_and_names_those_there_are(divided: Team) -> None:
    divided.declare("DatasetPin", "final", part_spec("clinic", "final"))
    divided.expect("DatasetPin", "final", "Stalled", reason="PartNotFound")
    said = divided.condition("DatasetPin", "final", "Stalled")["message"]
    assert "has no part 'final'; there are test, validation, train" in said


def test_what_is_written_can_be_pinned_as_a_part_alone(divided: Team) -> None:
    listed = divided.cluster.store.client().list_object_versions(
        Bucket=ARTIFACTS, Prefix=f".glovebox/splits/{divided.name}/"
    )["Versions"]
    one = next(each for each in listed if "/test/" in each["Key"])
    source = {"objects": [{"bucket": ARTIFACTS, "key": one["Key"], "versionId": one["VersionId"]}]}
    spec = {"storeRef": {"name": "primary"}, "source": source}
    divided.declare("DatasetPin", "sly", spec)
    divided.expect("DatasetPin", "sly", status="False", reason="NotGranted")


def expect_gone(team: Team, kind: str, name: str) -> None:
    """Wait until a resource is gone."""
    path = team.path(kind, name)
    eventually(lambda: team.api.find(path) is None or None, what=f"{kind} {name} is gone")


def test_a_split_and_its_source_stay_while_they_are_used(divided: Team) -> None:
    for kind, name in (("DatasetPin", "all"), ("SplitPin", "clinic")):
        divided.api.delete(divided.path(kind, name))
    divided.expect("SplitPin", "clinic", status="False", reason="InUse")
    divided.expect("DatasetPin", "all", status="False", reason="InUse")
    for part in PARTS:
        divided.api.delete(divided.path("DatasetPin", str(part["name"])))
    for kind, name in (("SplitPin", "clinic"), ("DatasetPin", "all")):
        expect_gone(divided, kind, name)


def test_a_split_of_its_own_part_holds_nothing(team: Team) -> None:
    team.declare("DatasetPin", "all", part_spec("clinic", "train"))
    team.declare("SplitPin", "clinic", split_spec())
    team.expect("SplitPin", "clinic", status="False", reason="PinNotReady")
    for kind, name in (("DatasetPin", "all"), ("SplitPin", "clinic")):
        team.api.delete(team.path(kind, name))
    for kind, name in (("SplitPin", "clinic"), ("DatasetPin", "all")):
        expect_gone(team, kind, name)


def test_the_same_split_after_it_was_deleted_is_the_same(divided: Team, operator: Operator) -> None:
    before = divided.read("SplitPin", "clinic")["status"]
    for part in PARTS:
        divided.api.delete(divided.path("DatasetPin", str(part["name"])))
    divided.api.delete(divided.path("SplitPin", "clinic"))
    expect_gone(divided, "SplitPin", "clinic")
    operator.kill()
    operator.start()
    divided.declare("SplitPin", "clinic", split_spec())
    after = divided.expect("SplitPin", "clinic")["status"]
    assert (after["parts"], after["digest"]) == (before["parts"], before["digest"])
