"""Sessions of a SeaweedFS of our own that end within seconds.

No store issues a session for less than 15 minutes. The end of a session stands in its token, which
the store signs: who holds the store's key can sign an earlier one. The keys stay as they were.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from glovebox.store.credentials import SessionCredentials


def shortened(session: SessionCredentials, configuration: Path, seconds: int) -> SessionCredentials:
    """Return the session, ending so many seconds from now.

    Args:
        session: As the store issued it.
        configuration: The store's `iam.json`, with the key that it signs with.
        seconds: Until its end.
    """
    key = base64.b64decode(json.loads(configuration.read_text())["sts"]["signingKey"])
    header, payload, _ = session.session_token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    claims["exp"] = int(end.timestamp())
    payload = _unpadded(json.dumps(claims, separators=(",", ":")).encode())
    signature = _unpadded(hmac.digest(key, f"{header}.{payload}".encode(), "sha256"))
    return replace(
        session,
        session_token=f"{header}.{payload}.{signature}",
        expire_time=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
