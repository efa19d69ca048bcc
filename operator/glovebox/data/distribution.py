"""How the distribution of a dataset compares with that of another one: statistical drift. Pure.

Of each column that both describe:

    PSI    sum of (p - q) ln(p / q) over the parts of the reference, p here and q there
    KS     the greatest difference of both cumulative shares, at the edges of the reference
    TV     half the sum of |p - q| over its values, and all others together
    nulls  the difference of both shares of rows without a value

A number alone says nothing: of two samples of the same distribution with n and m rows in B parts,
PSI is about (1/n + 1/m) times a chi-squared of B - 1 degrees. That with `ALPHA` behind it is the
floor: what is below it is noise. A column moved where a number is above both its threshold and its
floor. It is stable where all are below their thresholds; but where a floor is above its threshold,
too few rows are there to say so, and it is unknown. Parts in which fewer than `_EXPECTED` rows are
to be expected here are joined first. A part that is empty here counts as half a row, and as no less
than one row in ten thousand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from glovebox.api.statistics import LEAST_ROWS, DistributionThresholds
from glovebox.api.statistics_status import MAX_SHOWN_COLUMNS
from glovebox.data.chi_squared import chi_squared_above, ks_above, normal_above
from glovebox.data.digest import canonical_json
from glovebox.data.distribution_parts import Part, compared_parts
from glovebox.data.statistics import (
    NOT_SHOWN,
    TOO_FEW,
    ColumnStatistics,
    Counted,
    Statistics,
    is_number,
)
from glovebox.data.statistics_keys import TIMES, key_of_text

FORMAT: Final = "glovebox.dev/distribution/v1"
# How often noise alone is above its floor.
ALPHA: Final = 1e-4
_EXPECTED: Final = 5
_RAREST: Final = 1e-4
_WHOLE: Final = 10_000
_DAY_SECONDS: Final = 86_400
_MICROSECONDS: Final = 1_000_000
TYPE_CHANGED: Final = "TypeChanged"
# In both datasets, and described by one pin alone.
NOT_DESCRIBED: Final = "NotDescribed"
Verdict = Literal["stable", "moved", "unknown"]
_ORDER: Final = {"moved": 0, "unknown": 1, "stable": 2}


@dataclass(frozen=True, slots=True)
class Compared:
    """One column; numbers in ten-thousandths. As in the API."""

    name: str
    verdict: Verdict
    reason: str = ""
    psi: int | None = None
    psi_floor: int | None = None
    distance: int | None = None
    distance_floor: int | None = None
    null_share_before: int | None = None
    null_share: int | None = None
    # Seconds, not ten-thousandths.
    gap_seconds: int | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class DistributionFound:
    """All columns.

    Attributes:
        verdict: What they come to.
        columns: Those that moved first, and of these the ones that moved most.
    """

    verdict: Verdict
    columns: tuple[Compared, ...]

    def number(self, verdict: Verdict) -> int:
        """How many columns have this verdict."""
        return sum(each.verdict == verdict for each in self.columns)

    @property
    def worst(self) -> tuple[Compared, ...]:
        """The first of them."""
        return self.columns[:MAX_SHOWN_COLUMNS]

    @property
    def worst_psi(self) -> int | None:
        """The greatest PSI of all."""
        return max((each.psi for each in self.columns if each.psi is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Measure:
    """A number, what it may be, and what noise makes of it."""

    name: str
    value: float
    threshold: float
    floor: float

    @property
    def verdict(self) -> Verdict:
        if self.value > max(self.threshold, self.floor):
            return "moved"
        return "unknown" if self.floor > self.threshold else "stable"


def compare(
    reference: Statistics,
    counted: Counted,
    thresholds: DistributionThresholds,
    least: int = LEAST_ROWS,
) -> DistributionFound:
    """Return how what was counted compares with a reference.

    Args:
        reference: The statistics of the other dataset.
        counted: What was counted of this one, by the parts and values of the reference.
        thresholds: What counts as moved.
        least: The fewest rows of this dataset that anything may tell of.
    """
    before = {each.name: each for each in reference.columns}
    compared = [
        _column(before[each.name], each, counted, reference.rows, thresholds, least)
        for each in counted.columns
        if each.name in before and (each.present or before[each.name].present)
    ]
    compared += _names(reference, counted)
    compared.sort(key=lambda each: (_ORDER[each.verdict], -(each.psi or 0), each.name))
    return DistributionFound(_verdict(compared), tuple(compared))


def _verdict(compared: Sequence[Compared]) -> Verdict:
    verdicts = {each.verdict for each in compared if each.reason != NOT_SHOWN}
    if "moved" in verdicts:
        return "moved"
    # What its owner does not show is no question that is left open, unless it is all there is.
    return "stable" if verdicts == {"stable"} else "unknown"


def _names(reference: Statistics, counted: Counted) -> Iterator[Compared]:
    """Yield the columns that came or went, among those that are not described by both."""
    there = {each.name for each in reference.columns if each.present} | set(reference.others)
    here = {each.name for each in counted.columns if each.present} | set(counted.others)
    both = {each.name for each in reference.columns} & {each.name for each in counted.columns}
    for name in sorted((there ^ here) - both):
        yield Compared(name, "moved", "Came" if name in here else "Went")
    one = {each.name for each in reference.columns} ^ {each.name for each in counted.columns}
    for name in sorted(one & there & here):
        # Else leaving a column out of `spec.statistics` would make what moved stable.
        yield Compared(name, "unknown", NOT_DESCRIBED)


def _column(
    before: ColumnStatistics,
    now: ColumnStatistics,
    counted: Counted,
    rows: int,
    thresholds: DistributionThresholds,
    least: int,
) -> Compared:
    if now.present != before.present:
        return Compared(now.name, "moved", "Came" if now.present else "Went")
    if now.type != before.type:
        return Compared(now.name, "unknown", TYPE_CHANGED)
    lacking = (before.nulls + before.invalid, now.nulls + now.invalid)
    told: dict[str, Any] = {
        "null_share_before": _told(_share(lacking[0], rows)),
        "null_share": _told(_share(lacking[1], counted.rows)),
        "gap_seconds": gap_between(before, now),
    }
    if now.invalid and lacking[1] == counted.rows:
        return Compared(now.name, "unknown", TYPE_CHANGED, **told)
    nulls = _null_share(lacking, (rows, counted.rows), thresholds)
    here = counted.against.get(now.name)
    measures, why = [nulls], ""
    if lacking == (rows, counted.rows):
        why = ""  # nothing there and nothing here is the same
    elif before.withheld or now.withheld == NOT_SHOWN or here is None:
        why = before.withheld or NOT_SHOWN
    elif not sum(here):
        why = TOO_FEW
    else:
        measures = [*_distances(before, here, thresholds), nulls]
        told |= _numbers(before, without_few(here, least), thresholds)
    for measure in measures:
        if measure.verdict == "moved":
            return Compared(now.name, "moved", measure.name, **told)
    if not why and any(measure.verdict == "unknown" for measure in measures):
        why = TOO_FEW
    return Compared(now.name, "unknown" if why else "stable", why, **told)


def gap_between(before: ColumnStatistics, now: ColumnStatistics) -> int | None:
    """Return how many seconds at least lie between the times of two columns; None for none known.

    It is taken from the bounds that are told, beyond which no value is: the real gap is no shorter.
    Of dates the days between them count, so that two days in succession have none.
    """
    if now.type not in TIMES or now.type != before.type:
        return None
    bounds = [(each.lower, each.upper) for each in (before, now)]
    try:
        (_, end), (start, _) = sorted(
            (key_of_text(lower or "", now.type), key_of_text(upper or "", now.type))
            for lower, upper in bounds
        )
    except (ValueError, OverflowError):
        return None  # withheld
    between = start - end
    seconds = (between - 1) * _DAY_SECONDS if now.type == "Date" else between // _MICROSECONDS
    return seconds if seconds > 0 else None


def without_few(here: Sequence[int], least: int) -> list[int] | None:
    """Return the rows by part as numbers may be told of them; None where of none they may.

    The verdict is that of the rows. But of two or three parts, PSI and the distance say how many
    rows each has, so a part with fewer rows than may be told of counts as if it had so many, and
    the largest gives them: what is told is the same for any number of them.
    """
    shown = [max(each, least) if each else 0 for each in here]
    shown[here.index(max(here))] -= sum(shown) - sum(here)
    return shown if all(not each or each >= least for each in shown) else None


def _numbers(
    before: ColumnStatistics, shown: Sequence[int] | None, thresholds: DistributionThresholds
) -> dict[str, Any]:
    """Return what is told of the rows by part; nothing where nothing may be."""
    if shown is None:
        return {}
    psi, distance = _distances(before, shown, thresholds)
    return {
        "psi": _told(psi.value),
        "psi_floor": _told(psi.floor),
        "distance": _told(distance.value),
        "distance_floor": _told(distance.floor),
        "parts": compared_parts(before, shown),
    }


def _distances(
    before: ColumnStatistics, here: Sequence[int], thresholds: DistributionThresholds
) -> tuple[_Measure, _Measure]:
    """Return PSI, and KS or the total variation."""
    if not is_number(before.type):
        values = [*(each.count for each in before.values), before.other]
        return (
            _psi(*joined(values, here), thresholds),
            _total_variation(values, here, thresholds),
        )
    # What is below or above all that there was is in the first and the last part for PSI: of a part
    # that was empty nothing could be expected. KS has it apart.
    below, *parts, above = here
    parts[0] += below
    parts[-1] += above
    return _psi(*joined(before.counts, parts), thresholds), _ks(before.counts, here, thresholds)


def joined(there: Sequence[int], here: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the parts, each with the ones before it where too few rows are to be expected here."""
    total, wanted = sum(there), _EXPECTED / max(1, sum(here))
    parts: list[tuple[int, int]] = []
    is_open = False
    for one, other in zip(there, here, strict=True):
        if is_open:
            before = parts.pop()
            one, other = one + before[0], other + before[1]  # noqa: PLW2901 - both together
        parts.append((one, other))
        is_open = one < wanted * total
    if is_open and len(parts) > 1:
        last, former = parts.pop(), parts.pop()
        parts.append((last[0] + former[0], last[1] + former[1]))
    return [one for one, _ in parts], [other for _, other in parts]


def _psi(there: Sequence[int], here: Sequence[int], thresholds: DistributionThresholds) -> _Measure:
    n, m = sum(there), sum(here)
    floor = chi_squared_above(ALPHA, len(there) - 1) * (1 / n + 1 / m)
    return _Measure("PSI", psi(there, here), thresholds.psi / _WHOLE, floor)


def psi(there: Sequence[int], here: Sequence[int]) -> float:
    """Return the population stability index of counts by part, there and here."""
    n, m = sum(there), sum(here)
    total = 0.0
    for one, other in zip(there, here, strict=True):
        q = max(one / n, _RAREST, 0.5 / n) if not one else one / n
        p = max(_RAREST, 0.5 / m) if not other else other / m
        total += (p - q) * math.log(p / q)
    return total


def _ks(counts: Sequence[int], here: Sequence[int], thresholds: DistributionThresholds) -> _Measure:
    there = [0, *counts, 0]
    n, m = sum(there), sum(here)
    floor = ks_above(ALPHA) * math.sqrt(1 / n + 1 / m)
    return _Measure("KS", ks(there, here), thresholds.ks / _WHOLE, floor)


def ks(there: Sequence[int], here: Sequence[int]) -> float:
    """Return the greatest difference of cumulative shares, of counts by part in their order."""
    n, m = sum(there), sum(here)
    cumulative = zip(itertools.accumulate(there), itertools.accumulate(here), strict=True)
    return max(abs(one / n - other / m) for one, other in cumulative)


def _total_variation(
    there: Sequence[int], here: Sequence[int], thresholds: DistributionThresholds
) -> _Measure:
    n, m = sum(there), sum(here)
    held = sum(bool(one or other) for one, other in zip(there, here, strict=True))
    # Half the sum of |p - q| is at most half the root of the sum of (p - q)^2 / share.
    # Where all rows hold one value, another one is what could have come.
    floor = math.sqrt(chi_squared_above(ALPHA, max(1, held - 1)) * (1 / n + 1 / m)) / 2
    value = total_variation(there, here)
    return _Measure("TotalVariation", value, thresholds.total_variation / _WHOLE, floor)


def total_variation(there: Sequence[int], here: Sequence[int]) -> float:
    """Return the share of rows that would have to change their part for both to be the same."""
    n, m = sum(there), sum(here)
    return sum(abs(one / n - other / m) for one, other in zip(there, here, strict=True)) / 2


def _null_share(
    lacking: tuple[int, int], rows: tuple[int, int], thresholds: DistributionThresholds
) -> _Measure:
    value = abs(_share(lacking[0], rows[0]) - _share(lacking[1], rows[1]))
    # That few rows all hold something does not say that none ever lacks it: half a row more does.
    pooled = (sum(lacking) + 0.5) / (sum(rows) + 1)
    spread = math.sqrt(pooled * (1 - pooled) * sum(1 / max(1, each) for each in rows))
    floor = normal_above(ALPHA) * spread
    return _Measure("NullShare", value, thresholds.null_share / _WHOLE, floor)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _told(number: float) -> int:
    return round(number * _WHOLE)


def render_distribution(
    found: DistributionFound,
    reference: str,
    statistics: str,
    thresholds: DistributionThresholds,
) -> bytes:
    """Return the document of all columns; equal ones have equal bytes.

    Args:
        found: The columns.
        reference: Digest of the statistics of the other dataset.
        statistics: Digest of those of this one.
        thresholds: What counted as moved.
    """
    return canonical_json(
        {
            "format": FORMAT,
            "reference": reference,
            "statistics": statistics,
            "thresholds": thresholds.model_dump(by_alias=True, mode="json"),
            "verdict": found.verdict,
            "columns": [asdict(each) for each in sorted(found.columns, key=lambda each: each.name)],
        }
    )
