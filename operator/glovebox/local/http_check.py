"""Asking a part whether it does its work."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 2.0


@dataclass(frozen=True)
class HealthCheck:
    """A GET that answers 200 when the part is ready; calling it returns None then, else what is missing.

    No proxy of the environment's is used: this never leaves the machine.

    Args:
        url: What to ask.
        authority: Whom the server is signed by; none for plain HTTP.
        certificate: Our client certificate, with `key`.
        key: See there.
        headers: Sent along, such as a signature.
    """

    url: str
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> str | None:
        """Ask once."""
        address = urlsplit(self.url)
        host, port = address.hostname or "", address.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=self._context)
            if address.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        )
        try:
            connection.request("GET", address.path, headers=dict(self.headers))
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"does not answer yet ({error})"
        finally:
            connection.close()
        return None if status == http.HTTPStatus.OK else f"answers {status}"

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Not at construction: the files are made between that and the first question.
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context
