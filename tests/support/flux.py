"""Flux's kustomize-controller beside the operator, and a repository whose commits it applies.

Its source-controller cannot be had as a module: what it would publish of a commit, a tar archive by
digest, we serve ourselves and announce as an `ExternalArtifact`. How Flux fetches from Git is
therefore not tested; everything from the archive on is Flux's own work.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.programs import KUSTOMIZE_CONTROLLER, program_folder
from support.api import Api, path_of
from support.cluster import Cluster
from support.git_folder import GitFolder
from support.running_stores import running_endpoint
from support.waiting import eventually

NAMESPACE = "flux-system"
# The field manager of everything that it applies.
FIELD_MANAGER = "kustomize-controller"
_SOURCES = "source.toolkit.fluxcd.io"
_SOURCE_KINDS = {
    "ExternalArtifact": "externalartifacts",
    # Watched as well: without their definitions it does not start.
    "GitRepository": "gitrepositories",
    "OCIRepository": "ocirepositories",
    "Bucket": "buckets",
}
_KUSTOMIZATIONS = "kustomize.toolkit.fluxcd.io/v1"


class _Archives(http.server.ThreadingHTTPServer):
    """Serves archives by their path."""

    daemon_threads = True

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        super().__init__((LOOPBACK, 0), _Answer)


class _Answer(http.server.BaseHTTPRequestHandler):
    server: _Archives

    def do_GET(self) -> None:
        body = self.server.bodies.get(self.path)
        self.send_response(http.HTTPStatus.NOT_FOUND if body is None else http.HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing: the controller's own log has it."""


class Flux:
    """The running controller, and what it is told to apply."""

    def __init__(self, cluster: Cluster, archives: _Archives, folder: Path) -> None:
        self.api = cluster.api
        self.archives = archives
        self.folder = folder

    def repository(self, name: str, **spec: Any) -> Repository:
        """Return an empty repository; the first commit has a Kustomization apply it.

        Args:
            name: Of the Kustomization and its source.
            spec: Changes of the Kustomization's spec.
        """
        return Repository(self, name, spec)


class Repository:
    """A Git repository of manifests, and the Kustomization that applies its newest commit."""

    def __init__(self, flux: Flux, name: str, spec: Mapping[str, Any]) -> None:
        self.api: Api = flux.api
        self.name = name
        self._archives = flux.archives
        self._git = GitFolder(flux.folder / name)
        self._spec = dict(spec)
        self.revision = ""

    @property
    def path(self) -> str:
        """Of the Kustomization."""
        return path_of(_KUSTOMIZATIONS, "kustomizations", namespace=NAMESPACE, name=self.name)

    def commit(self, *objects: Mapping[str, Any]) -> None:
        """Make these all that the repository has, and publish the commit."""
        head = self._git.commit(*objects)
        self.revision = f"main@sha1:{head}"
        body = self._git.archive()
        path = f"/{self.name}/{head}.tar.gz"
        self._archives.bodies[path] = body
        self._announce(path, body)

    def change(self, **spec: Any) -> None:
        """Change the Kustomization's spec."""
        self.api.patch(self.path, {"spec": spec})

    def reconcile(self) -> None:
        """Ask for a reconcile now, and wait until it has begun and ended."""
        asked = str(time.time_ns())
        annotation = {"reconcile.fluxcd.io/requestedAt": asked}
        self.api.patch(self.path, {"metadata": {"annotations": annotation}})
        eventually(
            lambda: self.read()["status"].get("lastHandledReconcileAt") == asked or None,
            what=f"Flux has reconciled {self.name}",
            timeout=90,
        )

    def read(self) -> dict[str, Any]:
        """Return the Kustomization."""
        return self.api.get(self.path)

    def condition(self, condition: str = "Ready") -> dict[str, Any]:
        """Return a condition of the Kustomization, empty where it has none."""
        entries = (self.read().get("status") or {}).get("conditions") or []
        return next((entry for entry in entries if entry["type"] == condition), {})

    def expect(
        self, status: str = "True", *words: str, reason: str | None = None, timeout: float = 100
    ) -> str:
        """Wait until Ready is so of the newest commit, and says these words; return its message."""

        def look() -> str | None:
            entry = self.condition()
            seen = (self.read().get("status") or {}).get("lastAttemptedRevision")
            assert seen == self.revision, (seen, entry)
            assert entry.get("status") == status, entry
            assert reason in {None, entry["reason"]}, entry
            assert all(word in entry["message"] for word in words), entry
            return str(entry["message"])

        return eventually(look, what=f"Kustomization {self.name} {status}", timeout=timeout)

    def expect_waiting(self, *words: str) -> None:
        """Wait until it checks the health of what the newest commit declared, to no end yet."""

        def look() -> bool:
            entry = self.condition("Reconciling")
            assert entry.get("status") == "True", entry
            assert "health check" in entry["message"], entry
            assert all(word in entry["message"] for word in words), entry
            return True

        eventually(look, what=f"Kustomization {self.name} waits", timeout=60)

    def _announce(self, path: str, body: bytes) -> None:
        source = path_of(f"{_SOURCES}/v1", "externalartifacts", namespace=NAMESPACE, name=self.name)
        meta = {"name": self.name, "namespace": NAMESPACE}
        is_new = self.api.find(source) is None
        if is_new:
            self.api.create(
                source.rpartition("/")[0],
                {"apiVersion": f"{_SOURCES}/v1", "kind": "ExternalArtifact", "metadata": meta},
            )
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        artifact = {
            "path": path.removeprefix("/"),
            "url": f"http://{LOOPBACK}:{self._archives.server_port}{path}",
            "revision": self.revision,
            "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
            "size": len(body),
            "lastUpdateTime": now,
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": self.revision,
            "lastTransitionTime": now,
        }
        status = {"status": {"artifact": artifact, "conditions": [ready]}}
        self.api.patch(f"{source}/status", status)
        if is_new:
            self._create(meta)

    def _create(self, meta: Mapping[str, str]) -> None:
        spec = {
            "interval": "1h",
            "retryInterval": "5s",
            "timeout": "30s",  # the least that it heeds
            "prune": True,
            "wait": True,
            "sourceRef": {"kind": "ExternalArtifact", "name": self.name},
            **self._spec,
        }
        body = {
            "apiVersion": _KUSTOMIZATIONS,
            "kind": "Kustomization",
            "metadata": dict(meta),
            "spec": spec,
        }
        self.api.create(self.path.rpartition("/")[0], body)


@contextmanager
def running_flux(cluster: Cluster, folder: Path) -> Iterator[Flux]:
    """Define Flux's kinds and run its controller while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    built = program_folder(KUSTOMIZE_CONTROLLER)
    definitions = [
        yaml.safe_load(path.read_text()) for path in sorted((built / "crds").glob("*.yaml"))
    ]
    definitions += [_definition(kind, plural) for kind, plural in _SOURCE_KINDS.items()]
    _define(cluster, definitions)
    cluster.api.create_namespace(NAMESPACE)
    ports = choose_ports(["health", "metrics"])
    command: Sequence[object] = [
        built / KUSTOMIZE_CONTROLLER.name,
        "--enable-leader-election=false",
        "--feature-gates=ExternalArtifact=true",
        f"--health-addr={LOOPBACK}:{ports['health']}",
        f"--metrics-addr={LOOPBACK}:{ports['metrics']}",
        "--interval-jitter-percentage=0",
        "--requeue-dependency=2s",
    ]
    environment = {
        # Whoever runs it has all rights: the guards are to hold all the same.
        "KUBECONFIG": str(cluster.kubeconfig_for(FIELD_MANAGER, ["system:masters"])),
        "RUNTIME_NAMESPACE": NAMESPACE,
        "TMPDIR": str(folder),
    }
    endpoint = f"http://{LOOPBACK}:{ports['health']}/readyz"
    archives = _Archives()
    thread = threading.Thread(target=archives.serve_forever, daemon=True)
    thread.start()
    try:
        with running_endpoint(command, endpoint, folder / "flux.log", environment):
            yield Flux(cluster, archives, folder)
    finally:
        archives.shutdown()
        archives.server_close()
        thread.join()


def _define(cluster: Cluster, definitions: Sequence[Mapping[str, Any]]) -> None:
    cluster.kubectl("create", "-f", "-", stdin="\n---\n".join(map(json.dumps, definitions)))
    names = [f"crd/{definition['metadata']['name']}" for definition in definitions]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)


def _definition(kind: str, plural: str) -> dict[str, Any]:
    """Return the least definition under which Flux's own code reads and writes a kind."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{_SOURCES}"},
        "spec": {
            "group": _SOURCES,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }
