"""Training on what was made from the test data is a leak; nothing else of a derivation is."""

from __future__ import annotations

import pytest

from glovebox.api.split_pin import PartOfSplit
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import Covered
from glovebox.desired.leaks import find_leaks

WHOLE, TEST, OTHER = ("sha256:" + letter * 64 for letter in "abc")
PART = PartOfSplit(
    split_digest="sha256:" + "d" * 64,
    source_digest=WHOLE,
    part="test",
    granularity="Rows",
    by="Key",
    columns=("flight",),
)


def used(name: str, role: str, digest: str, *made_from: str, whole: bool = False) -> Covered:
    return Covered(
        name,
        role,
        name,
        digest=digest,
        splits=(PART,) if whole else (),
        made_by="team/build" if made_from else "",
        made_from=frozenset(made_from),
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
