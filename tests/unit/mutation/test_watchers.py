"""What the listener hears, and when a failed test says that a door was away."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mutation.doors import Door
from mutation.watchers import Listener, Watched, candidates, is_of

ADMITTED = "AssertionError: kubectl create: admitted: pod/train"
BY_GUARD = "ValidatingAdmissionPolicy 'guard' with binding 'guard' denied request: no"
BY_OTHER = "ValidatingAdmissionPolicy 'other' with binding 'other' denied request: no"


WARNED = "Warning: Validation failed for ValidatingAdmissionPolicy 'guard' with binding 'guard': no"


@pytest.mark.parametrize(
    ("text", "admitted", "denied"),
    [
        pytest.param(BY_GUARD, False, {("guard", "no")}, id="a refusal"),
        pytest.param(f"{WARNED}\nmore", True, {("guard", "no")}, id="a warning"),
        pytest.param("Warning: deprecated", True, set(), id="another warning"),
    ],
)
def test_what_a_guard_says_is_heard(
    text: str,
    admitted: bool,  # noqa: FBT001 - a column of the table
    denied: set[tuple[str, str]],
) -> None:
    listener = Listener()
    listener.heard(text, admitted=admitted)
    assert listener.now.denied == denied
    assert listener.now.admitted == int(admitted)


@pytest.mark.parametrize(
    ("part", "trouble", "says_so"),
    [
        pytest.param("validation", ADMITTED, True, id="what was refused is admitted"),
        pytest.param("validation", BY_GUARD, True, id="the guard refuses for another reason"),
        pytest.param("validation", BY_OTHER, False, id="another guard refused all the time"),
        pytest.param("condition", BY_GUARD, True, id="the guard refuses what it left alone"),
        pytest.param("condition", BY_OTHER, False, id="another guard refuses"),
        pytest.param("validation", "assert [] == ['...']", True, id="no warning any more"),
        pytest.param("condition", WARNED, True, id="the guard warns of what it left alone"),
        pytest.param("condition", ADMITTED, False, id="without a condition less is admitted"),
        pytest.param("rule", ADMITTED, True, id="a rule's value is admitted"),
    ],
)
def test_a_failure_counts_when_the_door_can_have_caused_it(
    part: str,
    trouble: str,
    says_so: bool,  # noqa: FBT001 - a column of the table
) -> None:
    door = Door("guard", part, "1", "no", "/path", {})

    assert is_of(door, trouble) is says_so


@pytest.mark.parametrize(
    ("part", "found"),
    [("condition", ["refused", "admits"]), ("validation", ["refused"])],
)
def test_a_condition_is_watched_by_whatever_is_admitted(part: str, found: list[str]) -> None:
    seen = {
        "refused": Watched(denied={("guard", "no")}, refusals={"no"}, admitted=1),
        "admits": Watched(denied={("other", "no")}, refusals={"no"}, admitted=1),
        "asks nothing": Watched(),
    }
    items = [cast("pytest.Item", SimpleNamespace(nodeid=name, path=Path(name))) for name in seen]
    door = Door("guard", part, "1", "no", "/path", {})

    watching = candidates(door, items, seen, {"guard": {"no"}})
    assert [item.nodeid for item in watching] == found
