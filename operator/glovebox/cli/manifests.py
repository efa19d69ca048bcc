"""Reads YAML as kubectl does, which is not as PyYAML does.

What looks like a date or a time of day stays the text that was written, `1e-3` and `08` are
numbers, `y` and `n` are truth values, a number without a fraction is whole, and every key is text.
An Experiment that kubectl would refuse for `learningRate: 1e-3` is not accepted here.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Final

import yaml

from glovebox.api import reasons
from glovebox.cli.failing import in_one_line
from glovebox.errors import InvalidInput

# More than etcd takes as an object, and less than a few lines of aliases within aliases can become.
_MOST_VALUES: Final = 200_000
_DEEPEST: Final = 100
_TAG: Final = "tag:yaml.org,2002:"
_BOOL: Final = re.compile(
    r"(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)\Z"
)
_TRUE: Final = frozenset({"y", "yes", "true", "on"})
_NUMBER: Final = re.compile(
    r"([-+]?(0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+)"
    r"|[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9_]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"
)
_OCTAL: Final = re.compile(r"([-+]?)0([0-7]+)")
# Whole numbers beyond it are floats.
_WHOLE: Final = range(-(2**63), 2**63)
# Up to it JSON writes a float that is whole without an exponent.
_PLAIN: Final = 1e21


class _AsJson(yaml.SafeLoader):
    """Knows the values that JSON has."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping with its keys as text, which is what JSON has."""
        found = super().construct_mapping(node, deep)
        return {_as_key(key): value for key, value in found.items()}


def _as_key(key: Any) -> str:
    if key is None:
        raise ValueError("a key is null")
    return key if isinstance(key, str) else json.dumps(key, default=str)


def _as_bool(_: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return str(node.value).lower() in _TRUE


def _as_number(_: yaml.SafeLoader, node: yaml.ScalarNode) -> float | str:
    written = str(node.value)
    text = written.replace("_", "")
    octal = _OCTAL.fullmatch(text)
    try:
        whole = int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)
    except ValueError:
        pass
    else:
        if whole in _WHOLE:
            return whole
    found = float(re.sub(r"\.(?=[in])", "", text.lower()))
    if math.isinf(found) and "inf" not in text.lower():
        return written  # more than a float holds, as a commit may look like: 4e29101
    return int(found) if found.is_integer() and abs(found) < _PLAIN else found


# PyYAML's own are of dates, of times of day, of `=`, and of fewer numbers and truth values.
_AsJson.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] in {f"{_TAG}null", f"{_TAG}merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_AsJson.add_implicit_resolver(f"{_TAG}bool", _BOOL, list("yYnNtTfFoO"))
_AsJson.add_implicit_resolver(f"{_TAG}float", _NUMBER, list("-+.0123456789"))
_AsJson.add_constructor(f"{_TAG}bool", _as_bool)
_AsJson.add_constructor(f"{_TAG}float", _as_number)


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
        raise InvalidInput(
            reasons.INVALID_SPEC, f"{path} is not YAML: {in_one_line(error)}"
        ) from None
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
