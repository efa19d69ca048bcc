"""StatisticsComputed and DistributionStable, and what they make of Ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.api.statistics_status import (
    MAX_DRAWN_COLUMNS,
    ComparedColumn,
    DistributionStatus,
    StatisticsStatus,
    StoredDocument,
)
from glovebox.data.distribution_parts import Part
from glovebox.errors import InvalidInput, NotReady, Unavailable
from glovebox.status.contract import ContractFacts, with_contract
from glovebox.status.dataset_pin import READY
from glovebox.status.statistics import (
    StatisticsFacts,
    drawn_of,
    message_of_distribution,
    with_statistics,
)
from unit.status.test_contract import BROKEN, MET, NOW, pin, said, status

Json = dict[str, Any]
DIGEST = "sha256:" + "a" * 64
AT = StoredDocument(bucket="artifacts", key="k", version_id="v", digest=DIGEST, bytes=1)
WHEN = datetime(2026, 11, 27, 11, tzinfo=UTC)
DESCRIBED = StatisticsStatus(
    content=DIGEST,
    asked=DIGEST,
    computed_time=WHEN,
    rows=10,
    files=1,
    columns=2,
    shown=1,
    bytes_read=7,
    document=AT,
)


def compared(verdict: str, *columns: ComparedColumn) -> DistributionStatus:
    counts = {each: int(each == verdict) for each in ("stable", "moved", "unknown")}
    return DistributionStatus(
        content=DIGEST,
        asked=DIGEST,
        compared_time=WHEN,
        against="old",
        against_content=DIGEST,
        against_statistics=DIGEST,
        verdict=verdict,
        columns=columns,
        document=AT,
        **counts,
    )


DONE = StatisticsFacts(is_compared=True, recorded=DESCRIBED)
CASES = [
    pytest.param(
        replace(DONE, distribution=compared("stable")),
        ("True", reasons.DISTRIBUTION_STABLE),
        "",
        id="stable",
    ),
    pytest.param(
        replace(DONE, distribution=compared("moved")),
        ("False", reasons.DISTRIBUTION_MOVED),
        "Stalled",
        id="moved: it never changes",
    ),
    pytest.param(
        replace(DONE, distribution=compared("unknown")),
        ("Unknown", reasons.DISTRIBUTION_UNKNOWN),
        "Stalled",
        id="unknown is not stable",
    ),
    pytest.param(
        replace(DONE, waiting=NotReady(reasons.REFERENCE_GONE, "it is gone")),
        ("Unknown", reasons.REFERENCE_GONE),
        "Reconciling",
        id="nothing to compare with",
    ),
    pytest.param(
        replace(DONE, recorded=None),
        ("Unknown", reasons.COMPUTING_STATISTICS),
        "Reconciling",
        id="being read",
    ),
    pytest.param(
        replace(DONE, recorded=None, error=Unavailable("StoreUnreachable", "no answer")),
        ("Unknown", reasons.STATISTICS_NOT_COMPUTED),
        "Reconciling",
        id="a store that does not answer says nothing",
    ),
    pytest.param(
        replace(DONE, recorded=None, error=InvalidInput("StatisticsNotComputed", "no table")),
        ("Unknown", reasons.STATISTICS_NOT_COMPUTED),
        "Stalled",
        id="a file that is no table stays one",
    ),
]


@pytest.mark.parametrize(("facts", "stable", "passing"), CASES)
def test_it_is_told_and_decides_nothing_unless_that_is_asked(
    facts: StatisticsFacts, stable: tuple[str, str], passing: str
) -> None:
    before = pin(status("True", READY[0]))
    told = said(with_statistics(before, None, facts, NOW))
    assert (told["Ready"], told["DistributionStable"]) == (("True", READY[0]), stable)
    assert not {"Stalled", "Reconciling"} & set(told)
    judged = with_statistics(before, None, replace(facts, is_required=True), NOW)
    found = said(judged)
    is_ready = stable[0] == "True"
    assert found["Ready"] == (("True", READY[0]) if is_ready else ("False", stable[1]))
    assert {"Stalled", "Reconciling"} & set(found) == ({passing} if passing else set())
    again = with_statistics(pin(judged or {}), None, replace(facts, is_required=True), NOW)
    assert again == judged, "it is said once"


@pytest.mark.parametrize(("facts", "stable", "passing"), CASES)
@pytest.mark.parametrize("contract", [BROKEN, ContractFacts()], ids=["broken", "checking"])
def test_a_contract_that_is_not_met_comes_first(
    facts: StatisticsFacts, stable: tuple[str, str], passing: str, contract: ContractFacts
) -> None:
    del passing
    before = pin(status("True", READY[0]))
    status_so_far = with_contract(before, None, contract, NOW)
    found = with_statistics(before, status_so_far, replace(facts, is_required=True), NOW)
    told = said(found)
    assert told["Ready"][1] in {reasons.CONTRACT_VIOLATED, reasons.CHECKING_CONTRACT}
    assert told["DistributionStable"] == stable
    # Once it is met, the distribution decides; and of both nothing is said twice.
    both = with_statistics(
        pin(found or {}),
        with_contract(pin(found or {}), None, MET, NOW),
        replace(facts, is_required=True),
        NOW,
    )
    assert said(both)["Ready"][1] in {READY[0], stable[1]}


def test_a_pin_that_is_not_compared_says_nothing_of_it() -> None:
    facts = StatisticsFacts(recorded=DESCRIBED)
    found = said(with_statistics(pin(status("True", READY[0])), None, facts, NOW))
    assert found["StatisticsComputed"] == ("True", reasons.STATISTICS_COMPUTED)
    assert "DistributionStable" not in found
    assert with_statistics(pin({}), None, facts, NOW) is None


def test_progress_is_that_of_the_reading_and_goes_with_it() -> None:
    progress = {"phase": "ComputingStatistics", "objects": 1}
    before = pin(status("True", READY[0]))
    found = with_statistics(before, None, StatisticsFacts(progress=progress), NOW)
    assert (found or {})["progress"] == progress
    ended = with_statistics(pin(found or {}), None, StatisticsFacts(recorded=DESCRIBED), NOW)
    assert "progress" not in (ended or {})
    other = {"phase": "CheckingContract", "objects": 1}
    kept = with_statistics(
        pin({**status("True", READY[0]), "progress": other}),
        None,
        StatisticsFacts(recorded=DESCRIBED),
        NOW,
    )
    assert (kept or {})["progress"] == other


def test_the_columns_that_moved_are_named_with_their_numbers() -> None:
    found = compared(
        "moved",
        ComparedColumn(name="delay", verdict="moved", reason="PSI", psi=9120, psi_floor=169),
        ComparedColumn(
            name="tail", verdict="moved", reason="NullShare", null_share_before=100, null_share=900
        ),
        ComparedColumn(name="gone", verdict="moved", reason="Went"),
        ComparedColumn(name="fourth", verdict="moved", reason="Came"),
        ComparedColumn(name="other", verdict="stable"),
    )
    assert message_of_distribution(found) == (
        "of the columns against DatasetPin 'old' 1 moved, 0 stable, 0 unknown: column `delay` (PSI,"
        " PSI 0.912, by chance up to 0.017); column `tail` (NullShare, without a value 9.00 % after"
        " 1.00 %); column `gone` (Went); and others: see `status.distribution`"
    )


def test_what_is_drawn_is_bounded_and_printable_whatever_columns_and_values_are_called() -> None:
    part = Part("\x1b[31m" + "v" * 100, 10_000)
    columns = [("\x1b" + "c" * 2000, (part,)), ("nothing", ())]
    drawn = drawn_of(columns + [(f"c{at}", (part,)) for at in range(2 * MAX_DRAWN_COLUMNS)])
    assert len(drawn) == MAX_DRAWN_COLUMNS
    assert "nothing" not in {each.name for each in drawn}
    (first, *_) = drawn
    assert first.name.startswith("\\x1bccc")
    assert len(first.name) == 1024
    assert first.parts[0].name == ("\\x1b[31m" + "v" * 100)[:64]
