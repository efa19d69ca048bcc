"""The condition InputsDelivered of an Experiment without a run. Pure.

With a run there is none: its pod checks what it was given, and `Succeeded` says what that came to.
Without one nobody of ours would miss an input, so it is said what a pod that somebody makes by hand
finds, and for how long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.delivery_mode import DeliveryMode
from glovebox.desired.inputs import ResolvedInput
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import DeliveryFacts
from glovebox.status.experiment_seen import Seen, is_held_back, is_unanswered, state_of
from glovebox.status.outcome import Verdict

_PLAN: Final = f"ConfigMap `{names.INPUTS_CONFIG_MAP}`"
NO_IMAGE: Final = (
    "nothing delivers the inputs: the operator had no Glovebox image when this was bound; set the"
    " chart's `operator.image.digest` (GLOVEBOX_IMAGE), and recreate the Experiment"
)
_ENDED: Final = {
    names.STATE_FROZEN: (reasons.FROZEN, "nothing is delivered while it is frozen"),
    names.STATE_SEALED: (reasons.SEALED, "the experiment is closed: nothing is delivered any more"),
}


def delivers_to_people(obj: Mapping[str, Any]) -> bool:
    """Whether an Experiment has inputs, and no run that they are for."""
    spec = obj.get("spec") or {}
    inputs = spec.get("inputs") or {}
    return not spec.get("stages") and bool(inputs.get("datasets") or inputs.get("features"))


def words_of(mode: DeliveryMode, inputs: Sequence[ResolvedInput]) -> str:
    """Return what a pod that is made by hand names to have these inputs."""
    fetched = f"a pod has them from the init container `fetch`, by the plan in {_PLAN}"
    if not any(item.kind == "DatasetPin" for item in inputs):
        return fetched
    match mode:
        case "Fetch":
            return (
                f"{fetched} and with Secret `{names.INPUTS_CREDENTIALS_SECRET}`, which is renewed"
                " before it expires"
            )
        case "Image":
            mounted = "the images in `status.inputs`"
        case _:
            mounted = f"the claims `{names.input_claim('<input>')}`"
    return f"a pod mounts datasets from {mounted}, read-only; {_PLAN} is the plan of the rest"


def mark_delivery(builder: StatusBuilder, seen: Seen) -> None:
    """Answer InputsDelivered; nothing where there is a run, or nothing to deliver."""
    if not delivers_to_people(seen.obj):
        return
    ended = _ENDED.get(state_of(seen))
    outcome = seen.outcome("deliver")
    if ended is not None:
        builder.mark_false(types.INPUTS_DELIVERED, *ended)
    elif outcome.is_done and isinstance(outcome.facts, DeliveryFacts):
        found = outcome.facts
        if found.is_there:
            builder.mark_true(types.INPUTS_DELIVERED, reasons.INPUTS_DELIVERED, found.words)
        else:
            reason = found.over or reasons.DELIVERY_UNAVAILABLE
            builder.mark_false(types.INPUTS_DELIVERED, reason, found.words)
    elif outcome.verdict is Verdict.SKIPPED or is_held_back(seen, outcome):
        return
    elif not outcome.is_done:
        answer: Answer = types.UNKNOWN if is_unanswered(seen, outcome) else types.FALSE
        builder.mark(types.INPUTS_DELIVERED, answer, outcome.reason, outcome.message)
