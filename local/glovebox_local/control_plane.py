"""A real Kubernetes control plane as four processes.

On the loopback interface, or beside nodes in the gateway's network.

What it does not do: run pods (nodes do), listen anywhere but on 127.0.0.1 of this machine or for
its own nodes, or answer anybody without a certificate. etcd has an authority of its own: a
certificate of the cluster's authority, which any tenant has, opens nothing there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from glovebox_local.audit import AUDIT_POLICY
from glovebox_local.certificates import Authority, signing_keys
from glovebox_local.gateway import GATEWAY_IP
from glovebox_local.http_check import HealthCheck
from glovebox_local.kubeconfig import Endpoint, write_kubeconfig
from glovebox_local.part import Part, PartSpec
from glovebox_local.paths import write_private
from glovebox_local.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from glovebox_local.namespaces import NamespacesOf
    from glovebox_local.paths import StateDir

PORTS = ("etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
ADMIN = "glovebox-local-admin"
MASTERS = "system:masters"
SERVICE_CIDR = "10.96.0.0/16"
_SERVICE_IP = "10.96.0.1"
_WITHOUT_NODES: dict[str, object] = {
    "bind-address": LOOPBACK,
    "advertise-address": LOOPBACK,
    # A loopback address cannot be an endpoint of the service `kubernetes`: leave that object alone.
    "endpoint-reconciler-type": "none",
}
_ISSUER = "https://kubernetes.default.svc.cluster.local"


class ControlPlane:
    """The four processes and their files.

    Args:
        state: Where keys, logs and data lie.
        ports: A port for each of `PORTS`.
        programs: Folders of the built programs by name: `kubernetes` and `etcd`.
        tied: The processes die with us.
        name: What the cluster is called in kubeconfigs.
        gateway: Where the processes live when there are nodes; the API server then listens for
            these as well.
    """

    def __init__(
        self,
        state: StateDir,
        ports: Mapping[str, int],
        programs: Mapping[str, Path],
        *,
        tied: bool,
        name: str,
        gateway: NamespacesOf | None = None,
    ) -> None:
        self._state = state
        self._ports = ports
        self._programs = programs
        self._name = name
        self._gateway = gateway
        self.audit_log = state.logs / "audit.log"
        self.url = f"https://{LOOPBACK}:{ports['kube-apiserver']}"
        self.etcd = self._part(self._etcd(), tied=tied)
        self.apiserver = self._part(self._apiserver(), tied=tied)
        self.controller_manager = self._part(self._controller_manager(), tied=tied)
        self.scheduler = self._part(self._scheduler(), tied=tied)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order in which they start."""
        return (self.etcd, self.apiserver, self.controller_manager, self.scheduler)

    def prepare(self) -> None:
        """Make keys, certificates and configuration files, unless they are there from before."""
        if self._state.kubeconfig.exists():
            return
        pki = self._state.pki
        cluster, storage = (
            Authority.create("glovebox-local"),
            Authority.create("glovebox-local-etcd"),
        )
        cluster.write(pki, "ca")
        storage.write(pki, "etcd-ca")
        storage.issue_server("etcd", ["localhost", LOOPBACK], also_client=True).write(pki, "etcd")
        storage.issue_client("kube-apiserver").write(pki, "etcd-client")
        names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
        ]
        cluster.issue_server("kube-apiserver", [*names, _SERVICE_IP, LOOPBACK, GATEWAY_IP]).write(
            pki, "kube-apiserver"
        )
        cluster.issue_client("kube-apiserver-kubelet-client", [MASTERS]).write(
            pki, "kubelet-client"
        )
        signing_keys().write(pki, "service-accounts")
        for component in ("kube-controller-manager", "kube-scheduler"):
            cluster.issue_server(component, ["localhost", LOOPBACK]).write(pki, component)
            self._write_kubeconfig(
                pki / f"{component}.kubeconfig", cluster, f"system:{component}", ()
            )
        write_private(self._audit_policy, yaml.safe_dump(AUDIT_POLICY, sort_keys=False))
        cluster.issue_client(ADMIN, [MASTERS]).write(pki, "admin")
        # Last: its presence says that all the rest is there.
        self._write_kubeconfig(self._state.kubeconfig, cluster, ADMIN, (MASTERS,))

    def kubeconfig_for(
        self, user: str, groups: Sequence[str] = (), *, path: Path | None = None
    ) -> Path:
        """Make a kubeconfig with a client certificate for that user in these groups.

        They have no rights by that alone.

        Args:
            user: The user's name; `system:serviceaccount:NAMESPACE:NAME` works too.
            groups: The user's groups, beside `system:authenticated`.
            path: Where to write it; a file named after the user in the state directory by default.
        """
        readable = "_".join((user, *groups)).replace("/", "-").replace(":", ".")
        target = path or self._state.users / f"{readable}.kubeconfig"
        self._write_kubeconfig(target, Authority.load(self._state.pki, "ca"), user, groups)
        return target

    def kubeconfig_with_token(self, token: str, path: Path) -> Path:
        """Make a kubeconfig for whoever has that bearer token, such as a service account."""
        return write_kubeconfig(path, self._endpoint(), name=self._name, token=token)

    def issue_for_node(self, folder: Path, user: str, groups: Sequence[str] = ()) -> None:
        """Write `<last part of user>.kubeconfig` for a program on a node.

        It reaches the API server by the gateway's address.
        """
        authority = Authority.load(self._state.pki, "ca")
        endpoint = Endpoint(
            f"https://{GATEWAY_IP}:{self._ports['kube-apiserver']}", authority.certificate
        )
        path = folder / f"{user.rpartition(':')[2]}.kubeconfig"
        write_kubeconfig(path, endpoint, name=self._name, pair=authority.issue_client(user, groups))

    def issue_server(self, folder: Path, name: str, hosts: Sequence[str]) -> None:
        """Write `<name>.crt` and `<name>.key` for a server of the cluster's."""
        Authority.load(self._state.pki, "ca").issue_server(name, hosts).write(folder, name)

    def ask(self, path: str, judge: Callable[[bytes], str | None]) -> HealthCheck:
        """Return a question to the API server, as its administrator."""
        return replace(self._health("kube-apiserver", path), judge=judge)

    def _endpoint(self) -> Endpoint:
        return Endpoint(self.url, (self._state.pki / "ca.crt").read_bytes())

    def _write_kubeconfig(
        self, path: Path, authority: Authority, user: str, groups: Sequence[str]
    ) -> None:
        write_kubeconfig(
            path,
            Endpoint(self.url, authority.certificate),
            name=self._name,
            pair=authority.issue_client(user, groups),
        )

    @property
    def _audit_policy(self) -> Path:
        return self._state.config / "audit-policy.yaml"

    def _part(self, spec: PartSpec, *, tied: bool) -> Part:
        return Part(
            replace(spec, namespaces=self._gateway),
            logs=self._state.logs,
            run=self._state.run,
            tied=tied,
        )

    def _health(
        self, port: str, path: str, *, authority: str = "ca", client: str = "admin"
    ) -> HealthCheck:
        pki = self._state.pki
        return HealthCheck(
            url=f"https://{LOOPBACK}:{self._ports[port]}{path}",
            authority=pki / f"{authority}.crt",
            certificate=pki / f"{client}.crt",
            key=pki / f"{client}.key",
            network=self._gateway.holder if self._gateway else None,
        )

    def _etcd(self) -> PartSpec:
        pki = self._state.pki
        client, peer = (f"https://{LOOPBACK}:{self._ports[name]}" for name in ("etcd", "etcd-peer"))
        flags = {
            "name": "local",
            "data-dir": self._state.data / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"local={peer}",
            "cert-file": pki / "etcd.crt",
            "key-file": pki / "etcd.key",
            "trusted-ca-file": pki / "etcd-ca.crt",
            "client-cert-auth": "true",
            "peer-cert-file": pki / "etcd.crt",
            "peer-key-file": pki / "etcd.key",
            "peer-trusted-ca-file": pki / "etcd-ca.crt",
            "peer-client-cert-auth": "true",
            # A local cluster survives the death of any process, not of the machine; it is ten times
            # faster for it.
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        ready = self._health("etcd", "/readyz", authority="etcd-ca", client="etcd-client")
        ports = (self._ports["etcd"], self._ports["etcd-peer"])
        return PartSpec(
            "etcd", [str(self._programs["etcd"] / "etcd"), *_flags(flags)], ready, ports=ports
        )

    def _apiserver(self) -> PartSpec:
        pki = self._state.pki
        flags = {
            **(self._for_nodes() if self._gateway else _WITHOUT_NODES),
            "secure-port": self._ports["kube-apiserver"],
            "tls-cert-file": pki / "kube-apiserver.crt",
            "tls-private-key-file": pki / "kube-apiserver.key",
            "tls-min-version": "VersionTLS12",
            "client-ca-file": pki / "ca.crt",
            "anonymous-auth": "false",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "etcd-servers": f"https://{LOOPBACK}:{self._ports['etcd']}",
            "etcd-cafile": pki / "etcd-ca.crt",
            "etcd-certfile": pki / "etcd-client.crt",
            "etcd-keyfile": pki / "etcd-client.key",
            "service-cluster-ip-range": SERVICE_CIDR,
            "service-account-issuer": _ISSUER,
            "service-account-key-file": pki / "service-accounts.crt",
            "service-account-signing-key-file": pki / "service-accounts.key",
            "audit-policy-file": self._audit_policy,
            "audit-log-path": self.audit_log,
            # Blocking: what an answer says has happened stands in the log, also after kill -9.
            "audit-log-mode": "blocking",
            "audit-log-maxsize": 256,
            "audit-log-maxbackup": 3,
            "profiling": "false",
        }
        return self._kubernetes("kube-apiserver", flags, ready="/readyz")

    def _for_nodes(self) -> dict[str, object]:
        pki = self._state.pki
        return {
            "bind-address": "0.0.0.0",  # noqa: S104 - of a network that only the nodes are in
            "advertise-address": GATEWAY_IP,
            "kubelet-preferred-address-types": "InternalIP",
            "kubelet-certificate-authority": pki / "ca.crt",
            "kubelet-client-certificate": pki / "kubelet-client.crt",
            "kubelet-client-key": pki / "kubelet-client.key",
        }

    def _controller_manager(self) -> PartSpec:
        pki = self._state.pki
        flags = {
            **self._component("kube-controller-manager"),
            "root-ca-file": pki / "ca.crt",
            "service-account-private-key-file": pki / "service-accounts.key",
            "use-service-account-credentials": "true",
            "service-cluster-ip-range": SERVICE_CIDR,
            "kube-api-qps": 500,
            "kube-api-burst": 1000,
            "concurrent-namespace-syncs": 20,
        }
        spec = self._kubernetes("kube-controller-manager", flags, ready="/healthz")
        # Its loops take a moment more; a pod that comes before this account is refused.
        account = self._health(
            "kube-apiserver", "/api/v1/namespaces/default/serviceaccounts/default"
        )

        def missing() -> str | None:
            return spec.ready() or ("no default service account yet" if account() else None)

        return replace(spec, ready=missing)

    def _scheduler(self) -> PartSpec:
        return self._kubernetes(
            "kube-scheduler", self._component("kube-scheduler"), ready="/readyz"
        )

    def _component(self, name: str) -> dict[str, object]:
        pki = self._state.pki
        kubeconfig = pki / f"{name}.kubeconfig"
        return {
            "bind-address": LOOPBACK,
            "secure-port": self._ports[name],
            "tls-cert-file": pki / f"{name}.crt",
            "tls-private-key-file": pki / f"{name}.key",
            "client-ca-file": pki / "ca.crt",
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "leader-elect": "false",
            "profiling": "false",
        }

    def _kubernetes(self, applet: str, flags: Mapping[str, object], *, ready: str) -> PartSpec:
        command = [str(self._programs["kubernetes"] / applet), *_flags(flags)]
        return PartSpec(applet, command, self._health(applet, ready), ports=(self._ports[applet],))


def _flags(flags: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
