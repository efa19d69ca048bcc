"""What a plan makes of files, and of an Experiment that is refused or waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from glovebox.cli.planning import Planned, Verdict, _held_up, judged, read_objects
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused, Unavailable
from glovebox.kube.resources import Key

KEY = Key("Experiment", "team", "exp")
POD = "{apiVersion: v1, kind: Pod, metadata: {name: a}}"


def test_empty_documents_are_passed_over_and_lists_are_taken_apart(tmp_path: Path) -> None:
    text = f"---\n{POD}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {POD}\n- {POD}\n"
    assert len(read_objects(tmp_path / "some.yaml", text)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n",
        "items: {}\n",
        "apiVersion: v1\nkind: Pod\n",
        "{apiVersion: v1, kind: Pod, metadata: a}",
        "{apiVersion: v1, kind: Pod, metadata: {name: 7}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: ''}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: 7}}",
        "{kind: Pod, metadata: {name: a}}",
    ],
    ids=[
        "nothing",
        "a list",
        "no list of items",
        "no metadata",
        "metadata that is a text",
        "a name that is a number",
        "an empty name",
        "a namespace that is a number",
        "no version",
    ],
)
def test_what_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds (something without|no object)"):
        read_objects(tmp_path / "some.yaml", text)


def test_of_what_is_bound_nothing_new_is_made() -> None:
    obj = {
        "kind": "Experiment",
        "metadata": {"name": "exp", "namespace": "team"},
        "status": {"digest": "sha256:1"},
    }
    found = judged(obj, (), {}, hidden=["Namespaces"])
    assert (found.verdict, found.digest) == (Verdict.ACCEPTED, "sha256:1")
    assert found.remarks == (
        "it is bound already, and nothing new would be made",
        "may not be read with your rights: Namespaces",
    )


def held_up(error: GloveboxError, later: GloveboxError, *open_: str, unread: str = "") -> Planned:
    """Return what an error comes to, and another one as if all were Ready."""

    def as_if() -> Any:
        raise later

    return _held_up(KEY, error, (), (unread,) if unread else (), as_if, open_)


WAITS = NotReady("PinNotReady", "the pin is not Ready")
NO_GRANT = Refused("NotGranted", "no grant covers it")
BY_SPEC = Refused("ImageNotPinned", "pin it")
AWAY = Unavailable("APIUnavailable", "no answer")
SURE, OPEN = Verdict.REFUSED, Verdict.WAITS
# What is said now, what would be said if all were Ready, what is not observed or read, and what
# is said of it.
HELD: dict[str, tuple[GloveboxError, GloveboxError, str, str, Verdict, str]] = {
    "refused": (BY_SPEC, AWAY, "", "", SURE, "ImageNotPinned"),
    "refused, of what was not all read": (BY_SPEC, AWAY, "", "grants", OPEN, "ImageNotPinned"),
    "refused, whatever its pins are": (BY_SPEC, NO_GRANT, "a pin", "", SURE, "ImageNotPinned"),
    "waits": (WAITS, AWAY, "", "", OPEN, "PinNotReady"),
    "waits, and is refused then": (WAITS, NO_GRANT, "", "", SURE, "NotGranted"),
    "waits for content, which decides": (WAITS, NO_GRANT, "a pin", "", OPEN, "PinNotReady"),
    "waits for content, which decides nothing": (
        WAITS,
        BY_SPEC,
        "a pin",
        "",
        SURE,
        "ImageNotPinned",
    ),
    "waits, of what was not all read": (WAITS, BY_SPEC, "", "grants", OPEN, "PinNotReady"),
    "not covered": (NO_GRANT, AWAY, "", "", SURE, "NotGranted"),
    "not covered yet": (NO_GRANT, AWAY, "a grant", "", OPEN, "NotGranted"),
    "not covered yet, and refused anyhow": (
        NO_GRANT,
        BY_SPEC,
        "a grant",
        "",
        SURE,
        "ImageNotPinned",
    ),
    "not answered": (AWAY, AWAY, "", "", OPEN, "APIUnavailable"),
}


@pytest.mark.parametrize("name", HELD)
def test_only_what_is_sure_is_said_to_be_refused(name: str) -> None:
    error, later, open_, unread, verdict, reason = HELD[name]
    found = held_up(error, later, *([open_] if open_ else []), unread=unread)
    assert (found.verdict, found.reason, found.by) == (verdict, reason, "operator")
    may_change = any("may hold only until" in each for each in found.remarks)
    assert may_change == (name == "not covered yet")
    assert ("so this may not be refused" in found.remarks) == (error is BY_SPEC and bool(unread))
