"""Workers that sum arrays: the first one leads, and the others find it by its name.

Sums are made in the order of the workers' numbers, so each run has the same bits. The leader says
from where all go on: whoever was started again, or was left over, is given the epoch and the state
of the last checkpoint when all are there. With the first connection that breaks the group is over;
its members meet again.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

# A worker that says nothing for so long (seconds) is taken for lost: its node may be gone.
PATIENCE = 60.0
_CONNECT = 5.0
# Until the leader's name is there, or its next attempt.
_PAUSE = 0.5
_NUMBER = struct.Struct("!Q")
_KEPT = b"k"


class Left(Exception):  # noqa: N818 - it is what happened to the group
    """A worker does not answer any more."""


class Group:
    """All workers of a stage, as one of them sees them.

    Args:
        worker: Which one this is.
        epoch: The last one that is over.
        state: What all know after it.
        peers: Connections: of the leader to the others, in their order; of these to the leader.
    """

    def __init__(
        self, worker: int, epoch: int, state: np.ndarray, peers: Sequence[socket.socket]
    ) -> None:
        self.worker = worker
        self.epoch = epoch
        self.state = state
        self._peers = peers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave: the others learn of it by their connections."""
        for peer in self._peers:
            peer.close()

    def all_reduce(self, own: np.ndarray) -> np.ndarray:
        """Return the sum of what all workers give here.

        Raises:
            Left: A worker did not answer.
        """
        if self.worker:
            (leader,) = self._peers
            _send(leader, own.tobytes())
            return _receive_array(leader, own.shape)
        total = own.copy()
        for peer in self._peers:
            total += _receive_array(peer, own.shape)
        for peer in self._peers:
            _send(peer, total.tobytes())
        return total

    def barrier(self) -> None:
        """Return when the leader has come here too.

        Raises:
            Left: A worker did not answer.
        """
        for peer in self._peers:
            if self.worker:
                _receive(peer, len(_KEPT))
            else:
                _send(peer, _KEPT)


def led(server: socket.socket, workers: int, epoch: int, state: np.ndarray) -> Group | None:
    """Wait for all others and tell them from where to go on; None when one left meanwhile.

    Args:
        server: Where the others find this one.
        workers: How many there are, with this one.
        epoch: The last one that is over.
        state: What was known after it.
    """
    here: dict[int, socket.socket] = {}
    while len(here) < workers - 1:
        peer, _ = server.accept()
        try:
            number = _introduced(peer)
        except (OSError, Left):
            peer.close()
            continue
        # The later one counts: it was started again, or did not want to wait.
        if number in here:
            here[number].close()
        here[number] = peer
    group = Group(0, epoch, state, [here[number] for number in sorted(here)])
    try:
        for peer in here.values():
            _send(peer, _NUMBER.pack(epoch) + state.tobytes())
    except Left:
        group.__exit__(None, None, None)
        return None
    return group


def _introduced(peer: socket.socket) -> int:
    _set_up(peer)
    number: int = _NUMBER.unpack(_receive(peer, _NUMBER.size))[0]
    return number


def joined(leader: str, port: int, worker: int, shape: tuple[int, ...]) -> Group | None:
    """Find the leader and learn from where to go on; None when nobody leads now.

    Args:
        leader: Its name.
        port: Where it is found.
        worker: Which one this is.
        shape: Of the state.
    """
    try:
        peer = socket.create_connection((leader, port), _CONNECT)
    except OSError:
        time.sleep(_PAUSE)
        return None
    try:
        _set_up(peer)
        _send(peer, _NUMBER.pack(worker))
        epoch = _NUMBER.unpack(_receive(peer, _NUMBER.size))[0]
        return Group(worker, epoch, _receive_array(peer, shape), [peer])
    except (OSError, Left):
        peer.close()
        return None


def _set_up(peer: socket.socket) -> None:
    peer.settimeout(PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _send(peer: socket.socket, body: bytes) -> None:
    try:
        peer.sendall(body)
    except OSError as error:
        raise Left(f"{type(error).__name__} while sending") from error


def _receive_array(peer: socket.socket, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(np.float64).itemsize
    return np.frombuffer(_receive(peer, size), dtype=np.float64).reshape(shape)


def _receive(peer: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        try:
            part = peer.recv(size - len(got))
        except OSError as error:
            raise Left(f"{type(error).__name__} while receiving") from error
        if not part:
            raise Left("the connection was closed")
        got += part
    return bytes(got)
