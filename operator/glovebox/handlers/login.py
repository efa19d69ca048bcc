"""kopf logs in as the operator does: the same credentials, in its own words."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import kopf

from glovebox.handlers.odd_answers import without_odd_answers
from glovebox.kube.connector import Connector
from glovebox.kube.login import ApiCredentials


def session(found: ApiCredentials) -> kopf.AiohttpSession:
    """Return credentials as kopf takes them; it asks again when they expire or are refused.

    Must be called inside a running event loop. kopf closes the session.
    """
    expires = found.expires
    connector = Connector(limit=0, tls=found.as_ssl_context(), server_name=found.server_name)
    return kopf.AiohttpSession(
        server=found.server,
        expiration=datetime.fromtimestamp(expires, UTC) if expires is not None else None,
        aiohttp_session=aiohttp.ClientSession(
            connector=connector,
            # As `kube/http.py` asks for lists.
            headers={"Accept-Encoding": "identity", **found.as_http_headers()},
            proxy=found.proxy,
            middlewares=(without_odd_answers,),
        ),
    )
