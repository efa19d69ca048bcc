"""A note of lineage is read as an event, or refused: it names what is read and posted."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.lineage_notes import pending_of
from glovebox.store.lineage_records import lineage_key

DIGEST = "sha256:" + "1" * 64
UID = "7d1f8f7e-4a44-4c1b-9d53-2f7e8b9c0a11"
DATA = {
    "destination": "consumer",
    "team": "team-a",
    "experiment": "x",
    "uid": UID,
    "type": "START",
    "time": "2026-11-25T11:01:00Z",
    "store": "primary",
    "bucket": "artifacts",
    "key": lineage_key(UID, DIGEST),
    "digest": DIGEST,
}


def note(**changes: str) -> dict[str, Any]:
    metadata = {"name": "n", "uid": "u", "creationTimestamp": "1970-01-01T00:00:07Z"}
    return {"metadata": metadata, "data": {**DATA, **changes}}


def test_a_note_says_everything_of_its_letter() -> None:
    event = pending_of(note())
    assert (event.name, event.note_uid, event.noted) == ("n", "u", 7.0)
    assert {name: getattr(event, name) for name in DATA} == DATA


@pytest.mark.parametrize(
    "changes",
    [
        {"key": f"team-a/x/{UID}/weights.bin"},
        {"key": lineage_key(UID, "sha256:" + "2" * 64)},
        {"key": f".glovebox/seals/{UID}/attestation.dsse.json"},
        {"digest": "1" * 64},
        *({name: ""} for name in DATA),
    ],
)
def test_a_note_that_names_no_event_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"lacks|is the key of no event"):
        pending_of(note(**changes))


def test_names_of_notes_differ_by_event_and_destination() -> None:
    made = {
        names.lineage_note(prefix, digest, destination)
        for prefix in (names.LINEAGE_PREFIX, names.UNDELIVERED_PREFIX)
        for digest in (DIGEST, "sha256:" + "2" * 64)
        for destination in ("a", "b")
    }
    assert len(made) == 8
