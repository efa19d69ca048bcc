"""Posting to a real socket: what each answer means, and that nothing takes longer than it may."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from glovebox.lineage import sending
from glovebox.lineage.sending import Answer, HttpSender
from glovebox.settings import LineageDestination
from glovebox_local.certificates import Authority
from support.lineage_sink import STALL, HttpSink, http_sink, said

BODY = b'{"eventType":"START"}'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def post(sink: HttpSink) -> Answer:
    destination = LineageDestination(name="x", url=f"http://127.0.0.1:{sink.port}/api/v1/lineage")
    return await HttpSender().send(destination, "", BODY)


async def test_an_event_arrives_byte_for_byte_at_its_place() -> None:
    async with http_sink() as sink:
        answer = await post(sink)
    assert (answer.code, answer.meaning) == (201, "delivered")
    assert sink.bodies == [BODY]
    (head,) = sink.heads
    assert head.startswith("POST /api/v1/lineage HTTP/1.1\r\n")
    assert "Content-Type: application/json" in head
    assert "Authorization" not in head


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (302, "failed"),
        (307, "failed"),
        (400, "refused"),
        (401, "failed"),
        (403, "failed"),
        (404, "failed"),
        (408, "failed"),
        (413, "refused"),
        (422, "refused"),
        (429, "failed"),
        (500, "failed"),
        (503, "failed"),
    ],
)
async def test_what_an_answer_means(code: int, meaning: str) -> None:
    async with http_sink() as elsewhere, http_sink() as sink:
        sink.answer = said(code, Location=f"http://127.0.0.1:{elsewhere.port}/")
        answer = await post(sink)
    assert (answer.code, answer.meaning) == (code, meaning)
    assert elsewhere.bodies == [], "what is ours goes nowhere else"


async def test_a_destination_that_stalls_is_left_after_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 0.3)
    async with http_sink() as sink:
        sink.answer = STALL
        began = time.monotonic()
        answer = await post(sink)
    assert (answer.code, answer.meaning) == (0, "failed")
    assert time.monotonic() - began < 5.0
    assert sink.bodies == [BODY]


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200", b"HTTP/1.1 999999 \r\n\r\n", b"\x00" * 64],
    ids=["nothing", "another protocol", "half an answer", "no status", "zeros"],
)
async def test_what_is_no_answer_is_no_delivery(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 1.0)
    async with http_sink() as sink:
        sink.answer = answer or STALL
        got = await post(sink)
    assert got.meaning == "failed"


async def test_a_success_that_breaks_off_is_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 1.0)
    async with http_sink() as sink:
        sink.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"
        assert (await post(sink)).meaning == "failed"


async def test_nobody_there_is_no_delivery_and_the_next_attempt_finds_who_came_back() -> None:
    async with http_sink() as sink:
        pass
    assert (await post(sink)).meaning == "failed"
    async with http_sink() as back:
        assert (await post(back)).meaning == "delivered"


async def test_how_long_to_wait_is_read_and_nonsense_is_not() -> None:
    async with http_sink() as sink:
        for text, seconds in (("17", 17.0), ("-3", 0.0), ("soon", 0.0), ("9" * 400, 0.0)):
            sink.answer = said(503, Retry_After=text)
            assert (await post(sink)).retry_seconds == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("999999", 999_999.0), ("1000000", 0.0), ("\u00b2", 0.0), ("", 0.0), ("1.5", 0.0)],
    ids=["eleven days", "more", "a digit that is no number", "nothing", "a fraction"],
)
def test_a_rest_is_a_whole_number_of_seconds_and_no_more_than_eleven_days(
    text: str, seconds: float
) -> None:
    assert sending._seconds(text) == seconds


async def test_of_what_a_destination_says_a_few_printable_words_are_kept() -> None:
    async with http_sink() as sink:
        sink.answer = said(422, "no \x1b[31mschema " + "x" * 100_000)
        answer = await post(sink)
    assert answer.words.startswith("no \\x1b[31mschema x")
    assert len(answer.words) <= 160


async def test_a_token_goes_over_tls_to_whom_the_authority_vouches_for_and_is_never_repeated(
    tmp_path: Path,
) -> None:
    authority, other = Authority.create("ours"), Authority.create("somebody-else")
    (ours, _), (theirs, _) = authority.write(tmp_path, "ca"), other.write(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("sink", ["127.0.0.1"]).write(tmp_path, "sink"))
    async with http_sink(context) as sink:
        url = f"https://127.0.0.1:{sink.port}/"
        for bundle, meaning in ((theirs, "failed"), (None, "failed"), (ours, "refused")):
            destination = LineageDestination(
                name="x",
                url=url,
                secretName="token",
                caBundle=bundle.read_text() if bundle else "",
            )
            sink.answer = said(422, "bad token s3cr3t")
            answer = await HttpSender().send(destination, "s3cr3t", BODY)
            assert answer.meaning == meaning
    (head,) = sink.heads
    assert "Authorization: Bearer s3cr3t\r\n" in head
    assert answer.words == "bad token ***"


async def test_a_question_goes_to_whom_the_authority_vouches_for_wherever_events_go(
    tmp_path: Path,
) -> None:
    authority, other = Authority.create("ours"), Authority.create("somebody-else")
    (ours, _), (theirs, _) = authority.write(tmp_path, "ca"), other.write(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue_server("sink", ["127.0.0.1"]).write(tmp_path, "sink"))
    async with http_sink(context) as sink:
        sink.answer = said(200, RUN)
        for bundle, kept in ((theirs, "unknown"), (ours, "found")):
            destination = LineageDestination.model_validate(
                {
                    "name": "x",
                    "url": "http://collector.local/",
                    "readUrl": f"https://127.0.0.1:{sink.port}/{{run}}",
                    "caBundle": bundle.read_text(),
                }
            )
            assert await HttpSender().ask(destination, "", RUN) == kept


@pytest.mark.parametrize("left", [4, 60, 99])
def test_no_part_of_a_token_is_repeated_where_what_was_read_ends_in_its_midst(left: int) -> None:
    token = "k" + "0123456789" * 9 + "abcdefghi"
    assert sending._words((token * 3 + token[:left]).encode(), token) == "***" * 4
    assert sending._words(b"too early", token) == "too early"


RUN = "0198f0f6-6f5e-7000-8000-000000000001"


async def ask(sink: HttpSink, token: str = "") -> str:
    url = f"http://127.0.0.1:{sink.port}"
    destination = LineageDestination.model_validate(
        {"name": "x", "url": url, "readUrl": f"{url}/api/v1/jobs/runs/{{run}}"}
    )
    return await HttpSender().ask(destination, token, RUN)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param(said(200, f'{{"id": "{RUN}"}}'), "found", id="it has it"),
        pytest.param(said(200, " " * 9_000 + RUN), "found", id="it has it, far behind"),
        pytest.param(said(404, f"no run {RUN}"), "missing", id="it has none"),
        pytest.param(said(200, "<html>Welcome</html>"), "missing", id="200 to everything"),
        pytest.param(said(200, "x" * 300_000 + RUN), "missing", id="no end to what it says"),
        pytest.param(said(302, Location="/login"), "unknown", id="it sends elsewhere"),
        pytest.param(said(401), "unknown", id="who asks may not"),
        pytest.param(said(503), "unknown", id="not now"),
        pytest.param(b"nothing of HTTP", "unknown", id="no answer"),
    ],
)
async def test_whether_it_has_a_run_is_what_it_says_of_that_run(answer: bytes, kept: str) -> None:
    async with http_sink() as sink:
        sink.answer = answer
        assert await ask(sink, token="t") == kept
    (head,) = sink.heads
    assert head.startswith(f"GET /api/v1/jobs/runs/{RUN} HTTP/1.1\r\n")
    assert "Authorization: Bearer t\r\n" in head


async def test_a_destination_that_stalls_over_a_question_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 0.3)
    async with http_sink() as sink:
        sink.answer = STALL
        assert await ask(sink) == "unknown"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"readUrl": "https://x/runs"}, id="no place for the run"),
        pytest.param({"readUrl": "http://x/{run}", "secretName": "s"}, id="a token in the clear"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(more: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"has no `|has a token"):
        LineageDestination.model_validate({"name": "x", "url": "https://x/v1", **more})
