"""BuiltFromInputs: whether a sealed run built values out of what their definitions say. Pure.

It is there where the values are artifacts of a sealed Experiment, and then it is a part of Ready.
Contents are compared, and not names: another pin of the same bytes is as good. A part of a dataset
is not the dataset, and neither is what another run made from it: whoever builds values from either
names the pin of that in the definitions.

That the run could read all of the inputs is known, and not that it used them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.derived import DerivedFrom, UpstreamInput
from glovebox.data.counting import counted
from glovebox.status.builder import StatusBuilder

TESTS: Final = frozenset({"test", "holdout"})
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class BuiltFacts:
    """Values that a sealed run wrote, and what they are said to be built from.

    Attributes:
        seal: What the pin of the values has on record of the seal.
        inputs: Content root and pin of each dataset, by the name that the definitions have for it.
    """

    seal: DerivedFrom
    inputs: Mapping[str, tuple[str, str]]


def mark_built(builder: StatusBuilder, facts: BuiltFacts) -> None:
    """Mark BuiltFromInputs, and what it stands still by."""
    seal = facts.seal
    # What the run read itself is always named: an Experiment has fewer inputs than a seal names.
    read = {each.digest for each in seal.inputs if not each.behind}
    missing = [
        f"'{pin}' (`{name}`)"
        for name, (content, pin) in sorted(facts.inputs.items())
        if content not in read
    ]
    who = f"Experiment '{seal.experiment}', which wrote the values,"
    if missing:
        pins = "DatasetPin" if len(missing) == 1 else "DatasetPins"
        message = (
            f"{who} did not read the content of {pins} {', '.join(missing)}, of which the features"
            f" are made by `spec.inputs`{_instead(facts, read)}"
        )
        builder.mark_false(types.BUILT_FROM_INPUTS, reasons.BUILT_FROM_OTHERS, message)
        builder.mark_true(types.STALLED, reasons.BUILT_FROM_OTHERS, message)
        return
    message = f"{who} read {counted(len(facts.inputs), 'input')} of the definitions, by its seal"
    builder.mark_true(
        types.BUILT_FROM_INPUTS, reasons.BUILT_FROM_INPUTS, f"{message}{_beside(facts)}"
    )


def _instead(facts: BuiltFacts, read: set[str]) -> str:
    """Return by which input the run had what was made from one of those that it did not read."""
    wanted = {content for content, _ in facts.inputs.values()} - read
    behind = sorted({each.behind for each in facts.seal.inputs if each.digest in wanted} - {""})
    if not behind:
        return ""
    return f"; its input `{behind[0]}` was made from it: name the pin of that in `spec.inputs`"


def _beside(facts: BuiltFacts) -> str:
    """Return what else went into the values; what is tested on first, because it should not."""
    named = {content for content, _ in facts.inputs.values()}
    others = [each for each in facts.seal.inputs if each.digest not in named]
    if not others:
        return ""
    ranked = sorted(others, key=lambda each: each.role not in TESTS)
    shown = ", ".join(_shown(each) for each in ranked[:_NAMED])
    more = f" and {len(ranked) - _NAMED} more" if len(ranked) > _NAMED else ""
    return f"; what the definitions do not name went into them as well: {shown}{more}"


def _shown(entry: UpstreamInput) -> str:
    return f"`{entry.name}` ({entry.role or entry.kind})"
