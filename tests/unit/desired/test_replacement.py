"""The body of a repair takes away what drifted and keeps what is tolerated."""

from __future__ import annotations

from typing import Any

from glovebox.desired.difference import difference
from glovebox.desired.replacement import replacement

INTENT: dict[str, Any] = {
    "kind": "ServiceAccount",
    "metadata": {"name": "a", "namespace": "n", "labels": {"x": "1"}},
}


def test_it_is_fenced_by_the_version_and_the_identity_that_were_read() -> None:
    live = {
        "metadata": {
            "name": "a",
            "namespace": "n",
            "uid": "u",
            "resourceVersion": "7",
            "labels": {"x": "2", "y": "3"},
        }
    }
    body = replacement(INTENT, live)
    assert body["metadata"] == {
        "name": "a",
        "namespace": "n",
        "labels": {"x": "1"},
        "uid": "u",
        "resourceVersion": "7",
    }
    assert difference(INTENT, body) == []


def test_notes_of_other_tools_stay_and_changed_notes_of_ours_do_not() -> None:
    intent = {"metadata": {"name": "a", "annotations": {"glovebox.dev/a": "1"}}}
    live = {
        "metadata": {
            "uid": "u",
            "resourceVersion": "7",
            "annotations": {"other/a": "2", "glovebox.dev/a": "3", "glovebox.dev/b": "4"},
        }
    }
    assert replacement(intent, live)["metadata"]["annotations"] == {
        "other/a": "2",
        "glovebox.dev/a": "1",
    }


def test_finalizers_of_others_stay_on_a_namespace_and_nowhere_else() -> None:
    old = {"uid": "u", "resourceVersion": "7", "finalizers": ["x/y"]}
    assert replacement({"metadata": {"name": "a"}}, {"metadata": old})["metadata"][
        "finalizers"
    ] == ["x/y"]
    assert (
        "finalizers" not in replacement(INTENT, {"metadata": {**old, "namespace": "n"}})["metadata"]
    )


def test_the_intent_itself_is_left_as_it_is() -> None:
    intent: dict[str, Any] = {"metadata": {"name": "a"}}
    replacement(
        intent, {"metadata": {"uid": "u", "resourceVersion": "7", "annotations": {"other/a": "2"}}}
    )
    assert intent == {"metadata": {"name": "a"}}
