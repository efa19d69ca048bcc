"""Contracts over hostile files in a real store, and the page about contracts as it is written."""

from __future__ import annotations

import gzip
import re
import shlex
from typing import Any

import pyarrow as pa
import pytest
import yaml

from glovebox_local.demo.flights import read_files
from support.cluster import Cluster
from support.contracts import altered_footer, as_parquet
from support.examples import REPOSITORY
from support.operator_process import Operator, Team

pytestmark = pytest.mark.timeout(400)
Json = dict[str, Any]
PATIENCE = 240.0
WHOLE: Json = {"name": "a", "type": "Integer"}
SECRET = "Lovelace-1815"
PAGE = REPOSITORY / "docs/how-to/check-data.md"
FOR_EVER = {"name": "a", "type": "Timestamp", "maximum": "9999-12-31T23:59:59Z"}

PINS: dict[str, tuple[dict[str, bytes], Json]] = {
    "words": ({"a.csv.gz": gzip.compress(b"a\n" + b"NA\n1\n" * 500_000)}, {"columns": [WHOLE]}),
    "numbers": (
        {
            "rows.parquet": altered_footer(60, -60),
            "more.parquet": altered_footer(60, 1 << 62),
            "nulls.parquet": altered_footer(50, -50),
            "void.parquet": b"",
        },
        {"columns": [WHOLE | {"maxNullShare": 10000}]},
    ),
    "for-ever": (
        {
            "a.parquet": as_parquet(
                pa.table({"a": pa.array([0, 253_402_214_400_000_000], pa.timestamp("us"))})
            ),
            "b.csv": b"a\n9999-12-31T00:00:00Z\n",
        },
        {
            "columns": [FOR_EVER],
            "freshness": {"column": "a", "maxAgeSeconds": 1, "atTime": "2026-01-01T00:00:00Z"},
        },
    ),
    "quoted": (
        {"a.csv": b"a\nabc\n"},
        {"columns": [{"name": "a", "type": "Text", "pattern": r"\Qabc"}]},
    ),
    "no-day": (
        {"a.csv": b"a\n2013-01-01\n"},
        {"columns": [{"name": "a", "type": "Date", "minimum": "2013-02-30"}]},
    ),
    "nameless": (
        {"a.csv": f"{SECRET},x\n1,2\n".encode(), "b.csv": f"{SECRET},{SECRET}\n1,2\n".encode()},
        {"columns": [WHOLE | {"optional": True}], "otherColumns": "Refused"},
    ),
    "coloured": (
        {"a.csv": b'a,"b\x1b[31m"\n1,2\n'},
        {"columns": [WHOLE], "otherColumns": "Refused"},
    ),
}


@pytest.fixture(scope="module")
def odd(platform: Team, cluster: Cluster) -> Team:
    """A team with a pin for each of them, all at once."""
    del platform
    team = Team(cluster, "team-odd")
    held = {
        f"{pin}/{path}": body for pin, (files, _) in PINS.items() for path, body in files.items()
    }
    bucket = team.bucket(held)
    for pin, (_, contract) in PINS.items():
        source = {"prefix": {"bucket": bucket, "prefix": f"{pin}/"}}
        spec = {"storeRef": {"name": "primary"}, "source": source, "contract": contract}
        team.declare("DatasetPin", pin, spec)
    return team


def found_of(team: Team, pin: str, status: str = "False") -> Json:
    """Return `status.contract`, once ContractMet is that."""
    read = team.expect("DatasetPin", pin, "ContractMet", status, timeout=PATIENCE)
    found: Json = read["status"]["contract"]
    return found


def test_words_instead_of_numbers_are_counted_whatever_their_number(odd: Team) -> None:
    found = found_of(odd, "words")
    assert (found["rows"], found["byRule"]) == (1_000_000, [{"rule": "Type", "violations": 1}])
    assert found["first"][0]["count"] == 500_000


def test_numbers_that_no_file_has_neither_pass_nor_stop_the_operator(odd: Team) -> None:
    found = found_of(odd, "numbers")
    assert found["byRule"] == [{"rule": "Readable", "violations": 3}]
    assert {each["file"] for each in found["first"]} == {
        "rows.parquet",
        "more.parquet",
        "void.parquet",
    }
    assert (found["rows"], found["files"]) == (60, 4)


def test_a_moment_that_means_for_ever_is_one(odd: Team) -> None:
    assert found_of(odd, "for-ever", "True")["violations"] == 0


@pytest.mark.parametrize(("pin", "says"), [("quoted", r"\Qabc"), ("no-day", "2013-02-30")])
def test_a_rule_without_a_meaning_is_named_and_violates_nothing(
    odd: Team, pin: str, says: str
) -> None:
    odd.expect("DatasetPin", pin, status="False", reason="ContractNotChecked", timeout=PATIENCE)
    met = odd.condition("DatasetPin", pin, "ContractMet")
    assert met["status"] == "Unknown"
    assert "`spec.contract`" in met["message"]
    assert says in met["message"]
    assert odd.condition("DatasetPin", pin, "Stalled")["status"] == "True"
    assert "contract" not in odd.read("DatasetPin", pin)["status"]


def test_nothing_of_a_row_is_shown_where_a_line_of_names_is_missing(
    odd: Team, operator: Operator
) -> None:
    found = found_of(odd, "nameless")
    assert found["byRule"] == [{"rule": "Readable", "violations": 2}]
    assert SECRET not in str(odd.read("DatasetPin", "nameless"))
    assert SECRET not in str(odd.api.get(f"/api/v1/namespaces/{odd.name}/events"))
    assert SECRET not in operator.log
    assert SECRET not in operator.page()


def test_names_of_columns_act_on_no_terminal(odd: Team) -> None:
    (violation,) = found_of(odd, "coloured")["first"]
    assert violation["column"] == r"b\x1b[31m"
    assert odd.condition("DatasetPin", "coloured", "ContractMet")["message"].isprintable()


def test_the_page_as_it_is_written(platform: Team, cluster: Cluster) -> None:
    del platform
    page = PAGE.read_text()
    team, s3 = Team(cluster, "team-flights"), cluster.store.client()
    s3.create_bucket(Bucket="flights")
    s3.put_bucket_versioning(Bucket="flights", VersioningConfiguration={"Status": "Enabled"})
    for file in read_files():
        if re.match("2013/(train|planes)/", file.key):
            s3.put_object(Bucket="flights", Key=file.key, Body=file.body)
    team.grant("flights")
    written = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    manifest = next(text for kind, text in written if kind == "yaml")
    declared = list(yaml.safe_load_all(manifest))
    assert {each["metadata"]["namespace"] for each in declared} == {team.name}
    cluster.kubectl("create", "-f", "-", stdin=manifest)
    commands, printed = [text for kind, text in written if kind in {"console", "text"}][:2]
    for command in commands.replace("\\\n", " ").split("\n"):
        if command:
            said = cluster.kubectl(*_words(command)).stdout
    assert said.splitlines() == printed.splitlines()


def _words(command: str) -> list[str]:
    dollar, kubectl, *words = shlex.split(command)
    assert (dollar, kubectl) == ("$", "kubectl")
    return words
