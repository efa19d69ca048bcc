"""One at a time: a lock between programs that lasts as long as the program that holds it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL = 0.5


@contextmanager
def exclusive(path: Path, say: Callable[[str], None], waiting: str) -> Iterator[None]:
    """Hold the lock of that file; the kernel lets go of it with us, however we end.

    Args:
        path: The file; it is made, and stays.
        say: Told `waiting` while somebody else holds it.
        waiting: What is waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                say(waiting)
                time.sleep(_POLL)
        yield
