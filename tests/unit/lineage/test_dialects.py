"""What each consumer gets of an event, and that it fits the schemas all the same."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from glovebox.lineage.dialects import as_sent
from glovebox.lineage.events import events_of
from glovebox.settings import LineageDestination
from support.lineage import LIST, PIN, experiment, over, problems_of

DIALECTS = LineageDestination.model_json_schema()["properties"]["dialect"]["enum"]


def end(**status: Any) -> bytes:
    return events_of(experiment(run=over(), seal=True, **status), "glovebox")[1].body


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("inputs", [None, []])
def test_every_dialect_fits_the_schemas_and_is_the_same_each_time(
    dialect: str, inputs: list[Any] | None
) -> None:
    body = end() if inputs is None else end(inputs=inputs)
    sent = as_sent(body, dialect)
    assert sent == as_sent(body, dialect)
    assert problems_of(orjson.loads(sent)) == []


def test_the_spec_gets_the_locked_bytes() -> None:
    assert as_sent(end(), "spec") == end()


@pytest.mark.parametrize("dialect", ["datahub", "openmetadata"])
def test_facets_that_would_be_dropped_are_not_sent(dialect: str) -> None:
    sent = as_sent(end(), dialect)
    assert b"glovebox_" not in sent
    assert "lineage" not in orjson.loads(sent)["job"]["facets"]
    assert len(orjson.loads(sent)["inputs"]) == 3


def test_names_have_the_version_where_nothing_else_has() -> None:
    event = orjson.loads(as_sent(end(), "marquez"))
    assert event["inputs"][0]["name"] == f"flights/2013@{PIN[7:19]}"
    assert event["outputs"][0]["name"].endswith(f"@{LIST[7:19]}")
    (entry,) = event["job"]["facets"]["lineage"]["entries"]
    assert entry["name"] == event["outputs"][0]["name"]
    assert [each["name"] for each in entry["inputs"]] == [each["name"] for each in event["inputs"]]
