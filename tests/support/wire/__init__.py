"""Programs that listen and that ask, in pods, on nodes and beside; and what tests say to them."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from pathlib import Path

ASK = Path(__file__).with_name("ask.py")
LISTEN = Path(__file__).with_name("listen.py")


@dataclass(frozen=True)
class Place:
    """Where somebody may answer.

    Args:
        protocol: `tcp` or `udp`.
        address: In digits.
        port: Its port.
        name: With which the listener answers, where it is one of ours.
    """

    protocol: str
    address: str
    port: int
    name: str = ""

    @property
    def question(self) -> list[str | int | bool]:
        """As `ask.py` takes it."""
        return [self.protocol, self.address, self.port, bool(self.name)]


def listening_command(name: str, *places: str) -> list[str]:
    """Return the command that listens in a pod: `listening_command("a", "tcp:0.0.0.0:7000")`."""
    return ["python", "-c", LISTEN.read_text(), name, *places]


def asking_command(order: str) -> list[str]:
    """Return the command that asks in a pod; `order` as `ask.py` takes it.

    The program is compressed: one word of a run's command has at most 4,096 bytes.
    """
    packed = base64.b64encode(zlib.compress(ASK.read_bytes())).decode()
    unpack = f"import base64, zlib; exec(zlib.decompress(base64.b64decode('{packed}')))"
    return ["python", "-c", unpack, order]
