"""Kueue's controller beside the API server, or its kinds alone.

It runs as the account and with the rights that it is shipped with, and its webhooks are called too.
The API server finds them on loopback and not by a Service; the kind by which Kueue tells of places
in a queue is left out, with the API server of its own that it takes.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from glovebox_local.certificates import Authority
from glovebox_local.http_check import HealthCheck
from glovebox_local.jobset import find_on_loopback
from glovebox_local.part import Part, PartSpec
from glovebox_local.paths import write_private
from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.programs import KUEUE, program_folder
from support.cluster import Cluster

GROUP: Final = "kueue.x-k8s.io"
VERSION: Final = f"{GROUP}/v1beta2"
NAMESPACE: Final = "kueue-system"
ACCOUNT: Final = "kueue-controller-manager"
# The default of the chart's `guards.kueueController`.
CONTROLLER: Final = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
# What runs it in a cluster, or lets the API server find it there; the rest are rights and kinds.
_OF_A_POD: Final = {"APIService", "ConfigMap", "Deployment", "Secret", "Service"}
_TOKEN_SECONDS: Final = 6 * 3600
_DEFINED_SECONDS: Final = 60
# Where the program looks for a certificate that it does not use; no setting says another place.
_METRICS_CERTIFICATES: Final = "/etc/kueue/metrics/certs"


@contextmanager
def running_kueue(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Install Kueue's kinds and rights and run its controller while the block runs.

    Its webhooks are taken away at the end: without them no Job and no pod is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = choose_ports(["health", "webhook"])
    authority = Authority.create("kueue")
    certificates = folder / "certificates"
    pair = authority.issue_server("kueue webhook", [LOOPBACK])
    write_private(certificates / "tls.crt", pair.certificate)
    write_private(certificates / "tls.key", pair.key)
    shipped = _shipped(cluster)
    webhooks = [each for each in shipped if each["kind"].endswith("WebhookConfiguration")]
    for each in webhooks:
        find_on_loopback(each, ports["webhook"], authority.certificate)
    for each in shipped:
        _convert_on_loopback(each, ports["webhook"], authority.certificate)
    _create(cluster, [each for each in shipped if each not in webhooks])
    for plural in ("localqueues", "clusterqueues", "resourceflavors", "workloads"):
        await_kind(cluster, plural)
    part = _made(cluster, folder, certificates, ports)
    try:
        part.launch()
        part.wait_ready(lambda _: None)
        _create(cluster, webhooks)
        yield
    finally:
        for each in webhooks:
            name = f"{each['kind']}/{each['metadata']['name']}"
            cluster.kubectl("delete", "--ignore-not-found", name)
        part.stop()


def define_queues(cluster: Cluster) -> None:
    """Define LocalQueue and Workload as loosely as can be, where no Kueue runs."""
    for kind, plural in (("LocalQueue", "localqueues"), ("Workload", "workloads")):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {
            "name": "v1beta2",
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": schema},
        }
        named = {"kind": kind, "plural": plural, "singular": kind.lower()}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{plural}.{GROUP}",
                # Kinds of this group are kept for those who approved them.
                "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
            },
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {**named, "listKind": f"{kind}List"},
                "versions": [version],
            },
        }
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(definition))
        await_kind(cluster, plural)


def await_kind(cluster: Cluster, plural: str) -> None:
    """Wait until the API server serves a kind of Kueue's."""
    definition = f"customresourcedefinition/{plural}.{GROUP}"
    # Waiting for a condition fails where there is none yet; the first comes with the names.
    for what in (f"jsonpath={{.status.acceptedNames.plural}}={plural}", "condition=Established"):
        cluster.kubectl("wait", f"--for={what}", definition, f"--timeout={_DEFINED_SECONDS}s")


def _shipped(cluster: Cluster) -> list[dict[str, Any]]:
    folder = program_folder(KUEUE) / "config" / "default"
    built = yaml.safe_load_all(cluster.kubectl("kustomize", str(folder)).stdout)
    return [thing for thing in built if thing["kind"] not in _OF_A_POD]


def _convert_on_loopback(thing: dict[str, Any], port: int, authority: bytes) -> None:
    conversion = thing.get("spec", {}).get("conversion", {})
    if thing["kind"] == "CustomResourceDefinition" and "webhook" in conversion:
        bundle = base64.b64encode(authority).decode()
        client = {"url": f"https://{LOOPBACK}:{port}/convert", "caBundle": bundle}
        conversion["webhook"]["clientConfig"] = client


def _create(cluster: Cluster, things: Sequence[Mapping[str, Any]]) -> None:
    text = "\n---\n".join(map(json.dumps, things))
    # Its kinds are too large for the annotation that `apply` leaves.
    cluster.kubectl("create", "-f", "-", stdin=text)


def _made(cluster: Cluster, folder: Path, certificates: Path, ports: Mapping[str, int]) -> Part:
    environment = cluster.environment
    settings = folder / "settings.yaml"
    write_private(settings, yaml.safe_dump(_settings(certificates, ports)))
    token = cluster.kubectl(
        "create", "token", ACCOUNT, f"--namespace={NAMESPACE}", f"--duration={_TOKEN_SECONDS}s"
    ).stdout
    account = environment.control_plane.kubeconfig_with_token(
        token.strip(), environment.state.users / f"token.{NAMESPACE}.{ACCOUNT}.kubeconfig"
    )
    program = program_folder(KUEUE) / KUEUE.name
    # In a mount namespace of its own, with a folder /etc of its own.
    starts = (
        f"mount -t tmpfs tmpfs /etc && mkdir -p {Path(_METRICS_CERTIFICATES).parent}"
        f' && cp -r "$0" {_METRICS_CERTIFICATES} && exec "$@"'
    )
    spec = PartSpec(
        name=KUEUE.name,
        command=(
            *("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))),
            *("sh", "-c", starts, str(certificates)),
            *(str(program), f"--config={settings}", "--zap-log-level=2"),
        ),
        ready=HealthCheck(f"http://{LOOPBACK}:{ports['health']}/readyz"),
        environment={"KUBECONFIG": str(account), "TMPDIR": str(folder)},
        ports=tuple(ports.values()),
    )
    return Part(spec, logs=environment.state.logs, run=environment.state.run, tied=True)


def _settings(certificates: Path, ports: Mapping[str, int]) -> dict[str, Any]:
    return {
        "apiVersion": f"config.{GROUP}/v1beta2",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": LOOPBACK, "port": ports["webhook"], "certDir": str(certificates)},
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{ports['health']}"},
        "metrics": {"bindAddress": "0"},
        "integrations": {"frameworks": ["batch/job", "jobset.x-k8s.io/jobset", "pod"]},
        "featureGates": {"VisibilityOnDemand": False},
    }
