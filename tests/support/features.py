"""Values of features over files held in memory, without a store."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import Any

from glovebox.api.feature_set_pin import Feature
from glovebox.api.materialized import Materialized
from glovebox.data.contract_tables import look_at_file
from glovebox.data.feature_schema import FeaturesFound, Schema, SchemaJudge, schema_of
from glovebox.data.table_errors import TableError

Json = dict[str, Any]


def feature(name: str, dtype: str, *shape: int, nullable: bool = False) -> Json:
    """Return a definition."""
    return {
        "name": name,
        "dtype": dtype,
        "recipe": {"expression": name},
        "shape": list(shape),
        "nullable": nullable,
    }


def schema(*features: Json, **values: Any) -> Schema:
    """Return what definitions ask of the files of their values."""
    declared = [Feature.model_validate(each) for each in features]
    return schema_of(declared, Materialized.model_validate({"pinRef": {"name": "v"}, **values}))


def compare(asked: Schema, files: Mapping[str, bytes]) -> FeaturesFound:
    """Return what files come to; they are looked at in the order of their paths."""
    judge = SchemaJudge(asked)

    def keyed(number: int, hashes: bytes) -> None:
        raise AssertionError(f"nobody asked for a key, and {number} has {len(hashes)} bytes")

    for path, body in sorted(files.items()):
        if not judge.wants(path):
            continue
        try:
            seen = look_at_file(path, partial(io.BytesIO, body), asked.rules(path), keyed)
        except TableError as error:
            judge.add_unreadable(path, str(error))
            continue
        judge.add(path, seen)
    return judge.verdict(0)


def differences(found: FeaturesFound) -> list[tuple[str, str, str, str, int]]:
    """Return kind, column, declared, found and count of each difference."""
    return [(each.kind, each.column, each.declared, each.found, each.count) for each in found.first]
