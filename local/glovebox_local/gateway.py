"""The gateway: a network in which the control plane and the store live beside the nodes.

A bridge joins the nodes to it. This machine's own network gets no interface, no route and no rule:
programs here reach the API server and S3 on 127.0.0.1 through a forwarder, and nothing leads from
the nodes to the world outside.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from glovebox_local.namespaces import NamespacesOf, NewNamespaces
from glovebox_local.part import Part, PartSpec
from glovebox_local.ports import is_free
from glovebox_local.processes import is_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from glovebox_local.paths import StateDir

GATEWAY_IP = "172.31.0.254"
POD_CIDR = "10.244.0.0/16"
MAX_NODES = 9
_BRIDGE = "lan"
_SCRIPT = f"""set -e
ip link set lo up
ip link add {_BRIDGE} type bridge
ip address add {GATEWAY_IP}/24 dev {_BRIDGE}
ip link set {_BRIDGE} up
nft add table inet gateway
nft 'add chain inet gateway input {{ type filter hook input priority 0; policy accept; }}'
nft "add rule inet gateway input iifname {_BRIDGE} tcp dport {{ $1 }} drop"
for number in $(seq {MAX_NODES}); do ip route add 10.244.$number.0/24 via 172.31.0.$number; done
exec "$0"
"""


def node_ip(number: int) -> str:
    """Return the address of a node, counted from 1."""
    return f"172.31.0.{number}"


def pod_cidr(number: int) -> str:
    """Return the range of the pods on a node."""
    return f"10.244.{number}.0/24"


class Gateway:
    """The network's holder and the forwarder.

    Args:
        state: Where logs and records lie.
        ports: The environment's ports.
        programs: Folders of the built programs by name: `coredns`, which holds `pause`.
        tied: The processes die with us.
    """

    def __init__(
        self, state: StateDir, ports: Mapping[str, int], programs: Mapping[str, Path], *, tied: bool
    ) -> None:
        pause = programs["coredns"] / "pause"
        forwarded = (ports["kube-apiserver"], ports["s3"])
        # Most of them listen on loopback only, which is enough; one of the store's knows no way to.
        inner = ", ".join(str(port) for port in ports.values() if port not in forwarded)
        holder = PartSpec(
            "gateway",
            ["sh", "-c", _SCRIPT, str(pause), inner],
            lambda: is_program(self.holder.record, pause.name),
            namespaces=NewNamespaces(("net",)),
        )
        self.holder = Part(holder, logs=state.logs, run=state.run, tied=tied)
        self.namespaces = NamespacesOf(lambda: self.holder.pid)
        self._state = state
        self.forwarder = self.forward("forwarder", dict.fromkeys(forwarded, GATEWAY_IP), tied=tied)

    def forward(self, name: str, hosts: Mapping[int, str], *, tied: bool) -> Part:
        """Return a part that makes servers in the gateway's network answer on this machine's ports.

        Args:
            name: Of the part.
            hosts: The address in the gateway's network, by port.
            tied: It dies with us.
        """
        ports = tuple(hosts)
        spec = PartSpec(
            name,
            [
                *(sys.executable, "-m", "glovebox_local.forward", str(self.holder.record_file)),
                *(f"{port}={host}:{port}" for port, host in hosts.items()),
            ],
            lambda: next((f"port {port} is not open yet" for port in ports if is_free(port)), None),
            environment={"PYTHONSAFEPATH": "1"},
            ports=ports,
        )
        return Part(spec, logs=self._state.logs, run=self._state.run, tied=tied)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Both, in the order in which they start."""
        return (self.holder, self.forwarder)

    def up(self) -> None:
        """Start what does not run."""
        for part in self.parts:
            part.start()

    def attach(self, number: int, pid: int) -> None:
        """Join a node to the bridge.

        Args:
            number: Of the node; its address follows from it.
            pid: Of the process that holds the node's namespaces.
        """
        port = f"n{number}"
        self.namespaces.run(
            ["ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(pid)]
        )
        self.namespaces.run(["ip", "link", "set", port, "master", _BRIDGE, "up"])
        node = NamespacesOf(lambda: pid)
        node.run(["ip", "address", "add", f"{node_ip(number)}/24", "dev", "eth0"])
        node.run(["ip", "link", "set", "eth0", "up"])
        node.run(["ip", "route", "add", "default", "via", GATEWAY_IP])
