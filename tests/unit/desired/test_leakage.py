"""The leakage sheet: what is refused, what a reason lets pass, and what is said to be unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.coverage import Coverage
from glovebox.api.experiment_inputs import AllowedOverlap
from glovebox.api.leakage_status import LeakStatus
from glovebox.api.stages import Stage
from glovebox.data.overlap import Overlap, Shared
from glovebox.desired.covered import Covered, needs_comparison
from glovebox.desired.leakage import leakage_sheet, recorded_sheet, sheet_text
from glovebox.errors import Refused

NOTHING = Overlap((), {"train": 1200, "test": 300, "codes": 2}, {"train": 9, "test": 4}, {})


def window(first: str, until: str, column: str = "departure") -> dict[str, Any]:
    return {
        "time": {
            "column": column,
            "fromTime": f"2013-{first}T00:00:00Z",
            "untilTime": f"2013-{until}T00:00:00Z",
        }
    }


def covered(name: str, role: str = "", coverage: dict[str, Any] | None = None) -> Covered:
    said = Coverage.model_validate(coverage) if coverage is not None else None
    return Covered(name, role or name, f"pin-{name}", said)


def allow(*of: str, reason: str = "split by aircraft") -> tuple[AllowedOverlap, ...]:
    entry = {"inputs": ["test", "train"], "of": list(of), "reason": reason}
    return (AllowedOverlap.model_validate(entry),)


def stage(name: str, *inputs: str, needs: tuple[str, ...] = ()) -> Stage:
    return Stage(name=name, needs=needs, inputs=inputs, image="trainer", command=("python",))


def sheet(
    *inputs: Covered,
    overlap: Overlap = NOTHING,
    allowed: tuple[AllowedOverlap, ...] = (),
    stages: tuple[Stage, ...] | None = None,
) -> dict[str, LeakStatus]:
    everything = stage("train", *(each.name for each in inputs))
    given = (everything,) if stages is None else stages
    rows = leakage_sheet(inputs, allowed, overlap, stages=given)
    assert len({row.type for row in rows}) == len(rows) == 9
    return {row.type: row for row in rows}


def refusal(*inputs: Covered, overlap: Overlap = NOTHING, **more: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        sheet(*inputs, overlap=overlap, **more)
    return refused.value


SAME_FILES = Overlap(
    (Shared("train", "test", "Objects", 3, 2, (("a.csv", "b.csv"),)),),
    {"train": 1200, "test": 300},
)
SAME_GROUPS = Overlap(
    (Shared("train", "test", "Groups", 2, 2, (("N12", "N12"),)),), {}, {"train": 9, "test": 4}
)
BY_TAIL = {"groups": {"column": "tail"}}


def test_shared_files_are_refused_with_count_example_and_cure() -> None:
    found = refusal(covered("train"), covered("test"), overlap=SAME_FILES)
    assert found.reason == "LeakageFound"
    assert found.message == (
        "inputs `train` (train) and `test` (test) share 3 objects byte by byte, such as `a.csv` (in"
        " `test`: `b.csv`): pin data that are apart, or give the reason in"
        " `spec.inputs.allowOverlap` (`inputs: [train, test]`, `of: [Objects]`)"
    )


def test_a_reason_lets_it_pass_and_is_kept() -> None:
    rows = sheet(
        covered("train"), covered("test"), overlap=SAME_FILES, allowed=allow("Objects", reason="ok")
    )
    row = rows["SharedObjects"]
    assert (row.level, row.found, row.allowed_because) == ("Measured", 3, "ok")
    assert "a.csv" in row.message


def test_all_reasons_that_were_given_for_it_are_kept() -> None:
    allowed = (*allow("Objects", reason="one"), *allow("Objects", "Time", reason="two"))
    row = sheet(covered("train"), covered("test"), overlap=SAME_FILES, allowed=allowed)
    assert row["SharedObjects"].allowed_because == "one; two"


@pytest.mark.parametrize("other", [("Groups",), ("Time",), ("Groups", "Time")])
def test_a_reason_for_something_else_does_not(other: tuple[str, ...]) -> None:
    found = refusal(covered("train"), covered("test"), overlap=SAME_FILES, allowed=allow(*other))
    assert found.reason == "LeakageFound"


def test_a_reason_for_another_pair_does_not() -> None:
    entry = {"inputs": ["train", "holdout"], "of": ["Objects"], "reason": "x"}
    allowed = (AllowedOverlap.model_validate(entry),)
    inputs = (covered("train"), covered("test"), covered("holdout"))
    assert refusal(*inputs, overlap=SAME_FILES, allowed=allowed).reason == "LeakageFound"


def test_shared_groups_are_refused() -> None:
    inputs = covered("train", coverage=BY_TAIL), covered("test", coverage=BY_TAIL)
    message = refusal(*inputs, overlap=SAME_GROUPS).message
    assert "share 2 values of `tail`, such as `N12`" in message
    assert "`of: [Groups]`" in message


BY_FLIGHT = {"rows": {"key": ["flight", "day"]}}
SAME_ROWS = Overlap(
    (Shared("train", "test", "Rows", 3, 1200, (("row 17 of a.parquet", "row 4 of b.csv"),)),),
    {"train": 2, "test": 2},
    rows={"train": 5000, "test": 2000},
)


def test_shared_rows_are_refused_with_where_they_are() -> None:
    inputs = covered("train", coverage=BY_FLIGHT), covered("test", coverage=BY_FLIGHT)
    assert refusal(*inputs, overlap=SAME_ROWS).message == (
        "inputs `train` (train) and `test` (test) share 1,200 rows by `day`, `flight`, such as"
        " `row 17 of a.parquet` (in `test`: `row 4 of b.csv`): pin data that are apart, or give the"
        " reason in `spec.inputs.allowOverlap` (`inputs: [train, test]`, `of: [Rows]`)"
    )
    row = sheet(*inputs, overlap=SAME_ROWS, allowed=allow("Rows"))["SharedRows"]
    assert (row.level, row.found, row.allowed_because) == ("Measured", 1200, "split by aircraft")
    refused = refusal(*inputs, overlap=SAME_ROWS, allowed=allow("Objects", "Groups", "Time"))
    assert refused.reason == "LeakageFound"


@pytest.mark.parametrize(
    ("first", "second", "read", "told"),
    [
        pytest.param(
            BY_FLIGHT,
            {"rows": {"key": ["day", "flight"]}},
            {"train": 1200, "test": 300},
            "none is shared by `day`, `flight` (1,200 of `train`, 300 of `test`)",
            id="columns in any order",
        ),
        pytest.param(BY_FLIGHT, None, {}, "do not both say", id="one of them says nothing"),
        pytest.param(BY_FLIGHT, {"rows": {"key": ["day"]}}, {}, "do not both", id="other columns"),
        pytest.param(BY_FLIGHT, BY_FLIGHT, {}, "`train` was not compared", id="nobody looked"),
        pytest.param(
            BY_FLIGHT, BY_FLIGHT, {"train": 1}, "`test` was not compared", id="one was looked at"
        ),
    ],
)
def test_how_it_is_known_that_rows_are_apart(
    first: dict[str, Any], second: dict[str, Any] | None, read: dict[str, int], told: str
) -> None:
    inputs = covered("train", coverage=first), covered("test", coverage=second)
    row = sheet(*inputs, overlap=Overlap(rows=read))["SharedRows"]
    assert row.level == ("Measured" if told.startswith("none") else "Unknown")
    assert row.found == (0 if told.startswith("none") else None)
    assert told in row.message


def test_rows_without_a_key_are_not_said_to_be_apart() -> None:
    inputs = covered("train", coverage=BY_FLIGHT), covered("test", coverage=BY_FLIGHT)
    overlap = Overlap(rows={"train": 9, "test": 9}, keyless={"test": 2})
    row = sheet(*inputs, overlap=overlap)["SharedRows"]
    assert (row.level, row.found) == ("Unknown", None)
    assert row.message == "2 rows of `test` hold nothing in `day`, `flight`"


@pytest.mark.parametrize("empty", ["train", "test"])
def test_tables_without_a_row_are_not_said_to_be_apart(empty: str) -> None:
    inputs = covered("train", coverage=BY_FLIGHT), covered("test", coverage=BY_FLIGHT)
    row = sheet(*inputs, overlap=Overlap(rows={"train": 9, "test": 9} | {empty: 0}))["SharedRows"]
    assert (row.level, row.found) == ("Unknown", None)
    assert row.message == f"no table of `{empty}` has a row"


def test_tables_that_cannot_be_read_are_refused() -> None:
    inputs = covered("train", coverage=BY_FLIGHT), covered("test", coverage=BY_FLIGHT)
    wrong = Overlap(unreadable={"test": ("b\x1b.csv", "it has no column `day`")})
    found = refusal(*inputs, overlap=wrong, allowed=allow("Rows"))
    assert found.reason == "CoverageWrong"
    assert found.message == (
        "DatasetPin 'pin-test' (input `test`) says in `spec.coverage.rows` that `day`, `flight`"
        " identify its rows, which cannot be read from `b\\x1b.csv`: it has no column `day`."
        " Create a pin of tables with these columns alone, or one without `spec.coverage.rows`"
    )


BY_BODY = {"texts": {"columns": ["title", "body"]}}
NEAR = Overlap(
    (Shared("train", "test", "Texts", 3, 1200, (("row 17 of a.parquet", "row 4 of b.csv"),)),),
    {"train": 2, "test": 2},
    texts={"train": 5000, "test": 2000},
)


def test_near_texts_are_refused_with_where_they_are() -> None:
    inputs = covered("train", coverage=BY_BODY), covered("test", coverage=BY_BODY)
    found = (
        "inputs `train` (train) and `test` (test) hold texts in `body`, `title` that are nearly the"
        " same (near texts, version 1): 3 of `train` and 1,200 of `test`, such as `row 17 of"
        " a.parquet` (in `test`: `row 4 of b.csv`)"
    )
    assert refusal(*inputs, overlap=NEAR).message == (
        f"{found}: pin data that are apart, or give the"
        " reason in `spec.inputs.allowOverlap` (`inputs: [train, test]`, `of: [Texts]`)"
    )
    row = sheet(*inputs, overlap=NEAR, allowed=allow("Texts"))["NearTexts"]
    assert (row.level, row.found, row.allowed_because) == ("Measured", 1200, "split by aircraft")
    assert row.message == found
    refused = refusal(*inputs, overlap=NEAR, allowed=allow("Objects", "Groups", "Time", "Rows"))
    assert refused.reason == "LeakageFound"


APART_TEXTS = (
    "none in `body`, `title` are nearly the same by near texts, version 1 (1,200 of `train`, 300 of"
    " `test`)"
)


@pytest.mark.parametrize(
    ("second", "overlap", "level", "message"),
    [
        pytest.param(
            {"texts": {"columns": ["body", "title"]}},
            Overlap(texts={"train": 1200, "test": 300}),
            "Measured",
            APART_TEXTS,
            id="columns in any order",
        ),
        pytest.param(
            BY_BODY,
            Overlap(texts={"train": 1200, "test": 300}, wordless={"test": 2}),
            "Measured",
            f"{APART_TEXTS[:-1]}, 2 of them without a word)",
            id="some without a word",
        ),
        pytest.param(
            BY_BODY,
            Overlap(texts={"train": 1200, "test": 300}, crowded=6),
            "Measured",
            APART_TEXTS,
            id="what was left out can hide none",
        ),
        pytest.param(
            BY_BODY,
            Overlap(texts={"train": 1200, "test": 300}, crowded=7),
            "Unknown",
            "7 sets of texts in `body`, `title` have so much in common that not all of each were"
            " compared (a hundred of each input are)",
            id="what was left out can hide one",
        ),
        pytest.param(
            None,
            Overlap(),
            "Unknown",
            "the pins of `train` and `test` do not both say `spec.coverage.texts` of the same"
            " columns",
            id="one of them says nothing",
        ),
        pytest.param(
            {"texts": {"columns": ["body"]}},
            Overlap(),
            "Unknown",
            "the pins of `train` and `test` do not both say `spec.coverage.texts` of the same"
            " columns",
            id="other columns",
        ),
        pytest.param(
            BY_BODY,
            Overlap(texts={"train": 1}),
            "Unknown",
            "`test` was not compared",
            id="one was looked at",
        ),
        pytest.param(
            BY_BODY,
            Overlap(texts={"train": 1, "test": 0}),
            "Unknown",
            "no row of `test` has a word in `body`, `title`",
            id="without a row",
        ),
        pytest.param(
            BY_BODY,
            Overlap(texts={"train": 1, "test": 2}, wordless={"test": 2}),
            "Unknown",
            "no row of `test` has a word in `body`, `title`",
            id="all without a word",
        ),
    ],
)
def test_how_it_is_known_that_no_texts_are_near(
    second: dict[str, Any] | None, overlap: Overlap, level: str, message: str
) -> None:
    inputs = covered("train", coverage=BY_BODY), covered("test", coverage=second)
    row = sheet(*inputs, overlap=overlap)["NearTexts"]
    assert (row.level, row.message) == (level, message)
    assert row.found == (0 if level == "Measured" else None)


def test_texts_that_cannot_be_read_are_refused() -> None:
    inputs = covered("train", coverage=BY_BODY), covered("test", coverage=BY_BODY)
    wrong = Overlap(textless={"test": ("b\x1b.csv", "it has no column `body`")})
    found = refusal(*inputs, overlap=wrong, allowed=allow("Texts"))
    assert found.reason == "CoverageWrong"
    assert found.message == (
        "DatasetPin 'pin-test' (input `test`) says in `spec.coverage.texts` that `body`, `title`"
        " hold its texts, which cannot be read from `b\\x1b.csv`: it has no column `body`."
        " Create a pin of tables with these columns alone, or one without `spec.coverage.texts`"
    )


def test_texts_of_reference_data_are_not_asked_for() -> None:
    assert covered("codes", "reference", BY_BODY).texts == ()
    assert covered("fit", "validation", BY_BODY).texts == ("body", "title")


def test_rows_of_reference_data_are_not_asked_for() -> None:
    assert covered("codes", "reference", BY_FLIGHT).key == ()
    assert covered("fit", "validation", BY_FLIGHT).key == ("day", "flight")


JANUARY, FEBRUARY, BOTH = (
    window("01-01", "02-01"),
    window("02-01", "03-01"),
    window("01-15", "02-15"),
)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        pytest.param(
            BOTH,
            FEBRUARY,
            "input `train` (train) ends at 2013-02-15T00:00:00Z, after `test` (test) begins at"
            " 2013-02-01T00:00:00Z by `departure`",
            id="overlap",
        ),
        pytest.param(
            FEBRUARY,
            JANUARY,
            "input `train` (train) begins at 2013-02-01T00:00:00Z, after `test` (test) has ended at"
            " 2013-02-01T00:00:00Z by `departure`",
            id="the wrong order",
        ),
        pytest.param(JANUARY, JANUARY, "ends at 2013-02-01T00:00:00Z, after", id="the same"),
    ],
)
def test_training_on_what_comes_later_is_refused(
    first: dict[str, Any], second: dict[str, Any], told: str
) -> None:
    inputs = covered("train", coverage=first), covered("test", coverage=second)
    assert told in refusal(*inputs).message
    # In whichever order they are declared.
    assert told in refusal(*reversed(inputs)).message
    row = sheet(*inputs, allowed=allow("Time"))["TimeOrder"]
    assert (row.level, row.found, row.allowed_because) == ("Declared", 1, "split by aircraft")
    assert told in row.message


@pytest.mark.parametrize(
    ("roles", "refused"),
    [
        (("train", "validation"), True),
        (("validation", "holdout"), True),
        (("train", "holdout"), True),
        (("test", "holdout"), False),
        (("train", "reference"), False),
        (("train", "train"), False),
    ],
)
def test_which_roles_have_to_be_apart_in_time(roles: tuple[str, str], refused: bool) -> None:  # noqa: FBT001
    inputs = covered("a", roles[0], JANUARY), covered("b", roles[1], JANUARY)
    if refused:
        assert refusal(*inputs).reason == "LeakageFound"
    else:
        sheet(*inputs)


@pytest.mark.parametrize(
    ("first", "second", "level"),
    [
        (JANUARY, FEBRUARY, "Declared"),
        (JANUARY, None, "Unknown"),
        (JANUARY, window("01-01", "02-01", "arrival"), "Unknown"),
        (JANUARY, {}, "Unknown"),
    ],
)
def test_what_the_pins_do_not_say_is_unknown(
    first: dict[str, Any], second: dict[str, Any] | None, level: str
) -> None:
    rows = sheet(covered("train", coverage=first), covered("test", coverage=second))
    assert rows["TimeOrder"].level == level
    if level == "Unknown":
        assert "`train` and `test`" in rows["TimeOrder"].message


@pytest.mark.parametrize(
    ("first", "second", "level"),
    [
        (BY_TAIL, BY_TAIL, "Measured"),
        (BY_TAIL, {"groups": {"column": "tail", "values": ["N1"]}}, "Declared"),
        (BY_TAIL, None, "Unknown"),
        (BY_TAIL, {"groups": {"column": "city"}}, "Unknown"),
    ],
)
def test_how_it_is_known_that_groups_are_apart(
    first: dict[str, Any], second: dict[str, Any] | None, level: str
) -> None:
    rows = sheet(covered("train", coverage=first), covered("test", coverage=second))
    assert rows["SharedGroups"].level == level


@pytest.mark.parametrize("unread", ["train", "test"])
def test_what_was_not_compared_is_unknown(unread: str) -> None:
    read = {"train": 3, "test": 3}
    del read[unread]
    inputs = covered("train", coverage=BY_TAIL), covered("test", coverage=BY_TAIL)
    for overlap in (Overlap((), read, read), Overlap()):
        rows = sheet(*inputs, overlap=overlap)
        assert (rows["SharedObjects"].level, rows["SharedObjects"].found) == ("Unknown", None)
        assert rows["SharedGroups"].level == "Unknown"


def test_a_pair_of_three_that_is_not_covered_makes_it_unknown() -> None:
    rows = sheet(
        covered("train", coverage=BY_TAIL),
        covered("test", coverage=BY_TAIL),
        covered("more", "validation"),
    )
    assert rows["SharedGroups"].level == "Unknown"


@pytest.mark.parametrize(
    ("others", "level", "told"),
    [
        (("test",), "Unknown", "nothing is trained on; reference data are not compared: `codes`"),
        (("validation",), "Unknown", "reference data are not compared: `codes`"),
        (("train",), "Proved", "nothing is both trained and tested on"),
        ((), "Proved", "nothing is both trained and tested on"),
        (("train", "test"), "Declared", "; reference data are not compared: `codes`"),
    ],
)
def test_reference_data_are_not_said_to_be_apart(
    others: tuple[str, ...], level: str, told: str
) -> None:
    both = {**BY_TAIL, "groups": {"column": "tail", "values": ["1"]}}
    windows = {"train": JANUARY, "test": FEBRUARY, "validation": FEBRUARY}
    inputs = [covered(each, coverage={**both, **windows[each]}) for each in others]
    rows = sheet(*inputs, covered("codes", "reference", coverage={**both, **JANUARY}))
    for row in (rows["SharedGroups"], rows["TimeOrder"]):
        assert (row.type, row.level) == (row.type, level)
        assert told in row.message


def test_the_side_with_more_copies_is_counted() -> None:
    shared = Shared("train", "test", "Objects", 1, 9, (("a", "b"),))
    message = refusal(covered("train"), covered("test"), overlap=Overlap((shared,))).message
    assert "share 9 objects" in message


def test_who_can_read_everything_is_told() -> None:
    inputs = covered("train"), covered("test")
    message = sheet(*inputs)["TestDataInTraining"].message
    assert message.startswith("stage `train` is given `test` beside other data")
    message = sheet(*inputs, stages=())["TestDataInTraining"].message
    assert message.startswith("every pod may read all inputs")


@pytest.mark.parametrize(
    ("stages", "level", "told", "why"),
    [
        (
            (stage("fit"), stage("score", "test", needs=("fit",))),
            "Proved",
            "no stage with training data is given `test`, or runs after or beside one that is",
            "training is over before the test data are given to anybody",
        ),
        (
            (
                stage("fit"),
                stage("between", "train", needs=("fit",)),
                stage("score", "test", needs=("between",)),
            ),
            "Proved",
            "no stage with training data",
            "what a stage needs is needed by those that need it",
        ),
        (
            (stage("fit"), stage("score", "test")),
            "Unknown",
            "stage `fit` may run after `score` or beside it, which is given `test`",
            "they may talk to each other",
        ),
        (
            (stage("look", "test"), stage("fit", needs=("look",))),
            "Unknown",
            "stage `fit` may run after `look` or beside it",
            "results may hand on what was read",
        ),
        (
            (stage("fit"), stage("score", "test", "train", needs=("fit",))),
            "Unknown",
            "stage `score` is given `test` beside other data",
            "one program has both",
        ),
        (
            (stage("fit"), stage("again"), stage("score", "test", needs=("fit",))),
            "Unknown",
            "stage `again` may run after `score` or beside it",
            "one of several is not waited for",
        ),
    ],
)
def test_what_the_stages_prove_of_test_data(
    stages: tuple[Stage, ...], level: str, told: str, why: str
) -> None:
    row = sheet(covered("train"), covered("test"), stages=stages)["TestDataInTraining"]
    assert row.level == level, why
    assert row.message.startswith(told), why


APART = (stage("fit"), stage("score", "test", needs=("fit",)))


def test_what_training_data_share_with_test_data_is_given_to_who_trains() -> None:
    """A reason lets it pass, and no order of the stages takes the test data out of it again."""
    inputs = covered("train"), covered("test")
    rows = sheet(*inputs, overlap=SAME_FILES, allowed=allow("Objects"), stages=APART)
    row = rows["TestDataInTraining"]
    assert row.level == "Unknown"
    assert row.message.startswith("inputs `train` (train) and `test` (test) share 3 objects")
    assert row.message.endswith(": who is given one of them is given what both hold")


def test_texts_that_may_be_near_are_given_to_who_trains() -> None:
    inputs = covered("train", coverage=BY_BODY), covered("test", coverage=BY_BODY)
    rows = sheet(*inputs, overlap=NEAR, allowed=allow("Texts"), stages=APART)
    row = rows["TestDataInTraining"]
    assert row.level == "Unknown"
    assert row.message.endswith(": who is given one of them is given what both hold")
    rows = sheet(*inputs, overlap=Overlap(), allowed=allow("Texts"), stages=APART)
    assert rows["TestDataInTraining"].level == "Unknown"
    compared = Overlap(texts={"train": 1, "test": 1})
    rows = sheet(*inputs, overlap=compared, stages=APART)
    assert rows["TestDataInTraining"].level == "Proved"


def test_what_may_be_shared_and_was_not_compared_is_not_proved_apart() -> None:
    """So a plan says, which looks into no store."""
    inputs = covered("train"), covered("test")
    none = Overlap()
    row = sheet(*inputs, overlap=none, allowed=allow("Rows"), stages=APART)["TestDataInTraining"]
    assert (row.level, row.message) == (
        "Unknown",
        "`test` and `train` may share data, and were not compared",
    )
    rows = sheet(*inputs, overlap=none, allowed=allow("Groups"), stages=APART)
    assert rows["TestDataInTraining"].level == "Proved"


def test_a_reason_for_what_is_not_shared_changes_nothing() -> None:
    rows = sheet(covered("train"), covered("test"), allowed=allow("Objects"), stages=APART)
    assert rows["TestDataInTraining"].level == "Proved"


def test_a_group_in_both_is_no_test_data_in_training() -> None:
    """The same patient is in both, and none of the pictures: that has a line of its own."""
    inputs = covered("train", coverage=BY_TAIL), covered("test", coverage=BY_TAIL)
    rows = sheet(*inputs, overlap=SAME_GROUPS, allowed=allow("Groups"), stages=APART)
    assert rows["TestDataInTraining"].level == "Proved"


def test_what_validation_shares_with_training_is_no_test_data() -> None:
    shared = Shared("train", "check", "Objects", 1, 1, (("a", "a"),))
    entry = {"inputs": ["train", "check"], "of": ["Objects"], "reason": "x"}
    rows = sheet(
        covered("train"),
        covered("check", "validation"),
        covered("test"),
        overlap=Overlap((shared,)),
        allowed=(AllowedOverlap.model_validate(entry),),
        stages=APART,
    )
    assert rows["TestDataInTraining"].level == "Proved"


def test_a_holdout_is_a_test_set() -> None:
    rows = sheet(covered("train"), covered("final", "holdout"))
    assert (rows["NoTestSet"].level, rows["TestDataInTraining"].level) == ("Proved", "Unknown")


def test_groups_of_reference_data_are_not_asked_for() -> None:
    assert covered("codes", "reference", BY_TAIL).column == ""
    assert covered("fit", "validation", BY_TAIL).column == "tail"


def test_one_role_alone_leaks_nothing_and_tests_nothing() -> None:
    rows = sheet(covered("a", "train"), covered("b", "train"))
    assert not needs_comparison((covered("a", "train"), covered("b", "train")))
    assert {name: row.level for name, row in rows.items()} == {
        "NoTestSet": "Unknown",
        "TestDataInTraining": "Proved",
        "SharedObjects": "Proved",
        "SharedRows": "Proved",
        "NearTexts": "Proved",
        "SharedGroups": "Proved",
        "TimeOrder": "Proved",
        "TargetInFeatures": "Unknown",
        "OtherPopulation": "Unknown",
    }


def test_what_one_program_can_read_it_can_train_on() -> None:
    rows = sheet(covered("train"), covered("test"))
    assert rows["NoTestSet"].level == "Proved"
    assert rows["TestDataInTraining"].level == "Unknown"
    assert rows["SharedObjects"].message == "none is shared (1,200 of `train`, 300 of `test`)"
    assert sheet(covered("test"))["TestDataInTraining"].level == "Proved"


def test_a_test_set_without_a_byte_is_none() -> None:
    empty = Covered("test", "test", "pin-test", is_empty=True)
    row = sheet(covered("train"), empty)["NoTestSet"]
    assert (row.level, row.message) == ("Unknown", "`test` (test) holds no byte")
    assert sheet(covered("final", "holdout"), empty)["NoTestSet"].level == "Proved"


def test_long_sheets_fit_into_the_status() -> None:
    names = [f"{number:02d}{'x' * 61}" for number in range(64)]
    inputs = [covered(name, ("train", "test")[number % 2]) for number, name in enumerate(names)]
    row = sheet(*inputs, overlap=Overlap((), dict.fromkeys(names, 1)))["SharedObjects"]
    assert len(row.message) == 1024
    pairs = [(one, names[1]) for one in names[::2]]
    shared = tuple(Shared(*pair, "Objects", 1, 1, (("a" * 160, "b"),)) for pair in pairs)
    allowed = tuple(
        AllowedOverlap.model_validate({"inputs": pair, "of": ["Objects"], "reason": f"{pair}" * 30})
        for pair in pairs
    )
    row = sheet(*inputs, overlap=Overlap(shared), allowed=allowed)["SharedObjects"]
    assert (len(row.message), len(row.allowed_because)) == (1024, 4096)


def test_a_pin_that_says_wrong_of_its_paths_is_refused() -> None:
    wrong = Overlap((), {}, {}, {"train": (3, "a\x1b[2J.csv")})
    found = refusal(covered("train", coverage=BY_TAIL), covered("test"), overlap=wrong)
    assert found.reason == "CoverageWrong"
    assert "DatasetPin 'pin-train' (input `train`)" in found.message
    assert "3 of its objects lie in no folder `tail=<value>/`, such as `a\\x1b[2J.csv`" in (
        found.message
    )


def test_hostile_and_long_names_neither_act_nor_flood() -> None:
    name = "\x1b]0;owned\x07" + "x" * 5000
    shared = Shared("train", "test", "Objects", 1, 1, ((name, name),))
    message = refusal(covered("train"), covered("test"), overlap=Overlap((shared,))).message
    assert message.isprintable()
    assert len(message) < 600


def test_the_sheet_has_one_spelling() -> None:
    inputs = covered("train"), covered("test")
    rows = leakage_sheet(inputs, (), NOTHING, stages=())
    text = sheet_text(rows)
    assert text == sheet_text(
        tuple(LeakStatus.model_validate_json(r.model_dump_json(by_alias=True)) for r in rows)
    )
    assert sheet_text(()) == ""


def test_what_another_version_recorded_can_be_read_and_is_kept() -> None:
    recorded = [{"type": "NearDuplicates", "level": "Sampled", "message": "of a later version"}]
    rows = tuple(LeakStatus.model_validate(row) for row in recorded)
    assert recorded_sheet(rows) == recorded


@pytest.mark.parametrize(
    ("until", "begin", "told"),
    [
        (
            "2013-02-01T00:00:00.25Z",
            "2013-02-01T00:00:00.125Z",
            "01T00:00:00.250000Z, after `test` (test) begins at 2013-02-01T00:00:00.125000Z",
        ),
        (
            "2013-02-01T01:00:00+01:00",
            "2013-01-31T20:00:00-03:00",
            "begins at 2013-01-31T23:00:00Z",
        ),
        ("9999-12-31T11:59:59-12:00", "2013-01-01T00:00:00Z", "ends at 9999-12-31T23:59:59Z"),
    ],
)
def test_moments_are_told_exactly(until: str, begin: str, told: str) -> None:
    first = {"column": "at", "fromTime": "1000-01-01T12:00:00+12:00", "untilTime": until}
    second = {"column": "at", "fromTime": begin, "untilTime": "9999-12-31T23:59:59Z"}
    inputs = covered("train", coverage={"time": first}), covered("test", coverage={"time": second})
    assert told in refusal(*inputs).message


def test_windows_are_half_open() -> None:
    said = Coverage.model_validate(JANUARY)
    assert said.time is not None
    assert said.time.until_time == datetime(2013, 2, 1, tzinfo=UTC)
    sheet(covered("train", coverage=JANUARY), covered("test", coverage=FEBRUARY))
