"""An experiment's objects on a real API server, written as the operator writes them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from glovebox import names
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import desired_objects
from glovebox.desired.replacement import replacement
from support.api import Api, ApiError, path_of

if TYPE_CHECKING:
    from glovebox.desired.metadata import KubernetesObject

PLURALS: Final = {
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "ResourceQuota": "resourcequotas",
    "LimitRange": "limitranges",
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "RoleBinding": "rolebindings",
}
_TRIES: Final = 5


class Provisioned:
    """The objects of one experiment in the cluster, with their intents."""

    def __init__(self, api: Api, inputs: ExperimentInputs) -> None:
        self.api = api
        self.plan = desired_objects(inputs)
        self.answers = [(intent, self._write(intent)) for intent in self.plan.objects()]

    def intent(self, kind: str, name: str | None = None) -> KubernetesObject:
        """Return the intent of that kind, of that name where there are several."""
        return next(
            obj
            for obj in self.plan.objects()
            if obj["kind"] == kind and name in (None, obj["metadata"]["name"])
        )

    def live(self, intent: KubernetesObject) -> dict[str, Any]:
        return self.api.get(path(intent))

    def listed(self, intent: KubernetesObject) -> dict[str, Any]:
        """Return the live object as an item of a list, which names neither kind nor version."""
        items = self.api.list(collection(intent))
        return next(
            item for item in items if item["metadata"]["name"] == intent["metadata"]["name"]
        )

    def repair(self, intent: KubernetesObject) -> dict[str, Any]:
        """Repair an object as the operator does, keeping what a controller wrote in between."""
        for _ in range(_TRIES):
            try:
                return self.api.replace(
                    path(intent),
                    replacement(intent, self.live(intent)),
                    fieldManager=names.FIELD_MANAGER,
                )
            except ApiError as error:
                if error.code != HTTPStatus.CONFLICT:
                    raise
        raise AssertionError(f"{path(intent)} is never at rest")

    def _write(self, intent: KubernetesObject) -> dict[str, Any]:
        try:
            return self.api.create(collection(intent), intent, fieldManager=names.FIELD_MANAGER)
        except ApiError as error:
            # Kubernetes makes the ServiceAccount `default` itself, and may be first.
            if error.code != HTTPStatus.CONFLICT or intent["metadata"]["name"] != "default":
                raise
            return self.repair(intent)


Provision: TypeAlias = Callable[[ExperimentInputs], Provisioned]


def path(obj: KubernetesObject) -> str:
    """Return the path of an object."""
    return f"{collection(obj)}/{obj['metadata']['name']}"


def collection(obj: KubernetesObject) -> str:
    """Return the path of the objects of its kind."""
    return path_of(
        obj["apiVersion"], PLURALS[obj["kind"]], namespace=obj["metadata"].get("namespace")
    )
