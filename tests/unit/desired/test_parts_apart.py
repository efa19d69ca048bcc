"""What is proved of parts of splits, and what is refused because of what they were made from."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.coverage import Coverage
from glovebox.api.leakage_status import LeakStatus
from glovebox.api.split_pin_status import PartOfSplit
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import Covered
from glovebox.desired.leakage import leakage_sheet
from glovebox.desired.parts_apart import has_no_common_key
from glovebox.errors import Refused

WHOLE = "sha256:" + "0" * 64


def within(
    digest: str = "one",
    part: str = "train",
    source: str = WHOLE,
    granularity: str = "Rows",
    by: str = "Key",
    columns: tuple[str, ...] = ("patient",),
) -> PartOfSplit:
    return PartOfSplit(
        split_digest=digest,
        part=part,
        source_digest=source,
        granularity=granularity,
        by=by,
        columns=columns,
    )


def part(role: str, *splits: PartOfSplit, digest: str = "", **coverage: Any) -> Covered:
    said = Coverage.model_validate(coverage) if coverage else None
    return Covered(role, role, f"pin-{role}", said, digest=digest or f"of-{role}", splits=splits)


def sheet(*inputs: Covered, groups: bool = False) -> dict[str, LeakStatus]:
    numbers = {each.name: 9 for each in inputs}
    overlap = Overlap((), numbers, numbers if groups else {}, {})
    return {row.type: row for row in leakage_sheet(inputs, (), overlap, stages=())}


def level(leak: str, *inputs: Covered, groups: bool = False) -> str:
    return sheet(*inputs, groups=groups)[leak].level


def refusal(*inputs: Covered) -> str:
    with pytest.raises(Refused) as refused:
        sheet(*inputs)
    assert refused.value.reason == "LeakageFound"
    return refused.value.message


def by_key(*key: str) -> dict[str, Any]:
    return {"rows": {"key": list(key)}}


def by_group(column: str) -> dict[str, Any]:
    return {"groups": {"column": column}}


TRAIN, TEST = within(part="train"), within(part="test")


def test_rows_of_two_parts_are_proved_apart_and_the_split_is_named() -> None:
    row = sheet(part("train", TRAIN), part("test", TEST))["SharedRows"]
    assert (row.level, row.message) == ("Proved", "no row is in two parts of split one")


@pytest.mark.parametrize(
    ("train", "test", "known"),
    [
        pytest.param(("patient",), ("patient",), "Proved", id="the key of the split"),
        pytest.param(
            ("patient", "visit"), ("patient", "visit"), "Proved", id="a key that has it in it"
        ),
        # Two patients may have the same number of a visit.
        pytest.param(("visit",), ("visit",), "Unknown", id="a key that has it not"),
        pytest.param(("patient",), (), "Proved", id="one pin declares none"),
        pytest.param(("visit",), (), "Unknown", id="one pin declares another"),
    ],
)
def test_rows_by_a_declared_key(train: tuple[str, ...], test: tuple[str, ...], known: str) -> None:
    one = part("train", TRAIN, **(by_key(*train) if train else {}))
    other = part("test", TEST, **(by_key(*test) if test else {}))
    assert level("SharedRows", one, other) == known


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"digest": "two", "source": "other"}, "of two splits", id="another split"),
        pytest.param({"by": "Time", "columns": ("at",)}, "by time", id="by time"),
        pytest.param({"granularity": "Objects"}, "objects", id="objects"),
    ],
)
def test_what_proves_nothing_of_rows(change: dict[str, Any], why: str) -> None:
    del why
    one, other = {**change, "part": "train"}, {**change, "part": "test"}
    if "digest" in change:
        one = {"part": "train"}
    assert level("SharedRows", part("train", within(**one)), part("test", within(**other))) == (
        "Unknown"
    )


def test_one_unproved_pair_is_enough() -> None:
    inputs = (part("train", TRAIN), part("test", TEST), part("validation"))
    assert level("SharedRows", *inputs) == "Unknown"


@pytest.mark.parametrize(
    ("columns", "granularity", "column", "known"),
    [
        pytest.param(("patient",), "Rows", "patient", "Proved", id="rows by the group"),
        pytest.param(("patient",), "Objects", "patient", "Proved", id="objects by the group"),
        pytest.param(("patient",), "Rows", "tail", "Unknown", id="another column"),
        # One patient may be on two machines, which are in two parts.
        pytest.param(("machine", "patient"), "Rows", "patient", "Unknown", id="two columns"),
        pytest.param((), "Objects", "patient", "Measured", id="objects by their paths"),
    ],
)
def test_groups(columns: tuple[str, ...], granularity: str, column: str, known: str) -> None:
    one, other = (
        part(
            role,
            within(part=role, columns=columns, granularity=granularity),
            **by_group(column),
        )
        for role in ("train", "test")
    )
    assert level("SharedGroups", one, other, groups=granularity == "Objects") == known


def test_groups_of_rows_are_not_looked_for_in_their_paths() -> None:
    assert part("train", TRAIN, **by_group("patient")).column == ""
    objects = within(granularity="Objects")
    assert part("train", objects, **by_group("patient")).column == "patient"


@pytest.mark.parametrize(("by", "known"), [("Time", "Proved"), ("Key", "Unknown")])
def test_times(by: str, known: str) -> None:
    one, other = (
        part(role, within(part=role, by=by, columns=("at",))) for role in ("train", "test")
    )
    assert level("TimeOrder", one, other) == known


def test_a_part_and_the_whole_share_rows() -> None:
    told = refusal(part("train", digest=WHOLE), part("test", TEST))
    assert told.startswith(
        "inputs `train` (train) and `test` (test) share rows: `test` is a part of what `train`"
        " holds: pin data that are apart"
    )
    assert "`of: [Rows]`" in told


def test_what_is_only_looked_up_is_a_whole_as_well() -> None:
    assert "is a part of what" in refusal(part("reference", digest=WHOLE), part("test", TEST))


def test_parts_of_two_splits_of_the_same_data_share_rows() -> None:
    told = refusal(part("train", within("two")), part("test", TEST))
    assert "share rows: both are parts of the same data, by different splits" in told


def test_a_part_of_a_part_is_apart_from_what_is_in_another_part_further_out() -> None:
    inner = (within("inner", "fit", source="of-train"), TRAIN)
    assert level("SharedRows", part("train", *inner), part("test", TEST)) == "Proved"
    tune = (within("inner", "tune", source="of-train"), TRAIN)
    assert level("SharedRows", part("train", *inner), part("validation", *tune)) == "Proved"


def test_a_part_of_a_part_is_within_that_part_and_within_the_whole() -> None:
    inner = (within("inner", "tune", source="of-train"), TRAIN)
    assert "is a part of what `train` holds" in refusal(
        part("train", TRAIN), part("validation", *inner)
    )
    assert "is a part of what `train` holds" in refusal(
        part("train", digest=WHOLE), part("validation", *inner)
    )


def test_whole_objects_are_left_to_the_comparison_of_their_bytes() -> None:
    objects = within(part="test", granularity="Objects")
    assert level("SharedObjects", part("train", digest=WHOLE), part("test", objects)) == "Measured"


def test_equal_data_of_one_role_may_share() -> None:
    one = part("train", digest=WHOLE)
    other = Covered("more", "train", "pin-more", None, digest="x", splits=(TRAIN,))
    assert level("NoTestSet", one, other) == "Unknown"


def test_a_split_by_time_keeps_no_key_apart() -> None:
    parts = [
        part(role, within(part=role, by="Time", columns=("patient",))) for role in ("train", "test")
    ]
    assert not has_no_common_key(parts[0], parts[1], ("patient",))
    keyed = [part(role, within(part=role)) for role in ("train", "test")]
    assert has_no_common_key(keyed[0], keyed[1], ("patient",))
