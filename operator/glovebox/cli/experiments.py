"""The Experiments of a cluster, with the rights of whoever calls.

One change alone is asked for, `spec.adopts`; all the rest is the operator's.
"""

from __future__ import annotations

from typing import Any, Final

from kubernetes import client, config

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT

_PAGE: Final = 500


class KubeconfigCluster:
    """The cluster that the kubeconfig's current context names."""

    def __init__(self) -> None:
        self._api = client.CustomObjectsApi(config.new_client_from_config())

    def experiments(self) -> list[dict[str, Any]]:
        """Return all Experiments."""
        group, version = names.GROUP, names.VERSION
        found: list[dict[str, Any]] = []
        following = ""
        while True:
            page: Any = self._api.list_cluster_custom_object(
                group, version, EXPERIMENT.plural, limit=_PAGE, _continue=following
            )
            found += page["items"]
            following = page["metadata"].get("continue", "")
            if not following:
                return found

    def adopt(self, namespace: str, name: str, uid: str) -> None:
        """Let an Experiment take over the results of a former one."""
        group, version = names.GROUP, names.VERSION
        self._api.patch_namespaced_custom_object(
            group, version, namespace, EXPERIMENT.plural, name, {"spec": {"adopts": uid}}
        )
