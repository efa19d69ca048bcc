"""Columns of categories, so that each part lists the categories of its own rows and no others.

A dictionary of Arrow, the `category` of pandas, lists its values beside the rows. Whoever takes
some rows of it takes the whole list with them, and Parquet writes it: a part that is trained on
would hold what the rows say that it is tested on. The order of the categories stays. Only the
process that reads tables imports this.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data.table_errors import TableError


def with_own_categories(table: pa.Table) -> pa.Table:
    """Return the same rows, whose dictionaries hold what these rows hold and nothing else.

    Args:
        table: Of one chunk a column at most.

    Raises:
        TableError: A column holds categories within something that cannot be taken apart.
    """
    for at, field in enumerate(table.schema):
        if has_categories(field.type):
            chunks = [_own(field.name, chunk) for chunk in table.column(at).chunks]
            table = table.set_column(at, field, pa.chunked_array(chunks, field.type))
    return table


def has_categories(held: pa.DataType) -> bool:
    """Return whether a type holds a dictionary, at whatever depth."""
    if pa.types.is_dictionary(held):
        return True
    if isinstance(held, pa.BaseExtensionType):
        return has_categories(held.storage_type)
    return any(has_categories(held.field(at).type) for at in range(held.num_fields))


def _own(column: str, held: Any) -> Any:
    kind = held.type
    if not has_categories(kind):
        return held
    if pa.types.is_dictionary(kind):
        used = pc.unique(held.indices.drop_null())
        used = used.take(pc.sort_indices(used))
        indices = pc.index_in(held.indices, used).cast(kind.index_type)
        return pa.DictionaryArray.from_arrays(
            indices, held.dictionary.take(used), ordered=kind.ordered
        )
    is_null = held.is_null()
    if pa.types.is_struct(kind):
        inner = [_own(column, held.field(at)) for at in range(kind.num_fields)]
        fields = [kind.field(at) for at in range(kind.num_fields)]
        return pa.StructArray.from_arrays(inner, fields=fields, mask=is_null)
    # Of a map nothing is handed on; lists of categories are what tables have.
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        whole = pa.ListArray if pa.types.is_list(kind) else pa.LargeListArray
        lengths = pc.fill_null(pc.list_value_length(held), 0)
        ends = pc.cumulative_sum(lengths)
        offsets = pa.concat_arrays([pa.array([0], ends.type), ends])
        return whole.from_arrays(offsets, _own(column, held.flatten()), type=kind, mask=is_null)
    raise TableError(
        f"column `{column}` is of type {kind}: parts of it would hold the categories of all rows."
        " Write it without a dictionary"
    )
