"""Experiments, a plain namespace and an outside world on a real node: who calls, who answers.

The outside world is in the gateway's network: it answers on addresses for documentation, and on the
one where clouds keep a node's credentials. Everybody who listens says a name of their own, so a
packet that arrives elsewhere is not taken for success.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from glovebox_local.errors import LocalError
from glovebox_local.part import Part, PartSpec
from glovebox_local.programs import KUBERNETES, program_folder
from support.api import Api, path_of
from support.operator_process import BREAK_GLASS, Team, experiment_spec, profile_spec
from support.waiting import eventually
from support.wire import ASK, LISTEN, Place, listening_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import IO

    from glovebox_local.namespaces import NamespacesOf
    from support.node import NodeCluster

PLAIN = "plain"
PORT = 7000
GATEWAY = "172.31.0.254"
NODE = "172.31.0.1"
METADATA = "169.254.169.254"
ROUTE_HOST = "203.0.113.7"
_OUTSIDE = (METADATA, ROUTE_HOST, "203.0.113.8", "203.0.113.9", "203.0.113.53", "198.51.100.9")
_ROUTES = [
    {
        "name": "docs",
        "cidr": "203.0.113.0/24",
        "ports": [{"port": 443}, {"port": 444}, {"port": 123, "protocol": "UDP"}],
    },
    {"name": "world", "cidr": "0.0.0.0/0", "ports": [{"port": 443}]},
]
_SERVICES = [
    {
        "name": "tracking",
        "namespace": PLAIN,
        "podLabels": {"role": "plain"},
        "ports": [{"port": PORT}],
    }
]
_EGRESS = {
    "r": [
        {"name": "api", "cidr": f"{ROUTE_HOST}/32", "ports": [{"port": 443}]},
        {"name": "time", "cidr": "203.0.113.9/32", "ports": [{"port": 123, "protocol": "UDP"}]},
    ],
    "w": [{"name": "world", "cidr": "0.0.0.0/0", "ports": [{"port": 443}]}],
}
_EVERY = (f"tcp:0.0.0.0:{PORT}", f"udp:0.0.0.0:{PORT}")
# By what a service finds a pod that is no run's; nothing finds one without labels.
_SELECTORS: dict[str, dict[str, str]] = {
    "plain": {"role": "plain"},
    "pod": {"role": "first"},
    "other": {},
    "neighbour": {},
}
TIMEOUT_SECONDS = 2.0


class Scene:
    """All of it.

    Args:
        node: The cluster.
        image: An image with Python, on the node.
    """

    def __init__(self, node: NodeCluster, image: str) -> None:
        self.node = node
        self.image = image
        self.red, self.blue = Team(node.cluster, "packets-red"), Team(node.cluster, "packets-blue")
        self.places: dict[str, Place] = {}
        self._pods: dict[str, tuple[str, str]] = {}
        self._parts: list[Part] = []

    @property
    def api(self) -> Api:
        """The API server as the administrator."""
        return self.node.api

    @cached_property
    def rescue_kubeconfig(self) -> Path:
        """The kubeconfig of an administrator who broke the glass, signed once for all threads."""
        return self.node.cluster.kubeconfig_for("rescuer", ["system:masters", BREAK_GLASS])

    @cached_property
    def rescuer(self) -> Api:
        """The API server as that administrator."""
        return Api(self.rescue_kubeconfig)

    def tenant(self, team: Team) -> Api:
        """Return the API server as somebody of that team."""
        return self.node.cluster.api_as("ann", [f"glovebox:team:{team.name}"])

    # -- building it

    def build(self) -> None:
        """Start everybody and wait until all listen."""
        self.open_world()
        self.red.declare("IsolationProfile", "packets", self.profile())
        self.red.expect("IsolationProfile", "packets")
        # Nobody starts a pod beside a run: who has two pods has none.
        self.declare(self.red, "a", run=None)
        for name in ("b", "r", "w"):
            self.declare(self.red, name)
        self.declare(self.red, "s", network={"services": ["tracking"]})
        self.declare(self.blue, "c")
        self.plain_pods()
        self._team_pods()
        runs = [(self.red, "b"), (self.red, "r"), (self.red, "w"), (self.red, "s")]
        for team, name in (*runs, (self.blue, "c")):
            self._pods[f"{name.upper()}'s run"] = self.run_of(team, name)
        self._pods["a plain pod"] = (PLAIN, "plain")
        self._pods["its neighbour"] = (PLAIN, "neighbour")
        self._find_places()
        # The node learns of services a moment after pods do.
        services = [
            key for key in self.places if key.endswith("by its service") and self.places[key].name
        ]
        eventually(
            lambda: all(
                seen[0].startswith("open") for seen in self.ask("the node", services).values()
            ),
            what="the node knows all services",
        )

    def _team_pods(self) -> None:
        """Start two pods as the team, one of them without any label."""
        ready = self.red.expect("Experiment", "a", timeout=60)
        namespace: str = ready["status"]["namespace"]
        for key, name, labels in (
            ("A's pod", "pod", {"role": "first"}),
            ("A's other pod", "other", {}),
        ):
            self.tenant(self.red).create(
                path_of("v1", "pods", namespace=namespace),
                self.pod(name, listening_command(f"a-{name}", *_EVERY), labels=labels),
            )
            self.await_listening(namespace, name)
            self._pods[key] = (namespace, name)

    def profile(self) -> dict[str, Any]:
        """Return a profile that takes the image, allows the routes and offers the service."""
        repository = self.image.partition("@")[0]
        plain = profile_spec()
        # None by default: here we want to ask by them.
        quota = [*plain["quota"], {"resource": "services", "default": "2", "maximum": "2"}]
        return {
            **plain,
            "quota": quota,
            "images": [{"repository": repository}],
            "network": {"routes": _ROUTES, "services": _SERVICES},
        }

    def declare(self, team: Team, name: str, **changes: Any) -> dict[str, Any]:
        """Declare an experiment whose run listens until it is told to end."""
        run = {"image": "trainer", "command": listening_command(f"{name}-run", *_EVERY)}
        images = [{"name": "trainer", "reference": self.image}]
        network = {"egress": _EGRESS.get(name, [])}
        spec = experiment_spec(
            "packets", "primary", images=images, **{"run": run, "network": network, **changes}
        )
        return team.declare("Experiment", name, spec)

    def run_of(self, team: Team, name: str) -> tuple[str, str]:
        """Wait for the run of an experiment; return the namespace and the name of its pod."""
        namespace: str = team.expect("Experiment", name, timeout=60)["status"]["namespace"]
        path = path_of("v1", "pods", namespace=namespace)
        pod = eventually(
            lambda: self.api.list(path, labelSelector="job-name=glovebox-run"), what=f"{name} runs"
        )[0]["metadata"]["name"]
        self.await_listening(namespace, pod)
        return namespace, pod

    def await_listening(self, namespace: str, pod: str) -> None:
        """Wait until that pod says that it listens."""
        look = path_of("v1", "pods", namespace=namespace, name=pod)
        eventually(
            lambda: self.api.get(look)["status"]["phase"] == "Running",
            what=f"{namespace}/{pod} runs",
            timeout=60,
        )
        eventually(
            lambda: "listening" in self.node.cluster.kubectl("logs", "-n", namespace, pod).stdout,
            what=f"{pod} listens",
            timeout=30,
        )

    def pod(
        self, name: str, command: Sequence[str], *, runner: bool = True, **metadata: Any
    ) -> dict[str, Any]:
        """Return a pod with that command.

        One of an experiment, or else one with root's rights in its container.
        """
        restricted = {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        container = {
            "name": "main",
            "image": self.image,
            "command": list(command),
            "securityContext": restricted if runner else {"runAsUser": 0},
        }
        account = {"serviceAccountName": "glovebox-runner"} if runner else {}
        spec = {
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
        }
        return {"metadata": {"name": name, **metadata}, "spec": {**spec, **account}}

    def plain_pods(self) -> None:
        """Start the pod without policies, with services, and the labels of name servers."""
        self.api.create_namespace(PLAIN)
        places = (*_EVERY, "tcp:0.0.0.0:443", "tcp:0.0.0.0:53", "udp:0.0.0.0:53")
        labels = {"k8s-app": "kube-dns", "role": "plain"}
        command = listening_command("plain", *places)
        self.api.create(
            path_of("v1", "pods", namespace=PLAIN),
            self.pod("plain", command, runner=False, labels=labels),
        )
        other = self.pod("neighbour", listening_command("neighbour", *_EVERY), runner=False)
        self.api.create(path_of("v1", "pods", namespace=PLAIN), other)
        for name in ("plain", "neighbour"):
            self.await_listening(PLAIN, name)

    def open_world(self) -> None:
        """Let the world outside answer, on its own addresses and on a port of store and node."""
        environment = self.node.cluster.environment
        for address in _OUTSIDE:
            environment.gateway.run(["ip", "address", "add", f"{address}/32", "dev", "lan"])
        outside = [
            f"tcp:{address}:{port}" for address in _OUTSIDE for port in (443, 444, 80, 123, 53)
        ]
        outside += [f"udp:{address}:{port}" for address in _OUTSIDE for port in (443, 123, 53)]
        self._listen("outside", environment.gateway, *outside)
        s3 = environment.description.ports["s3"]
        self._listen(
            "store-host", environment.gateway, f"tcp:{GATEWAY}:{PORT}", f"udp:{GATEWAY}:{s3}"
        )
        (node,) = environment.nodes
        self._listen("node", node.namespaces, f"tcp:{NODE}:{PORT}")

    def _listen(self, name: str, where: NamespacesOf, *places: str) -> None:
        folder = self.node.cluster.environment.state.root / "listeners"
        folder.mkdir(exist_ok=True)
        command = [*where.prefix(), sys.executable, str(LISTEN), name, *places]

        def missing() -> str | None:
            return (
                None
                if part.log.exists() and "listening" in part.log.read_text()
                else "does not listen yet"
            )

        part = Part(
            PartSpec(f"listener-{name}", command, missing), logs=folder, run=folder, tied=True
        )
        self._parts.append(part)
        part.start()

    def _find_places(self) -> None:
        environment = self.node.cluster.environment
        ports = environment.description.ports
        for source, (namespace, pod) in self._pods.items():
            kind = pod if pod in _SELECTORS else "run"
            name = pod if namespace == PLAIN else f"{source[0].lower()}-{kind}"
            address = self.node.ip_of(namespace, pod)
            self.places[f"{source}, TCP"] = Place("tcp", address, PORT, name)
            self.places[f"{source}, UDP"] = Place("udp", address, PORT, name)
            selector = _SELECTORS.get(pod, {"job-name": "glovebox-run"})
            if selector:
                service = self._service(namespace, selector)
                self.places[f"{source}, by its service"] = Place(
                    "tcp", service["clusterIP"], PORT, name
                )
                if namespace == PLAIN:
                    self.places[f"{source}, by a port of the node"] = Place(
                        "tcp", NODE, service["ports"][0]["nodePort"], name
                    )
        plain = self.places["a plain pod, TCP"].address
        self.places |= {
            "a plain pod, TCP 443": Place("tcp", plain, 443, "plain"),
            "a plain pod with the labels of DNS, UDP 53": Place("udp", plain, 53, "plain"),
            "a plain pod with the labels of DNS, TCP 53": Place("tcp", plain, 53, "plain"),
        }
        (dns,) = self.api.list(
            path_of("v1", "pods", namespace="kube-system"), labelSelector="k8s-app=kube-dns"
        )
        for protocol in ("tcp", "udp"):
            shown = protocol.upper()
            self.places |= {
                f"cluster DNS, {shown} 53": Place(protocol, "10.96.0.10", 53),
                f"a pod of cluster DNS, {shown} 53": Place(protocol, dns["status"]["podIP"], 53),
                f"a name server elsewhere, {shown} 53": Place(
                    protocol, "203.0.113.53", 53, "outside"
                ),
                f"the metadata address, TCP {80 if protocol == 'tcp' else 443}": Place(
                    "tcp", METADATA, 80 if protocol == "tcp" else 443, "outside"
                ),
            }
            for host, port in (
                (ROUTE_HOST, 443),
                (ROUTE_HOST, 444),
                ("203.0.113.8", 443),
                ("203.0.113.9", 123),
                ("198.51.100.9", 443),
            ):
                self.places[f"{host}, {shown} {port}"] = Place(protocol, host, port, "outside")
        self.places |= {
            "a pod of cluster DNS, its health port": Place("tcp", dns["status"]["podIP"], 8080),
            "the store, S3": Place("tcp", GATEWAY, ports["s3"]),
            "the store, UDP on the same port": Place("udp", GATEWAY, ports["s3"], "store-host"),
            "the store's host, another port": Place("tcp", GATEWAY, PORT, "store-host"),
            "the store, an inner port": Place("tcp", GATEWAY, ports["s3-grpc"]),
            "the API server, by its service": Place("tcp", "10.96.0.1", 443),
            "the API server, by its host": Place("tcp", GATEWAY, ports["kube-apiserver"]),
            "the kubelet": Place("tcp", NODE, 10250),
            "the node, another port": Place("tcp", NODE, PORT, "node"),
        }

    def _service(self, namespace: str, selector: Mapping[str, str]) -> dict[str, Any]:
        spec = {
            "selector": dict(selector),
            "ports": [{"port": PORT}],
            "type": "NodePort" if namespace == PLAIN else "ClusterIP",
        }
        made = self.api.create(
            path_of("v1", "services", namespace=namespace),
            {"metadata": {"name": "probe"}, "spec": spec},
        )
        return dict(made["spec"])

    # -- asking

    def ask(
        self, source: str, destinations: Iterable[str], *, until: float = 0
    ) -> dict[str, list[str]]:
        """Let a source ask all destinations at once; return every outcome it saw of each.

        Args:
            source: As the table calls it, or a pod as `namespace/name`.
            destinations: As the table calls them.
            until: Seconds for which it asks again and again.
        """
        places = {key: self.places[key].question for key in destinations}
        order: dict[str, Any] = {"places": places, "seconds": TIMEOUT_SECONDS, "until": until}
        if source == "the route's host":
            order["source"] = ROUTE_HOST
        environment = self.node.cluster.environment
        worlds = {
            "the node": environment.nodes[0].namespaces,
            "outside": environment.gateway,
            "the route's host": environment.gateway,
        }
        if source in worlds:
            command = [*worlds[source].prefix(), sys.executable, str(ASK), json.dumps(order)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=60 + until, check=True
            ).stdout
        else:
            done = self.within(source, json.dumps(order))
        return dict(json.loads(done))

    def within(self, source: str, order: str) -> str:
        """Run `ask.py` with an order in a pod; return what it printed."""
        namespace, pod = self._pods.get(source) or source.split("/")
        command = (
            f"--kubeconfig={self.rescue_kubeconfig}",
            "exec",
            "-i",
            "-n",
            namespace,
            pod,
            "--",
            "python",
            "-",
            order,
        )
        return self.node.cluster.kubectl(*command, stdin=ASK.read_text()).stdout

    @contextmanager
    def held(self, source: str, destination: str) -> Iterator[IO[str]]:
        """Hold a connection that is in use all the time.

        What this gives says `cut` as soon as nothing comes back any more.
        """
        place = self.places[destination]
        order = json.dumps({"hold": [place.address, place.port], "seconds": 60})
        if source == "the node":
            prefix = [
                *self.node.cluster.environment.nodes[0].namespaces.prefix(),
                sys.executable,
                "-",
            ]
        else:
            namespace, pod = self._pods[source]
            kubectl = [
                str(program_folder(KUBERNETES) / "kubectl"),
                f"--kubeconfig={self.rescue_kubeconfig}",
            ]
            prefix = [*kubectl, "exec", "-i", "-n", namespace, pod, "--", "python", "-"]
        with (
            ASK.open() as program,
            subprocess.Popen(
                [*prefix, order], stdin=program, stdout=subprocess.PIPE, text=True
            ) as holding,
        ):
            try:
                assert holding.stdout
                assert holding.stdout.readline() == f"held {place.name}\n"
                yield holding.stdout
            finally:
                holding.kill()

    def add(self, source: str, namespace: str, pod: str, name: str) -> None:
        """Have one more pod under a name, as who asks and as who listens."""
        self._pods[source] = namespace, pod
        self.places[source] = Place("tcp", self.node.ip_of(namespace, pod), PORT, name)

    def said_by(self, namespace: str, pod: str) -> dict[str, list[str]]:
        """Wait until a pod that asks by itself has ended; return what it saw."""

        def look() -> str:
            return self.node.cluster.kubectl("logs", "-n", namespace, pod, check=False).stdout

        return dict(
            json.loads(eventually(look, what=f"{namespace}/{pod} tells what it saw", timeout=60))
        )

    def pod_of(self, source: str) -> tuple[str, str]:
        """Return the namespace and the name of the pod that the table calls so."""
        return self._pods[source]

    def ask_all(self, questions: Mapping[str, Iterable[str]]) -> dict[str, dict[str, str]]:
        """Let every source ask all its destinations, all at once; return what became of each."""
        _ = self.rescue_kubeconfig
        with ThreadPoolExecutor(len(questions)) as pool:
            answers = list(pool.map(lambda source: self.ask(source, questions[source]), questions))
        return {
            source: {key: seen[0] for key, seen in answer.items()}
            for source, answer in zip(questions, answers, strict=True)
        }

    @property
    def listeners(self) -> dict[str, str]:
        """The names with which our own listeners answer, by destination."""
        return {key: place.name for key, place in self.places.items() if place.name}

    # -- ending it

    def end(self) -> None:
        """Let nobody listen any more, and all experiments go."""
        for part in self._parts:
            part.kill()
        for address in _OUTSIDE:
            with suppress(LocalError):
                self.node.cluster.environment.gateway.run(
                    ["ip", "address", "del", f"{address}/32", "dev", "lan"]
                )
        for team in (self.red, self.blue):
            for obj in self.api.list(team.path("Experiment")):
                self.api.delete(team.path("Experiment", obj["metadata"]["name"]))
        with suppress(AssertionError):
            self.api.delete(path_of("v1", "namespaces", name=PLAIN))
