"""Which seal a pin is of comes through to the process that reads it, and back."""

from __future__ import annotations

from typing import Any, cast

from glovebox.api.derived import DerivedFrom
from glovebox.data.roots import Roots
from glovebox.evidence.keys import TrustBundle, trusted
from glovebox.evidence.signer import new_key_pair
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pins import BuiltPin, SealSource
from glovebox.store.sealed_artifacts import SealToRead
from glovebox.tasks.pin import PinRequest
from glovebox.tasks.questions import PinQuestion

ROOT = "sha256:" + "a" * 64


def request() -> PinRequest:
    trust = TrustBundle((trusted(new_key_pair().public),))
    seal = SealToRead("artifacts", "team/build", "u", ROOT, "features/", trust, locked=True)
    source = SealSource("build", "u", "features/")
    return PinRequest("p", cast("Any", None), source, "artifacts", None, sealed=seal)


def test_a_question_says_which_seal_and_who_is_trusted() -> None:
    wanted = request()
    question = PinQuestion.of(wanted)
    read = PinQuestion.model_validate_json(question.model_dump_json())
    assert read.source == wanted.source
    assert read.sealed is not None
    assert read.sealed.seal() == wanted.sealed


def test_the_answer_says_what_the_seal_said() -> None:
    origin = DerivedFrom(experiment="team/build", uid="u", seal=ROOT)
    roots = Roots(content=ROOT, pin=ROOT, objects=1, bytes=1, shards=1)
    built = BuiltPin(roots, ManifestLocation("b", "k", "v", ROOT, 1), "", origin)
    document = {
        "roots": {"content": ROOT, "pin": ROOT, "objects": 1, "bytes": 1, "shards": 1},
        "manifest": {"bucket": "b", "key": "k", "version_id": "v", "digest": ROOT, "bytes": 1},
        "recalled": "",
        "origin": origin.model_dump(mode="json"),
    }
    assert PinQuestion.of(request()).answer(document) == built
