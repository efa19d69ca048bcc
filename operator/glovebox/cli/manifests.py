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
# Nothing that UTF-8 can write; JSON writes what is beyond 16 bits as one of the first and one of
# the second.
_HALF: Final = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
# Up to it JSON writes a float that is whole without an exponent.
_PLAIN: Final = 1e21


class _TooMuchError(ValueError):
    """More is said than any object may say."""


class _AsJson(yaml.SafeLoader):
    """Knows the values that JSON has."""

    _merged = 0

    def flatten_mapping(self, node: Any) -> None:
        """Put what is merged into a mapping (`<<`), of which there may be so much in a file."""
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    self._count(each)
        super().flatten_mapping(node)

    def _count(self, node: Any) -> None:
        if not isinstance(node, yaml.MappingNode):
            return  # which is refused
        self.flatten_mapping(node)
        # Merges of merges are copied while the file is read: its size cannot be seen afterwards.
        self._merged += len(node.value)
        if self._merged > _MOST_VALUES:
            raise _TooMuchError

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping with its keys as text, which is what JSON has."""
        found = super().construct_mapping(node, deep)
        return {_as_key(key): value for key, value in found.items()}


def _as_key(key: Any) -> str:
    if key is None:
        raise ValueError("a key is null")
    return key if isinstance(key, str) else json.dumps(key, default=str)


def _as_bool(_: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return _written(node, _BOOL).lower() in _TRUE


def _as_number(_: yaml.SafeLoader, node: yaml.ScalarNode) -> float | str:
    written = _written(node, _NUMBER)
    text = written.replace("_", "")
    octal = _OCTAL.fullmatch(text)
    try:
        whole = int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)
    except ValueError:
        pass
    else:
        if whole in _WHOLE:
            return whole
    try:
        found = float(re.sub(r"\.(?=[in])", "", text.lower()))
    except ValueError:
        return written  # `._`, or more in hexadecimal than 64 bits
    if math.isinf(found) and "inf" not in text.lower():
        return written  # more than a float holds, as a commit may look like: 4e29101
    return int(found) if found.is_integer() and abs(found) < _PLAIN else found


def _written(node: yaml.Node, form: re.Pattern[str]) -> str:
    """Return what is written, where it has the form that its tag promises."""
    if not isinstance(node, yaml.ScalarNode) or not form.match(node.value):
        raise yaml.constructor.ConstructorError(
            None, None, f"it is not what its tag says: {node.tag}", node.start_mark
        )
    return str(node.value)


# PyYAML's own are of dates, of times of day, of `=`, and of fewer numbers and truth values.
_AsJson.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] in {f"{_TAG}null", f"{_TAG}merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_AsJson.add_implicit_resolver(f"{_TAG}bool", _BOOL, list("yYnNtTfFoO"))
_AsJson.add_implicit_resolver(f"{_TAG}float", _NUMBER, list("-+.0123456789"))
_AsJson.add_constructor(f"{_TAG}bool", _as_bool)
_AsJson.add_constructor(f"{_TAG}float", _as_number)
_AsJson.add_constructor(f"{_TAG}int", _as_number)
# What a tag may ask for besides are sets, tuples, bytes and dates, of which JSON has none.
_AsJson.yaml_constructors = {
    tag: each
    for tag, each in _AsJson.yaml_constructors.items()
    if tag not in {f"{_TAG}{name}" for name in ("binary", "omap", "pairs", "set", "timestamp")}
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
    except _TooMuchError:
        raise _too_much(path) from None
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
            raise _too_much(path)
        if isinstance(value, dict):
            left += ((each, depth + 1) for pair in value.items() for each in pair)
        elif isinstance(value, list):
            left += ((each, depth + 1) for each in value)
        elif isinstance(value, str) and _HALF.search(value):
            raise InvalidInput(
                reasons.INVALID_SPEC, f"{path} has half of a character, as \\ud800 is one"
            )


def _too_much(path: Path) -> InvalidInput:
    return InvalidInput(
        reasons.INVALID_SPEC, f"{path} says more, or deeper, than any object may: has it aliases?"
    )
