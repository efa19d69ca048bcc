"""A conclusion: added once, when the results are sealed, and never changed.

No operator runs: the API server alone refuses. That it is signed by whom it names is a guard's
business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.api.conftest import object_path
from cluster.api.test_freezing import DIGEST, SEAL
from support.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.api import Json
    from support.cluster import Cluster

SAID = {"verdict": "Confirmed", "text": "it beats the baseline", "by": "erin@example"}
SUPPLEMENT = {
    "attestationVersion": "v1",
    "manifestDigest": DIGEST,
    "listedTime": "2030-01-01T01:00:00Z",
}


@pytest.fixture
def path(crds: Cluster, make: Callable[..., Json]) -> str:
    """The path of an Experiment whose snapshot is taken."""
    found = object_path("Experiment", make("Experiment", "concludes")["metadata"]["name"])
    crds.api.patch(f"{found}/status", {"status": {"digest": DIGEST, "observedGeneration": 1}})
    return found


@pytest.fixture
def sealed(crds: Cluster, path: str) -> str:
    """The same, sealed."""
    crds.api.patch(f"{path}/status", {"status": {"seal": SEAL, "state": "Sealed"}})
    return path


def test_it_waits_for_the_seal(crds: Cluster, path: str) -> None:
    refusal = r"spec\.conclusion: Forbidden: can be added when the results are sealed"
    with pytest.raises(ApiError, match=refusal):
        crds.api.patch(path, {"spec": {"conclusion": SAID}})


def test_nothing_is_declared_with_it(make: Callable[..., Json]) -> None:
    with pytest.raises(ApiError, match=r"spec\.conclusion: Forbidden: can be added when"):
        make("Experiment", "foregone", {"spec": {"conclusion": SAID}})


@pytest.mark.parametrize(
    "changed",
    [{**SAID, "verdict": "Refuted"}, {**SAID, "text": "no"}, {**SAID, "by": "bob"}, None],
    ids=["another verdict", "another text", "by somebody else", "taken back"],
)
def test_it_is_said_once(crds: Cluster, sealed: str, changed: Any) -> None:
    crds.api.patch(sealed, {"spec": {"conclusion": SAID}})
    with pytest.raises(ApiError, match=r"spec\.conclusion: Forbidden: must stay as it is"):
        crds.api.patch(sealed, {"spec": {"conclusion": changed}})
    assert crds.api.get(sealed)["spec"]["conclusion"] == SAID


@pytest.mark.parametrize(
    ("changed", "word"),
    [({"verdict": "Great"}, "Unsupported value"), ({"text": ""}, "at least 1"), ({"by": ""}, "1")],
)
def test_it_says_what_and_who(
    crds: Cluster, sealed: str, changed: dict[str, str], word: str
) -> None:
    with pytest.raises(ApiError, match=word):
        crds.api.patch(sealed, {"spec": {"conclusion": SAID | changed}})


@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        ("sealSupplement", SUPPLEMENT, {**SUPPLEMENT, "added": 1}),
        (
            "conclusion",
            {"attestationVersion": "v1", "signedTime": "2030-01-01T01:00:00Z"},
            {"attestationVersion": "v2", "signedTime": "2030-01-01T01:00:00Z"},
        ),
        ("purpose", {"description": "before"}, {"description": "after"}),
    ],
)
@pytest.mark.parametrize("removed", [False, True], ids=["changed", "removed"])
def test_what_is_recorded_once_stays(
    crds: Cluster,
    sealed: str,
    field: str,
    value: Any,
    other: Any,
    *,
    removed: bool,
) -> None:
    crds.api.patch(f"{sealed}/status", {"status": {field: value}})
    with pytest.raises(ApiError, match=rf"status\.{field}: Forbidden: must stay as it is once"):
        crds.api.patch(f"{sealed}/status", {"status": {field: None if removed else other}})


CODES = {
    "a branch": {"repository": "https://git.example/x", "commit": "main"},
    "a short commit": {"repository": "https://git.example/x", "commit": "3f2c1d0"},
    "a password": {"repository": "https://me:secret@git.example/x", "commit": "1" * 40},
    "a token in a query": {"repository": "https://git.example/x?token=abc", "commit": "1" * 40},
}


@pytest.mark.parametrize("why", CODES)
def test_code_is_a_whole_commit_in_a_repository_without_credentials(
    make: Callable[..., Json], why: str
) -> None:
    with pytest.raises(ApiError, match=r"spec\.code\.") as refusal:
        make("Experiment", "coded", {"spec": {"code": CODES[why]}})
    assert "must be" in refusal.value.message
