"""How the operator logs in: as the pod's service account in a cluster, else by the kubeconfig.

Credentials say themselves when they are due: a service account's token when the kubelet has rotated
the file, those of a plugin some time before they expire.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from glovebox.api import reasons
from glovebox.errors import Unavailable

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# New ones are asked for so long before the old ones expire, or at half of a shorter life.
EARLY_SECONDS: Final = 60.0
PLUGIN_SECONDS: Final = 60.0


class LoginError(Unavailable):
    """There are no credentials; the message says what was tried."""


@dataclass(frozen=True, slots=True)
class ApiCredentials:
    """How to reach the API server, and as whom.

    Attributes:
        server: The URL.
        authorization: The value of the header, if there is one.
        ca: PEM certificates that are trusted instead of the machine's.
        certificate: PEM client certificate.
        key: Its PEM key.
        verify: Whether the server's certificate is checked.
        server_name: The name in the server's certificate, when it is not the one in the URL.
        proxy: URL of a proxy on the way.
        expires: Unix time at which they end, if known.
        is_due: Whether it is time for new ones.
    """

    server: str
    authorization: str | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None
    expires: float | None = None
    is_due: Callable[[], bool] = field(default=lambda: False, repr=False)

    def as_http_headers(self) -> dict[str, str]:
        """Return the Authorization header, or nothing when a client certificate is used."""
        return {"Authorization": self.authorization} if self.authorization else {}

    def as_ssl_context(self) -> ssl.SSLContext:
        """Return the TLS settings, the client certificate included."""
        context = ssl.create_default_context(cadata=self.ca)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            _load(context, f"{self.certificate}\n{self.key}")
        return context

    def due(self) -> bool:
        """Return whether to log in again before the next request."""
        return self.is_due()


def _load(context: ssl.SSLContext, both: str) -> None:
    """Load a certificate and its key, for which the library takes files alone.

    A file of memory where there are any: however the process ends, no key is left on a disk.
    """
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("client"), "wb") as file:
            file.write(both.encode())
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder, "both.pem")
        named.touch(mode=0o600)
        named.write_text(both, encoding="utf-8")
        context.load_cert_chain(named)


async def log_in(
    environment: Mapping[str, str] = os.environ,
    *,
    service_account: Path = SERVICE_ACCOUNT,
    now: Callable[[], float] = time.time,
) -> ApiCredentials:
    """Return fresh credentials.

    Args:
        environment: Of the process: `KUBERNETES_SERVICE_HOST` and `_PORT`, `KUBECONFIG`.
        service_account: The folder that the kubelet keeps.
        now: Unix time.

    Raises:
        LoginError: There are none.
    """
    if "KUBERNETES_SERVICE_HOST" in environment and (service_account / "token").exists():
        return _of_service_account(environment, service_account)
    return await _of_kubeconfig(environment, now)


def starting_with(
    found: ApiCredentials, then: Callable[[], Awaitable[ApiCredentials]] = log_in
) -> Callable[[], Awaitable[ApiCredentials]]:
    """Return a login that gives what was found already the first time, and fresh ones later."""
    known = [found]

    async def login() -> ApiCredentials:
        return known.pop() if known else await then()

    return login


def _of_service_account(environment: Mapping[str, str], folder: Path) -> ApiCredentials:
    host = environment["KUBERNETES_SERVICE_HOST"]
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    file = folder / "token"
    written = file.stat().st_mtime_ns

    def rotated() -> bool:
        try:
            return file.stat().st_mtime_ns != written
        except OSError:
            return False

    return ApiCredentials(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        authorization=f"Bearer {file.read_text(encoding='utf-8').strip()}",
        ca=(folder / "ca.crt").read_text(encoding="utf-8"),
        is_due=rotated,
    )


async def _of_kubeconfig(
    environment: Mapping[str, str], now: Callable[[], float]
) -> ApiCredentials:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "glovebox.kube.kubeconfig",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
    )
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            said, complained = await process.communicate()
    except TimeoutError:
        raise LoginError(
            reasons.API_UNAVAILABLE,
            f"reading the kubeconfig took longer than {PLUGIN_SECONDS:.0f} s: does its credential"
            " plugin wait for somebody?",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = complained.decode(errors="replace").strip().splitlines()
        raise LoginError(
            reasons.API_UNAVAILABLE,
            "there is no service account, and the kubeconfig cannot be used:"
            f" {lines[-1] if lines else 'no word why'}",
        )
    found = json.loads(said)
    return ApiCredentials(**found, is_due=_before(found["expires"], now))


def _before(expires: float | None, now: Callable[[], float]) -> Callable[[], bool]:
    if expires is None:
        return lambda: False
    at = max(expires - EARLY_SECONDS, (expires + now()) / 2)
    return lambda: now() >= at
