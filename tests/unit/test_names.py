"""Names are valid, stay within limits, and never collide, whatever they are made from."""

from __future__ import annotations

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from glovebox import names

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
part = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
name = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True)


@given(part, name, st.uuids())
def test_a_namespace_is_always_a_dns_label(team: str, experiment: str, uid: object) -> None:
    made = names.experiment_namespace(team, experiment, str(uid))
    assert DNS_LABEL.fullmatch(made), made
    assert made.startswith("gbx-")


def test_the_longest_names_fit_and_stay_apart() -> None:
    long = "x" * 253
    made = {
        names.experiment_namespace("t" * 63, f"{long[:252]}{last}", uid)
        for last, uid in product("ab", ("1", "2"))
    }
    assert len(made) == 4
    assert {len(one) for one in made} == {63}


def test_names_that_collide_when_joined_stay_apart_with_the_very_same_uid() -> None:
    assert names.experiment_namespace("a-b", "c", "u") != names.experiment_namespace(
        "a", "b-c", "u"
    )
    assert names.experiment_namespace("a", "b.c", "u") != names.experiment_namespace(
        "a", "b-c", "u"
    )


def test_a_hundred_thousand_pairs_do_not_collide() -> None:
    made = {
        names.experiment_namespace(f"team-{team}", f"run-{number}", "same")
        for team in range(100)
        for number in range(1000)
    }
    assert len(made) == 100_000


@given(st.text(max_size=300))
def test_any_text_becomes_a_label_value(text: str) -> None:
    assert LABEL_VALUE.fullmatch(names.label_value(text))


@given(st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", fullmatch=True))
def test_a_valid_label_value_stays_as_it_is(text: str) -> None:
    assert names.label_value(text) == text


def test_the_prefix_of_one_experiment_never_covers_another() -> None:
    one, other = (
        names.artifact_prefix("team", "run", "7"),
        names.artifact_prefix("team", "run", "70"),
    )
    assert not other.startswith(one)
    assert one.endswith("/")
