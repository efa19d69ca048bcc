"""One port with its protocol, as routes name it."""

from __future__ import annotations

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.scalars import Port, Protocol


class PortRule(Model):
    """One port of a route."""

    port: Port = Field(description="Port number, 1 to 65535.")
    protocol: Protocol = Field(
        default="TCP", description="Protocol of the port. When absent: `TCP`."
    )
