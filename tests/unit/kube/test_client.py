"""What stands in a watch's stream, and where each kind lives."""

from __future__ import annotations

import pytest

from glovebox.errors import Unavailable
from glovebox.kube.answers import Expired, checked_event
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, NETWORK_POLICY, OBJECT_STORE, SECRET, Kind


def error(code: int) -> dict[str, object]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "told"}}


def test_a_version_that_is_too_old_means_listing_again() -> None:
    with pytest.raises(Expired):
        checked_event(error(410), NETWORK_POLICY)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(500, id="leader changed"),
        pytest.param(403, id="a right was taken"),
        pytest.param(504, id="gateway"),
    ],
)
def test_any_other_error_in_the_stream_is_tried_again(code: int) -> None:
    with pytest.raises(Unavailable, match="told"):
        checked_event(error(code), NETWORK_POLICY)


def test_an_ordinary_event_passes() -> None:
    event = {"type": "ADDED", "object": {}}
    assert checked_event(event, NETWORK_POLICY) is event


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "subresource", "path"),
    [
        pytest.param(
            NAMESPACE,
            "ignored",
            "a",
            None,
            "/api/v1/namespaces/a",
            id="a namespace is in no namespace",
        ),
        pytest.param(SECRET, None, None, None, "/api/v1/secrets", id="all of a kind"),
        pytest.param(
            SECRET,
            "team",
            "s",
            None,
            "/api/v1/namespaces/team/secrets/s",
            id="one of the core group",
        ),
        pytest.param(
            EXPERIMENT,
            "team",
            "e",
            "status",
            "/apis/glovebox.dev/v1alpha1/namespaces/team/experiments/e/status",
            id="a part of one of ours",
        ),
        pytest.param(
            OBJECT_STORE,
            "",
            "p",
            None,
            "/apis/glovebox.dev/v1alpha1/objectstores/p",
            id="one of ours in no namespace",
        ),
    ],
)
def test_paths(
    kind: Kind, namespace: str | None, name: str | None, subresource: str | None, path: str
) -> None:
    assert kind.path(namespace, name, subresource) == path
