"""Which seal a pin is of comes through to the process that reads it, and back."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glovebox.api.derived import DerivedFrom
from glovebox.data.roots import Roots
from glovebox.evidence.keys import TrustBundle, trusted
from glovebox.evidence.signer import new_key_pair
from glovebox.store.connection import Store
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


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        pytest.param({"digest": "sha256:" + "b" * 64}, True, id="another identity is expected"),
        pytest.param({"locked": False}, True, id="nothing has to be locked"),
        pytest.param({"trust": TrustBundle(())}, False, id="other keys are trusted"),
    ],
)
def test_work_begins_again_for_another_seal_and_not_for_another_key(
    change: dict[str, Any], *, is_other: bool
) -> None:
    store = SimpleNamespace(settings=SimpleNamespace(endpoint="https://store.example"))
    wanted = replace(request(), store=cast("Store", store))
    assert wanted.sealed is not None
    other = replace(wanted, sealed=replace(wanted.sealed, **change))
    assert (other.basis != wanted.basis) == is_other


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
