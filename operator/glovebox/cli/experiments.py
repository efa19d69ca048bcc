"""The Experiments and pins of a cluster, with the rights of whoever calls.

One change alone is asked for, `spec.adopts`; all the rest is the operator's. What is tried is
marked as such (`dryRun`), and stored nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

from kubernetes import client, config, watch
from pydantic import ValidationError
from urllib3.exceptions import HTTPError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.base import Resource
from glovebox.errors import InvalidInput, Refused, Unavailable
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    CUSTOM_KINDS,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    Kind,
)
from glovebox.kube.resources import Key
from glovebox.report.tree import ONLY_OWN

_Any = TypeVar("_Any", bound=Resource[Any, Any])
_PAGE: Final = 500
# More than a million objects: an API server, or what stands before it, that lists without end.
_MOST_PAGES: Final = 2_000
# So long nothing may come of an answer. The client asks three times more.
_ANSWER_SECONDS: Final = 30.0
# And so long whoever has no time left waits all the same: an answer takes some.
_SHORTEST_SECONDS: Final = 1.0
# So often a change is tried when somebody else, mostly the operator, wrote in between.
_TRIES: Final = 5
_PASSING: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS}
)
# What is wrong with an object, or with whom it comes from.
_ABOUT_THE_OBJECT: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_KINDS: Final = {kind.kind: kind for kind in CUSTOM_KINDS}


class Listed(NamedTuple):
    """A page of a list.

    Attributes:
        objects: What is on it.
        following: What to ask the next one with; empty where this is the last.
        left: About how many objects come after it; None where the API server does not say.
    """

    objects: list[dict[str, Any]]
    following: str
    left: int | None


class _Pages:
    """Where a list is, a page at a time, so that one without end is noticed.

    Args:
        doing: What is attempted.

    Attributes:
        following: What the next page is asked for with; empty for the first.
    """

    def __init__(self, doing: str) -> None:
        self.following = ""
        self._doing = doing
        self._seen: set[str] = set()

    def advance(self, following: str) -> bool:
        """Go on to the next page; return whether there is one.

        Raises:
            Unavailable: That one was asked for already, or there are more than anybody needs.
        """
        if following in self._seen or len(self._seen) >= _MOST_PAGES:
            raise Unavailable(
                reasons.API_UNAVAILABLE,
                f"could not {self._doing}: the API server's pages have no end",
            )
        self._seen.add(following)
        self.following = following
        return bool(following)


class KubeconfigCluster:
    """The cluster that the kubeconfig's current context names.

    Args:
        left: Returns how many seconds are left, at most so many. Where it is given, a request lasts
            no longer, and is not sent again. None: there is no hurry.

    Raises:
        Unavailable: There is no kubeconfig that can be used; or, of each method, the API server
            does not answer or refuses it.
    """

    _left: Callable[[float], float] | None = None

    def __init__(self, left: Callable[[float], float] | None = None) -> None:
        self._left = left
        with _translated("read the kubeconfig"):
            settings = client.Configuration()
            if left is not None:
                settings.retries = 0
            connection = config.new_client_from_config(  # type: ignore[no-untyped-call]
                client_configuration=settings
            )
            self._connection: Any = connection
            self._api: Any = client.CustomObjectsApi(connection)
            self._core: Any = client.CoreV1Api(connection)

    def _patience(self) -> float:
        """Return how long nothing may come of an answer (seconds)."""
        if self._left is None:
            return _ANSWER_SECONDS
        return max(_SHORTEST_SECONDS, self._left(_ANSWER_SECONDS))

    def experiments(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all Experiments, or those of a namespace."""
        return self._list(EXPERIMENT, namespace)

    def dataset_pins(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all DatasetPins, or those of a namespace."""
        return self._list(DATASET_PIN, namespace)

    def grants(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all AccessGrants, or those of a namespace."""
        return self._list(ACCESS_GRANT, namespace)

    def pins(self, namespace: str = "") -> list[dict[str, Any]]:
        """Return all DatasetPins and FeatureSetPins, or those of a namespace."""
        return [*self._list(DATASET_PIN, namespace), *self._list(FEATURE_SET_PIN, namespace)]

    def _list(self, kind: Kind, namespace: str = "") -> list[dict[str, Any]]:
        return list(self.each(kind.kind, namespace))

    def each(self, kind: str, namespace: str = "") -> Iterator[dict[str, Any]]:
        """Yield all objects of one of our kinds, or those of a namespace, as they are listed.

        What was passed need not be kept: ten thousand Experiments are much to hold at once.
        """
        pages = _Pages(f"list {kind}s")
        while True:
            page = self.page(kind, namespace, _PAGE, pages.following)
            yield from page.objects
            if not pages.advance(page.following):
                return

    def page(self, kind: str, namespace: str, most: int, following: str = "") -> Listed:
        """Return a page of a list.

        Args:
            kind: One of ours.
            namespace: Of one namespace; empty for all.
            most: How many objects at most.
            following: What the page before says of this one; empty for the first.
        """
        found = _KINDS[kind]
        asked = {
            "limit": most,
            "_continue": following,
            "_request_timeout": self._patience(),
        }
        where = (names.GROUP, names.VERSION, *([namespace] if namespace else []), found.plural)
        call = (
            self._api.list_namespaced_custom_object
            if namespace
            else self._api.list_cluster_custom_object
        )
        with _translated(f"list {kind}s"):
            answer = call(*where, **asked)
        metadata = answer["metadata"]
        return Listed(
            [{"kind": kind, **each} for each in answer["items"]],
            metadata.get("continue") or "",
            metadata.get("remainingItemCount"),
        )

    def events(self, namespace: str, uid: str) -> list[dict[str, Any]]:
        """Return the Events about an object of a namespace; the newest are not always last."""
        found: list[dict[str, Any]] = []
        doing = f"list events in namespace {namespace}"
        pages = _Pages(doing)
        while True:
            with _translated(doing):
                answer = self._core.list_namespaced_event(
                    namespace,
                    field_selector=f"involvedObject.uid={uid}",
                    limit=_PAGE,
                    _continue=pages.following,
                    _request_timeout=self._patience(),
                )
            page = self._plain(answer)
            found += page.get("items") or ()
            if not pages.advance(page["metadata"].get("continue") or ""):
                return found

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self._connection.configuration.host)

    def dataset_pin(self, namespace: str, name: str) -> dict[str, Any]:
        """Return a DatasetPin."""
        return self._get(DATASET_PIN, namespace, name)

    def feature_set_pin(self, namespace: str, name: str) -> dict[str, Any]:
        """Return a FeatureSetPin."""
        return self._get(FEATURE_SET_PIN, namespace, name)

    def experiment(self, namespace: str, name: str) -> dict[str, Any]:
        """Return an Experiment."""
        return self._get(EXPERIMENT, namespace, name)

    def find(self, key: Key) -> dict[str, Any] | None:
        """Return an object of ours, or None where there is none."""
        try:
            return self._get(_KINDS[key.kind], key.namespace, key.name)
        except Unavailable as error:
            if is_missing(error):
                return None
            raise

    def _get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        where = (names.GROUP, names.VERSION)
        what = f"{kind.kind} {f'{namespace}/' if namespace else ''}{name}"
        found: dict[str, Any]
        with _translated(f"read {what}", what):
            found = (
                self._api.get_namespaced_custom_object(
                    *where, namespace, kind.plural, name, _request_timeout=self._patience()
                )
                if namespace
                else self._api.get_cluster_custom_object(
                    *where, kind.plural, name, _request_timeout=self._patience()
                )
            )
        return found

    def changes(
        self, namespace: str, name: str, version: str, seconds: float
    ) -> Iterator[dict[str, Any] | None]:
        """Yield an Experiment as it changes, and None when it is deleted; ends after the seconds.

        Args:
            namespace: Its namespace.
            name: Its name.
            version: The `resourceVersion` after which to begin.
            seconds: How long to watch.
        """
        with _translated(f"watch Experiment {namespace}/{name}"):
            for event in watch.Watch().stream(  # type: ignore[no-untyped-call]
                self._api.list_namespaced_custom_object,
                names.GROUP,
                names.VERSION,
                namespace,
                EXPERIMENT.plural,
                field_selector=f"metadata.name={name}",
                resource_version=version,
                timeout_seconds=max(1, int(seconds)),
                # A server that says nothing ends it as well.
                _request_timeout=(self._patience(), seconds + 1),
            ):
                if event is None:
                    return  # a line that is no JSON: whoever follows reads it again
                is_gone = event["type"] == "DELETED"
                yield None if is_gone else event["object"]
                if is_gone:
                    return

    def listed(self, kind: str, namespace: str = "") -> list[dict[str, Any]]:
        """Return all objects of one of our kinds, or those of a namespace."""
        return self._list(_KINDS[kind], namespace)

    def namespace(self, name: str) -> dict[str, Any]:
        """Return a namespace."""
        with _translated(f"read Namespace {name}"):
            found = self._core.read_namespace(name, _request_timeout=self._patience())
        return self._plain(found)

    def operator_lease(self) -> dict[str, Any] | None:
        """Return the Lease by which an operator leads; None where it is not there or not shown.

        It lies in the namespace of the pages, `glovebox-system`, which few users may read.
        """
        what = f"Lease {names.OPERATOR_NAMESPACE}/{names.LEADER_LEASE}"
        try:
            with _translated(f"read {what}"):
                found: dict[str, Any] = self._api.get_namespaced_custom_object(
                    "coordination.k8s.io",
                    "v1",
                    names.OPERATOR_NAMESPACE,
                    "leases",
                    names.LEADER_LEASE,
                    _request_timeout=self._patience(),
                )
        except Unavailable:
            return None  # what was asked for is told all the same
        return found

    def lacks_namespace(self, name: str) -> bool:
        """Return whether there is no such namespace; False too where the caller may not know."""
        try:
            self.namespace(name)
        except Unavailable as error:
            if is_missing(error):
                return True
            if error.reason != reasons.REJECTED:
                raise
        return False

    def inside(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        """Return the objects of one kind in an experiment's namespace.

        Of kinds of which a cluster puts some into every namespace: those that Glovebox made.
        """
        selector = names.MANAGED_SELECTOR if kind in ONLY_OWN else ""
        group, _, version = kind.api_version.rpartition("/")
        found: list[dict[str, Any]] = []
        doing = f"list {kind.plural} in namespace {namespace}"
        pages = _Pages(doing)
        while True:
            asked = {
                "limit": _PAGE,
                "label_selector": selector,
                "_continue": pages.following,
                "_request_timeout": self._patience(),
            }
            with _translated(doing):
                if group:
                    page = self._api.list_namespaced_custom_object(
                        group, version, namespace, kind.plural, **asked
                    )
                else:
                    call = getattr(self._core, f"list_namespaced_{_in_lines(kind.kind)}")
                    page = self._plain(call(namespace, **asked))
            found += page.get("items") or ()
            if not pages.advance(page["metadata"].get("continue") or ""):
                return found

    def _plain(self, model: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._connection.sanitize_for_serialization(model)
        return found

    def dry_run(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Return an object of ours as the API server would store it; nothing is stored.

        What is there already keeps what only its own life gave to it: finalizers, status.

        Raises:
            Refused: Validation, a guard, a quota or the caller's rights are against it, in the API
                server's own words.
            Unavailable: Nobody knows: it did not answer, or not about the object.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._dry_run(obj)
            except Refused as error:
                cause = error.__cause__
                if not isinstance(cause, client.ApiException) or cause.status != (
                    HTTPStatus.CONFLICT
                ):
                    raise
        return self._dry_run(obj)

    def _dry_run(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        key = Key.of(obj)
        kind, live = _KINDS[key.kind], self.find(key)
        metadata = dict(obj["metadata"])
        if live is not None:
            former = live["metadata"]
            joined = {
                field: {**former.get(field, {}), **(metadata.get(field) or {})}
                for field in ("labels", "annotations")
            }
            metadata = {**former, **joined}
        else:
            # What somebody read with `kubectl get` may be planned elsewhere.
            for field in ("resourceVersion", "uid", "managedFields", "generation"):
                metadata.pop(field, None)
        verb = "create" if live is None else "replace"
        where = [names.GROUP, names.VERSION, *([key.namespace] if key.namespace else [])]
        named = [] if live is None else [key.name]
        call = getattr(
            self._api, f"{verb}_{'namespaced' if key.namespace else 'cluster'}_custom_object"
        )
        body = {**obj, "metadata": metadata}
        found: dict[str, Any]
        with _translated(f"try {key}"), _refusing():
            found = call(
                *where,
                kind.plural,
                *named,
                body=body,
                dry_run="All",
                field_validation="Strict",
                _request_timeout=self._patience(),
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


def _in_lines(kind: str) -> str:
    """Return a kind as the client's methods are called: `resource_quota`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell what the API server has against an object from what keeps it from answering."""
    try:
        yield
    except client.ApiException as error:
        if error.status not in _ABOUT_THE_OBJECT:
            raise
        told = _status_of(error)
        if error.status == HTTPStatus.NOT_FOUND and not told.get("reason"):
            raise  # there is no such kind: nothing is said about the object
        reason = str(told.get("reason") or error.reason or error.status)
        raise Refused(reason, str(told.get("message") or error.body or error.reason)) from error


def is_missing(error: Unavailable) -> bool:
    """Return whether it is the API server's word that what was asked for is not there."""
    return getattr(error.__cause__, "status", None) == HTTPStatus.NOT_FOUND


def _status_of(error: client.ApiException) -> dict[str, Any]:
    """Return what the API server answered, as a `Status`; empty where it is something else."""
    try:
        said = json.loads(error.body or "")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


@contextmanager
def _translated(doing: str, what: str = "") -> Iterator[None]:
    """Turn what a request fails with into our own error.

    Args:
        doing: What was attempted.
        what: The one object that is asked for: the API server's 404 is about that.
    """
    try:
        yield
    except client.ApiException as error:
        told = _status_of(error)
        if what and error.status == HTTPStatus.NOT_FOUND and told.get("reason") == "NotFound":
            raise Unavailable(
                reasons.REJECTED, f"{what} is not there: create it, or name another one"
            ) from error
        words = told.get("message") or error.body or error.reason
        said = f"the API server said {error.status}: {words}"
        # A server that is overloaded or fails, or a list that grew too old between its pages, says
        # nothing of the caller's rights.
        is_answer = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        is_rejected = is_answer and error.status not in _PASSING
        reason = reasons.REJECTED if is_rejected else reasons.API_UNAVAILABLE
        raise Unavailable(reason, f"could not {doing}: {said}") from error
    except (config.ConfigException, HTTPError, OSError) as error:
        raise Unavailable(reasons.API_UNAVAILABLE, f"could not {doing}: {error}") from error
