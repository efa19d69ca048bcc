"""The Experiments and pins of a cluster, with the rights of whoever calls.

One change alone is asked for, `spec.adopts`; all the rest is the operator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar

from kubernetes import client, config
from pydantic import ValidationError
from urllib3.exceptions import HTTPError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.base import Resource
from glovebox.errors import InvalidInput, Unavailable
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    CUSTOM_KINDS,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    Kind,
)
from glovebox.kube.resources import Key

_Any = TypeVar("_Any", bound=Resource[Any, Any])
_PAGE: Final = 500
# So long nothing may come of an answer. The client asks three times more.
_ANSWER_SECONDS: Final = 30.0
_PASSING: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS}
)
_KINDS: Final = {kind.kind: kind for kind in CUSTOM_KINDS}


class KubeconfigCluster:
    """The cluster that the kubeconfig's current context names.

    Raises:
        Unavailable: There is no kubeconfig that can be used; or, of each method, the API server
            does not answer or refuses it.
    """

    def __init__(self) -> None:
        with _translated("read the kubeconfig"):
            self._api: Any = client.CustomObjectsApi(config.new_client_from_config())  # type: ignore[no-untyped-call]

    def experiments(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all Experiments, or those of a namespace."""
        return self._list(EXPERIMENT, namespace)

    def dataset_pins(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all DatasetPins, or those of a namespace."""
        return self._list(DATASET_PIN, namespace)

    def grants(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all AccessGrants, or those of a namespace."""
        return self._list(ACCESS_GRANT, namespace)

    def pins(self) -> list[dict[str, Any]]:
        """Return all DatasetPins and FeatureSetPins."""
        return [*self._list(DATASET_PIN), *self._list(FEATURE_SET_PIN)]

    def _list(self, kind: Kind, namespace: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        following = ""
        while True:
            with _translated(f"list {kind.kind}s"):
                page = (
                    self._api.list_namespaced_custom_object(
                        names.GROUP,
                        names.VERSION,
                        namespace,
                        kind.plural,
                        limit=_PAGE,
                        _continue=following,
                        _request_timeout=_ANSWER_SECONDS,
                    )
                    if namespace
                    else self._api.list_cluster_custom_object(
                        names.GROUP,
                        names.VERSION,
                        kind.plural,
                        limit=_PAGE,
                        _continue=following,
                        _request_timeout=_ANSWER_SECONDS,
                    )
                )
            found += ({"kind": kind.kind, **each} for each in page["items"])
            following = page["metadata"].get("continue", "")
            if not following:
                return found

    def dataset_pin(self, namespace: str, name: str) -> dict[str, Any]:
        """Return a DatasetPin."""
        return self._get(DATASET_PIN, namespace, name)

    def experiment(self, namespace: str, name: str) -> dict[str, Any]:
        """Return an Experiment."""
        return self._get(EXPERIMENT, namespace, name)

    def find(self, key: Key) -> dict[str, Any] | None:
        """Return an object of ours, or None where there is none."""
        try:
            return self._get(_KINDS[key.kind], key.namespace, key.name)
        except Unavailable as error:
            cause = error.__cause__
            if isinstance(cause, client.ApiException) and cause.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        where = (names.GROUP, names.VERSION)
        found: dict[str, Any]
        with _translated(f"read {kind.kind} {f'{namespace}/' if namespace else ''}{name}"):
            found = (
                self._api.get_namespaced_custom_object(
                    *where, namespace, kind.plural, name, _request_timeout=_ANSWER_SECONDS
                )
                if namespace
                else self._api.get_cluster_custom_object(
                    *where, kind.plural, name, _request_timeout=_ANSWER_SECONDS
                )
            )
        return found

    def adopt(self, namespace: str, name: str, uid: str) -> None:
        """Let an Experiment take over the results of a former one."""
        with _translated(f"let Experiment {namespace}/{name} adopt"):
            self._api.patch_namespaced_custom_object(
                names.GROUP,
                names.VERSION,
                namespace,
                EXPERIMENT.plural,
                name,
                {"spec": {"adopts": uid}},
            )


def parsed(model: type[_Any], obj: Mapping[str, Any]) -> _Any:
    """Return an object of the cluster, read.

    Raises:
        InvalidInput: It is of another version than this program.
    """
    try:
        return model.model_validate(obj)
    except ValidationError as error:
        raise InvalidInput(
            reasons.INVALID_SPEC,
            f"the {model.KIND} cannot be read by this version of the program:"
            f" {error.error_count()} fields are not as it knows them",
        ) from None


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except client.ApiException as error:
        said = f"the API server said {error.status}: {error.body or error.reason}"
        # A server that is overloaded or fails, or a list that grew too old between its pages, says
        # nothing of the caller's rights.
        is_answer = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        is_rejected = is_answer and error.status not in _PASSING
        reason = reasons.REJECTED if is_rejected else reasons.API_UNAVAILABLE
        raise Unavailable(reason, f"could not {doing}: {said}") from error
    except (config.ConfigException, HTTPError, OSError) as error:
        raise Unavailable(reasons.API_UNAVAILABLE, f"could not {doing}: {error}") from error
