"""What a store may answer to a request for a part of an object, and does not pass for that part."""

from __future__ import annotations

from typing import Any, cast

import pytest
import urllib3

from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import GloveboxError
from glovebox.store.ranges import read_range
from glovebox.store.wire import Wire

ENTRY = Entry("a", 10, "0" * 64, "data", "a", "v1", DigestSource.COMPUTED)
PART = "bytes 2-5/10"


class Answer:
    """What is used of urllib3's response."""

    def __init__(self, body: bytes, status: int = 206, part: str = PART, of: str = "v1") -> None:
        self._body, self.status = body, status
        self.headers = urllib3.HTTPHeaderDict({"Content-Range": part, "x-amz-version-id": of})
        self.is_closed = False

    def read(self, size: int, *, decode_content: bool) -> bytes:
        assert not decode_content
        return self._body[:size]

    def close(self) -> None:
        self.is_closed = True

    def release_conn(self) -> None:
        self.is_closed = True


class Answers:
    """A store that gives one answer after the other."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def get(self, *asked: Any) -> Answer:
        self.asked.append(asked)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def read(answers: Answers) -> bytes:
    return read_range(cast("Wire", answers), ENTRY, 2, 4)


def test_a_part_is_asked_for_by_version() -> None:
    answers = Answers(Answer(b"2345"))
    assert read(answers) == b"2345"
    assert answers.asked == [("data", "a", {"versionId": "v1"}, {"Range": "bytes=2-5"})]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Answer(b"0123456789", 200), "StoreRejected", id="the whole"),
        pytest.param(Answer(b"2345", of="v2"), "VersionIgnored", id="another version"),
        pytest.param(
            Answer(b"2345", part="bytes 2-5/11"),
            "SizeMismatch",
            id="another length",
        ),
        pytest.param(Answer(b"0123", part="bytes 0-3/10"), "SizeMismatch", id="another part"),
        pytest.param(Answer(b"2345", part=""), "SizeMismatch", id="who knows what"),
        pytest.param(Answer(b"23"), "StoreUnreachable", id="fewer bytes, again and again"),
    ],
)
def test_what_is_something_else_is_refused(answer: Answer, reason: str) -> None:
    answers = Answers(answer)
    with pytest.raises(GloveboxError) as refused:
        read(answers)
    assert refused.value.reason == reason
    assert answer.is_closed


def test_what_broke_off_is_asked_for_again() -> None:
    answers = Answers(Answer(b"23"), Answer(b"2345"))
    assert read(answers) == b"2345"
    assert len(answers.asked) == 2
