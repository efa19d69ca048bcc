"""How a pin compares is what was found of its present content, as it asks now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox.api.dataset_pin import DatasetPin
from glovebox.controllers.statistics import _wanted, verdict_of
from glovebox.data.statistics import asked_of

WHOLE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "report" / "pin.yaml").read_text(encoding="utf-8")
)


def recorded(spec: dict[str, Any], found: dict[str, Any]) -> DatasetPin:
    """Return the pin with a verdict of what it asks for, but for what is changed."""
    whole = {**WHOLE, "spec": {**WHOLE["spec"], **spec}}
    pin = DatasetPin.model_validate(WHOLE)
    asked = asked_of(pin.spec)
    assert asked is not None
    of_now = {"content": pin.status.digest, "asked": _wanted(pin, asked).compared}
    distribution = WHOLE["status"]["distribution"] | of_now | {"verdict": "moved"} | found
    status = WHOLE["status"] | {"distribution": distribution}
    return DatasetPin.model_validate({**whole, "status": status})


@pytest.mark.parametrize(
    ("spec", "found", "verdict"),
    [
        pytest.param({}, {}, "moved", id="what it asks for now"),
        pytest.param({}, {"content": "sha256:" + "9" * 64}, "unknown", id="another content"),
        pytest.param({}, {"asked": "sha256:" + "9" * 64}, "unknown", id="asked otherwise"),
        pytest.param(
            {"distribution": {"thresholds": {"psi": 9}}}, {}, "unknown", id="other thresholds"
        ),
        pytest.param({"distribution": None}, {}, "", id="it is compared with none"),
    ],
)
def test_a_verdict_is_of_what_is_asked_now(
    spec: dict[str, Any], found: dict[str, Any], verdict: str
) -> None:
    assert verdict_of(recorded(spec, found)) == verdict
