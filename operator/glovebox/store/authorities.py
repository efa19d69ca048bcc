"""Authorities that a store's certificate is judged by, as a file: SDKs read them from nowhere else.

The file is one of memory: pods have no place of their own to write.
"""

from __future__ import annotations

import functools
import os

from cryptography import x509

from glovebox.api import reasons
from glovebox.errors import InvalidInput


@functools.cache
def authorities_file(bundle: str) -> str | None:
    """Return the path of a file with these certificates; None for an empty bundle.

    It is there for as long as the process: connections read it whenever they are made.

    Args:
        bundle: Certificates in PEM.

    Raises:
        InvalidInput: `InvalidSpec`: they cannot be read.
    """
    if not bundle:
        return None
    try:
        x509.load_pem_x509_certificates(bundle.encode())
    except ValueError as error:
        raise InvalidInput(
            reasons.INVALID_SPEC,
            "`spec.tls.caBundle` holds no certificates that can be read; give those of the store's"
            f" authorities in PEM, each between BEGIN and END CERTIFICATE ({error})",
        ) from None
    handle = os.memfd_create("authorities")
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(bundle.encode())
    return f"/proc/{os.getpid()}/fd/{handle}"
