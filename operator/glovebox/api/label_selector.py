"""A selector over labels, as Kubernetes has it (`metav1.LabelSelector`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.schema import list_atomic, list_set, rule, rules


class LabelRequirement(Model):
    """One requirement on the label of a key."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                "must list values with `In` and `NotIn`, and none with `Exists` and `DoesNotExist`",
                field_path=".values",
            )
        )
    )

    key: str = Field(min_length=1, max_length=317, description="Key of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="How the label's value is compared."
    )
    values: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description="The values for `In` and `NotIn`.",
    )

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet the requirement."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Model):
    """Selects by labels. All requirements must be met; an empty selector selects everything."""

    match_labels: dict[str, str] = Field(
        default={}, max_length=32, description="Labels that must have exactly these values."
    )
    match_expressions: tuple[LabelRequirement, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_atomic(),
        description="Further requirements.",
    )

    @property
    def is_empty(self) -> bool:
        """Whether it selects everything, whatever labels that has."""
        return not self.match_labels and not self.match_expressions

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels are selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )
