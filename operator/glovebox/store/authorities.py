"""Authorities that a store's certificate is judged by, as a file: SDKs read them from nowhere else.

The file is one of memory: pods have no place of their own to write.
"""

from __future__ import annotations

import functools
import os
import ssl

from glovebox.api import reasons
from glovebox.errors import Unavailable


@functools.cache
def authorities_file(bundle: str) -> str | None:
    """Return the path of a file with these certificates; None for an empty bundle.

    It is there for as long as the process: connections read it whenever they are made.

    Args:
        bundle: Certificates in PEM.

    Raises:
        Unavailable: `StoreUnreachable`: they cannot be read. Nothing is wrong with what the store
            holds, and somebody may correct them.
    """
    if not bundle:
        return None
    handle = os.memfd_create("authorities")
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(bundle.encode())
    path = f"/proc/{os.getpid()}/fd/{handle}"
    try:
        # As connections will: other readers accept more.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        os.close(handle)
        raise Unavailable(
            reasons.STORE_UNREACHABLE,
            "`spec.tls.caBundle` of the ObjectStore cannot be read; give the certificates of the"
            " store's authorities in PEM, each from its BEGIN CERTIFICATE to its END CERTIFICATE,"
            " with the line breaks that it has there",
        ) from None
    return path
