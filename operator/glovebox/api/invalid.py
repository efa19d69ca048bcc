"""What is wrong with a declaration that a model does not take, in the API server's own words.

Whoever gets `unknown field "spec.profil"` from `kubectl apply` gets the same of a file, and none of
the words of the library that read it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import ValidationError

# What pydantic puts before the words of a check of ours, and how its own begin.
_PREFIXES: Final = ("Value error, ", "Assertion failed, ")
_SHOULD: Final = re.compile(r"^[A-Z][a-z]+ should ")


def what_is_wrong(error: ValidationError, within: str = "") -> str:
    """Return what is wrong: all unknown fields, as the API server has them, else the first fault.

    A field that is misspelt is missing as well: what was written is said before what was not.

    Args:
        error: What the model has against it.
        within: Path of the field that the model is of; empty for a whole object.
    """
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    unknown = [each for each in problems if each["type"] == "extra_forbidden"]
    if unknown:
        return ", ".join(f'unknown field "{field_path(each["loc"], within)}"' for each in unknown)
    first = problems[0]
    where = field_path(first["loc"], within) or "the whole"
    if first["type"] == "missing":
        return f"{where}: Required value"
    return f"{where}: {without_foreign_words(first['msg'])}"


def without_foreign_words(said: str) -> str:
    """Return what pydantic says of a value without what it puts before it."""
    for prefix in _PREFIXES:
        said = said.removeprefix(prefix)
    return _SHOULD.sub("must ", said)


def field_path(location: Sequence[int | str], within: str = "") -> str:
    """Return a place in an object as the API server writes it: `spec.images[0].reference`.

    Args:
        location: The names of fields and the indices that lead there.
        within: What they begin at.
    """
    path = within
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path
