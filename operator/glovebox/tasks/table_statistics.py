"""The part of the process that reads tables which counts the rows of many for statistics.

It is asked to begin, to add a table, to hand out what it counted so far, and to tell in the end
what may be told. What it hands out goes back into the next process of the same task, and nowhere
else.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import IO, Any, Final, cast

from glovebox.data.statistics_tables import Gatherer
from glovebox.data.table_errors import TableError
from glovebox.tasks.table_frames import MOST_AT_ONCE, STATE

_BLOCK: Final = 1 << 16


class TableStatistics:
    """What was counted of the tables so far."""

    def __init__(self) -> None:
        self._gatherer: Gatherer | None = None

    def answer(
        self,
        ask: Mapping[str, Any],
        opened: Callable[[], IO[bytes]],
        send: Callable[[bytes, bytes], None],
    ) -> object:
        """Do one step; return what it came to.

        Args:
            ask: `statistics` is the step; `rules` go with the first one.
            opened: Returns the bytes of a table, or of what was handed out before.
            send: Sends a frame.

        Raises:
            TableError: The table cannot be read.
        """
        step = ask["statistics"]
        if step == "begin":
            self._gatherer = Gatherer(ask["rules"])
            if ask["size"]:
                self._gatherer.resume(io.BufferedReader(cast("Any", opened()), _BLOCK))
            return None
        gatherer = self._gatherer
        if gatherer is None:
            raise TableError("the process that reads tables was not given what to count")
        if step == "add":
            return gatherer.add(ask["path"], opened)
        if step == "told":
            return gatherer.told()
        for line in gatherer.state():
            for first in range(0, len(line), MOST_AT_ONCE):
                send(STATE, line[first : first + MOST_AT_ONCE])
        return None
