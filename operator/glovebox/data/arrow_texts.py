"""Signatures of texts out of columns of Arrow: what `near_texts` says, a batch at a time.

Only the process that reads tables imports this: `pyarrow` is no library of the operator's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from glovebox.data.near_texts import signature
from glovebox.data.table_errors import TableError

# So many texts are unpacked at once: each may be long.
_ROWS: Final = 64


def text_signatures(
    columns: Sequence[str], arrays: Sequence[pa.Array], going: Callable[[], None]
) -> Iterator[bytes]:
    """Yield the signatures of the texts of a batch, in the order of its rows, in parts.

    The text of a row is what its columns hold, in their order, with a space between them. A column
    that holds nothing adds nothing.

    Args:
        columns: Their names, for errors.
        arrays: What they hold, all of one length.
        going: Called now and then while a long text is read.

    Raises:
        TableError: A column holds something other than text.
    """
    for column, held in zip(columns, arrays, strict=True):
        require_text(column, held.type)
    for first in range(0, len(arrays[0]), _ROWS):
        values = zip(*(each.slice(first, _ROWS).to_pylist() for each in arrays), strict=True)
        texts = (" ".join(one for one in row if one is not None) for row in values)
        yield b"".join(signature(text, going) for text in texts)


def require_text(column: str, held: pa.DataType) -> None:
    """Return when a column of this type holds text, or nothing.

    Raises:
        TableError: It holds something else.
    """
    within: Any = held.value_type if pa.types.is_dictionary(held) else held
    is_text = (
        pa.types.is_string(within)
        or pa.types.is_large_string(within)
        or pa.types.is_string_view(within)
        or pa.types.is_null(within)
    )
    if not is_text:
        raise TableError(f"column `{column}` is of type {held}, and only text is compared by words")
