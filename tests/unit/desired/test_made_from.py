"""Training on what was made from the test data is a leak; nothing else of a derivation is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glovebox.api.derived import UpstreamInput, UpstreamPart
from glovebox.api.split_pin_status import PartOfSplit
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import Covered
from glovebox.desired.leakage import leakage_sheet
from glovebox.desired.leaks import find_leaks

WHOLE, TEST, OTHER, TRAIN = ("sha256:" + letter * 64 for letter in "abce")
PART = PartOfSplit(
    split_digest="sha256:" + "d" * 64,
    source_digest=WHOLE,
    part="test",
    granularity="Rows",
    by="Key",
    columns=("flight",),
)


def read(digest: str, *part_of: PartOfSplit) -> UpstreamInput:
    return UpstreamInput(
        name="in",
        kind="DatasetPin",
        digest=digest,
        read_by="team/build",
        part_of=tuple(UpstreamPart.of(each) for each in part_of),
    )


def part(name: str, split: str = "d", source: str = WHOLE) -> PartOfSplit:
    changed = {"part": name, "split_digest": "sha256:" + split * 64, "source_digest": source}
    return PART.model_copy(update=changed)


def used(
    name: str,
    role: str,
    digest: str,
    *made_from: str | UpstreamInput,
    whole: bool = False,
    more: bool = False,
) -> Covered:
    return Covered(
        name,
        role,
        name,
        digest=digest,
        splits=(PART,) if whole else (),
        made_by="team/build" if made_from else "",
        made_from=tuple(read(each) if isinstance(each, str) else each for each in made_from),
        made_of_more=more,
    )


@pytest.mark.parametrize(
    ("inputs", "is_leak"),
    [
        pytest.param(
            (used("fit", "train", OTHER, TEST), used("final", "test", TEST)),
            True,
            id="the run had read the test data",
        ),
        pytest.param(
            (used("fit", "train", OTHER, TEST), used("final", "holdout", TEST)),
            True,
            id="and a holdout",
        ),
        pytest.param(
            (used("fit", "train", OTHER, WHOLE), used("final", "test", TEST, whole=True)),
            True,
            id="the run had read what the test data are a part of",
        ),
        pytest.param(
            (used("fit", "train", OTHER, read(TRAIN, part("train"))), used("final", "test", WHOLE)),
            True,
            id="the run had read a part of the test data",
        ),
        pytest.param(
            (
                used("fit", "train", OTHER, read(TRAIN, part("train"))),
                used("final", "test", TEST, whole=True),
            ),
            False,
            id="the run had read the other part of the split",
        ),
        pytest.param(
            (
                used("fit", "train", OTHER, read(TRAIN, part("train", "e"))),
                used("final", "test", TEST, whole=True),
            ),
            True,
            id="the run had read a part of another split of the same data",
        ),
        pytest.param(
            (
                used(
                    "fit",
                    "train",
                    OTHER,
                    read(TRAIN, part("most", "e", source=TRAIN), part("train")),
                ),
                used("final", "test", TEST, whole=True),
            ),
            False,
            id="the run had read a part of the other part",
        ),
        pytest.param(
            (used("fit", "train", WHOLE), used("final", "test", TEST, WHOLE)),
            False,
            id="test data that were made with what is trained on",
        ),
        pytest.param(
            (used("fit", "train", OTHER, WHOLE), used("final", "test", TEST, WHOLE)),
            False,
            id="both of one run",
        ),
        pytest.param(
            (used("fit", "train", OTHER, WHOLE), used("final", "test", TEST)),
            False,
            id="of other data",
        ),
        pytest.param(
            (used("fit", "train", OTHER, TEST), used("more", "train", TEST)),
            False,
            id="of one role",
        ),
    ],
)
def test_a_derivation_leaks(inputs: tuple[Covered, ...], *, is_leak: bool) -> None:
    leaks = find_leaks(inputs, Overlap())
    assert bool(leaks) == is_leak
    for leak in leaks:
        assert (leak.first, leak.second, leak.kind) == ("fit", "final", "Rows")
        assert "was written by Experiment 'team/build', which had read what `final`" in leak.what


@pytest.mark.parametrize(
    ("more", "final", "is_unknown"),
    [
        pytest.param(True, used("final", "test", TEST), True, id="not all is named"),
        pytest.param(False, used("final", "test", TEST), False, id="all is named"),
        pytest.param(True, used("final", "train", TEST), False, id="nothing is tested on"),
    ],
)
def test_what_the_seals_do_not_name_is_unknown_and_never_taken_for_apart(
    final: Covered, *, more: bool, is_unknown: bool
) -> None:
    # Parts of a split by key share no row, whatever else is known of them.
    fit = used("fit", "train", OTHER, TRAIN, more=more)
    inputs = (
        replace(fit, splits=(part("train", "f"),)),
        replace(final, splits=(part("test", "f"),)),
    )
    apart = leakage_sheet(inputs, (), Overlap(), stages=())
    assert next(each.level for each in apart if each.type == "SharedRows") == "Proved"
    sheet = leakage_sheet((fit, final), (), Overlap(), stages=())
    rows = next(each for each in sheet if each.type == "SharedRows")
    said = "more went into `fit` (train) than its seals name"
    assert (said in rows.message) == is_unknown
    assert rows.level == "Unknown" or not is_unknown
