"""Reads YAML as kubectl does: what looks like a date stays the text that was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from glovebox.api import reasons
from glovebox.errors import InvalidInput

# More than etcd takes as an object, and less than a few lines of aliases within aliases can become.
_MOST_VALUES: Final = 200_000
_DEEPEST: Final = 100
_DATE: Final = "tag:yaml.org,2002:timestamp"


class _AsJson(yaml.SafeLoader):
    """Knows the values that JSON has."""


_AsJson.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != _DATE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_documents(path: Path, text: str) -> list[Any]:
    """Return the documents of a file.

    Args:
        path: What it is called.
        text: What it holds.

    Raises:
        InvalidInput: It is no YAML, or what it says is endless.
    """
    try:
        found = list(yaml.load_all(text, Loader=_AsJson))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(reasons.INVALID_SPEC, f"{path} is not YAML: {error}") from None
    _check_size(path, found)
    return found


def _check_size(path: Path, documents: list[Any]) -> None:
    counted, left = 0, [(each, 0) for each in documents]
    while left:
        value, depth = left.pop()
        counted += 1
        if counted > _MOST_VALUES or depth > _DEEPEST:
            raise InvalidInput(
                reasons.INVALID_SPEC,
                f"{path} says more, or deeper, than any object may: has it aliases?",
            )
        if isinstance(value, dict):
            left += ((each, depth + 1) for each in value.values())
        elif isinstance(value, list):
            left += ((each, depth + 1) for each in value)
