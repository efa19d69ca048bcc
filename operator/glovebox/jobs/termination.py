"""The last words of a container, where the kubelet reads them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

TERMINATION_LOG: Final = "GLOVEBOX_TERMINATION_LOG"
_DEFAULT: Final = "/dev/termination-log"


def write_termination_message(message: bytes) -> None:
    """Write the message to the container's termination log.

    Outside a container there is none, and nothing is missed.
    """
    path = Path(os.environ.get(TERMINATION_LOG, _DEFAULT))
    if TERMINATION_LOG not in os.environ and not path.exists():
        return
    with contextlib.suppress(OSError), path.open("wb") as file:
        file.write(message)
