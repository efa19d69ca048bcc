"""The operator as a process on this machine, under an identity of its own, as in its pod."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from glovebox_local.http_check import HealthCheck
from glovebox_local.namespaces import NamespacesOf
from glovebox_local.part import Part, PartSpec
from glovebox_local.ports import LOOPBACK

# Bound by the chart's value `operator.subjects` to the operator's ClusterRole.
OPERATOR_USER = "glovebox-operator"
OPERATOR_NAMESPACE = "glovebox-system"


def operator_part(
    *,
    kubeconfig: Path,
    logs: Path,
    run: Path,
    port: int,
    tied: bool,
    name: str = "operator",
    settings: Mapping[str, str] | None = None,
    gateway: NamespacesOf | None = None,
) -> Part:
    """Return the operator as a part: start it, stop it, kill it, start it again.

    Args:
        kubeconfig: Of the operator's own identity.
        logs: Folder of its log.
        run: Folder of its process record.
        port: Free loopback port for /metrics, /healthz and /readyz.
        tied: It dies with the process that started it.
        name: Tells several operators apart.
        settings: More environment variables (`GLOVEBOX_...`).
        gateway: Where it runs in an environment with nodes (`Environment.gateway`): it then reaches
            the store as pods do.
    """
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "GLOVEBOX_NAMESPACE": OPERATOR_NAMESPACE,
        "GLOVEBOX_HTTP_HOST": LOOPBACK,
        "GLOVEBOX_HTTP_PORT": str(port),
        # Only this machine reads them.
        "GLOVEBOX_EXPERIMENT_SERIES": "100",
        "PYTHONSAFEPATH": "1",
        # As in the image: an arena for each thread that reads from a store would stay half empty.
        "MALLOC_ARENA_MAX": "2",
        "PATH": os.environ.get("PATH", ""),
        **(settings or {}),
    }
    return Part(
        PartSpec(
            name=name,
            command=(sys.executable, "-m", "glovebox"),
            ready=HealthCheck(
                f"http://{LOOPBACK}:{port}/readyz", network=gateway.holder if gateway else None
            ),
            timeout=60.0,
            environment=environment,
            ports=(port,),
            namespaces=gateway,
        ),
        logs=logs,
        run=run,
        tied=tied,
    )
