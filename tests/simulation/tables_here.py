"""What reads tables, in this process: seeds would otherwise start one for each description.

The rows are counted by the product's own code. Only the two pipes and the other process are left
out; plays on a stage (`test_statistics.py`) have them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from glovebox.data.statistics import Counted
from glovebox.data.statistics_tables import Gatherer
from glovebox.store.connection import Stop
from glovebox.tasks.table_process import TableFile, TableProcess

_COUNTED = TypeAdapter(Counted)


class TablesHere(TableProcess):
    """Counts rows for statistics; asked for anything else, it starts a process as ever.

    Args:
        stop: See `TableProcess`.
    """

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop)
        self._gatherer = Gatherer({"columns": [], "leastRows": 0})

    def begin_statistics(self, rules: Mapping[str, Any], state: bytes = b"") -> None:
        """See `TableProcess`."""
        self._gatherer = Gatherer(rules)
        if state:
            self._gatherer.resume(io.BytesIO(state))

    def add_statistics(self, table: TableFile) -> int:
        """See `TableProcess`."""
        body = table.read(0, table.size)
        return self._gatherer.add(table.path, partial(io.BytesIO, body))

    def statistics_state(self) -> bytes:
        """See `TableProcess`."""
        return b"".join(self._gatherer.state())

    def statistics(self) -> Counted:
        """See `TableProcess`."""
        return _COUNTED.validate_python(self._gatherer.told())
