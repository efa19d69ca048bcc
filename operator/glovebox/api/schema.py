"""What Kubernetes adds to JSON Schema: list types and CEL rules, carried by the models.

A rule that has to hold in the API server and offline alike is written once: `Taught` checks a text
in Python and becomes a CEL rule in the CRD, with the same message. Rules over several fields, and
over the object before the change, exist in CEL alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

VALIDATIONS: Final = "x-kubernetes-validations"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_MAP_KEYS: Final = "x-kubernetes-list-map-keys"

INVALID: Final = "FieldValueInvalid"
FORBIDDEN: Final = "FieldValueForbidden"
REQUIRED: Final = "FieldValueRequired"

T = TypeVar("T")

# The types that pydantic accepts for json_schema_extra are invariant: Any keeps the call sites
# plain.
Extra = dict[str, Any]


def rule(
    expression: str,
    message: str,
    *,
    field_path: str = "",
    reason: str = INVALID,
    message_expression: str = "",
) -> Extra:
    """Return one CEL rule.

    Args:
        expression: CEL over `self` (and `oldSelf` for a transition rule).
        message: What must hold, and the cure; shown by kubectl as it is.
        field_path: The field at fault, relative to where the rule is; without it kubectl prints
            the whole value.
        reason: One of the reasons that the API server knows. Its "duplicate" is left out: kubectl
            drops the message of that one.
        message_expression: CEL that makes the message, for example to name the key at fault;
            `message` is used when it fails.
    """
    made: Extra = {"rule": expression, "message": message, "reason": reason}
    if message_expression:
        made["messageExpression"] = message_expression
    if field_path:
        made["fieldPath"] = field_path
    return made


def naming(message: str, what: str, at_fault: str) -> str:
    """Return the CEL of a message that ends with what is at fault, in brackets.

    For a rule over a list, where `fieldPath` can name no entry of it. The name comes out of a
    `transformList`: of a text of an object that was filtered the API server cannot foresee the
    length, so that it refuses the CRD.

    Args:
        message: As the rule has it.
        what: What is at fault, with a space behind it.
        at_fault: CEL of its name.
    """
    return f'"{message} ({what}" + {at_fault} + ")"'


def rules(*made: Extra) -> Extra:
    """Return the schema extension that carries these rules."""
    return {VALIDATIONS: list(made)}


def certificates_alone(why: str) -> tuple[Extra, Extra]:
    """Return the rules of `caBundle`: certificates in PEM, and no private key.

    Args:
        why: What is wrong with a private key there, and the cure.
    """
    return (
        rule(
            "self.caBundle.contains('-----BEGIN CERTIFICATE-----')",
            "must hold the certificates themselves, in PEM: each begins with"
            " `-----BEGIN CERTIFICATE-----`",
            field_path=".caBundle",
        ),
        rule(
            "!self.caBundle.contains('PRIVATE KEY-----')",
            f"must hold certificates alone: {why}",
            field_path=".caBundle",
            reason=FORBIDDEN,
        ),
    )


def list_map(*keys: str) -> Extra:
    """Return the extension for a list with these key fields; duplicates are refused."""
    return {LIST_TYPE: "map", LIST_MAP_KEYS: list(keys)}


def list_set() -> Extra:
    """Return the extension for a list of distinct scalars."""
    return {LIST_TYPE: "set"}


def list_atomic() -> Extra:
    """Return the extension for a list that is one value: ordered, and replaced as a whole."""
    return {LIST_TYPE: "atomic"}


def frozen_since(guard: str, path: str, *, optional: bool) -> str:
    """Return the CEL of a field that cannot change once `guard` holds for the old object.

    It is meant for a rule at the root.

    A transition rule on an optional field itself is skipped when the field is added or removed, so
    the rule is on a parent that is always there and compares presence too.

    Args:
        guard: CEL over `oldSelf` that says whether freezing has begun.
        path: The field below the root, for example `spec.stages`.
        optional: Whether the field may be absent.
    """
    if not optional:
        return f"!({guard}) || self.{path} == oldSelf.{path}"
    return (
        f"!({guard}) || (has(self.{path}) ? has(oldSelf.{path}) && self.{path} == oldSelf.{path} :"
        f" !has(oldSelf.{path}))"
    )


@dataclass(frozen=True)
class Checked(Generic[T]):
    """Annotated metadata: a check that holds in Python and, as CEL, in the API server.

    Both give the same message.
    """

    accepts: Callable[[T], bool]
    expression: str
    message: str
    message_expression: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Run the check after the type's own validation."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the CEL rule to what the type produced."""
        return merge_extra(
            handler(core),
            rules(rule(self.expression, self.message, message_expression=self.message_expression)),
        )

    def _check(self, value: T) -> T:
        if not self.accepts(value):
            raise ValueError(self.message)
        return value


def taught(pattern: str, message: str) -> Checked[str]:
    """Return a check by regular expression whose message teaches.

    A bare `pattern` would print only the expression.

    Args:
        pattern: Anchored at both ends, without single quotes, in the common subset of RE2 and
            Python.
        message: What must hold, and the cure.
    """
    compiled = re.compile(pattern)
    return Checked(
        accepts=lambda text: compiled.fullmatch(text) is not None,
        expression=f"self.matches(r'{pattern}')",
        message=message,
    )


def merge_extra(schema: JsonSchemaValue, extra: Extra) -> JsonSchemaValue:
    """Return the schema with the extension added; rules are appended, everything else replaced."""
    merged = {**schema, **extra}
    if VALIDATIONS in schema and VALIDATIONS in extra:
        merged[VALIDATIONS] = [*schema[VALIDATIONS], *extra[VALIDATIONS]]
    return merged
