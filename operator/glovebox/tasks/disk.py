"""What a full disk is: no bug of ours and no property of the data, and over when there is room."""

from __future__ import annotations

import errno
from typing import Final

from glovebox.api import reasons
from glovebox.errors import Unavailable

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def full_disk(error: BaseException, where: str) -> Unavailable | None:
    """Return what an error says when it is that a local disk is full; None of any other.

    Args:
        error: As it came out of a task.
        where: Whose disk, such as `the operator`.
    """
    if not isinstance(error, OSError) or error.errno not in _FULL:
        return None
    return Unavailable(
        reasons.TASK_FAILED,
        f"there is no room for temporary files on the disk of {where}: they lie in `/tmp`"
        " (`operator.tmpSize`), and take about as much as the manifests of what is pinned, checked"
        " and sealed at once; it is tried again",
    )
