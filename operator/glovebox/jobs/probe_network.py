"""Connections and DNS queries from inside a pod, each bounded in time, and their results.

Nothing but a question to the DNS is ever sent: that a connection is accepted says all.
"""

from __future__ import annotations

import errno
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glovebox.data.probing import Connection, DnsQuery, Group, Observation, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

_SILENT: Final = frozenset({errno.ETIMEDOUT, errno.EAGAIN, errno.EINPROGRESS})
_REFUSED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
# EPERM and EACCES come from a filter or a prohibiting route on this side, EINVAL from a route into
# nowhere.
_UNREACHABLE: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EPERM,
        errno.EACCES,
        errno.EINVAL,
    }
)
_MAX_DATAGRAM: Final = 512
_RESOLV_CONF: Final = Path("/etc/resolv.conf")


def probe_connection(
    connection: Connection, environment: Mapping[str, str], seconds: float
) -> Observation:
    """Try one TCP connection."""
    address = (
        environment.get(connection.address_from, "")
        if connection.address_from
        else str(connection.address)
    )
    if not address:
        return Observation(
            connection.id,
            Group.NETWORK,
            connection.expected,
            Seen.UNTRIED,
            f"{connection.address_from} is not set",
        )
    seen, detail = _connect(address, connection.port, seconds)
    return Observation(
        connection.id,
        Group.NETWORK,
        connection.expected,
        seen,
        f"{address} port {connection.port}: {detail}",
    )


def probe_dns(
    query: DnsQuery, protocol: str, seconds: float, resolv_conf: Path = _RESOLV_CONF
) -> Observation:
    """Put one question by `udp` or `tcp`; any answer to it counts, an error too."""
    name = f"{query.id}/{protocol}"
    server = str(query.server) if query.server is not None else own_server(resolv_conf)
    if server is None:
        return Observation(
            name, Group.NETWORK, query.expected, Seen.UNTRIED, f"{resolv_conf} names no server"
        )
    try:
        seen, detail = (_ask_udp if protocol == "udp" else _ask_tcp)(
            server, query.port, _question(query.name), seconds
        )
    except OSError as error:
        seen, detail = _meaning(error)
    return Observation(
        name, Group.NETWORK, query.expected, seen, f"{server} port {query.port}: {detail}"
    )


def _connect(address: str, port: int, seconds: float) -> tuple[Seen, str]:
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return Seen.WORKED, "accepted"
    except OSError as error:
        return _meaning(error)


def _ask_udp(server: str, port: int, question: bytes, seconds: float) -> tuple[Seen, str]:
    with socket.socket(
        socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM
    ) as sock:
        sock.settimeout(seconds)
        # Connected, so that only this server's answers and the network's refusals reach us.
        sock.connect((server, port))
        sock.send(question)
        answer = sock.recv(_MAX_DATAGRAM)
    return Seen.WORKED, "answered" if answer[:2] == question[:2] else "something else answered"


def _ask_tcp(server: str, port: int, question: bytes, seconds: float) -> tuple[Seen, str]:
    with socket.create_connection((server, port), timeout=seconds) as sock:
        try:
            sock.sendall(len(question).to_bytes(2, "big") + question)
            answer = sock.recv(_MAX_DATAGRAM)
        except OSError:
            answer = b""
    # An accepted connection is a way out, whether somebody speaks DNS there or not.
    return Seen.WORKED, "answered" if answer[2:4] == question[:2] else "accepted, no answer"


def _meaning(error: OSError) -> tuple[Seen, str]:
    if isinstance(error, TimeoutError) or error.errno in _SILENT:
        return Seen.SILENT, "timed out"
    if error.errno in _REFUSED:
        return Seen.REFUSED, "refused"
    word = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return (
        (Seen.UNREACHABLE, f"unreachable ({word})")
        if error.errno in _UNREACHABLE
        else (Seen.UNTRIED, f"the attempt could not be made ({word})")
    )


def _question(name: str) -> bytes:
    """Return a query for the A record of a name, with a number that only its answer knows."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return (
        secrets.token_bytes(2)
        + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
        + labels
        + b"\x00\x00\x01\x00\x01"
    )


def own_server(resolv_conf: Path = _RESOLV_CONF) -> str | None:
    """Return the address of this pod's own name server."""
    try:
        lines = resolv_conf.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next(
        (
            words[1]
            for line in lines
            if (words := line.split())[:1] == ["nameserver"] and len(words) > 1
        ),
        None,
    )
