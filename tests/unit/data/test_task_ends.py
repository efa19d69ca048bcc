"""How the program of a task ends: the class of its error comes back as it was."""

from __future__ import annotations

import pytest

from glovebox.data.task_ends import (
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    exit_code,
    parse_error,
    render_error,
)
from glovebox.errors import (
    Conflict,
    Forbidden,
    GloveboxError,
    InvalidInput,
    Refused,
    Rejected,
    Unavailable,
    UnfitData,
)


@pytest.mark.parametrize(
    ("error", "back", "code"),
    [
        (InvalidInput("SourceEmpty", "nothing to pin"), InvalidInput, EXIT_REFUSED),
        (Refused("NotGranted", "of another team"), Refused, EXIT_REFUSED),
        (UnfitData("KeyMissing", "row 3 has no key"), UnfitData, EXIT_REFUSED),
        (Forbidden("StoreForbidden", "the store denies it"), Forbidden, EXIT_UNAVAILABLE),
        (Unavailable("StoreBusy", "slow down"), Unavailable, EXIT_UNAVAILABLE),
        # What has no class of its own is tried again, and never taken for a refusal.
        (Rejected("Rejected", "by a policy"), Unavailable, EXIT_UNAVAILABLE),
        (Conflict("Conflict", "somebody was first"), Unavailable, EXIT_UNAVAILABLE),
    ],
)
def test_an_error_comes_back_as_it_was(
    error: GloveboxError, back: type[GloveboxError], code: int
) -> None:
    found = parse_error(render_error(error).decode())
    assert type(found) is back
    assert found is not None
    assert (found.reason, found.message) == (error.reason, error.message)
    assert exit_code(error) == code


def test_a_long_message_fits_and_keeps_both_ends() -> None:
    error = InvalidInput("KeyRefused", "the beginning " + "\u65e5" * 5000 + " the cure")
    line = render_error(error)
    assert len(line) <= 4096
    found = parse_error(line.decode())
    assert found is not None
    assert found.message.startswith("the beginning")
    assert found.message.endswith("the cure")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Killed",
        "[]",
        '{"class":"InvalidInput","reason":"x y","message":"a"}',
        '{"class":"SystemExit","reason":"SourceEmpty","message":"a"}',
        '{"class":"InvalidInput","message":"a"}',
    ],
)
def test_what_is_no_message_of_ours_is_none(text: str) -> None:
    assert parse_error(text) is None
