"""What attempts prove together: the table of the probe's rules."""

from __future__ import annotations

import pytest

from glovebox.data.probing import Expected, Group, Observation, Outcome, Seen, judge

WORKING = Observation("dns", Group.NETWORK, Expected.REACHABLE, Seen.WORKED, "answered")


def attempt(expected: Expected, seen: Seen, group: Group = Group.NETWORK) -> Observation:
    return Observation("tried", group, expected, seen, "so it went")


RULES = [
    (Expected.BLOCKED, Seen.SILENT, "Passed"),
    (Expected.BLOCKED, Seen.REFUSED, "Passed"),
    (Expected.BLOCKED, Seen.UNREACHABLE, "Passed"),
    (Expected.BLOCKED, Seen.WORKED, "Failed"),
    (Expected.BLOCKED, Seen.WEAKLY_REFUSED, "Failed"),
    (Expected.BLOCKED, Seen.UNTRIED, "Unknown"),
    (Expected.REFUSED, Seen.REFUSED, "Passed"),
    (Expected.REFUSED, Seen.SILENT, "Unknown"),
    (Expected.REFUSED, Seen.WORKED, "Failed"),
    (Expected.REFUSED, Seen.WEAKLY_REFUSED, "Failed"),
    # A control that does not work says nothing about isolation.
    (Expected.REACHABLE, Seen.SILENT, "Unknown"),
    (Expected.REACHABLE, Seen.REFUSED, "Unknown"),
    (Expected.ALLOWED, Seen.REFUSED, "Unknown"),
    (Expected.ALLOWED, Seen.WEAKLY_REFUSED, "Unknown"),
    (Expected.NOT_BLOCKED, Seen.REFUSED, "Passed"),
    (Expected.NOT_BLOCKED, Seen.SILENT, "Unknown"),
    (Expected.INFO, Seen.WORKED, "Passed"),
]


@pytest.mark.parametrize(
    ("expected", "seen", "outcome"),
    RULES,
    ids=[f"{expected}-{seen}" for expected, seen, _ in RULES],
)
def test_each_attempt_beside_a_working_control(
    expected: Expected, seen: Seen, outcome: str
) -> None:
    verdict = judge([WORKING, attempt(expected, seen)])
    assert verdict.entries[1].outcome == outcome
    assert verdict.outcome == outcome


def test_a_broken_wall_counts_whatever_else_is_not_known() -> None:
    assert (
        judge(
            [attempt(Expected.REACHABLE, Seen.SILENT), attempt(Expected.BLOCKED, Seen.WORKED)]
        ).outcome
        is Outcome.FAILED
    )


def test_silence_without_a_working_control_proves_nothing() -> None:
    verdict = judge([attempt(Expected.BLOCKED, Seen.SILENT)])
    assert verdict.outcome is Outcome.UNKNOWN
    assert "no control worked" in verdict.entries[0].detail


def test_a_control_counts_for_its_own_group_only() -> None:
    assert (
        judge([WORKING, attempt(Expected.REFUSED, Seen.REFUSED, Group.S3)]).outcome
        is Outcome.UNKNOWN
    )


def test_a_refusal_from_a_declared_route_is_a_control() -> None:
    verdict = judge(
        [attempt(Expected.NOT_BLOCKED, Seen.REFUSED), attempt(Expected.BLOCKED, Seen.SILENT)]
    )
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize("group", [Group.FILES, Group.PROCESS])
def test_the_kernel_s_own_answer_needs_no_control(group: Group) -> None:
    assert judge([attempt(Expected.REFUSED, Seen.REFUSED, group)]).outcome is Outcome.PASSED


def test_nothing_tried_is_nothing_proven() -> None:
    assert judge([]).outcome is Outcome.UNKNOWN
