"""What keeps a log from being read, and a store from being asked with each container."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api.attempt_status import RunContainer, RunPod
from glovebox.controllers.experiment import attempts
from glovebox.controllers.held_logs import HeldLog, Place
from glovebox.errors import InvalidInput, Unavailable
from glovebox.kube.resources import Key

STORE = SimpleNamespace(
    name="primary", spec=SimpleNamespace(artifacts=SimpleNamespace(bucket="results"))
)


def logs(**ports: Any) -> Any:
    scope: Any = SimpleNamespace(
        platform=SimpleNamespace(store=STORE),
        experiment=SimpleNamespace(uid="u"),
        namespace="gbx-team-x",
        key=Key("Experiment", "team", "x"),
        ports=SimpleNamespace(**ports),
    )
    return attempts._Logs(scope, ())


async def test_the_log_of_a_pod_that_no_node_took_is_not_read() -> None:
    """The API server would answer with an empty one, which would be kept as whole."""

    async def log_tail(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was asked")

    pod = RunPod(name="run-0", uid="p", node="", phase="Failed")
    with pytest.raises(InvalidInput, match="no node had taken the pod"):
        await logs(reader=SimpleNamespace(log_tail=log_tail))._read(pod, RunContainer(name="run"))


async def test_a_store_that_hangs_is_asked_once_for_all_logs_of_a_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def open_store(_: Any, store: Any) -> Any:
        asked.append(store.name)
        raise Unavailable("StoreUnreachable", "no answer")

    monkeypatch.setattr(attempts, "open_store", open_store)
    monkeypatch.setattr(attempts, "note_refusal", lambda *_: None)
    kept = logs()
    held = HeldLog("primary", b"said", 0, truncated=False, final=True)
    for container in ("fetch", "run"):
        with pytest.raises(Unavailable, match="no answer"):
            await kept._put(Place(Key("Experiment", "team", "x"), "p", container), held)
    assert asked == ["primary"]
