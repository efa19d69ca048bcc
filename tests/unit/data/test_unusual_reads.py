"""What of an access log is unusual: who reads what is not theirs, too much, or is denied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glovebox import names
from glovebox.data.log_lines import LogLine
from glovebox.data.log_state import LATE_SECONDS, LogState, decode_state, encode_state
from glovebox.data.unusual_reads import (
    KEPT_SECONDS,
    MOST_FINDINGS,
    OTHERS,
    Covered,
    Rules,
    Run,
    Seen,
    WatchedPin,
    forget_old,
    is_plausible,
    take,
)

NOW = 1_800_000_000
ROLE = "arn:aws:sts::123456789012:assumed-role/Runs/"
USER = "arn:aws:iam::123456789012:user/someone"
OPERATOR = "arn:aws:sts::123456789012:assumed-role/Operator"
GONE = names.inputs_session("of an Experiment that is gone")
TRAIN = WatchedPin("uid-train", "team-a", 1000, 2, prefixes=(("data", "train/"),))
TEST = WatchedPin("uid-test", "team-a", 1000, 2, keys=(("data", "test/1.csv"),))
COVERED = Covered((TRAIN, TEST))
OWN = Run("team-a", "baseline", frozenset({"uid-train"}), "artifacts", "team-a/baseline/u1/")
OTHER = Run("team-b", "probe", frozenset({"uid-of-another"}), "artifacts", "team-b/probe/u2/")
RULES = Rules(
    role=f"{ROLE}(.+)",
    sessions={"glovebox-own": OWN, "glovebox-other": OTHER},
    readers=(OPERATOR, "backup"),
    artifacts="artifacts",
    times=10,
    requests=50,
)


def line(requester: str, key: str = "train/1.csv", **more: Any) -> LogLine:
    values: dict[str, Any] = {
        "time": NOW,
        "bucket": "data",
        "keys": (key,),
        "is_read": True,
        "is_denied": False,
        "is_done": True,
        "bytes": 10,
    }
    return LogLine(requester=requester, **(values | more))


def denied(requester: str, key: str = "train/1.csv", **more: Any) -> LogLine:
    return line(requester, key, is_denied=True, is_done=False, bytes=0, **more)


def taken(*lines: LogLine, covered: Covered = COVERED) -> Seen:
    seen = Seen()
    for each in lines:
        take(seen, each, RULES, covered, "logs/1")
    return seen


def told(seen: Seen, uid: str = "uid-train") -> list[tuple[str, str, str]]:
    reads = seen.pins.get(uid)
    findings = reads.findings.values() if reads is not None else ()
    return sorted((each.kind, each.reader, each.requester) for each in findings)


@pytest.mark.parametrize(
    ("why", "one", "expected"),
    [
        ("an input of the run", line(f"{ROLE}glovebox-own"), []),
        ("a session of the operator", line(f"{OPERATOR}/1234"), []),
        ("whoever is named", line("backup"), []),
        ("a run that is gone: nobody can say", line(f"{ROLE}{GONE}"), []),
        ("the operator, reading sources", line(f"{ROLE}glovebox-sources-0123456789"), []),
        (
            "whoever has the role, and is no run",
            line(f"{ROLE}me"),
            [("NotAnInput", "Identity", f"{ROLE}me")],
        ),
        (
            "whoever nearly calls it so",
            line(f"{ROLE}{GONE}1"),
            [("NotAnInput", "Identity", f"{ROLE}{GONE}1")],
        ),
        ("a run elsewhere", line(f"{ROLE}glovebox-other"), [("NotAnInput", "RunElsewhere", "")]),
        ("an identity", line(USER), [("NotAnInput", "Identity", USER)]),
        ("nobody", line(""), [("NotAnInput", "Anonymous", "")]),
        (
            "the name of a session under another role",
            line("arn:aws:sts::123456789012:assumed-role/Mine/glovebox-own"),
            [
                (
                    "NotAnInput",
                    "Identity",
                    "arn:aws:sts::123456789012:assumed-role/Mine/glovebox-own",
                )
            ],
        ),
        (
            "a role whose name begins so",
            line(f"{OPERATOR}2/1"),
            [("NotAnInput", "Identity", f"{OPERATOR}2/1")],
        ),
        ("text that acts", line("x\x1b[31m\n"), [("NotAnInput", "Identity", "(not printable)")]),
        ("headers alone", line(USER, is_read=False), []),
        ("what was not there", line(USER, is_done=False), []),
        ("denied", denied(USER), [("Denied", "Identity", USER)]),
        (
            "denied to a run of its own",
            denied(f"{ROLE}glovebox-own"),
            [("Denied", "Run", "team-a/baseline")],
        ),
        ("denied to the operator", denied(f"{OPERATOR}/1"), []),
        (
            "denied to a session that is gone",
            denied(f"{ROLE}x"),
            [("Denied", "Identity", f"{ROLE}x")],
        ),
        ("a delete that was denied", denied(USER, is_read=False), [("Denied", "Identity", USER)]),
        ("beside the prefix", line(USER, "train2/1.csv"), []),
        ("another bucket", line(USER, bucket="other"), []),
    ],
)
def test_who_reads_what(why: str, one: LogLine, expected: list[tuple[str, str, str]]) -> None:
    assert told(taken(one)) == expected, why


def test_a_run_may_read_its_inputs_and_no_other_pin() -> None:
    seen = taken(line(f"{ROLE}glovebox-own", "test/1.csv"))
    assert told(seen, "uid-test") == [("NotAnInput", "Run", "team-a/baseline")]
    # Whatever pin it is an input by, the bytes are its own.
    both = Covered((TRAIN, WatchedPin("uid-twin", "team-a", 1, 1, prefixes=(("data", ""),))))
    assert told(taken(line(f"{ROLE}glovebox-own"), covered=both), "uid-twin") == []


def test_a_run_may_read_what_it_wrote() -> None:
    made = WatchedPin("uid-made", "team-a", 9, 1, prefixes=(("artifacts", "team-a/baseline/"),))
    key = "team-a/baseline/u1/model.bin"
    own = line(f"{ROLE}glovebox-own", key, bucket="artifacts")
    other = line(f"{ROLE}glovebox-other", key, bucket="artifacts")
    assert told(taken(own, covered=Covered((made,))), "uid-made") == []
    assert told(taken(other, covered=Covered((made,))), "uid-made") == [
        ("NotAnInput", "RunElsewhere", "")
    ]


def test_reads_are_counted_whoever_reads() -> None:
    seen = taken(line("backup"), line(f"{ROLE}glovebox-own", time=NOW + 5), denied(USER))
    reads = seen.pins["uid-train"]
    assert (reads.requests, reads.bytes, reads.last) == (2, 20, NOW + 5)
    assert seen.former == 0
    assert taken(line(f"{ROLE}{GONE}")).former == 1
    sources = taken(line(f"{ROLE}glovebox-sources-0123456789"))
    assert (sources.former, sources.pins["uid-train"].requests) == (0, 1)


def test_attempts_on_the_bucket_of_artifacts_are_told_of_the_store() -> None:
    own = denied(f"{ROLE}glovebox-own", "team-b/x", bucket="artifacts")
    checks = denied(f"{ROLE}glovebox-probe", ".glovebox/canary/1", bucket="artifacts")
    seen = taken(
        own, checks, denied(USER, "any", bucket="artifacts"), line(USER, bucket="artifacts")
    )
    found = sorted((each.kind, each.reader) for each in seen.store.findings.values())
    assert found == [("Denied", "Identity"), ("Denied", "RunElsewhere")]


def test_a_burst_is_more_than_so_often_in_one_hour_by_one_reader() -> None:
    own, start = f"{ROLE}glovebox-own", NOW - NOW % 3600
    enough = [line(own, bytes=1000, time=start + n) for n in range(10)]
    assert told(taken(*enough)) == []
    assert told(taken(*enough, line(own, bytes=1, time=start + 11))) == [
        ("Burst", "Run", "team-a/baseline")
    ]
    # In the next hour, or by another one, it is none.
    assert told(taken(*enough, line(own, bytes=1, time=start + 3600))) == []
    assert told(taken(*enough, line("backup", bytes=5000, time=start + 11))) == []
    many = [line(own, bytes=0, time=start + n) for n in range(51)]
    assert told(taken(*many[:-1])) == []
    found = taken(*many).pins["uid-train"].findings[("Burst", own)]
    assert (found.kind, found.requests) == ("Burst", 51)


def test_a_burst_is_told_with_its_worst_hour() -> None:
    own, start = f"{ROLE}glovebox-own", NOW - NOW % 3600
    hour = [line(own, bytes=6000, time=start + n) for n in range(3)]
    later = [line(own, bytes=6000, time=start + 3600 + n) for n in range(2)]
    found = taken(*hour, *later).pins["uid-train"].findings[("Burst", own)]
    assert (found.requests, found.bytes, found.last) == (3, 18000, start + 3601)


def test_who_is_too_many_is_counted_with_others() -> None:
    users = [line(f"{USER}-{n}", time=NOW - n % 7200) for n in range(2000)]
    reads = taken(*users).pins["uid-train"]
    assert len(reads.findings) == MOST_FINDINGS + 1
    assert sum(each.requests for each in reads.findings.values()) == 2000
    assert reads.findings[("NotAnInput", OTHERS)].reader == "Others"
    assert max(map(len, reads.hours.values())) == 64
    body = encode_state(LogState(seen=taken(*users)))
    assert len(body) < 20_000


def test_the_order_of_lines_changes_no_finding() -> None:
    lines = [line(USER, time=NOW + n * 600, bytes=700) for n in range(12)]
    one, other = taken(*lines).pins["uid-train"], taken(*reversed(lines)).pins["uid-train"]
    assert one.findings == other.findings
    assert (one.requests, one.bytes, one.last) == (other.requests, other.bytes, other.last)


def test_a_key_is_looked_into_no_further_than_a_prefix_reaches() -> None:
    class Counting(dict[tuple[str, str], list[WatchedPin]]):
        letters = 0

        def get(self, key: tuple[str, str], default: Any = None) -> Any:
            self.letters += len(key[1])
            return super().get(key, default)

    covered = Covered((TRAIN,))
    prefixes = Counting(covered._prefixes)
    covered._prefixes = prefixes
    assert covered.at("data", ["train/" + "/" * 60_000]) == (TRAIN,)
    assert prefixes.letters < 1024 * 1024
    longest = "d/" * 512
    edge = WatchedPin("edge", "team-a", 1, 1, prefixes=(("data", longest),))
    assert Covered((edge,)).at("data", [f"{longest}x/y"]) == (edge,)


def test_what_is_old_or_of_a_pin_that_is_gone_is_dropped() -> None:
    seen = taken(line(USER), line(USER, "test/1.csv"))
    forget_old(seen, ["uid-train"], NOW + KEPT_SECONDS)
    assert told(seen) == [("NotAnInput", "Identity", USER)]
    assert "uid-test" not in seen.pins
    forget_old(seen, ["uid-train"], NOW + KEPT_SECONDS + 1)
    assert told(seen) == []
    assert seen.pins["uid-train"].requests == 1


def test_a_line_from_the_future_is_none() -> None:
    assert is_plausible(line(USER, time=NOW + 60), NOW)
    assert not is_plausible(line(USER, time=NOW + 7200), NOW)
    assert not is_plausible(line(USER, time=0), NOW)


def test_a_state_is_read_as_it_was_written() -> None:
    state = LogState(number=7, floor=5, lines=3, unparsed=1, seen=taken(line(USER), denied(USER)))
    state.note_object("logs/1", "tag", NOW)
    assert state.is_new_line(b"a line")
    found = decode_state(encode_state(state))
    assert found == state
    assert found is not None
    assert not found.is_news("logs/1", "tag", NOW)
    assert found.is_news("logs/1", "another", NOW)
    assert not found.is_new_line(b"a line")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b'{"format":2}', encode_state(LogState()).replace(b"{}", b"[]")],
)
def test_what_is_no_state_of_ours_is_none(body: bytes) -> None:
    assert decode_state(body) is None


def test_objects_that_are_late_are_read_and_old_ones_are_forgotten() -> None:
    state = LogState()
    for n in range(5):
        state.note_object(f"logs/{n}", "tag", NOW + n * LATE_SECONDS)
    state.settle(NOW + 4 * LATE_SECONDS, NOW + 4 * LATE_SECONDS)
    assert state.floor == NOW + 3 * LATE_SECONDS
    assert len(state.objects) == 2
    assert state.is_news("late", "tag", state.floor)
    assert not state.is_news("logs/0", "tag", NOW)


def test_memory_is_bounded_whatever_is_written() -> None:
    state = LogState()
    for n in range(21_000):
        state.note_object(f"logs/{n}", "tag", NOW + n // 1000)
        state.is_new_line(str(n).encode())
    state.settle(NOW + 21, NOW + 21)
    assert len(state.objects) == 20_000
    assert not state.is_news("logs/0", "tag", NOW), "it would count twice"
    assert len(state.recent) == 16_384
    assert len(encode_state(state)) < 1_000_000
    assert json.loads(encode_state(state))["format"] == 1


def test_an_object_of_a_clock_that_was_ahead_hides_none_that_follow() -> None:
    state = LogState()
    state.note_object("logs/1", "tag", NOW + 86_400)
    state.settle(NOW + 86_400, NOW)
    assert state.is_news("logs/2", "tag", NOW)
    assert not state.is_news("logs/1", "tag", NOW + 86_400)


def counted(state: LogState, good: int = 0, bad: int = 0) -> LogState:
    for n in range(good + bad):
        state.count_line(is_parsed=n < good)
    return state


def test_whether_it_is_a_log_is_told_by_the_last_lines() -> None:
    assert counted(LogState(), bad=9).is_understood, "too few to tell"
    assert not counted(LogState(), bad=10).is_understood
    state = counted(LogState(), good=1_000_000)
    assert state.is_understood
    assert not counted(state, bad=4000).is_understood, "however many were good before"
    assert decode_state(encode_state(state)) == state
    assert counted(state, good=4000).is_understood, "however many were bad before"
    assert (state.lines, state.unparsed) == (1_008_000, 4000)


def test_another_log_is_read_from_its_beginning() -> None:
    state = counted(LogState(), bad=20)
    state.begin("log/wrong/")
    counted(state, bad=20)
    state.note_object("log/right/1", "tag", NOW)
    state.settle(NOW, NOW)
    state.begin("log/wrong/")
    assert not state.is_understood
    assert not state.is_news("log/right/0", "tag", NOW - 86_400)
    state.begin("log/right/")
    assert state.is_news("log/right/0", "tag", NOW - 86_400)
    assert state.is_understood
    assert not state.is_found
    assert decode_state(encode_state(state)) == state


def test_objects_of_the_same_second_as_a_forgotten_one_are_not_read_again() -> None:
    state = LogState()
    for n in range(20_500):
        state.note_object(f"logs/{n}", "tag", NOW + n // 1000)
    state.settle(NOW + 21, NOW + 21)
    assert not state.is_news("logs/0", "tag", NOW)


def test_what_a_run_wrote_is_its_own_however_the_key_is_decoded() -> None:
    made = WatchedPin("uid-made", "team-a", 9, 1, prefixes=(("artifacts", ""),))
    keys = ("team-a/baseline/u1/x", "team-b/x")
    one = line(f"{ROLE}glovebox-own", bucket="artifacts", keys=keys)
    assert told(taken(one, covered=Covered((made,))), "uid-made") == [
        ("NotAnInput", "Run", "team-a/baseline")
    ]


def test_lines_that_are_hours_late_take_no_room() -> None:
    late = [line(USER, time=NOW - n * 3600) for n in range(100)]
    assert len(taken(*late).pins["uid-train"].hours) == 6
