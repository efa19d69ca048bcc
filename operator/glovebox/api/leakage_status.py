"""The leakage sheet of an Experiment: what is known of each way in which test data leak."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from glovebox.api.base import TolerantModel

LeakType = Literal[
    "NoTestSet",
    "TestDataInTraining",
    "SharedObjects",
    "SharedRows",
    "NearTexts",
    "SharedGroups",
    "TimeOrder",
    "TargetInFeatures",
    "OtherPopulation",
]
LeakLevel = Literal["Proved", "Measured", "Declared", "Unknown"]
MAX_MESSAGE = 1024
_PROVED: LeakLevel = "Proved"


def level_in_words(level: str) -> str:
    """Return how a leak is known for people: what is proved is that there is none."""
    return f"{level} (it cannot be)" if level == _PROVED else level


class LeakStatus(TolerantModel):
    """One way in which a result can be too good, and what is known of it."""

    # Those that another version recorded are kept as they are: a sheet is only shown and sealed,
    # and an Experiment must stay readable after an upgrade was taken back.
    type: str = Field(
        json_schema_extra={"enum": list(get_args(LeakType))},
        description=(
            "Which: `NoTestSet`: nothing to test on. `TestDataInTraining`: the program that trains"
            " can read what is tested on. `SharedObjects`, `SharedRows`, `SharedGroups`: the same"
            " file, row or group in inputs of different roles (of `reference` inputs: files alone)."
            " `NearTexts`: texts in them that are nearly the same, by the rule that the message"
            " names. `TimeOrder`: trained on what came later than what is tested on."
            " `TargetInFeatures`: a feature gives the answer away. `OtherPopulation`: tested on"
            " others than it is meant for."
        ),
    )
    level: str = Field(
        json_schema_extra={"enum": list(get_args(LeakLevel))},
        description=(
            "How it is known. `Proved`: it cannot be. `Measured`: looked for in the pinned data."
            " `Declared`: as the owners of the pins say. `Unknown`: nobody looked."
        ),
    )
    found: int | None = Field(
        default=None,
        ge=0,
        json_schema_extra={"format": "int64"},
        description="How many things are shared. Absent where nothing was counted.",
    )
    message: str = Field(default="", max_length=MAX_MESSAGE, description="What is known, in words.")
    allowed_because: str = Field(
        default="",
        max_length=4096,
        description=(
            "The reasons for what was found: of `spec.inputs.allowOverlap`, and of AccessGrants,"
            " each with its name."
        ),
    )
