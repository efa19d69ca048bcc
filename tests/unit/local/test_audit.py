"""Reading the audit log of the local cluster."""

from __future__ import annotations

import json
from pathlib import Path

from glovebox_local.audit import read_audit_log


def _written(path: Path, *events: dict[str, str], rest: str = "") -> None:
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + rest)


def test_rotated_files_come_first_and_an_unfinished_line_is_left_out(tmp_path: Path) -> None:
    _written(tmp_path / "audit-2026-01-01.log", {"in": "one"})
    _written(tmp_path / "audit.log", {"in": "two"}, {"in": "three"}, rest='{"in": "fo')
    assert [event["in"] for event in read_audit_log(tmp_path / "audit.log")] == [
        "one",
        "two",
        "three",
    ]


def test_only_events_that_name_one_of_the_words_are_returned(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    _written(log, {"in": "gbx-a.b"}, {"in": "gbx-a-b"}, {"in": "other"}, {"uri": "/x/gbx-c/y"})
    assert read_audit_log(log, ("gbx-a.b", "gbx-c")) == [{"in": "gbx-a.b"}, {"uri": "/x/gbx-c/y"}]


def test_there_are_no_events_before_the_first(tmp_path: Path) -> None:
    assert read_audit_log(tmp_path / "audit.log") == []
