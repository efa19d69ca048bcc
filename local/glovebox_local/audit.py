"""The audit log of the local cluster: who asked what, and for our own kinds the whole of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from glovebox.names import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Who did what, in whole for our own resources: written by neither the operator nor the tests, so it
# can judge both.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["/healthz*", "/readyz*", "/livez*", "/version"]},
        # Reads by the control plane's own parts are noise, and half of the log.
        {
            "level": "None",
            "users": [
                "system:apiserver",
                "system:kube-controller-manager",
                "system:kube-scheduler",
            ],
            "verbs": ["get", "list", "watch"],
        },
        {
            "level": "None",
            "userGroups": ["system:serviceaccounts:kube-system"],
            "verbs": ["get", "list", "watch"],
        },
        {"level": "None", "userGroups": ["system:nodes"], "verbs": ["get", "list", "watch"]},
        {
            "level": "None",
            "users": ["system:kube-proxy", "cilium"],
            "verbs": ["get", "list", "watch"],
        },
        # Bodies of these hold credentials.
        {
            "level": "Metadata",
            "resources": [{"group": "", "resources": ["secrets", "serviceaccounts/token"]}],
        },
        {"level": "Metadata", "resources": [{"group": "authentication.k8s.io"}]},
        {"level": "Metadata", "verbs": ["get", "list", "watch"]},
        {"level": "RequestResponse", "resources": [{"group": GROUP}]},
        {"level": "Metadata"},
    ],
}


def read_audit_log(path: Path, naming: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return the events of an audit log and of its rotated files, oldest first.

    A line that is not written to its end yet is left out.

    Args:
        path: The log.
        naming: Only events in whose text one of these stands; every event without any. The log of
            an hour takes seconds to be parsed whole.
    """
    named = re.compile("|".join(re.escape(word) for word in naming).encode())
    events: list[dict[str, Any]] = []
    for file in [*sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")), path]:
        whole = file.read_bytes().rpartition(b"\n")[0] if file.exists() else b""
        lines = whole.split(b"\n") if whole else []
        events += [json.loads(line) for line in lines if named.search(line)]
    return events
