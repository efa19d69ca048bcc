"""Who wrote something and when, out of the words that are recorded of it (`desired/writers.py`)."""

from __future__ import annotations

import re
from typing import Final

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def split_time(recorded: str) -> tuple[str, str]:
    """Return the writer that is recorded, and the time; each is empty when none is.

    The name is a client's own words, ` at ` may be among them: what comes last is the API server's.
    """
    writer, _, time = recorded.rpartition(" at ")
    return (writer, time) if _TIME.fullmatch(time) else (recorded, "")
