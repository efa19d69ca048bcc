"""What a profile demands of the inputs of new Experiments, so that test data stay test data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.schema import list_set

# Who may say that inputs of different roles share something.
OverlapRule = Literal["WithReason", "WithGrant", "Never"]
# The types of leaks of which an Experiment's pins can say something.
KnowableLeak = Literal["NoTestSet", "SharedGroups", "TimeOrder", "SharedRows", "NearTexts"]


class LeakageRules(Model):
    """What is demanded before an Experiment gets a namespace."""

    overlap: OverlapRule = Field(
        default="WithReason",
        description=(
            "Whether inputs of different roles may share anything. `WithReason`: what"
            " `spec.inputs.allowOverlap` of the Experiment gives a reason for, or an AccessGrant"
            " lets pass (`spec.overlap`). `WithGrant`: what an AccessGrant lets pass; an Experiment"
            " with reasons of its own is refused. `Never`: an Experiment whose inputs share"
            " anything is refused."
        ),
    )
    must_know: tuple[KnowableLeak, ...] = Field(
        default=(),
        max_length=5,
        json_schema_extra=list_set(),
        description=(
            "Types of leaks that must not be `Unknown` in the leakage sheet: `NoTestSet` (an input"
            " has the role `test` or `holdout`), `SharedGroups`, `TimeOrder`, `SharedRows` and"
            " `NearTexts` (all pins say `spec.coverage` by the same columns). When empty: what is"
            " unknown is said, and refuses nothing."
        ),
    )
