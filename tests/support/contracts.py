"""Contracts over files held in memory, without a store."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from glovebox.api.contract import Contract
from glovebox.data.contract_found import ContractFound
from glovebox.data.contract_keys import KeyCheck
from glovebox.data.contract_rules import file_rules
from glovebox.data.contract_tables import look_at_file
from glovebox.data.contracts import Judge
from glovebox.data.table_errors import TableError

Json = dict[str, Any]


def contract_of(*columns: Json, **more: Any) -> Contract:
    """Return a contract."""
    return Contract.model_validate({"columns": list(columns), **more})


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as Parquet."""
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def one(kind: str | None = None, **rules: Any) -> dict[str, Any]:
    """Return a column `a` of a contract."""
    return {"name": "a", **rules} if kind is None else {"name": "a", "type": kind, **rules}


def parquet_of(values: Any, **options: Any) -> bytes:
    """Return a table whose only column `a` holds these values, as Parquet."""
    return as_parquet(pa.table({"a": values}), **options)


def altered_footer(old: int, new: int) -> bytes:
    """Return a table `a` of 60 rows, 50 of them null, whose footer has another number for one."""

    def zigzag(number: int) -> bytes:
        found, raw = number * 2 if number >= 0 else -2 * number - 1, bytearray()
        while found > 0x7F:
            raw.append(found & 0x7F | 0x80)
            found >>= 7
        return bytes([0x16, *raw, found])

    values = pa.array([None] * 50 + list(range(10)), pa.int64())
    body = as_parquet(pa.table({"a": values}), store_schema=False)
    size = int.from_bytes(body[-8:-4], "little")
    footer = body[-8 - size : -8]
    assert zigzag(old) in footer
    changed = footer.replace(zigzag(old), zigzag(new))
    return body[: -8 - size] + changed + len(changed).to_bytes(4, "little") + body[-4:]


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value) if isinstance(value, date | Decimal) else value


def as_json_lines(table: pa.Table) -> bytes:
    """Return a table as JSON Lines."""
    rows = ({name: _text(value) for name, value in row.items()} for row in table.to_pylist())
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(table: pa.Table, *, packed: bool = False) -> bytes:
    """Return a table as CSV; what is null is empty."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow("" if value is None else _text(value) for value in row.values())
    body = sink.getvalue().encode()
    return gzip.compress(body, mtime=0) if packed else body


def check(
    contract: Contract,
    files: Mapping[str, bytes],
    targets: Mapping[int, bytes] | None = None,
) -> ContractFound:
    """Return what files come to.

    Args:
        contract: What they have to hold.
        files: By path; they are looked at in the order of their paths.
        targets: Hashes of the keys that are in the pins of its references, by their number.
    """
    judge, rules = Judge(contract), file_rules(contract)
    with ExitStack() as stack:
        keys = [KeyCheck.unique(each.columns, 1 << 24) for each in contract.unique]
        keys += [
            KeyCheck.reference(each.columns, each.pin_ref.name, 1 << 24)
            for each in contract.references
        ]
        for key in keys:
            key.open(stack.enter_context(io.BytesIO()), stack.enter_context(io.BytesIO()))
        rows = 0
        for path, body in sorted(files.items()):
            if not judge.wants(path):
                continue
            counts = [0] * len(keys)
            for key in keys:
                key.begin(path, rows)

            def keyed(
                number: int, hashes: bytes, counts: list[int] = counts, first: int = rows
            ) -> None:
                counts[number] += keys[number].add(hashes, first + counts[number])

            try:
                seen = look_at_file(path, partial(io.BytesIO, body), rules, keyed)
            except TableError as error:
                judge.add_unreadable(path, str(error))
                rows += max(counts, default=0)
                continue
            judge.add(path, seen)
            rows += max(seen.rows, *counts, 0)
        for number, hashes in (targets or {}).items():
            keys[number].add_target(hashes)
        for key in keys:
            key.judge(judge, lambda: None)
    return judge.verdict(0)
