"""Whether an Experiment that uses features has what they are made from among its inputs. Pure.

Features carry what their datasets hold into a run. Only what is an input itself is recorded, needs
its grants, and is compared with what the run is tested on. It is found by content: another pin of
the same bytes is as good, and so is a part of a split of them; and the values of the features are,
in place of what they were computed from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from glovebox.api import reasons
from glovebox.errors import Refused


@dataclass(frozen=True, slots=True)
class UsedFeatures:
    """Features that an Experiment uses.

    Attributes:
        name: Of the input.
        pin: Name of the FeatureSetPin.
        made_from: Content root and pin of each dataset that they are made from, by the name that
            the definitions have for it.
        values: Content root and pin of their values; empty where the pin names none.
        is_lent: Whether the definitions are of another namespace.
    """

    name: str
    pin: str
    made_from: Mapping[str, tuple[str, str]]
    values: tuple[str, str] | None = None
    is_lent: bool = False


def require_inputs(features: UsedFeatures, contents: Collection[str]) -> None:
    """Accept features whose datasets are inputs as well.

    Args:
        features: What is used.
        contents: Content roots of all datasets among the inputs, and of what they are parts of.

    Raises:
        Refused: `FeatureInputsMissing`.
    """
    if features.values is not None and features.values[0] in contents:
        return
    missing = [
        f"'{pin}' (`{name}`)"
        for name, (content, pin) in sorted(features.made_from.items())
        if content not in contents
    ]
    if not missing:
        return
    values = (
        f", or their values, DatasetPin '{features.values[1]}'"
        if features.values is not None
        else ""
    )
    pins = "DatasetPins" if len(missing) > 1 else "DatasetPin"
    lent = (
        ". Definitions that are lent bring no data with them: a dataset of another namespace takes"
        " an AccessGrant of its own, and a pin of the same content in this one is as good"
        if features.is_lent
        else ""
    )
    raise Refused(
        reasons.FEATURE_INPUTS_MISSING,
        f"input `{features.name}`: the features of FeatureSetPin '{features.pin}' are made from"
        f" {pins} {', '.join(missing)}, of which no content is among `spec.inputs.datasets`: add"
        f" {'them' if len(missing) > 1 else 'it'} there with a role{values}{lent}",
    )
