"""What the code registers, and what expressions of PromQL name of it."""

from __future__ import annotations

import re
from typing import Any

import promql_parser

from glovebox.metrics.reference_docs import metrics

# What Prometheus adds to each series, or finds in every process of Python.
FROM_SCRAPES = {"job", "instance", "namespace", "pod"}


def registered() -> dict[str, set[str]]:
    """Return the labels of every series by its name, as it is served."""
    found: dict[str, set[str]] = {}
    for metric in metrics():
        labels = set(metric.labels)
        match metric.kind:
            case "histogram":
                found[f"{metric.name}_bucket"] = labels | {"le"}
                found |= {f"{metric.name}_{part}": labels for part in ("count", "sum")}
            case "info":
                found[f"{metric.name}_info"] = labels
            case _:
                found[metric.name] = labels
    return found


def selectors(expression: Any) -> list[Any]:
    """Return every selector in a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        return [expression]
    parts = [getattr(expression, part, None) for part in ("expr", "lhs", "rhs", "vector_selector")]
    arguments = [*parts, *(getattr(expression, "args", None) or ())]
    return [found for each in arguments if each is not None for found in selectors(each)]


def grouped(text: str) -> set[str]:
    """Return the labels that an expression groups and matches by."""
    found = re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", text)
    return {label.strip() for each in found for label in each.split(",") if label.strip()}
