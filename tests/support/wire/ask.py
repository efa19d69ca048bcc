"""A program that asks many places at once whether they answer, and prints the outcomes as JSON.

It is run as text, in pods, on a node and outside of both; the standard library is all it may need.
`silent` is what a dropped packet looks like, `refused` means that a packet arrived where nobody
listens, `open NAME` that somebody answered.

    python - '{"places": {"key": ["tcp", "10.0.0.1", 80, true]}, "seconds": 2, "source": null,
    "until": 0}' < ask.py python - '{"hold": ["10.0.0.1", 80], "seconds": 60}' < ask.py
"""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

# A question for the address of `kubernetes.default.svc.cluster.local`: name servers answer this,
# and our own listeners anything.
QUESTION = (
    b"\x2a\x2a\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"
)


def ask_tcp(address: str, port: int, source: str | None, seconds: float, *, greets: bool) -> str:
    """Open a connection; read the listener's name where it has one."""
    with socket.create_connection(
        (address, port), timeout=seconds, source_address=(source, 0) if source else None
    ) as connection:
        return f"open {connection.recv(64).decode()}" if greets else "open"


def ask_udp(address: str, port: int, source: str | None, seconds: float, *, greets: bool) -> str:
    """Send a datagram, several times, since one may be lost; wait for an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        if source:
            ours.bind((source, 0))
        ours.connect((address, port))
        ours.settimeout(seconds / 4)
        for _ in range(4):
            ours.send(QUESTION)
            try:
                answer = ours.recv(512)
            except TimeoutError:
                continue
            return f"open {answer.decode()}" if greets else "open"
    return "silent"


def ask(place: list, source: str | None, seconds: float) -> str:  # type: ignore[type-arg]
    """Return what became of one question."""
    protocol, address, port, greets = place
    try:
        return (ask_tcp if protocol == "tcp" else ask_udp)(
            address, port, source, seconds, greets=greets
        )
    except TimeoutError:
        return "silent"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return f"failed {error}"


def hold(address: str, port: int, seconds: float) -> None:
    """Keep one connection busy; tell when it was cut."""
    end = time.monotonic() + seconds
    with socket.create_connection((address, port), timeout=3) as connection:
        print(f"held {connection.recv(64).decode()}", flush=True)
        while time.monotonic() < end:
            try:
                connection.sendall(b"still here")
                if not connection.recv(64):
                    raise ConnectionError("ended by the other side")
            except OSError:
                print("cut", flush=True)
                return
            time.sleep(0.1)
    print("never cut", flush=True)


def main() -> None:
    """Ask everywhere at once until the time is over, and print every outcome that was seen."""
    order = json.loads(sys.argv[1])
    if "hold" in order:
        address, port = order["hold"]
        hold(address, port, order["seconds"])
        return
    places = order["places"]
    end = time.monotonic() + order.get("until", 0)
    seen: dict[str, list[str]] = {key: [] for key in places}
    with ThreadPoolExecutor(len(places)) as pool:
        while True:
            for key, outcome in zip(  # noqa: B905 - one outcome a place
                places,
                pool.map(
                    lambda key: ask(places[key], order.get("source"), order["seconds"]), places
                ),
            ):
                seen[key] += [] if outcome in seen[key] else [outcome]
            if time.monotonic() >= end:
                break
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
