"""What an API server's refusal means for whoever asked, and what it does not."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.config import kube_config

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.experiments import KubeconfigCluster
from glovebox.errors import Refused, Unavailable
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, JOB, POD
from glovebox.kube.resources import Key


class _Refusing:
    """An API server that refuses everything."""

    def __init__(self, status: int) -> None:
        self._status = status

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            raise client.ApiException(status=self._status, reason="no")

        return refuse


def cluster(status: int) -> KubeconfigCluster:
    found = KubeconfigCluster.__new__(KubeconfigCluster)
    found._api = _Refusing(status)
    return found


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, reasons.REJECTED),
        (403, reasons.REJECTED),
        (409, reasons.REJECTED),
        (408, reasons.API_UNAVAILABLE),
        (410, reasons.API_UNAVAILABLE),  # the list is too old: its pages have to be asked for again
        (429, reasons.API_UNAVAILABLE),
        (500, reasons.API_UNAVAILABLE),
        (503, reasons.API_UNAVAILABLE),
    ],
)
def test_a_failure_of_the_server_is_no_lack_of_rights(status: int, reason: str) -> None:
    with pytest.raises(Unavailable, match=f"said {status}") as listed:
        cluster(status).dataset_pins()
    with pytest.raises(Unavailable) as read:
        cluster(status).find(Key(DATASET_PIN.kind, "team-a", "flights"))
    assert listed.value.reason == read.value.reason == reason


def test_what_is_not_there_is_none() -> None:
    assert cluster(404).find(Key(DATASET_PIN.kind, "team-a", "flights")) is None


NOT_FOUND = (
    '{"kind":"Status","reason":"NotFound","message":"experiments.glovebox.dev \\"x\\" not found"}\n'
)


class _Answering(_Refusing):
    """An API server that refuses everything, and says why."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(status)
        self._body = body

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            error = client.ApiException(status=self._status, reason="no")
            error.body = self._body
            raise error

        return refuse


def test_what_is_not_there_and_what_is_refused_is_told_in_words() -> None:
    found = KubeconfigCluster.__new__(KubeconfigCluster)
    found._api = _Answering(404, NOT_FOUND)
    with pytest.raises(Unavailable) as told:
        found.experiment("a", "x")
    assert told.value.message == "Experiment a/x is not there: create it, or name another one"
    found._api = _Answering(403, '{"reason":"Forbidden","message":"you may not \\"get\\" it"}')
    with pytest.raises(Unavailable) as told:
        found.experiment("a", "x")
    assert told.value.message.endswith('the API server said 403: you may not "get" it')
    # A server that has no such kind says nothing about the object.
    found._api = _Answering(404, "404 page not found")
    with pytest.raises(Unavailable, match="404 page not found"):
        found.experiment("a", "x")


def test_a_lease_that_is_not_shown_is_none() -> None:
    found = KubeconfigCluster.__new__(KubeconfigCluster)
    for status in (403, 404, 503):
        found._api = _Answering(status, "{}")
        assert found.operator_lease() is None


@pytest.mark.parametrize(
    ("status", "body", "is_known"), [(404, NOT_FOUND, True), (403, "{}", False)]
)
def test_that_a_namespace_is_missing_is_the_api_servers_word(
    status: int, body: str, *, is_known: bool
) -> None:
    found = KubeconfigCluster.__new__(KubeconfigCluster)
    found._core = _Answering(status, body)
    assert found.lacks_namespace("team-dat") is is_known


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(experiments, "_ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = KubeconfigCluster.__new__(KubeconfigCluster)
        found._api = client.CustomObjectsApi(client.ApiClient(client.Configuration(host=host)))
        for ask in (
            found.dataset_pins,
            lambda: found.experiments("team-a"),
            lambda: found.find(Key(DATASET_PIN.kind, "team-a", "flights")),
            lambda: found.find(Key("ObjectStore", "", "primary")),
        ):
            with pytest.raises(Unavailable) as told:
                ask()
            assert told.value.reason == reasons.API_UNAVAILABLE


def test_no_request_outlasts_what_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(experiments, "_SHORTEST_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        kubeconfig = tmp_path / "config"
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "it",
                    "clusters": [{"name": "it", "cluster": {"server": server}}],
                    "users": [{"name": "it", "user": {}}],
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                }
            )
        )
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        asked: list[float] = []

        def left(most: float) -> float:
            asked.append(most)
            return 0.05

        found = KubeconfigCluster(left)
        with pytest.raises(Unavailable):
            found.find(Key("Experiment", "team-a", "x"))
        assert asked == [30.0]
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # it was asked once, and not three times more
            silent.accept()


class _Endless:
    """An API server whose pages say each that there is one more.

    Args:
        tokens: By what the next one is asked for, in turn.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens, self.asked = iter(tokens), 0

    def __getattr__(self, name: str) -> Any:
        def page(*_: Any, **__: Any) -> dict[str, Any]:
            self.asked += 1
            assert self.asked < 100, "without end"
            metadata = {"continue": next(self._tokens)}
            return {"metadata": metadata, "items": [{"metadata": {"name": f"x-{self.asked}"}}]}

        return page


LISTS: dict[str, Callable[[KubeconfigCluster], object]] = {
    "all": lambda cluster: list(cluster.each(EXPERIMENT.kind)),
    "events": lambda cluster: cluster.events("team-a", "uid"),
    "inside": lambda cluster: cluster.inside(JOB, "team-a"),
    "inside-plain": lambda cluster: cluster.inside(POD, "team-a"),
}


def listing(api: _Endless) -> KubeconfigCluster:
    found = KubeconfigCluster.__new__(KubeconfigCluster)
    found._api = found._core = api
    found._connection = client.ApiClient()
    return found


@pytest.mark.parametrize("name", LISTS)
def test_a_list_whose_pages_repeat_ends_in_an_error(name: str) -> None:
    api = _Endless(itertools.cycle(["a", "b", "c"]))
    with pytest.raises(Unavailable, match=r"could not list .*pages have no end"):
        LISTS[name](listing(api))
    assert api.asked == 4, "as soon as the first page comes again"


@pytest.mark.parametrize("name", LISTS)
def test_a_list_with_ever_more_pages_ends_in_an_error(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "_MOST_PAGES", 20)
    api = _Endless(map(str, itertools.count(1)))
    with pytest.raises(Unavailable, match=r"could not list .*pages have no end"):
        LISTS[name](listing(api))
    assert api.asked == 21


@pytest.mark.parametrize("name", LISTS)
def test_a_list_in_pages_is_read_to_its_end(name: str) -> None:
    found = LISTS[name](listing(_Endless(["a", "b", ""])))
    assert isinstance(found, list)
    assert [each["metadata"]["name"] for each in found] == ["x-1", "x-2", "x-3"]


class _Changing:
    """An API server in which somebody else writes between each read and change."""

    def __init__(
        self, conflicts: int, status: int = 409, body: str = '{"reason": "Conflict"}'
    ) -> None:
        self.left, self.reads, self._status, self._body = conflicts, 0, status, body

    def get_namespaced_custom_object(self, *_: Any, **__: Any) -> dict[str, Any]:
        self.reads += 1
        return {"metadata": {"resourceVersion": str(self.reads)}}

    def replace_namespaced_custom_object(
        self, *_: Any, body: dict[str, Any], **how: Any
    ) -> dict[str, Any]:
        assert (how["dry_run"], how["field_validation"]) == ("All", "Strict")
        assert body["metadata"]["resourceVersion"] == str(self.reads)
        if self.left:
            self.left -= 1
            error = client.ApiException(status=self._status, reason="no")
            error.body = self._body
            raise error
        return body


PLANNED = {"kind": "Experiment", "metadata": {"name": "x", "namespace": "team-a"}}


def tried(api: _Changing) -> dict[str, Any]:
    found = KubeconfigCluster.__new__(KubeconfigCluster)
    found._api = api
    return found.dry_run(PLANNED)


def test_what_somebody_else_wrote_in_between_refuses_nothing() -> None:
    assert tried(_Changing(3))["metadata"]["resourceVersion"] == "4"
    with pytest.raises(Refused, match="Conflict"):
        tried(_Changing(99))


def test_an_api_without_our_kinds_says_nothing_about_an_object() -> None:
    with pytest.raises(Unavailable, match="404"):
        tried(_Changing(99, 404, "404 page not found"))
    with pytest.raises(Refused):
        tried(_Changing(99, 404, '{"reason": "NotFound", "message": "no namespace"}'))
