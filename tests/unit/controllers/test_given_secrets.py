"""What a program may say of the secrets that it was given, and when nobody knows them."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.controllers.experiment import lock_up
from glovebox.controllers.experiment.given_secrets import is_given_known, note_given
from glovebox.controllers.experiment.known_secrets import known_secrets
from glovebox.data.redaction import redact
from glovebox.errors import Forbidden, GloveboxError, NotFound, Unavailable
from glovebox.kube.resources import Key
from glovebox.status.runs import without_words
from golden.cases import inputs_from

KEY = Key("Experiment", "team", "exp")


def secret(value: bytes) -> dict[str, Any]:
    return {"data": {"tracking.token": base64.b64encode(value).decode()}}


class Reader:
    """Answers with a Secret, or with an error."""

    def __init__(self, answer: dict[str, Any] | GloveboxError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any]:
        """Return it."""
        del kind, namespace
        self.asked.append(name)
        if name != names.STAGE_SECRETS:
            raise Unavailable("NotNow", "no answer")
        if isinstance(self.answer, GloveboxError):
            raise self.answer
        return self.answer


def ports(answer: dict[str, Any] | GloveboxError) -> Any:
    return SimpleNamespace(
        reader=Reader(answer), known_secrets={}, given_secrets={}, store_credentials={}
    )


def scope(of: Any, *, gives: bool = True) -> Any:
    given = [{"name": "tracking", "key": "token"}] if gives else []
    asks = {"kind": "Experiment", "spec": {"stages": {0: {"secrets": given}}}}
    experiment = inputs_from(asks).experiment
    return SimpleNamespace(ports=of, key=KEY, namespace="gbx-1", experiment=experiment)


DOCUMENT = {"type": "account", "key": "-----BEGIN-----\nline of the key\n", "ids": ["an identity"]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"correct horse", "correct horse"),
        (b"correct horse\n", "with correct horse, and"),
        (b"user = ann.smith\npass = correct horse\n", "correct horse"),
        (b"first of them\nsecond of them", "second of them"),
        (orjson.dumps(DOCUMENT), "line of the key"),
        (orjson.dumps(DOCUMENT), "an identity"),
        (b"\xff\xfe\xfd\xfc\xfb\xfa", base64.b64encode(b"\xff\xfe\xfd\xfc\xfb\xfa").decode()),
    ],
)
async def test_whatever_of_a_value_a_program_says_is_taken_out(value: bytes, said: str) -> None:
    own = ports(secret(value))
    note_given(own, KEY, secret(value))
    text, redactions = redact(f"said {said}", await known_secrets(own, KEY, "gbx-1"))
    assert redactions == 1
    assert "horse" not in text
    assert said.split(",", maxsplit=1)[0] not in text


async def test_they_are_known_once_and_not_asked_for_again() -> None:
    own = ports(secret(b"correct horse"))
    assert await is_given_known(scope(own))
    assert await is_given_known(scope(own))
    assert own.reader.asked == [names.STAGE_SECRETS]
    assert "correct horse" in await known_secrets(own, KEY, "gbx-1")


async def test_where_no_stage_is_given_any_nobody_is_asked() -> None:
    own = ports(NotFound("NotFound", "gone"))
    assert await is_given_known(scope(own, gives=False))
    assert own.reader.asked == []


@pytest.mark.parametrize("error", [NotFound("NotFound", "gone"), Forbidden("Forbidden", "no")])
async def test_what_is_gone_or_not_to_be_read_is_not_known(error: GloveboxError) -> None:
    assert not await is_given_known(scope(ports(error)))


async def test_no_answer_is_no_reason_to_give_them_up() -> None:
    with pytest.raises(Unavailable):
        await is_given_known(scope(ports(Unavailable("NotNow", "no answer"))))


def test_a_pod_without_its_last_words_says_how_it_ended_all_the_same() -> None:
    ended = {"terminated": {"exitCode": 1, "message": "denied to correct horse"}}
    pod = {
        "metadata": {"name": "a"},
        "status": {
            "phase": "Failed",
            "initContainerStatuses": [{"name": "fetch", "lastState": ended}],
            "containerStatuses": [{"name": "run", "state": ended}, {"name": "b", "state": {}}],
        },
    }
    found = without_words(pod)
    assert b"horse" not in orjson.dumps(found)
    (entry, _) = found["status"]["containerStatuses"]
    assert entry["state"]["terminated"]["exitCode"] == 1
    assert without_words({"metadata": {}})["metadata"] == {}


async def test_they_are_noted_before_a_namespace_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Secret goes with its closing, and logs are read later."""

    async def no_pods(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(lock_up, "pods_in", no_pods)
    own = ports(secret(b"correct horse"))
    await lock_up._in_it(scope(own))
    own.reader.answer = NotFound("NotFound", "it is not there")
    assert "correct horse" in await known_secrets(own, KEY, "gbx-1")
