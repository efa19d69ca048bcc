"""The part of the process that reads tables which looks at one file for a contract.

Of each batch it sends the hashes of keys, each behind the number of its key; in the end what it
found. It knows no other file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import IO, Any

from glovebox.data.contract_tables import look_at_file
from glovebox.tasks.table_frames import KEYS


def check_table(
    ask: Mapping[str, Any], opened: Callable[[], IO[bytes]], send: Callable[[bytes, bytes], None]
) -> dict[str, Any]:
    """Return what a table holds of a contract.

    Args:
        ask: `path`, and `contract`: see `contracts.file_rules`.
        opened: Returns the table's bytes, from the start.
        send: Sends a frame.

    Raises:
        TableError: It cannot be read.
    """

    def send_keys(number: int, hashes: bytes) -> None:
        send(KEYS, bytes([number]) + hashes)

    return asdict(look_at_file(ask["path"], opened, ask["contract"], send_keys))
