"""JobSet's controller beside the operator, as the account and with the rights that it is shipped.

Its webhooks are called too. The API server finds them on loopback and not by a Service, and their
certificate is made here: of how JobSet is installed in a cluster nothing else is left out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from glovebox_local.certificates import Authority
from glovebox_local.http_check import HealthCheck
from glovebox_local.part import Part, PartSpec
from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.programs import JOBSET, program_folder
from support.cluster import Cluster
from support.waiting import eventually

GROUP = "jobset.x-k8s.io"
VERSION = f"{GROUP}/v1alpha2"
NAMESPACE = "jobset-system"
ACCOUNT = "jobset-controller-manager"
# The default of the chart's `guards.jobSetController`.
CONTROLLER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
# As its program calls itself in the audit log.
AGENT = "jobset/"
# What runs it in a cluster, or lets the API server find it there; the rest are rights and kinds.
_OF_A_POD = {"ConfigMap", "Deployment", "Secret", "Service"}


@contextmanager
def running_jobset(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Install JobSet's kinds and rights and run its controller while the block runs.

    Its webhooks are taken away at the end: without them no JobSet and no pod of one is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = choose_ports(["health", "webhook"])
    authority = Authority.create("jobset tests")
    pair = authority.issue_server("jobset webhook", [LOOPBACK])
    certificates = folder / "certificates"
    certificates.mkdir(exist_ok=True)
    (certificates / "tls.crt").write_bytes(pair.certificate)
    (certificates / "tls.key").write_bytes(pair.key)
    shipped = _shipped(cluster)
    webhooks = [thing for thing in shipped if thing["kind"].endswith("WebhookConfiguration")]
    for webhook in webhooks:
        _find_on_loopback(webhook, ports["webhook"], authority.certificate)
    _create(cluster, [thing for thing in shipped if thing not in webhooks])
    _await_kind(cluster)
    settings = folder / "settings.yaml"
    settings.write_text(yaml.safe_dump(_settings(ports, certificates)))
    part = _part(cluster, folder, settings, ports)
    part.launch()
    try:
        part.wait_ready()
        _create(cluster, webhooks)
        yield
    finally:
        for webhook in webhooks:
            name = f"{webhook['kind']}/{webhook['metadata']['name']}"
            cluster.kubectl("delete", "--ignore-not-found", name)
        part.stop()


def _part(cluster: Cluster, folder: Path, settings: Path, ports: Mapping[str, int]) -> Part:
    """Return the controller's process: beside the API server, which a node cluster has elsewhere.

    Both find each other on loopback there.
    """
    gateway = cluster.environment.gateway if cluster.environment.nodes else None
    account = cluster.kubeconfig_for_service_account(NAMESPACE, ACCOUNT, seconds=6 * 3600)
    spec = PartSpec(
        name=JOBSET.name,
        command=(
            str(program_folder(JOBSET) / JOBSET.name),
            f"--config={settings}",
            "--zap-log-level=2",
        ),
        ready=HealthCheck(
            f"http://{LOOPBACK}:{ports['health']}/readyz",
            network=gateway.holder if gateway else None,
        ),
        environment={"KUBECONFIG": str(account), "TMPDIR": str(folder)},
        ports=tuple(ports.values()),
        namespaces=gateway,
    )
    return Part(spec, logs=folder, run=folder, tied=True)


def define_jobsets(cluster: Cluster) -> None:
    """Define the kind JobSet as loosely as can be, where no controller of it runs."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha2",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": "JobSet", "plural": "jobsets", "singular": "jobset", "listKind": "JobSetList"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"jobsets.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(definition))
    _await_kind(cluster)


def _await_kind(cluster: Cluster) -> None:
    # `kubectl wait` fails on an object that has no conditions yet.
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/jobsets.{GROUP}"

    def look() -> bool:
        conditions = cluster.api.get(path).get("status", {}).get("conditions") or []
        return any(
            (entry["type"], entry["status"]) == ("Established", "True") for entry in conditions
        )

    eventually(look, what="the API server serves JobSets")


def _shipped(cluster: Cluster) -> list[dict[str, Any]]:
    """Return what JobSet's own manifests make of it, without what runs it in a cluster."""
    folder = program_folder(JOBSET) / "config" / "default"
    built = cluster.kubectl("kustomize", str(folder)).stdout
    return [thing for thing in yaml.safe_load_all(built) if thing["kind"] not in _OF_A_POD]


def _create(cluster: Cluster, things: Sequence[Mapping[str, Any]]) -> None:
    cluster.kubectl("create", "-f", "-", stdin="\n---\n".join(map(json.dumps, things)))


def _find_on_loopback(configuration: dict[str, Any], port: int, authority: bytes) -> None:
    bundle = base64.b64encode(authority).decode()
    for webhook in configuration["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        webhook["clientConfig"] = {"url": f"https://{LOOPBACK}:{port}{path}", "caBundle": bundle}


def _settings(ports: Mapping[str, int], certificates: Path) -> dict[str, Any]:
    return {
        "apiVersion": f"config.{GROUP}/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": LOOPBACK, "port": ports["webhook"], "certDir": str(certificates)},
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{ports['health']}"},
        "metrics": {"bindAddress": "0"},
    }
