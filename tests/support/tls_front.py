"""A store behind a certificate of an authority that nobody knows."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glovebox_local.certificates import Authority
from support.lying_store import lying

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glovebox.store.connection import Credentials


@dataclass(frozen=True)
class TlsFront:
    """A front that runs.

    Attributes:
        endpoint: Its URL.
        authorities: The certificate of its authority, in PEM.
        others: That of another authority.
    """

    endpoint: str
    authorities: str
    others: str


@contextlib.contextmanager
def tls_front(endpoint: str, keys: Credentials, folder: Path) -> Iterator[TlsFront]:
    """Start a front of a store over TLS.

    Args:
        endpoint: Of the store.
        keys: Whose signature the store accepts; sessions pass with their own.
        folder: For keys and certificates.
    """
    authority, other = Authority.create("glovebox-tests"), Authority.create("somebody-else")
    (ours, _), (theirs, _) = authority.write(folder, "ca"), other.write(folder, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("front", ["127.0.0.1"]).write(folder, "front"))
    with lying(endpoint, keys, lambda *_: None, tls=context) as address:
        yield TlsFront(address, ours.read_text(), theirs.read_text())
