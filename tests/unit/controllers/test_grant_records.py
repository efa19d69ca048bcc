"""What this process remembers of the uses of grants."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from glovebox.controllers.grant_records import forget_uses, known_uses, note_uses
from glovebox.store.grant_uses import UseRecord, uses_folder

USE = UseRecord("grant", "sha256:1", "team/x", "x", "sha256:2", "2026-01-01T00:00:00Z", 1)


def test_what_is_remembered_of_a_grant_goes_with_it_and_nothing_else() -> None:
    ports: Any = SimpleNamespace(grant_uses={})
    folders = [
        uses_folder(grant, root)
        for grant in ("data/loan", "data/loan-2", "other/loan")
        for root in ("sha256:aa", "sha256:bb")
    ]
    for folder in folders:
        note_uses(ports, folder, [USE])
    forget_uses(ports, "data/loan")
    assert [folder for folder in folders if known_uses(ports, folder)] == folders[2:]
