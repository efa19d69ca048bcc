"""Whether data to test with reach a program that was given data to train with. Pure.

A stage may hand on what it read: by its results to whatever runs later, and over the network to
whatever runs at the same time. So it is proved only where every stage with training data is over
before the first one begins that is given data to test with. What a program does that is given the
test data alone, with the results of those before it, nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glovebox.api.stages import TESTS, Stage
from glovebox.desired.covered import Covered
from glovebox.desired.stage_order import before


@dataclass(frozen=True, slots=True)
class KeptApart:
    """What is known of it.

    Attributes:
        is_proved: Whether no program with training data can have had test data.
        message: Why, or what keeps it from being known.
    """

    is_proved: bool
    message: str


def kept_apart(stages: Sequence[Stage], inputs: Iterable[Covered]) -> KeptApart:
    """Return what the stages of a run prove.

    Args:
        stages: The stages, at least one.
        inputs: The datasets, some to test with and some to train with.
    """
    datasets = tuple(inputs)
    tests = [each for each in datasets if each.role in TESTS]
    trains = [each for each in datasets if each.role not in TESTS]
    earlier = before(stages)
    for tester in stages:
        tested = next((each for each in tests if tester.reads(each.name, each.role)), None)
        if tested is None:
            continue
        for trainer in stages:
            if not any(trainer.reads(each.name, each.role) for each in trains):
                continue
            if trainer.name == tester.name:
                what = f"stage `{tester.name}` is given `{tested.name}` beside other data"
                return KeptApart(
                    is_proved=False,
                    message=f"{what}: nothing keeps it from training on `{tested.name}`",
                )
            if trainer.name not in earlier[tester.name]:
                what = f"stage `{trainer.name}` may run after `{tester.name}` or beside it"
                return KeptApart(is_proved=False, message=f"{what}, which is given `{tested.name}`")
    return KeptApart(
        is_proved=True,
        message=(
            f"no stage with training data is given `{tests[0].name}`, or runs after or beside one"
            " that is"
        ),
    )
