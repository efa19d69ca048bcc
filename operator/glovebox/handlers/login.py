"""kopf logs in as the operator does: the same credentials, in its own words."""

from __future__ import annotations

from datetime import UTC, datetime

import kopf

from glovebox.kube.login import ApiCredentials


def connection_info(found: ApiCredentials) -> kopf.ConnectionInfo:
    """Return credentials as kopf takes them; it asks again when they expire or are refused."""
    scheme, _, token = (found.authorization or "").partition(" ")
    expires = found.expires
    return kopf.ConnectionInfo(
        server=found.server,
        ca_data=found.ca,
        insecure=not found.verify,
        scheme=scheme or None,
        token=token or None,
        certificate_data=found.certificate,
        private_key_data=found.key,
        proxy_url=found.proxy,
        expiration=datetime.fromtimestamp(expires, UTC) if expires is not None else None,
    )
