"""The condition of an IsolationProfile: how its check ended in, status out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Outcome
from glovebox.status.summary import summarise

CONDITIONS: Final = (types.READY,)
READY: Final = (reasons.READY, "Experiments may choose this profile")
_NO_IMAGE: Final = (
    reasons.READY,
    "it approves no image, so no Experiment with an image may choose it: add to `spec.images`",
)


def compute_status(obj: Mapping[str, Any], outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return the status that one look at a profile comes to."""
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(obj.get("status"), generation, CONDITIONS, now)
    has_images = bool((obj.get("spec") or {}).get("images"))
    summarise(builder, outcome, (), READY if has_images else _NO_IMAGE)
    return builder.render()
