"""Lines of access logs: what is read of them, and that nothing a tenant chooses moves a field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.log_lines import MOST_BYTES, LogLine, parse_line

OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
RUN = "arn:aws:sts::123456789012:assumed-role/Runs/glovebox-abcdefghij"
TIME = int(datetime(2026, 11, 27, 9, 38, tzinfo=UTC).timestamp())


def s3(**fields: str) -> bytes:
    """Return a line as the documentation of Amazon S3 shows it."""
    return (
        (
            "{owner} {bucket} [{time}] 192.0.2.3 {requester} 3E57427F3EXAMPLE {operation} {key}"
            ' "{request}" {status} {error} {bytes} 2662992 3462 3992 "{referer}" "{agent}"'
            " {version}"
            " s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/ SigV4"
            " ECDHE-RSA-AES128-GCM-SHA256 AuthHeader flights.s3.us-west-1.amazonaws.com TLSV1.2 - -"
        )
        .format(
            **{
                "owner": OWNER,
                "bucket": "flights",
                "time": "27/Nov/2026:09:38:00 +0000",
                "requester": RUN,
                "operation": "REST.GET.OBJECT",
                "key": "train/1.csv",
                "request": "GET /flights/train/1.csv?versionId=v1 HTTP/1.1",
                "status": "200",
                "error": "-",
                "bytes": "1024",
                "referer": "-",
                "agent": "S3Console/0.4",
                "version": "v1",
            }
            | fields
        )
        .encode()
    )


def audit(**fields: Any) -> bytes:
    """Return a record as SeaweedFS 4.48 was seen to write it."""
    record = {
        "bucket": "flights",
        "error_code": "",
        "host_header": "127.0.0.1:46191",
        "host_id": "",
        "key": "train/1.csv",
        "operation": "REST.GET.OBJECT",
        "remote_ip": "127.0.0.1",
        "request_id": "18EC106A2E8B0E7E3B7325A7",
        "requester": "30c8c275bf2c6a7fd0967ee0c67fffb6",
        "requester_arn": RUN,
        "requester_identity": "",
        "signature_version": "SigV4",
        "status": 200,
        "time": TIME,
        "user_agent": "Boto3/1.44.5",
    }
    return json.dumps(record | fields).encode()


def read(raw: bytes) -> LogLine:
    found = parse_line(raw)
    assert found is not None
    return found


def test_both_formats_say_the_same() -> None:
    expected = LogLine(
        TIME, "flights", ("train/1.csv",), RUN, is_read=True, is_denied=False, is_done=True
    )
    assert read(audit()) == expected
    assert read(s3(bytes="-")) == expected
    assert read(s3()).bytes == 1024


@pytest.mark.parametrize(
    ("why", "fields", "name", "value"),
    [
        ("a zone is taken off", {"time": "27/Nov/2026:10:38:00 +0100"}, "time", TIME),
        ("and the other way", {"time": "27/Nov/2026:01:38:00 -0800"}, "time", TIME),
        ("nobody asked", {"requester": "-"}, "requester", ""),
        ("no key", {"key": "-", "operation": "REST.GET.BUCKET"}, "keys", ()),
        ("nothing was sent", {"bytes": "-"}, "bytes", 0),
        ("refused", {"status": "403", "error": "AccessDenied"}, "is_denied", True),
        ("not found is not refused", {"status": "404", "error": "NoSuchKey"}, "is_denied", False),
        ("not changed is not sent", {"status": "304"}, "is_done", False),
        ("a part is read", {"status": "206"}, "is_done", True),
        ("a copy reads", {"operation": "REST.COPY.OBJECT_GET"}, "is_read", True),
        ("headers are no bytes", {"operation": "REST.HEAD.OBJECT"}, "is_read", False),
        ("nor are tags", {"operation": "REST.GET.OBJECT_TAGGING"}, "is_read", False),
    ],
)
def test_what_a_line_of_s3_says(why: str, fields: dict[str, str], name: str, value: object) -> None:
    assert getattr(read(s3(**fields)), name) == value, why


@pytest.mark.parametrize("key", ["train/a b+c.csv", "train/ü%.csv", "train/\u202e[x].csv"])
def test_a_key_is_found_however_often_it_was_encoded(key: str) -> None:
    once = quote(key)
    assert key in read(s3(key=once)).keys
    assert key in read(s3(key=quote(once))).keys
    assert "train/a b.csv" in read(s3(key="train/a+b.csv")).keys
    assert read(audit(key=key)).keys == (key,)


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("an agent with quotes and a second line", {"agent": 'x" - "y\\" 403 AccessDenied - -'}),
        ("a referer that looks like a request", {"referer": 'GET / HTTP/1.1" 403 AccessDenied 0'}),
        ("quotes in the address", {"request": 'GET /a"b?x="403"- HTTP/1.1'}),
        ("no request line", {"request": "-"}),
    ],
)
def test_what_a_tenant_chooses_moves_no_field(why: str, fields: dict[str, str]) -> None:
    assert read(s3(**fields)) == read(s3()), why


@pytest.mark.parametrize(
    ("why", "raw"),
    [
        ("a name as long as stores take it", audit(user_agent="x" * (1 << 20))),
        ("a name that JSON makes longer", audit(user_agent="\x01" * (1 << 20))),
        ("a name that is no text", audit(user_agent="?").replace(b"?", b"\xff\xfe")),
        ("a name with a tab", audit(user_agent="?").replace(b"?", b"a\tb")),
        ("a name that is no text, in a line of S3", s3(agent="?").replace(b'"?"', b'"\xff\xfe"')),
    ],
)
def test_nobody_hides_a_read_by_the_name_of_their_program(why: str, raw: bytes) -> None:
    found = read(raw)
    assert (found.keys, found.requester, found.is_read) == (("train/1.csv",), RUN, True), why


def test_no_more_of_a_key_is_decoded_than_a_key_can_have() -> None:
    assert max(map(len, read(s3(key="train/" + "%41" * 100_000)).keys)) <= 6 * 1024


@pytest.mark.parametrize(
    ("why", "raw"),
    [
        ("empty", b""),
        ("cut off", s3()[:180]),
        ("cut off in its numbers", s3().split(b" 2662992")[0]),
        ("another log", b'127.0.0.1 - - [27/Nov/2026:09:38:00 +0000] "GET / HTTP/1.1" 200 5'),
        ("a blank in a key, which none has", s3(key="a b")),
        ("a blank in the address", s3(request="GET /a 403 - HTTP/1.1")),
        ("a day that is none", s3(time="31/Feb/2026:09:38:00 +0000")),
        ("a month that is none", s3(time="27/Nox/2026:09:38:00 +0000")),
        ("digits of another script", s3(status="\uff14\uff10\uff13")),
        ("too long", s3(agent="x" * MOST_BYTES)),
        ("no JSON", b'{"bucket": '),
        ("JSON of something else", b'{"level": "info"}'),
        ("a time that is text", audit(time="now")),
        ("a status that is a truth", audit(status=True)),
        ("a number without end", audit(time=10**30)),
        ("a key that is a list", audit(key=["train/1.csv"])),
        ("JSON without an end", b"{" + b'"a":[' * 5000),
    ],
)
def test_what_is_no_line_is_none(why: str, raw: bytes) -> None:
    assert parse_line(raw) is None, why


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_none(raw: bytes) -> None:
    for each in (raw, b"{" + raw, s3()[:60] + raw, audit()[:40] + raw):
        found = parse_line(each)
        assert found is None or isinstance(found.time, int)
