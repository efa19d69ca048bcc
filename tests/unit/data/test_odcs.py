"""Contracts of ODCS become contracts of pins, and what cannot be said is named."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from glovebox.api.contract import Contract
from glovebox.cli.main import app
from glovebox.data.odcs import Imported, import_odcs
from glovebox.errors import InvalidInput

EXAMPLES: Final = Path(__file__).parent / "odcs"


def example(name: str, table: str = "") -> Imported:
    text = (EXAMPLES / f"{name}.odcs.yaml").read_text(encoding="utf-8")
    found = import_odcs(yaml.safe_load(text), table)
    Contract.model_validate(found.contract)
    return found


def made(*properties: dict[str, Any], **more: Any) -> Imported:
    document = {
        "kind": "DataContract",
        "apiVersion": "v3.1.0",
        "schema": [{"name": "t", "properties": list(properties), **more}],
    }
    found = import_odcs(document)
    Contract.model_validate(found.contract)
    return found


def columns(found: Imported) -> dict[str, dict[str, Any]]:
    return {each.pop("name"): each for each in found.contract["columns"]}


def test_types_and_their_options_as_the_standard_shows_them() -> None:
    found = example("all-data-types")
    assert columns(found) == {
        "account_id": {"type": "Text", "pattern": "ACC[0-9]{8}"},
        "txn_ref_date": {"type": "Date", "maximum": "2021-01-01"},
        "txn_timestamp": {"type": "Timestamp"},
        "txn_timestamp_tz": {"type": "Timestamp"},
        "txn_time": {},
        "amount": {"type": "Number", "minimum": "0"},
        "age": {"type": "Integer", "minimum": "18", "maximum": "99"},
        "is_open": {"type": "Bool"},
        "latest_txns": {},
        "customer_details": {},
    }
    places = [each.partition(":")[0] for each in found.left_out]
    for place in (
        "txn_ref_date.logicalTypeOptions.exclusiveMinimum",
        "txn_timestamp.logicalTypeOptions.minimum",
        "txn_time.logicalType",
        "amount.logicalTypeOptions.format",
        "latest_txns.logicalTypeOptions.maxItems",
    ):
        assert f"transactions_tbl.{place}" in places


@pytest.mark.parametrize(
    ("name", "table", "wanted"),
    [
        ("column-completeness", "", {"UniqueID": {"type": "Number", "maxNullShare": 0}}),
        ("column-accuracy", "", {"DataValue": {"type": "Number"}}),
        (
            "all-schema-types",
            "tbl",
            {
                "txn_ref_dt": {"type": "Date"},
                "rcvr_id": {"type": "Text", "maxNullShare": 0},
                "rcvr_cntry_code": {"type": "Text"},
            },
        ),
    ],
)
def test_examples_of_the_standard(name: str, table: str, wanted: dict[str, Any]) -> None:
    assert columns(example(name, table)) == wanted


def test_all_that_can_be_said_is_said() -> None:
    found = made(
        {
            "name": "id",
            "physicalName": "flight_id",
            "logicalType": "integer",
            "primaryKey": True,
            "primaryKeyPosition": 2,
        },
        {"name": "day", "logicalType": "date", "primaryKey": True, "primaryKeyPosition": 1},
        {"name": "fare", "logicalType": "number", "physicalType": "DECIMAL(9,2)"},
        {
            "name": "carrier",
            "logicalType": "string",
            "required": True,
            "unique": True,
            "quality": [
                {
                    "metric": "invalidValues",
                    "mustBe": 0,
                    "arguments": {"validValues": ["UA", "AA"]},
                }
            ],
        },
        {
            "name": "delay",
            "logicalType": "number",
            "quality": [{"metric": "nullValues", "mustBeLessOrEqualTo": 2.5, "unit": "percent"}],
        },
        {"name": "code", "logicalType": "string", "logicalTypeOptions": {"maxLength": 3}},
        quality=[{"metric": "rowCount", "mustBeGreaterThan": 9}],
    )
    assert found.left_out == []
    assert found.contract == {
        "columns": [
            {"name": "flight_id", "type": "Integer", "maxNullShare": 0},
            {"name": "day", "type": "Date", "maxNullShare": 0},
            {"name": "fare", "type": "Decimal"},
            {"name": "carrier", "type": "Text", "maxNullShare": 0, "allowed": ["UA", "AA"]},
            {"name": "delay", "type": "Number", "maxNullShare": 250},
            {"name": "code", "type": "Text", "pattern": "(?s).{0,3}"},
        ],
        "rows": {"minimum": 10},
        "unique": [{"columns": ["carrier"]}, {"columns": ["day", "flight_id"]}],
    }


@pytest.mark.parametrize(
    "more",
    [
        {"quality": [{"type": "sql", "query": "select 1", "mustBe": 0}]},
        {"quality": [{"metric": "nullValues", "mustBeLessThan": 5}]},
        {
            "quality": [
                {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": [None]}}
            ]
        },
        {"relationships": [{"to": "planes.tailnum"}]},
        {"logicalTypeOptions": {"pattern": "a", "minLength": 1}},
        {"somethingNew": True},
    ],
)
def test_what_cannot_be_said_is_named(more: dict[str, Any]) -> None:
    found = made({"name": "a", "logicalType": "string", **more})
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("t.a.")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"kind": "Pod"}, "no contract of ODCS"),
        ({"kind": "DataContract", "apiVersion": "v2.2.2"}, "has to be of version 3"),
        ({"kind": "DataContract", "apiVersion": "v3.1.0"}, "no `schema`"),
        ([], "no contract of ODCS"),
    ],
)
def test_what_is_no_such_contract_is_refused(document: object, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        import_odcs(document)


def run(name: str, *more: str) -> tuple[int, str, str]:
    arguments = ["contract", "import", str(EXAMPLES / f"{name}.odcs.yaml"), *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_the_command_prints_the_block_and_says_by_its_exit_code_what_is_left_out() -> None:
    code, printed, said = run("column-accuracy")
    assert code == 1
    assert yaml.safe_load(printed)["contract"]["columns"][0]["name"] == "DataValue"
    assert "left out: Air_Quality.DataValue.quality[0]: `sql` cannot be said" in said
    assert run("all-schema-types", "--table", "tbl")[0] == 0
    code, printed, said = run("all-schema-types")
    assert (code, printed) == (2, "")
    assert "`tbl`, `AnObject`, `AnotherObject`" in said


def written(folder: Path, text: str) -> tuple[int, str, str]:
    file = folder / "contract.yaml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["contract", "import", str(file)])
    return result.exit_code, result.stdout, result.stderr


HEAD = "kind: DataContract\napiVersion: v3.1.0\n"


def test_merges_within_merges_end_in_an_error(tmp_path: Path) -> None:
    lines = ["m0: &m0 {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 10}"]
    lines += [
        f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 10)}]}}"
        for level in range(1, 6)
    ]
    code, printed, said = written(tmp_path, HEAD + "\n".join(lines))
    assert (code, printed) == (2, "")
    assert "contract.yaml says more, or deeper, than any object may" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEAD}---\n{HEAD}", "contract.yaml: holds 2 documents of YAML: write one"),
        ("", "it is no contract of ODCS"),
    ],
    ids=["several", "none"],
)
def test_the_file_holds_one_document(tmp_path: Path, text: str, says: str) -> None:
    code, printed, said = written(tmp_path, text)
    assert (code, printed) == (2, "")
    assert says in said


def test_a_date_is_the_text_that_is_written(tmp_path: Path) -> None:
    schema = (
        "schema:\n- name: t\n  properties:\n  - name: a\n    logicalType: date\n"
        "    logicalTypeOptions: {minimum: 2013-01-01}\n"
    )
    code, printed, _ = written(tmp_path, HEAD + schema)
    assert code == 0
    assert yaml.safe_load(printed)["contract"]["columns"][0]["minimum"] == "2013-01-01"


# What no contract has in any place, as YAML can say it.
STRANGE: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    10**400,
    float("nan"),
    float("inf"),
    "ab",
    "",
    [],
    ["a", "b"],
    [[1], {}],
    {},
    {"a": {"b": []}},
)


# What the examples of the standard say nothing of.
MORE: Final[dict[str, Any]] = {
    "kind": "DataContract",
    "apiVersion": "v3.1.0",
    "servers": [{"format": "csv"}],
    "slaProperties": [{"property": "latency"}],
    "schema": [
        {
            "name": "t",
            "properties": [
                {
                    "name": "id",
                    "logicalType": "integer",
                    "primaryKey": True,
                    "primaryKeyPosition": 1,
                    "logicalTypeOptions": {"exclusiveMinimum": 1, "maximum": 9},
                },
                {
                    "name": "text",
                    "logicalType": "string",
                    "unique": True,
                    "logicalTypeOptions": {"minLength": 1, "maxLength": 9},
                    "quality": [
                        {"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 2.5},
                        {"metric": "duplicateValues", "mustBe": 0},
                        {
                            "metric": "invalidValues",
                            "mustBe": 0,
                            "arguments": {"validValues": ["a"]},
                        },
                    ],
                },
            ],
            "quality": [
                {"metric": "rowCount", "mustBeBetween": [1, 9]},
                {"metric": "rowCount", "mustBeGreaterThan": 1},
                {
                    "metric": "duplicateValues",
                    "mustBe": 0,
                    "arguments": {"properties": ["id", "text"]},
                },
            ],
            "relationships": [{"type": "foreignKey"}],
        }
    ],
}
DOCUMENTS: Final = ["more", *(path.name for path in sorted(EXAMPLES.glob("*.yaml")))]


def places(of: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document: what holds it, and its key there."""
    for key in list(of) if isinstance(of, dict) else range(len(of)):
        yield of, key
        if isinstance(of[key], dict | list):
            yield from places(of[key])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_stands_in_any_place_is_a_contract_or_refused(name: str) -> None:
    document = copy.deepcopy(MORE)
    if name in DOCUMENTS[1:]:
        document = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    table = str(document["schema"][0]["name"])
    Contract.model_validate(import_odcs(document, table).contract)
    strange = []
    for held, key in places(document):
        before = held[key]
        for value in STRANGE:
            held[key] = value
            try:
                Contract.model_validate(import_odcs(document, table).contract)
            except (InvalidInput, ValidationError):
                pass
            except Exception as error:  # noqa: BLE001 - which ones is asked
                strange.append(f"{key}: {value!r:.20}: {error!r:.80}")
        held[key] = before
    assert sorted(set(strange)) == []
