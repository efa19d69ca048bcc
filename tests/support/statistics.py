"""Statistics and distributions over files held in memory, without a store."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from glovebox.api.contract import ValueType
from glovebox.api.statistics import LEAST_ROWS, DistributionThresholds, StatisticsColumn
from glovebox.data.distribution import Compared, DistributionFound, compare
from glovebox.data.statistics import Asked, Counted, Statistics, reference_rules, statistics_of
from glovebox.data.statistics_tables import Gatherer

_COUNTED = TypeAdapter(Counted)


def asked(least: int = LEAST_ROWS, /, **columns: ValueType) -> Asked:
    """Return what is asked of shown columns of these types."""
    return Asked(
        tuple(
            StatisticsColumn(name=name, type=kind, shown=True)
            for name, kind in sorted(columns.items())
        ),
        least,
    )


def count(
    wanted: Asked, files: Mapping[str, bytes], reference: Statistics | None = None
) -> Counted:
    """Return what files come to; they are read in the order in which they are given."""
    rules: dict[str, Any] = wanted.rules
    if reference is not None:
        rules["against"] = reference_rules(reference)
    gatherer = Gatherer(rules)
    for path, body in files.items():
        gatherer.add(path, partial(io.BytesIO, body))
    return _COUNTED.validate_python(gatherer.told())


def describe(wanted: Asked, files: Mapping[str, bytes]) -> Statistics:
    """Return the statistics of files."""
    return statistics_of(wanted, count(wanted, files))


def drift(
    wanted: Asked,
    before: Mapping[str, bytes],
    now: Mapping[str, bytes],
    **thresholds: int,
) -> DistributionFound:
    """Return how files compare with others."""
    reference = describe(wanted, before)
    limits = DistributionThresholds(**thresholds)
    return compare(reference, count(wanted, now, reference), limits)


def column_of(found: DistributionFound, name: str) -> Compared:
    """Return one column."""
    return next(each for each in found.columns if each.name == name)
