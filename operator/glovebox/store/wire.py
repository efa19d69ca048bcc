"""Signed S3 requests of our own, for the frequent ones: version lists, heads, reads by version.

Parsing a listing with the SDK costs seven times the processor time of doing it with ElementTree,
and each small read four times that of a bare request. This module signs with the SDK's own signer
and knows nothing of what the answers mean. It trusts the authorities that the SDK's clients trust,
and goes through the proxy that they go through: half of the requests must not arrive elsewhere.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.utils import get_environ_proxies

from glovebox.store.answers import NOT_FOUND_STATUS, AnswerError, parse_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONNECT_SECONDS: Final = 4.0
READ_SECONDS: Final = 30.0
_MAX_ERROR_BYTES: Final = 65_536
_OK: Final = (200, 206)
# How stores say that there is no such object, or no such version: 400 for a version id of a shape
# that they never gave out, 405 for a delete marker.
_ABSENT: Final = (400, NOT_FOUND_STATUS, 405)
# One retry policy for all that is read: nothing here changes anything, so asking again is always
# safe.
_RETRIES: Final = urllib3.Retry(
    total=3,
    connect=2,
    read=2,
    redirect=0,
    backoff_factor=0.1,
    status_forcelist=(500, 502, 503, 504),
    raise_on_status=False,
)


class Wire:
    """Sends signed requests to one store; connections are kept and shared by threads.

    Args:
        endpoint: URL of the S3 API.
        region: To sign for.
        path_style: Where the bucket's name stands.
        credentials: Returns the SDK's credentials, which renew themselves when they are a
            session's.
        ca_bundle: File with the authorities that are trusted; None for the SDK's own.
        proxies: By scheme; None for those that the environment names.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        *,
        path_style: bool,
        credentials: Callable[[], Any],
        ca_bundle: str | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._region = region
        self._path_style = path_style
        self._find_credentials = credentials
        self._credentials: Any = None
        self._finding = threading.Lock()
        self._pool = _pool(self._endpoint, ca_bundle, proxies)

    def get(
        self,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Start a GET, with headers such as `Range`.

        The caller reads the body and calls `release_conn`, or closes it.

        Raises:
            AnswerError: The store answered, but with no success.
            urllib3.exceptions.HTTPError: It did not answer; or with an object of which nobody could
                say whether all of it arrived.
        """
        response = self._send("GET", bucket, key, query, headers or {})
        # A list ends with its root; an object does not say where it ends.
        if key and not _has_an_end(response):
            response.close()
            raise urllib3.exceptions.ProtocolError("an answer without a length")
        return response

    def head(
        self,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """Return the headers of an object. Raises as `get`.

        An answer to a HEAD has no words, so a gateway's looks like the store's. One that says that
        there is no such object is asked for again with a GET, and raised with what that says.
        """
        try:
            response = self._send("HEAD", bucket, key, query, headers or {})
        except AnswerError as error:
            if error.status in _ABSENT:
                self._ask_in_words(bucket, key, query)
            raise
        response.drain_conn()  # gives the connection back
        return response.headers

    def _ask_in_words(self, bucket: str, key: str, query: Mapping[str, str]) -> None:
        """Raise what the store says of an object of which a HEAD says that it is not there.

        Raises:
            AnswerError: With the store's own code; without one, the store has not been reached.
        """
        self._send("GET", bucket, key, query, {}).close()
        # One of the two answers was not the store's.
        raise AnswerError(NOT_FOUND_STATUS, "")

    def _exactly(self, method: str, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Send a request with its path as it was signed.

        A key may hold `..`, and the library would leave out what is before it: the signature is of
        another path then, and so might be the object. Through a proxy over plain HTTP it still
        does, and the store refuses the signature.
        """
        options: dict[str, Any] = {
            "headers": headers,
            "preload_content": False,
            "decode_content": False,
            "redirect": False,
        }
        parts = urlsplit(url)
        if self._pool.proxy is not None and parts.scheme == "http":
            return self._pool.urlopen(method, url, **options)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        host = self._pool.connection_from_url(f"{parts.scheme}://{parts.netloc}")
        return host.urlopen(method, target, assert_same_host=False, **options)

    def _send(
        self,
        method: str,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> urllib3.BaseHTTPResponse:
        request = AWSRequest(method, self._url(bucket, key, query), headers=dict(headers))
        S3SigV4Auth(self._frozen_credentials(), "s3", self._region).add_auth(request)
        # Bodies are wanted as they are stored: one that says `Content-Encoding: gzip` must not be
        # unpacked.
        response = self._exactly(
            method,
            str(request.url),
            {name: str(value) for name, value in request.headers.items()}
            | {"Accept-Encoding": "identity"},
        )
        if response.status in _OK:
            return response
        body = response.read(_MAX_ERROR_BYTES, decode_content=False)
        response.close()
        raise parse_error(response.status, body)

    def _url(self, bucket: str, key: str, query: Mapping[str, str]) -> str:
        parts = urlsplit(self._endpoint)
        host, path = (
            (parts.netloc, f"{parts.path}/{bucket}")
            if self._path_style
            else (f"{bucket}.{parts.netloc}", parts.path)
        )
        path += f"/{quote(key, safe='/~')}" if key or not self._path_style else ""
        text = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
            for name, value in sorted(query.items())
        )
        return f"{parts.scheme}://{host}{path}?{text}" if text else f"{parts.scheme}://{host}{path}"

    def _frozen_credentials(self) -> Any:
        with self._finding:
            if self._credentials is None:
                self._credentials = self._find_credentials()
        if self._credentials is None:
            raise NoCredentialsError
        return self._credentials.get_frozen_credentials()


def read_at_most(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """Return so many bytes of a body, or all where it is shorter.

    A single read returns what is there when the connection ends, without an error.

    Raises:
        urllib3.exceptions.ProtocolError: It ended before its announced end.
    """
    found = b""
    while len(found) < most and (part := response.read(most - len(found), decode_content=False)):
        found += part
    return found


def _has_an_end(response: urllib3.BaseHTTPResponse) -> bool:
    encoding = response.headers.get("Transfer-Encoding", "")
    return "Content-Length" in response.headers or "chunked" in encoding.lower()


def proxies_of(proxy: str | None) -> dict[str, str] | None:
    """Return a proxy as the SDK takes it: no proxy for an empty one, the environment's for None."""
    if proxy is None:
        return None
    return {"https": proxy} if proxy else {}


def _pool(
    endpoint: str, ca_bundle: str | None, named: Mapping[str, str] | None
) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": 32,
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        "retries": _RETRIES,
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": ca_bundle or get_cert_path(verify=True),
    }
    proxies = ProxyConfiguration(named if named is not None else get_environ_proxies(endpoint))
    proxy = proxies.proxy_url_for(endpoint)
    if proxy is None:
        return urllib3.PoolManager(**options)
    headers = proxies.proxy_headers_for(proxy)
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
