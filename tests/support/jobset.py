"""JobSet's controller beside the operator, or its kind alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glovebox_local.jobset import ACCOUNT, GROUP, NAMESPACE, JobSetController, Kubectl, await_kind
from support.cluster import Cluster

VERSION = f"{GROUP}/v1alpha2"
# The default of the chart's `guards.jobSetController`.
CONTROLLER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
# As its program calls itself in the audit log.
AGENT = "jobset/"


@contextmanager
def running_jobset(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Install JobSet's kinds and rights and run its controller while the block runs.

    Its webhooks are taken away at the end: without them no JobSet and no pod of one is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    controller = JobSetController(cluster.environment, _kubectl(cluster), folder, tied=True)
    try:
        controller.start()
        yield
    finally:
        controller.stop()


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
    await_kind(_kubectl(cluster))


def _kubectl(cluster: Cluster) -> Kubectl:
    def run(*arguments: str, stdin: str | None = None) -> str:
        return cluster.kubectl(*arguments, stdin=stdin).stdout

    return run
