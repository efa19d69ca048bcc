"""What one look comes to: its status, the marks of use, Events, and when the next one is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from glovebox.controllers import reconcile
from glovebox.controllers.looking import Look
from glovebox.controllers.message_pace import FIRST_SECONDS, MessagePace
from glovebox.controllers.ports import Failures, Ports
from glovebox.controllers.reconcile import Controller, reconcile_key
from glovebox.engine.key_queue import Priority
from glovebox.engine.result import DONE, Result
from glovebox.errors import (
    Conflict,
    GloveboxError,
    InvalidInput,
    NotFound,
    NotReady,
    Rejected,
    Unavailable,
)
from glovebox.kube.kinds import Kind
from glovebox.kube.resources import Key, Resources
from glovebox.names import ANNOTATION_USERS, FINALIZER_IN_USE
from glovebox.status.outcome import Grace
from support.kept_spans import kept_spans

Json = dict[str, Any]
PROFILE = Key("IsolationProfile", "", "standard")
STORE = Key("ObjectStore", "", "primary")
PIN = Key("DatasetPin", "team", "set")
GRANT = Key("AccessGrant", "team", "loan")
FOREIGN = "other.example/f"
LEAVING: Json = {"deletionTimestamp": "2026-11-25T11:00:00Z"}
AWAY = Unavailable("ApiUnavailable", "no answer")
WAITING = {"type": "Ready", "status": "False", "reason": "Pending", "message": "it waits"}
READY = {"type": "Ready", "status": "True", "reason": "Ready", "message": "it is there"}
STALLED = {"type": "Stalled", "status": "True", "reason": "InvalidSpec", "message": "correct it"}


def said(*conditions: Json, **fields: Any) -> Json:
    return {"conditions": [{"lastTransitionTime": "then", **each} for each in conditions], **fields}


def thing(key: Key, status: Json | None = None, spec: Json | None = None, **metadata: Any) -> Json:
    own = {"namespace": key.namespace} if key.namespace else {}
    obj: Json = {"kind": key.kind, "metadata": {"name": key.name, "uid": f"u-{key.name}", **own}}
    obj["metadata"] |= {"generation": 1, "resourceVersion": "1", **metadata}
    return obj | {"spec": spec or {}} | ({"status": status} if status is not None else {})


def experiment(name: str, *, namespace: str = "team", bound: bool = True) -> Json:
    """Return one that names the profile, the store and the pin of this page."""
    spec = {
        "profile": PROFILE.name,
        "artifacts": {"storeRef": {"name": STORE.name}},
        "inputs": {"datasets": [{"pinRef": {"name": PIN.name, "namespace": PIN.namespace}}]},
    }
    status = {"digest": "sha256:1"} if bound else {}
    return thing(Key("Experiment", namespace, name), status, spec)


class Scene:
    """One resource, what a look at it comes to, and what is done with that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, obj: Json, *others: Json) -> None:
        self.key, self.seconds = Key.of(obj), 1_000.0
        self.resources = Resources()
        for each in (obj, *others):
            self.resources.seen(each)
        self.live = obj
        self.looks: Callable[[Mapping[str, Any]], Look] = lambda found: Look(found, None)
        self.refuses: dict[str, Exception] = {}
        self.done: list[str] = []
        self.shown: list[Json] = []
        self.marked: list[tuple[list[str], Mapping[str, str | None] | None]] = []
        self.warned: list[tuple[str, str, str]] = []
        self.forgotten: list[tuple[Key, str]] = []
        self.messages = MessagePace(lambda: self.seconds)
        self.failures = Failures(lambda: self.seconds)
        self.ports = cast(
            "Ports",
            SimpleNamespace(
                resources=self.resources,
                reader=self,
                writer=self,
                events=self,
                messages=self.messages,
                failures=self.failures,
                now=lambda: datetime(2026, 11, 25, 12, tzinfo=UTC),
                grace=Grace(seconds=60.0, attempts=2),
            ),
        )
        self.controller = Controller(self.look, self.forget)
        monkeypatch.setitem(reconcile.CONTROLLERS, self.key.kind, self.controller)

    def reconciled(self) -> Result:
        return asyncio.run(reconcile_key(self.ports, self.key))

    def status(self) -> Json:
        """Return the status that was written last, with its conditions by type."""
        conditions = {each["type"]: each for each in self.shown[-1]["conditions"]}
        return {**self.shown[-1], "conditions": conditions}

    def condition(self, name: str) -> str:
        """Return the answer and the reason of a condition that was written last."""
        found = self.status()["conditions"].get(name)
        return f"{found['status']} {found['reason']}" if found else ""

    def comes_to(self, *conditions: Json, **rest: Any) -> None:
        """Let looks come to a status, and to what else is given of a `Look`."""
        self.looks = lambda found: Look(found, said(*conditions), **rest)

    def fails(self, error: Exception) -> None:
        """Let looks fail."""

        def raises(_: Mapping[str, Any]) -> Look:
            raise error

        self.looks = raises

    # A controller.

    async def look(self, _: Ports, obj: Mapping[str, Any]) -> Look:
        return self.looks(obj)

    def forget(self, _: Ports, key: Key, uid: str) -> None:
        self.forgotten.append((key, uid))

    # A reader.

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        self._refuse("get")
        live = self.live["metadata"].get("namespace"), self.live["metadata"]["name"]
        assert (kind.kind, (namespace, name)) == (self.live["kind"], live)
        return self.live

    async def pages(self, kind: Kind, **_: Any) -> AsyncIterator[Json]:
        yield {"items": self.resources.of_kind(kind)}

    # A writer.

    async def write_status(self, obj: Mapping[str, Any], status: Json) -> Json:
        self._refuse("status")
        self.done.append("status")
        self.shown.append(status)
        version = str(int(obj["metadata"]["resourceVersion"]) + 1)
        self.live = {**obj, "status": status}
        self.live["metadata"] = {**obj["metadata"], "resourceVersion": version}
        self.resources.wrote(self.live)
        return self.live

    async def write_finalizers(
        self,
        obj: Mapping[str, Any],
        finalizers: list[str],
        *,
        annotations: Mapping[str, str | None] | None = None,
    ) -> Json:
        self._refuse("marks")
        self.marked.append((finalizers, annotations))
        return {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}}

    def _refuse(self, what: str) -> None:
        if what in self.refuses:
            raise self.refuses[what]

    # Events.

    def warning(self, obj: Mapping[str, Any], reason: str, note: str, *, action: str) -> None:
        assert obj["metadata"]["uid"] == self.live["metadata"]["uid"]
        self.warned.append((reason, note, action))


Make = Callable[..., Scene]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Make:
    return lambda obj, *others: Scene(monkeypatch, obj, *others)


# Of what is there, and what is gone.


@pytest.mark.parametrize(
    ("ended", "kept"),
    [
        pytest.param(DONE, False, id="it is gone, or let go"),
        pytest.param(Result(retry_seconds=1.0), True, id="it is looked at again"),
        pytest.param(Result(error=AWAY), True, id="it is tried again"),
    ],
)
def test_a_namespace_is_looked_at_as_an_orphan(
    scene: Make,
    monkeypatch: pytest.MonkeyPatch,
    ended: Result,
    kept: bool,  # noqa: FBT001 - a table
) -> None:
    it, key = scene(thing(GRANT)), Key("Namespace", "", "gbx-team-x")

    async def looked(_: Ports, asked: Key) -> Result:
        assert asked == key
        return ended

    monkeypatch.setattr(reconcile, "reconcile_orphan", looked)
    it.failures.note(key, "close")
    assert asyncio.run(reconcile_key(it.ports, key)) == ended
    assert it.failures.is_failing(key, "close") is kept


def test_what_is_gone_is_forgotten(scene: Make) -> None:
    it = scene(thing(GRANT))
    for _ in range(4):
        it.messages.note_words(it.key)
    it.resources.gone(it.key)
    assert it.reconciled() == DONE
    assert it.forgotten == [(it.key, "")]
    assert it.messages.seconds_to_wait(it.key) == FIRST_SECONDS, "its next one begins anew"


def test_what_is_there_is_not_forgotten(scene: Make) -> None:
    it = scene(thing(GRANT))
    it.comes_to(READY)
    it.reconciled()
    assert it.forgotten == []
    assert it.shown


# How a look ends.


def test_a_look_is_reported_once_its_status_is_written(scene: Make) -> None:
    it = scene(thing(GRANT))
    it.comes_to(READY, after=lambda: it.done.append("after"))
    it.reconciled()
    assert it.done == ["status", "after"]


def test_a_look_says_when_the_next_one_is_due_and_how_urgent(scene: Make) -> None:
    it = scene(thing(GRANT))
    it.comes_to(READY, retry_seconds=7.0, priority=Priority.DELETION, error=AWAY)
    assert it.reconciled() == Result(7.0, Priority.DELETION, AWAY)


def test_what_is_to_follow_a_status_follows_at_once_where_it_was_written(scene: Make) -> None:
    it = scene(thing(GRANT))
    it.comes_to(READY, retry_seconds=0.0)
    assert it.reconciled().retry_seconds == 0.0
    assert it.reconciled().retry_seconds == reconcile.UNWRITTEN_SECONDS


@pytest.mark.parametrize("failed", [False, True])
def test_a_look_is_a_span_that_names_the_resource_and_the_error(
    scene: Make,
    failed: bool,  # noqa: FBT001 - a table
) -> None:
    it = scene(thing(GRANT))
    it.comes_to(READY, error=AWAY if failed else None)
    with kept_spans() as spans:
        it.reconciled()
    ((name, known),) = spans
    assert (name, known["glovebox.name"]) == ("reconcile", GRANT.name)
    assert known.get("glovebox.reason") == (AWAY.reason if failed else None)


# Looks that fail.


def test_a_conflict_is_a_reason_to_look_again_and_no_failure(scene: Make) -> None:
    it = scene(thing(GRANT))
    it.fails(Conflict("Conflict", "somebody wrote"))
    with pytest.raises(Conflict):
        it.reconciled()
    assert not it.failures.is_failing(it.key, "look")


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [
        pytest.param(ZeroDivisionError("a bug"), True, id="a bug has its trace in the log"),
        pytest.param(AWAY, False, id="an answer that did not come has none"),
        pytest.param(InvalidInput("InvalidSpec", "correct it"), False, id="a wrong field has none"),
        pytest.param(NotReady("PinNotFound", "it waits"), False, id="what is waited for has none"),
    ],
)
def test_a_look_that_fails_is_tried_again_and_said_once_that_lasts(
    scene: Make,
    error: Exception,
    is_logged: bool,  # noqa: FBT001 - a table
) -> None:
    it = scene(thing(GRANT, said(READY)))
    it.fails(error)
    with structlog.testing.capture_logs() as logs:
        first = it.reconciled()
    assert [each["log_level"] for each in logs] == ["error"] * is_logged
    assert first.retry_seconds is None
    assert first.error is not None
    assert (first.error is error) is isinstance(error, GloveboxError)
    assert it.shown == [], "it may pass"
    it.seconds += 60
    it.reconciled()
    assert it.condition("Reconciling") == "True LookFailed"
    assert it.condition("Ready") == "True Ready", "of before"


def test_a_look_that_succeeds_takes_that_back_and_counts_from_the_beginning(scene: Make) -> None:
    lasting = {"type": "Reconciling", "status": "True", "reason": "LookFailed", "message": "it is"}
    it = scene(thing(GRANT, said(READY, lasting)))
    it.failures.note(it.key, "look")
    assert it.reconciled() == DONE
    assert it.shown == [said(READY)]
    assert not it.failures.is_failing(it.key, "look")


# Marks of use.


@pytest.mark.parametrize("key", [PROFILE, STORE, PIN], ids=str)
def test_what_somebody_uses_is_marked_and_says_so(scene: Make, key: Key) -> None:
    it = scene(thing(key), experiment("x"))
    it.comes_to(READY)
    it.failures.note(key, "in use")
    assert it.reconciled() == DONE
    assert it.marked == [([FINALIZER_IN_USE], {ANNOTATION_USERS: "1"})]
    assert it.condition("DeletionProtected") == "True Protected"
    assert not it.failures.is_failing(key, "in use"), "it works again"


def test_what_nobody_can_use_is_not_marked(scene: Make) -> None:
    it = scene(thing(GRANT, finalizers=[FINALIZER_IN_USE]))
    it.comes_to(READY)
    it.reconciled()
    assert it.marked == []
    assert it.condition("DeletionProtected") == ""


def test_a_look_goes_on_from_what_the_marks_made_of_the_resource(scene: Make) -> None:
    it, seen = scene(thing(PROFILE), experiment("x")), []

    def looks(obj: Mapping[str, Any]) -> Look:
        seen.append(obj["metadata"]["finalizers"])
        return Look(obj, None)

    it.looks = looks
    it.reconciled()
    assert seen == [[FINALIZER_IN_USE]], "the status is written on that version"


def test_marks_that_are_refused_are_tried_again_and_leave_nothing_else_undone(scene: Make) -> None:
    refused = Rejected("Rejected", "no finalizers")
    it = scene(thing(PROFILE), experiment("x"))
    it.refuses["marks"] = refused
    it.comes_to(READY)
    assert it.reconciled() == Result(error=refused)
    assert it.condition("Ready") == "True Ready"
    assert it.condition("DeletionProtected") == "False Rejected"
    assert it.failures.is_failing(PROFILE, "in use")


def test_marks_that_get_no_answer_change_what_is_said_once_that_lasts(scene: Make) -> None:
    it = scene(thing(PROFILE), experiment("x"))
    it.refuses["marks"] = AWAY
    it.comes_to(READY)
    it.reconciled()
    assert it.condition("DeletionProtected") == "Unknown NotLooked"
    it.seconds += 60
    it.reconciled()
    assert it.condition("DeletionProtected") == "Unknown ApiUnavailable"


def test_the_error_of_a_look_is_before_that_of_the_marks(scene: Make) -> None:
    it = scene(thing(PROFILE), experiment("x"))
    it.refuses["marks"] = Rejected("Rejected", "no finalizers")
    it.comes_to(READY, error=AWAY)
    assert it.reconciled().error is AWAY


def test_what_is_gone_when_it_is_marked_is_not_looked_at(scene: Make) -> None:
    it = scene(thing(PROFILE), experiment("x"))
    it.refuses["marks"] = NotFound("NotFound", "it is not there")
    it.comes_to(READY)
    with pytest.raises(NotFound):
        it.reconciled()
    assert it.shown == []
    assert not it.failures.is_failing(PROFILE, "in use")


@pytest.mark.parametrize(
    ("key", "user", "count"),
    [
        pytest.param(PROFILE, experiment("x", bound=False), "1", id="whoever names a profile"),
        pytest.param(PIN, experiment("x", bound=False), "1", id="who waits for a pin beside it"),
        pytest.param(PIN, experiment("x", namespace="lab"), "1", id="who is bound by a grant"),
        pytest.param(
            PIN,
            experiment("x", namespace="lab", bound=False),
            None,
            id="not who merely names somebody's pin",
        ),
    ],
)
def test_users_are_counted(scene: Make, key: Key, user: Json, count: str | None) -> None:
    it = scene(thing(key), user)
    it.reconciled()
    assert it.marked == ([([FINALIZER_IN_USE], {ANNOTATION_USERS: count})] if count else [])


# Deletions that wait.


@pytest.mark.parametrize(
    ("metadata", "users", "answer", "words"),
    [
        pytest.param(
            LEAVING | {"finalizers": [FINALIZER_IN_USE, FOREIGN]},
            [experiment("x")],
            "False InUse",
            "in use by 1, among them Experiment/team/x",
            id="held for its user, who is named first",
        ),
        pytest.param(
            LEAVING | {"finalizers": [FINALIZER_IN_USE, FOREIGN]},
            [experiment("x", bound=False)],
            "False DeletionBlocked",
            FOREIGN,
            id="not held for who merely waits for it",
        ),
        pytest.param(
            LEAVING | {"finalizers": [FOREIGN]},
            [experiment("x")],
            "False DeletionBlocked",
            FOREIGN,
            id="a finalizer that came off holds nothing",
        ),
        pytest.param(
            {"finalizers": [FOREIGN]}, [], "True Ready", READY["message"], id="it is to stay"
        ),
        pytest.param(
            {"finalizers": [FINALIZER_IN_USE]},
            [experiment("x")],
            "True Ready",
            READY["message"],
            id="used, and to stay",
        ),
        pytest.param(LEAVING, [], "True Ready", READY["message"], id="nothing holds it"),
    ],
)
def test_what_waits_to_go_says_for_whom(
    scene: Make, metadata: Json, users: list[Json], answer: str, words: str
) -> None:
    it = scene(thing(PIN, **metadata), *users)
    it.comes_to(READY)
    it.reconciled()
    assert it.condition("Ready") == answer
    assert words in it.status()["conditions"]["Ready"]["message"]


def test_what_could_not_be_let_go_is_not_said_to_be_held_by_others(scene: Make) -> None:
    it = scene(thing(PIN, **LEAVING, finalizers=[FINALIZER_IN_USE, FOREIGN]))
    it.refuses["marks"] = Rejected("Rejected", "no finalizers")
    it.comes_to(READY)
    it.reconciled()
    assert it.condition("Ready") == "True Ready"
    assert it.condition("DeletionProtected") == "True Rejected"


# Writes of a status.


def test_a_status_that_is_no_news_is_not_written(scene: Make) -> None:
    it = scene(thing(GRANT, said(READY)))
    it.comes_to(READY)
    assert it.reconciled() == DONE
    assert it.shown == []


def test_new_words_wait_and_are_written_when_they_are_due(scene: Make) -> None:
    it = scene(thing(GRANT, said(WAITING)))
    it.comes_to({**WAITING, "message": "other words"})
    assert it.reconciled() == Result(retry_seconds=FIRST_SECONDS)
    assert it.shown == []
    it.seconds += FIRST_SECONDS
    assert it.reconciled() == DONE
    assert it.status()["conditions"]["Ready"]["message"] == "other words"
    it.comes_to({**WAITING, "message": "and others"})
    assert it.reconciled() == Result(retry_seconds=2 * FIRST_SECONDS), "the next ones wait longer"


def test_words_that_are_as_they_were_wait_no_more(scene: Make) -> None:
    it = scene(thing(GRANT, said(WAITING)))
    it.comes_to({**WAITING, "message": "other words"})
    it.reconciled()
    it.comes_to(WAITING)
    assert it.reconciled() == DONE
    it.seconds += FIRST_SECONDS
    it.comes_to({**WAITING, "message": "other words"})
    assert it.reconciled() == Result(retry_seconds=FIRST_SECONDS), "they wait from now on"


def test_an_answer_never_waits_and_words_after_it_begin_anew(scene: Make) -> None:
    it = scene(thing(GRANT, said(WAITING)))
    for _ in range(4):
        it.messages.note_words(it.key)
    it.comes_to(READY)
    assert it.reconciled() == DONE
    assert it.condition("Ready") == "True Ready"
    it.comes_to({**READY, "message": "other words"})
    assert it.reconciled() == Result(retry_seconds=FIRST_SECONDS)


@pytest.mark.parametrize("key", [PROFILE, PIN], ids=str)
def test_after_a_conflict_the_object_is_read_and_nothing_is_reported(scene: Make, key: Key) -> None:
    it = scene(thing(key))
    it.live = thing(key, resourceVersion="5")
    it.refuses["status"] = Conflict("Conflict", "somebody wrote")
    it.comes_to(STALLED, after=lambda: it.done.append("after"))
    with pytest.raises(Conflict):
        it.reconciled()
    assert it.resources.get(key) == it.live | {"apiVersion": key.resource.api_version}
    assert (it.done, it.warned) == ([], [])


def test_a_conflict_is_one_although_the_object_cannot_be_read(scene: Make) -> None:
    it = scene(thing(GRANT))
    it.refuses = {"status": Conflict("Conflict", "somebody wrote"), "get": AWAY}
    it.comes_to(READY)
    with pytest.raises(Conflict):
        it.reconciled()


# What is reported.


def readiness(it: Scene) -> list[tuple[str, str, str]]:
    """Reconcile, and return what the log says of Ready."""
    with structlog.testing.capture_logs() as logs:
        it.reconciled()
    return [
        (each["ready"], each["reason"], each["message"])
        for each in logs
        if each["event"] == "readiness changed"
    ]


@pytest.mark.parametrize(
    ("before", "after", "logged"),
    [
        pytest.param(None, READY, True, id="the first answer"),
        pytest.param(WAITING, READY, True, id="another answer"),
        pytest.param(WAITING, {**WAITING, "reason": "NotLooked"}, True, id="another reason"),
        pytest.param({**READY, "reason": "Pending"}, WAITING, True, id="another answer alone"),
        pytest.param(READY, READY, False, id="the same"),
    ],
)
def test_a_change_of_ready_is_in_the_log(
    scene: Make,
    before: Json | None,
    after: Json,
    logged: bool,  # noqa: FBT001 - a table
) -> None:
    it = scene(thing(GRANT, said(before) if before else None))
    it.looks = lambda obj: Look(obj, said(after, news="something else"))
    expected = [(after["status"], after["reason"], after["message"])]
    assert readiness(it) == (expected if logged else [])


@pytest.mark.parametrize(
    ("before", "warned"),
    [
        pytest.param([], True, id="it stalls"),
        pytest.param([{**STALLED, "reason": "Refused"}], True, id="for another reason"),
        pytest.param([STALLED], False, id="it was said"),
    ],
)
def test_what_stalls_is_an_event_once(
    scene: Make,
    before: list[Json],
    warned: bool,  # noqa: FBT001 - a table
) -> None:
    it = scene(thing(GRANT, said(*before)))
    it.looks = lambda obj: Look(obj, said(STALLED, news="something else"))
    assert readiness(it) == [], "nothing is said of Ready"
    assert it.warned == [("InvalidSpec", "correct it", "Reconcile")] * warned
