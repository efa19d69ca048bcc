"""What an API server does with objects: selectors, patches, defaults, rules of our kinds. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from glovebox.api.crd_export import custom_resource_definition
from glovebox.api.kinds import KINDS

Json = dict[str, Any]
_ABSENT = object()


class PatchTestError(Exception):
    """A `test` of a JSON patch failed, or its path is not there."""


def json_patch(target: Json, operations: list[Json]) -> Json:
    """Return the JSON patch (RFC 6902) of an object: add, remove, replace and test.

    Raises:
        PatchTestError: A test failed or a path is missing.
    """
    result = copy.deepcopy(target)
    for operation in operations:
        *parents, last = (
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        )
        holder: Any = result
        for part in parents:
            try:
                holder = holder[int(part)] if isinstance(holder, list) else holder[part]
            except (KeyError, IndexError, ValueError):
                raise PatchTestError(operation["path"]) from None
        _apply(holder, last, operation)
    return result


def _apply(holder: Any, last: str, operation: Json) -> None:
    is_list = isinstance(holder, list)
    key: Any = len(holder) if is_list and last == "-" else int(last) if is_list else last
    there = (key < len(holder)) if is_list else (key in holder)
    match operation["op"]:
        case "add" if is_list:
            holder.insert(key, operation["value"])
        case "add":
            holder[key] = operation["value"]
        case "replace" if there:
            holder[key] = operation["value"]
        case "remove" if there:
            del holder[key]
        case "test" if there and holder[key] == operation["value"]:
            pass
        case _:
            raise PatchTestError(operation["path"])


def label_matcher(selector: str) -> Callable[[Json], bool]:
    """Return whether an object's labels match a selector.

    `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`.
    """
    tests = [_label_test(term) for term in _terms(selector)]
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _terms(selector: str) -> Iterator[str]:
    depth, start = 0, 0
    for position, letter in enumerate(selector):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield selector[start:position].strip()
            start = position + 1
    if selector[start:].strip():
        yield selector[start:].strip()


def _label_test(term: str) -> Callable[[Mapping[str, str]], bool]:
    if " notin " in term:
        name, _, values = term.partition(" notin ")
        refused = {value.strip() for value in values.strip()[1:-1].split(",")}
        return lambda labels: labels.get(name.strip()) not in refused
    if " in " in term:
        name, _, values = term.partition(" in ")
        wanted = {value.strip() for value in values.strip()[1:-1].split(",")}
        return lambda labels: labels.get(name.strip()) in wanted
    if "!=" in term:
        name, _, value = term.partition("!=")
        return lambda labels: labels.get(name) != value
    if "=" in term:
        name, _, value = term.replace("==", "=").partition("=")
        return lambda labels: labels.get(name) == value
    if term.startswith("!"):
        return lambda labels: term[1:] not in labels
    return lambda labels: term in labels


def field_matcher(selector: str) -> Callable[[Json], bool]:
    """Return whether fields match a selector: `metadata.name=a`, `status.phase!=Failed`."""
    tests: list[Callable[[Json], bool]] = []
    for term in _terms(selector):
        path, operator, value = (
            term.partition("!=") if "!=" in term else term.replace("==", "=").partition("=")
        )

        def test(obj: Json, path: str = path, operator: str = operator, value: str = value) -> bool:
            found: Any = obj
            for part in path.split("."):
                found = (found or {}).get(part)
            return (str(found if found is not None else "") == value) == (operator == "=")

        tests.append(test)
    return lambda obj: all(test(obj) for test in tests)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One of the rules of our kinds that the simulation knows.

    Attributes:
        path: What must stay.
        when: Path of what has to be set before the rule holds; empty: it always holds.
        value: The only value that must stay; empty: whatever is there must.
    """

    path: tuple[str, ...]
    when: tuple[str, ...]
    message: str
    value: str = ""

    def problem(self, old: Json, new: Json) -> str:
        """Return what is wrong with an update, or an empty text."""
        if self.when and _at(old, self.when) in (_ABSENT, "", None):
            return ""
        if self.value and _at(old, self.path) != self.value:
            return ""
        if _at(old, self.path) == _at(new, self.path):
            return ""
        return f"{'.'.join(self.path)}: Forbidden: {self.message}"


def _at(obj: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(obj, dict) or part not in obj:
            return _ABSENT
        obj = obj[part]
    return obj


@dataclass(frozen=True, slots=True)
class CustomKind:
    """What a CustomResourceDefinition says of a kind."""

    kind: str
    schema: Json
    rules: tuple[FieldRule, ...]

    def defaulted(self, obj: Json) -> Json:
        """Return an object with its schema's defaults, without what the schema does not know."""
        top = {key: obj[key] for key in ("apiVersion", "kind", "metadata") if key in obj}
        rest = {key: value for key, value in obj.items() if key not in top}
        filled = _defaulted(rest, self.schema)
        return {**top, **filled}


def _defaulted(value: Any, schema: Json) -> Any:
    if isinstance(value, list) and "items" in schema:
        return [_defaulted(entry, schema["items"]) for entry in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties")
    extra = schema.get("additionalProperties")
    result = {}
    for key, entry in value.items():
        if known is not None and key in known:
            # null where there is a default, or where null is not allowed, counts as absent.
            if entry is None and not known[key].get("nullable"):
                continue
            result[key] = _defaulted(entry, known[key])
        elif isinstance(extra, dict):
            result[key] = _defaulted(entry, extra)
        elif known is None or extra or schema.get("x-kubernetes-preserve-unknown-fields"):
            result[key] = entry
    for key, part in (known or {}).items():
        if key not in result and "default" in part:
            result[key] = _defaulted(copy.deepcopy(part["default"]), part)
    return result


@cache
def custom_kinds() -> dict[str, CustomKind]:
    """Return our kinds by plural, as the models define them; a test holds `crds/` to these."""
    found = {}
    for each in KINDS:
        spec = custom_resource_definition(each)["spec"]
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        plural, kind = spec["names"]["plural"], spec["names"]["kind"]
        known = {
            key: value
            for key, value in schema["properties"].items()
            if key not in ("apiVersion", "kind", "metadata")
        }
        found[plural] = CustomKind(
            kind, {"type": "object", "properties": known}, tuple(_rules(schema, ()))
        )
    return found


def _rules(schema: Json, where: tuple[str, ...]) -> Iterator[FieldRule]:
    """Yield the rules of the two shapes that matter here.

    `self == oldSelf`, and "must stay" once something is set: as it is, or one value of it.
    """
    for entry in schema.get("x-kubernetes-validations") or ():
        rule, message = entry["rule"], entry.get("message", entry["rule"])
        if rule.strip() == "self == oldSelf":
            yield FieldRule(where, (), message)
        elif "oldSelf" in rule and "must stay" in message and entry.get("fieldPath"):
            path = tuple(entry["fieldPath"].lstrip(".").split("."))
            once = path[0] == "status" or rule.startswith(f"!has(oldSelf.{'.'.join(path)})")
            when = path if once else ("status", "digest")
            value = re.search(r"must stay `(\w+)`", message)
            yield FieldRule(path, when, message, value[1] if value else "")
    for key, part in (schema.get("properties") or {}).items():
        if key not in ("apiVersion", "kind", "metadata") or where:
            yield from _rules(part, (*where, key))
