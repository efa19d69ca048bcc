"""A Secret with credentials says until when it is good, and nobody can prolong it by an edit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox import names
from glovebox.desired import session_secret
from glovebox.desired.session_secret import intact_until, session_annotations
from glovebox.errors import InvalidInput

END = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DATA = {"session.json": "c2VjcmV0", "config": "cmVnaW9u"}


def _secret() -> dict[str, Any]:
    return {
        "metadata": {"name": "one", "annotations": session_annotations(DATA, END)},
        "data": dict(DATA),
    }


def test_as_it_was_issued() -> None:
    assert intact_until(_secret()) == END


def _annotate(name: str, value: str | None) -> Callable[[dict[str, Any]], None]:
    def edit(secret: dict[str, Any]) -> None:
        annotations = secret["metadata"]["annotations"]
        annotations.pop(name)
        if value is not None:
            annotations[name] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        lambda secret: secret["data"].update(config="b3RoZXI="),
        lambda secret: secret["data"].update(more="b3RoZXI="),
        lambda secret: secret["data"].pop("config"),
        lambda secret: secret.pop("data"),
        lambda secret: secret["metadata"].pop("annotations"),
        _annotate(names.ANNOTATION_CREDENTIALS_EXPIRE_TIME, "2099-01-01T00:00:00Z"),
        _annotate(names.ANNOTATION_CREDENTIALS_EXPIRE_TIME, None),
        _annotate(names.ANNOTATION_CONTENT_DIGEST, None),
        _annotate(names.ANNOTATION_CONTENT_DIGEST, "sha256:0"),
    ],
)
def test_what_was_edited_is_no_good(edit: Callable[[dict[str, Any]], None]) -> None:
    secret = _secret()
    edit(secret)
    assert intact_until(secret) is None


@pytest.mark.parametrize(
    "end",
    [
        "soon",
        "",
        "2026-11-26T12:00:00",
        "2026-11-26T12:00:00+00:00",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:00",
        "\ud800",
    ],
)
def test_an_end_that_is_no_time_is_no_good_and_raises_nothing(end: str) -> None:
    # Whoever can write the Secret can write its digest as well.
    try:
        digest = session_secret._digest(DATA, end)
    except InvalidInput:
        digest = "sha256:0"
    annotations = {
        names.ANNOTATION_CREDENTIALS_EXPIRE_TIME: end,
        names.ANNOTATION_CONTENT_DIGEST: digest,
    }
    assert intact_until({"metadata": {"annotations": annotations}, "data": DATA}) is None
