"""Requests to a store exactly as written: paths no client sends, old signatures, swapped bodies."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

REGION = "us-east-1"
EMPTY = b""


@dataclass(frozen=True)
class Keys:
    """Keys of a user or a session."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def send_signed(
    endpoint: str,
    keys: Keys,
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = EMPTY,
    signed_body: bytes | str | None = None,
    at: datetime | None = None,
) -> int:
    """Sign a request in version 4 and send it; return the status.

    Args:
        endpoint: URL of the store.
        keys: Whose signature.
        method: Of the request.
        path: As it is sent, already quoted or deliberately not.
        query: Likewise, its names in order.
        headers: Further headers; signed.
        body: What is sent.
        signed_body: What the signature speaks of, when that is not what is sent; text stands for
            itself.
        at: The time of the signature; now by default.
    """
    host = urlsplit(endpoint).netloc
    when = at or datetime.now(UTC)
    spoken = body if signed_body is None else signed_body
    digest = spoken if isinstance(spoken, str) else hashlib.sha256(spoken).hexdigest()
    signed = {"host": host, "x-amz-date": f"{when:%Y%m%dT%H%M%SZ}", "x-amz-content-sha256": digest}
    if keys.session_token is not None:
        signed["x-amz-security-token"] = keys.session_token
    signed |= {name.lower(): value for name, value in (headers or {}).items()}
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            path,
            query,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            digest,
        ],
    )
    scope = f"{when:%Y%m%d}/{REGION}/s3/aws4_request"
    signature = _signature(keys, when, scope, canonical)
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={names},"
        f" Signature={signature}"
    )
    return send(endpoint, method, f"{path}?{query}" if query else path, headers=signed, body=body)


def signed_url(
    endpoint: str,
    keys: Keys,
    method: str,
    path: str,
    *,
    seconds: int = 60,
    at: datetime | None = None,
) -> str:
    """Return path and query of a signed URL that was made at that time and holds for so long."""
    when = at or datetime.now(UTC)
    scope = f"{when:%Y%m%d}/{REGION}/s3/aws4_request"
    fields = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key_id}/{scope}",
        "X-Amz-Date": f"{when:%Y%m%dT%H%M%SZ}",
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    if keys.session_token is not None:
        fields["X-Amz-Security-Token"] = keys.session_token
    query = "&".join(
        f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(fields.items())
    )
    canonical = "\n".join(
        [method, path, query, f"host:{urlsplit(endpoint).netloc}", "", "host", "UNSIGNED-PAYLOAD"]
    )
    return f"{path}?{query}&X-Amz-Signature={_signature(keys, when, scope, canonical)}"


def send(
    endpoint: str,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = EMPTY,
) -> int:
    """Send a request as it is; return the status."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=20)
    try:
        connection.putrequest(
            method,
            target,
            skip_host=headers is not None and "host" in headers,
            skip_accept_encoding=True,
        )
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


def _signature(keys: Keys, when: datetime, scope: str, canonical: str) -> str:
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            f"{when:%Y%m%dT%H%M%SZ}",
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
