"""Of a run that lost its Experiment nothing is kept that may show what its stages were given."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox import names
from glovebox.api.attempt_status import RunContainer, RunPod
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers import orphan_logs
from glovebox.controllers.experiment.given_secrets import UNKNOWN
from glovebox.controllers.experiment.known_secrets import known_secrets
from glovebox.controllers.held_logs import HeldLog
from glovebox.controllers.orphans import Orphan
from glovebox.errors import NotFound, Unavailable
from glovebox.kube.kinds import SECRET
from golden.cases import inputs_from
from support.virtual_time import now, run

TOKEN = "correct horse battery"
NAMESPACE = {
    "metadata": {
        "name": "gbx-1",
        "uid": "n",
        "labels": {names.LABEL_EXPERIMENT_UID: "u"},
        "annotations": {names.ANNOTATION_EXPERIMENT: "team/x"},
    }
}
RUN = RunStatus(
    jobUid="j",
    pods=(RunPod(name="run-0", uid="p", node="n", containers=(RunContainer(name="run"),)),),
)
PLAIN = {"metadata": {"uid": "p"}, "spec": {"containers": [{"name": "run"}]}}
GIVEN = {
    "metadata": {"uid": "p"},
    "spec": {"volumes": [{"secret": {"secretName": names.STAGE_SECRETS}}]},
}


class Reader:
    """A namespace with a program that says what it was given, and with its Secret or without."""

    def __init__(self, *, has_secret: bool) -> None:
        self.has_secret = has_secret

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any]:
        """Return the Secret."""
        del namespace
        if kind != SECRET or name != names.STAGE_SECRETS or not self.has_secret:
            raise NotFound("NotFound", "it is not there")
        return {"data": {"token": base64.b64encode(TOKEN.encode()).decode()}}

    async def log_tail(self, *_: str, most: int) -> tuple[bytes, bool]:
        """Return what it said."""
        del most
        return f"begins with {TOKEN}\n".encode(), False


class Store:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def run_job(self, job: Any) -> Any:
        """Run it, as a store does."""
        return job(None)


async def kept(
    monkeypatch: pytest.MonkeyPatch, pod: dict[str, Any], *, has_secret: bool
) -> tuple[Any, list[bytes]]:
    """Return what is recorded of the log, and what was put into the store."""
    store = Store()

    async def open_store(*_: Any) -> Store:
        return store

    async def store_of(*_: Any) -> Any:
        return inputs_from().store

    def put_log(_: Any, __: str, folder: str, body: bytes, ___: Any) -> tuple[str, str]:
        store.taken.append(body)
        return f"{folder}log.txt", "sha256:" + "a" * 64

    monkeypatch.setattr(orphan_logs, "open_store", open_store)
    monkeypatch.setattr(orphan_logs, "_store_of", store_of)
    monkeypatch.setattr(orphan_logs, "put_log", put_log)
    orphan = Orphan.of(NAMESPACE)
    assert orphan is not None
    ports: Any = SimpleNamespace(
        reader=Reader(has_secret=has_secret),
        known_secrets={},
        given_secrets={},
        store_credentials={},
        lost_runs={},
        redacting=asyncio.Lock(),
    )
    await orphan_logs.note_secrets(ports, orphan)
    await orphan_logs.keep_logs(ports, orphan, RUN, [pod])
    run = orphan_logs.with_seen(ports, orphan, None)
    assert run is not None
    orphan_logs.forget_run(ports, orphan.key)
    assert (ports.lost_runs, ports.known_secrets, ports.given_secrets) == ({}, {}, {})
    return run.pods[0].containers[0].log, store.taken


async def test_what_a_stage_was_given_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    log, taken = await kept(monkeypatch, GIVEN, has_secret=True)
    assert taken == [b"begins with [redacted]\n"]
    assert (log.problem, log.redactions, log.digest) == ("", 1, "sha256:" + "a" * 64)
    assert log.key == ".glovebox/seals/u/log.txt"


async def test_where_nobody_knows_what_it_was_given_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, taken = await kept(monkeypatch, GIVEN, has_secret=False)
    assert taken == []
    assert log.problem == UNKNOWN


async def test_what_was_given_nothing_is_kept_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    log, taken = await kept(monkeypatch, PLAIN, has_secret=False)
    assert taken == [f"begins with {TOKEN}\n".encode()]
    assert log.problem == ""


async def test_a_store_that_nobody_knows_is_said_to_be_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown(*_: Any) -> Any:
        raise Unavailable("ApiUnavailable", "no answer")

    orphan = Orphan.of(NAMESPACE)
    assert orphan is not None
    ports: Any = SimpleNamespace(lost_runs={})
    monkeypatch.setattr(orphan_logs, "_store_of", unknown)
    await orphan_logs.keep_logs(ports, orphan, RUN, [PLAIN])
    (pod,) = ports.lost_runs[orphan.key].pods
    assert "could not be read and kept" in pod.containers[0].log.problem


TWO = RunStatus(
    jobUid="j",
    pods=tuple(
        RunPod(name=name, uid=name, node="n", containers=(RunContainer(name="run"),))
        for name in ("first", "second")
    ),
)


def lost(monkeypatch: pytest.MonkeyPatch, read_log: Any) -> tuple[Any, Orphan]:
    """Return ports and a namespace whose logs are read by a function, and a store takes each."""

    async def open_store(*_: Any) -> Store:
        return Store()

    async def store_of(*_: Any) -> Any:
        return inputs_from().store

    monkeypatch.setattr(orphan_logs, "open_store", open_store)
    monkeypatch.setattr(orphan_logs, "_store_of", store_of)
    monkeypatch.setattr(orphan_logs, "put_log", lambda *_: ("log.txt", "sha256:" + "a" * 64))
    monkeypatch.setattr(orphan_logs, "read_log", read_log)
    orphan = Orphan.of(NAMESPACE)
    assert orphan is not None
    return SimpleNamespace(lost_runs={}, given_secrets={}), orphan


def test_a_kubelet_that_hangs_costs_the_logs_after_it_and_none_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def read_log(_: Any, __: Any, ___: Any, pod: RunPod, *____: Any) -> HeldLog:
        if pod.name == "second":
            await asyncio.Event().wait()
        return HeldLog("primary", b"begins", 0, truncated=False, final=False)

    async def main() -> tuple[float, list[Any]]:
        ports, orphan = lost(monkeypatch, read_log)
        began = now()
        await orphan_logs.keep_logs(ports, orphan, TWO, [])
        logs = [pod.containers[0].log for pod in ports.lost_runs[orphan.key].pods]
        return now() - began, logs

    seconds, (first, second) = run(main())
    assert seconds == pytest.approx(20)
    assert (first.key, first.problem) == ("log.txt", "")
    assert (second.key, second.problem) == (
        "",
        "it could not be read and kept before the pod had to go",
    )


async def test_one_log_that_cannot_be_read_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_log(_: Any, __: Any, ___: Any, pod: RunPod, *____: Any) -> HeldLog:
        if pod.name == "first":
            raise Unavailable("ApiUnavailable", "no answer " * 100)
        return HeldLog("primary", b"begins", 0, truncated=False, final=False)

    ports, orphan = lost(monkeypatch, read_log)
    await orphan_logs.keep_logs(ports, orphan, TWO, [{"metadata": {"uid": "first"}}])
    first, second = (pod.containers[0].log for pod in ports.lost_runs[orphan.key].pods)
    assert first.problem == ("no answer " * 100)[:512]
    assert second.key == "log.txt"


async def test_what_was_read_once_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_log(*_: Any) -> HeldLog:
        raise AssertionError("read again")

    ports, orphan = lost(monkeypatch, read_log)
    ports.lost_runs[orphan.key] = RUN
    await orphan_logs.note_secrets(ports, orphan)  # which has no reader here
    await orphan_logs.keep_logs(ports, orphan, TWO, [])
    assert ports.lost_runs == {orphan.key: RUN}


async def test_secrets_that_cannot_be_read_hold_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> dict[str, Any]:
        raise Unavailable("ApiUnavailable", "no answer")

    ports, orphan = lost(monkeypatch, None)
    ports.reader, ports.known_secrets, ports.store_credentials = SimpleNamespace(get=away), {}, {}
    await orphan_logs.note_secrets(ports, orphan)
    assert ports.given_secrets == {}


SESSION = "the words of a session"


async def test_a_session_is_known_that_was_taken_before_the_log_was_read() -> None:
    """It has not the shape of a secret: nothing but the Secret says that it is one."""
    there = {"config": base64.b64encode(f"aws_session_token = {SESSION}\n".encode()).decode()}

    async def get(kind: object, _: str, name: str) -> dict[str, Any]:
        if there and (kind, name) == (SECRET, names.CREDENTIALS_SECRET):
            return {"data": dict(there)}
        raise NotFound("NotFound", "it is not there")

    orphan = Orphan.of(NAMESPACE)
    assert orphan is not None
    ports: Any = SimpleNamespace(
        reader=SimpleNamespace(get=get),
        now=lambda: datetime(2026, 3, 3, 8, tzinfo=UTC),
        known_secrets={},
        given_secrets={},
        store_credentials={},
        lost_runs={},
    )
    await orphan_logs.note_secrets(ports, orphan)
    there.clear()
    assert SESSION in await known_secrets(ports, orphan.key, orphan.name)
    orphan_logs.forget_run(ports, orphan.key)
    assert SESSION not in await known_secrets(ports, orphan.key, orphan.name)
