"""Pins that go out of use: said in their status, and told once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.controllers.looking import Look, earlier
from glovebox.controllers.ports import Ports
from glovebox.status.kstatus import condition_of
from glovebox.status.pin_end import retiring_of, seconds_until_it_turns
from glovebox.status.pin_gate import with_gate


def look_at_end(ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look) -> Look:
    """Say whether a pin may be used and kept for long; return the look with that.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of it otherwise.
    """
    now = ports.now()
    gate = retiring_of(pin.spec, now)
    if gate is None:
        return look
    status = with_gate(obj, look.status, gate, now)
    return replace(
        look,
        status=status,
        retry_seconds=earlier(look.retry_seconds, seconds_until_it_turns(pin.spec, now)),
        after=functools.partial(_report, ports, obj, look, status),
    )


def report_retiring(ports: Ports, obj: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    """Tell once that a pin goes out of use, or how far that has come.

    Args:
        ports: The outside world.
        obj: The pin as it was before.
        status: What it shows by now.
    """
    now = condition_of(status, types.RETIRING)
    was = condition_of(obj.get("status") or {}, types.RETIRING)
    if now is None or now["status"] != types.TRUE:
        return
    if was is not None and was["reason"] == now["reason"]:
        return
    is_early = now["reason"] == reasons.TO_BE_DEPRECATED
    post = ports.events.normal if is_early else ports.events.warning
    post(obj, now["reason"], now["message"], action="Retire")


def _report(
    ports: Ports, obj: Mapping[str, Any], look: Look, status: Mapping[str, Any] | None
) -> None:
    look.after()
    report_retiring(ports, obj, status or {})
