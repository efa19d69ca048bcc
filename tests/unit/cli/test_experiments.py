"""What an API server's refusal means for whoever asked, and what it does not."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from kubernetes import client

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.experiments import KubeconfigCluster
from glovebox.errors import Unavailable
from glovebox.kube.kinds import DATASET_PIN
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
