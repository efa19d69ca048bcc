"""When a failure of a whole resource is shown, and when it may still pass."""

from __future__ import annotations

import pytest

from glovebox.errors import Forbidden, InvalidInput, Unavailable
from glovebox.status.outcome import Grace, of_error
from glovebox.status.summary import holds_back

AWAY = Unavailable("StoreUnreachable", "no answer")


@pytest.mark.parametrize(
    ("error", "seconds", "attempts", "ready", "observed", "held", "why"),
    [
        (AWAY, 0.0, 1, "True", 3, True, "one dropped connection"),
        (AWAY, 59.0, 50, "True", 3, True, "many tries in a short time"),
        (AWAY, 3600.0, 4, "True", 3, True, "few tries in a long time"),
        (AWAY, 60.0, 5, "True", 3, False, "both have passed"),
        (AWAY, 0.0, 1, "False", 3, False, "what is not Ready cannot flap"),
        (AWAY, 0.0, 1, "True", 2, False, "Ready was said of another generation"),
        (Forbidden("Forbidden", "no"), 4.0, 2, "True", 3, True, "rights are not known yet"),
        (Forbidden("Forbidden", "no"), 5.0, 2, "True", 3, False, "a refusal is an answer"),
        (InvalidInput("ProofFailed", "no"), 0.0, 1, "True", 3, False, "a failed check is, too"),
    ],
)
def test_what_is_held_back(
    error: Exception,
    seconds: float,
    attempts: int,
    ready: str,
    observed: int,
    held: bool,  # noqa: FBT001 - a table
    why: str,
) -> None:
    obj = {
        "metadata": {"generation": 3},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }
    outcome = of_error(error).with_failure(seconds, attempts)
    assert holds_back(obj, outcome, Grace(seconds=60.0, attempts=5)) is held, why
