"""Asking a part whether it does its work."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glovebox_local.errors import LocalError
from glovebox_local.namespaces import visiting_network

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 2.0


@dataclass(frozen=True)
class HealthCheck:
    """A GET that answers 200 when the part is ready.

    Calling it returns None then, else what is missing.

    No proxy of the environment's is used: this never leaves the machine.

    Args:
        url: What to ask.
        authority: Whom the server is signed by; none for plain HTTP.
        certificate: Our client certificate, with `key`.
        key: See there.
        headers: Sent along, such as a signature.
        network: Gives the pid of a process in whose network the question is asked; in ours by
            default.
        judge: Told the body of an answer; returns what is missing, or None.
    """

    url: str
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    network: Callable[[], int] | None = None
    judge: Callable[[bytes], str | None] | None = None

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
            with visiting_network(self.network()) if self.network else nullcontext():
                connection.connect()
            connection.request("GET", address.path, headers=dict(self.headers))
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException, LocalError) as error:
            return f"does not answer yet ({error})"
        finally:
            connection.close()
        if status != http.HTTPStatus.OK:
            return f"answers {status}"
        return self.judge(body) if self.judge else None

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Not at construction: the files are made between that and the first question.
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context
