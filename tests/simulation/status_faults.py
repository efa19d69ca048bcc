"""Writes of one kind's status that fail, one after the other, from when a test asks for it."""

from __future__ import annotations

from glovebox.kube.kinds import Kind
from simulation.api_server import Asked
from simulation.api_transport import Fault, NoFaults

# What may become of a write that records something once.
OF_A_STATUS = (
    Fault("refused", 500),
    Fault("refused", 409),
    Fault("lost", seconds=5.0),
    Fault("unanswered"),
)


def named(fault: Fault) -> str:
    """Return how a test with a fault is called."""
    return f"{fault.name}{fault.code or ''}"


class FailingStatus(NoFaults):
    """Lets the next writes of a status fail.

    Args:
        kind: Whose status.
        fault: What becomes of each write.
        left: How many fail; a test may set it later.
    """

    def __init__(self, kind: Kind, fault: Fault, left: int = 0) -> None:
        self._kind, self._fault = kind, fault
        self.left = left

    def request(self, asked: Asked) -> Fault:
        """Return what becomes of a request."""
        is_status = asked.kind == self._kind and asked.subresource == "status"
        if is_status and asked.verb == "update" and self.left:
            self.left -= 1
            return self._fault
        return super().request(asked)
