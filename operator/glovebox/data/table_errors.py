"""What is wrong with a file that was to be read as a table."""

from __future__ import annotations

from typing import Final

TOO_LARGE: Final = (
    "reading it takes more memory than there is: write it with smaller pages, row groups or lines"
)


class TableError(Exception):
    """A file cannot be read as a table, or lacks what was asked for; the text says why.

    The text names columns and types, and never what stands in a row: keys may be personal.
    """


class QuestionError(Exception):
    """What is asked of a table has no answer, whatever it holds; the text says why.

    It is no fault of the table: nothing is found of it.
    """


def unreadable(kind: str, error: Exception) -> TableError:
    """Return what a library's refusal of a table becomes. What it says may quote the row."""
    if isinstance(error, MemoryError):
        return TableError(TOO_LARGE)
    return TableError(f"it cannot be read as {kind} ({type(error).__name__})")
