"""Which lines of an access log tell of a read that nobody declared. Pure.

Expected is what a run reads of its own inputs, and what it wrote itself; and whatever is read by
those whom the ObjectStore names. All else that reads pinned bytes is told, with who it was; so is
what was denied, and who reads much more in an hour than there is.

Which bytes are pinned is known by place: bucket and key, or prefix. Memory is bounded, whoever
fills the log: who is too many of one pin is counted under `OTHERS`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from glovebox import names
from glovebox.data.log_lines import LogLine

Kind = Literal["NotAnInput", "Burst", "Denied"]
Reader = Literal["Run", "RunElsewhere", "Identity", "Anonymous", "Others"]
KINDS: Final[tuple[Kind, ...]] = ("NotAnInput", "Burst", "Denied")
OTHERS: Final = "(others)"
HOUR: Final = 3600
# Kept of one pin, beside `OTHERS`: different findings; and in each hour, different readers.
MOST_FINDINGS: Final = 8
_MOST_READERS: Final = 64
# Lines that come later than this count for no burst.
_HOURS: Final = 6
# After this a finding is not told any more.
KEPT_SECONDS: Final = 30 * 24 * HOUR
# A clock of the store may be ahead; a line from tomorrow is none.
_AHEAD_SECONDS: Final = HOUR
# What `KeyPrefix` of the API allows.
_LONGEST_PREFIX: Final = 1024
_PLAIN: Final = re.compile(r"[\w+=,.@:/-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WatchedPin:
    """A pin whose bytes are looked for.

    Attributes:
        uid: Of the pin.
        namespace: Of the pin.
        bytes: Its size.
        objects: How many objects it has.
        prefixes: Buckets and prefixes that it covers; a prefix is empty or ends in `/`.
        keys: Buckets and keys that it covers.
    """

    uid: str
    namespace: str
    bytes: int
    objects: int
    prefixes: tuple[tuple[str, str], ...] = ()
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Who has a session.

    Attributes:
        namespace: Of the Experiment.
        name: Of the Experiment.
        inputs: UIDs of the pins that it is bound to.
        bucket: In which it may write.
        prefix: Below which; ends in `/`.
    """

    namespace: str
    name: str
    inputs: frozenset[str]
    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may read, and how much.

    Attributes:
        role: Pattern of the ARNs of sessions of runs; empty where there are none.
        sessions: Who has which session, by its name.
        readers: Requesters who may read everything; also the roles of sessions.
        artifacts: The bucket of artifacts.
        times: How many times its bytes may be read of a pin, by one reader in an hour.
        requests: How many requests that may take at least.
    """

    role: str
    sessions: Mapping[str, Run]
    readers: tuple[str, ...]
    artifacts: str
    times: int
    requests: int


class Covered:
    """Finds the pins that cover a key.

    Args:
        pins: All of them.
    """

    def __init__(self, pins: Iterable[WatchedPin]) -> None:
        self.pins = tuple(pins)
        self._prefixes: dict[tuple[str, str], list[WatchedPin]] = defaultdict(list)
        self._keys: dict[tuple[str, str], list[WatchedPin]] = defaultdict(list)
        for pin in self.pins:
            for place in pin.prefixes:
                self._prefixes[place].append(pin)
            for place in pin.keys:
                self._keys[place].append(pin)

    def at(self, bucket: str, keys: Iterable[str]) -> tuple[WatchedPin, ...]:
        """Return the pins that cover one of the keys.

        No further than a prefix can reach is looked into a key: stores log whatever was asked for,
        and 60,000 slashes would take seconds.
        """
        found: dict[str, WatchedPin] = {}
        for key in keys:
            places = [self._keys.get((bucket, key)), self._prefixes.get((bucket, ""))]
            end = key.find("/", 0, _LONGEST_PREFIX)
            while end >= 0:
                places.append(self._prefixes.get((bucket, key[: end + 1])))
                end = key.find("/", end + 1, _LONGEST_PREFIX)
            found |= {pin.uid: pin for place in places for pin in place or ()}
        return tuple(found.values())


@dataclass(slots=True)
class Finding:
    """What one reader did of one kind.

    Attributes:
        kind: What.
        reader: What kind of reader it is, as seen from the pin.
        requester: Who, as it may be shown; empty for nobody, and for a run elsewhere.
        requests: How many requests; of a burst, in its worst hour.
        bytes: How much was sent; likewise.
        first: When first, in seconds since 1970.
        last: When last.
        log: Key of the log's object that told it last.
    """

    kind: Kind
    reader: Reader
    requester: str
    requests: int = 0
    bytes: int = 0
    first: int = 0
    last: int = 0
    log: str = ""


@dataclass(slots=True)
class Reads:
    """What is known of the reads of one pin, or of the attempts on one bucket.

    Attributes:
        requests: Reads that the store answered.
        bytes: What it sent.
        last: When the last one was; 0 for never.
        findings: By kind and requester.
        hours: By hour and requester, requests and bytes of the newest hours.
    """

    requests: int = 0
    bytes: int = 0
    last: int = 0
    findings: dict[tuple[Kind, str], Finding] = field(default_factory=dict)
    hours: dict[int, dict[str, list[int]]] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What all lines so far come to.

    Attributes:
        pins: By UID.
        store: Attempts on the bucket of artifacts.
        newest: Time of the newest line.
        former: Reads of pinned bytes by sessions of Experiments that are gone by now.
    """

    pins: dict[str, Reads] = field(default_factory=dict)
    store: Reads = field(default_factory=Reads)
    newest: int = 0
    former: int = 0


def is_plausible(line: LogLine, now: int) -> bool:
    """Whether a line can be from its time: lines from the future would hide all that follow."""
    return 0 < line.time <= now + _AHEAD_SECONDS


def take(seen: Seen, line: LogLine, rules: Rules, covered: Covered, log: str) -> None:
    """Take one line.

    Args:
        seen: Changed in place.
        line: Plausible, and seen for the first time.
        rules: Who may read.
        covered: What is pinned.
        log: Key of the log's object.
    """
    seen.newest = max(seen.newest, line.time)
    pins = covered.at(line.bucket, line.keys)
    is_ours = line.bucket == rules.artifacts and line.is_denied
    if not pins and not is_ours:
        return
    session = _session(line.requester, rules)
    run = rules.sessions.get(session) if session else None
    # The conformance checks try what is denied, with sessions of the operator's own.
    trusted = _is_reader(line.requester, rules) or names.is_operator_session(session)
    if not pins:
        if not trusted:
            _note(seen.store, "Denied", line, run, "", log)
        return
    # Whoever takes the role and calls the session otherwise is no run of ours.
    if run is None and names.is_run_session(session) and not line.is_denied and not trusted:
        seen.former += line.is_read and line.is_done
        trusted = True
    bound = run is not None and _is_bound(run, line, pins)
    for pin in pins:
        reads = seen.pins.setdefault(pin.uid, Reads())
        if line.is_denied and not trusted:
            _note(reads, "Denied", line, run, pin.namespace, log)
        if not line.is_read or not line.is_done:
            continue
        reads.requests += 1
        reads.bytes += line.bytes
        reads.last = max(reads.last, line.time)
        if not bound and not trusted:
            _note(reads, "NotAnInput", line, run, pin.namespace, log)
        if not trusted:
            _look_for_burst(reads, line, rules, pin, run, log)


def _is_bound(run: Run, line: LogLine, pins: Iterable[WatchedPin]) -> bool:
    """Whether a run may read this: one of its inputs, or what it wrote itself."""
    is_own = line.bucket == run.bucket and all(key.startswith(run.prefix) for key in line.keys)
    return is_own or any(pin.uid in run.inputs for pin in pins)


def _session(requester: str, rules: Rules) -> str:
    """Return the name of a session of runs; empty for whoever else."""
    found = re.fullmatch(rules.role, requester) if rules.role else None
    return found[1] if found is not None else ""


def _is_reader(requester: str, rules: Rules) -> bool:
    return any(requester == each or requester.startswith(f"{each}/") for each in rules.readers)


def _shown(requester: str) -> str:
    if not requester:
        return "anonymous"
    return requester if _PLAIN.fullmatch(requester) else "(not printable)"


def _note(
    reads: Reads, kind: Kind, line: LogLine, run: Run | None, namespace: str, log: str
) -> Finding:
    who = _shown(line.requester)
    found = reads.findings.get((kind, who))
    if found is None:
        if sum(each.kind == kind for each in reads.findings.values()) >= MOST_FINDINGS:
            who = OTHERS
        found = reads.findings.get((kind, who))
    if found is None:
        found = Finding(kind, *_named(who, run, namespace), first=line.time, last=line.time)
        reads.findings[(kind, who)] = found
    found.requests += 1
    found.bytes += line.bytes
    found.first = min(found.first, line.time)
    if line.time >= found.last:
        found.last, found.log = line.time, log
    return found


def _named(who: str, run: Run | None, namespace: str) -> tuple[Reader, str]:
    if who == OTHERS:
        return "Others", ""
    if run is not None and run.namespace == namespace:
        return "Run", f"{run.namespace}/{run.name}"
    if run is not None:
        return "RunElsewhere", ""
    return ("Anonymous", "") if who == "anonymous" else ("Identity", who)


def _look_for_burst(
    reads: Reads, line: LogLine, rules: Rules, pin: WatchedPin, run: Run | None, log: str
) -> None:
    hour = line.time // HOUR
    newest = max(reads.hours, default=hour)
    if hour <= newest - _HOURS:
        return
    for old in [each for each in reads.hours if each <= hour - _HOURS]:
        del reads.hours[old]
    cells = reads.hours.setdefault(hour, {})
    who = _shown(line.requester)
    if who not in cells and len(cells) >= _MOST_READERS:
        return  # of so many together nobody could say who it was
    cell = cells.setdefault(who, [0, 0])
    cell[0] += 1
    cell[1] += line.bytes
    most = max(rules.requests, rules.times * pin.objects)
    if cell[0] <= most and cell[1] <= rules.times * pin.bytes:
        return
    before = reads.findings.get(("Burst", who))
    worst = (before.requests, before.bytes) if before is not None else (0, 0)
    found = _note(reads, "Burst", line, run, pin.namespace, log)
    found.requests, found.bytes = max(worst[0], cell[0]), max(worst[1], cell[1])


def forget_old(seen: Seen, pins: Iterable[str], now: int) -> None:
    """Drop findings that are old, and pins that are gone."""
    kept = set(pins)
    for uid in [each for each in seen.pins if each not in kept]:
        del seen.pins[uid]
    for reads in (seen.store, *seen.pins.values()):
        for key in [k for k, found in reads.findings.items() if found.last < now - KEPT_SECONDS]:
            del reads.findings[key]
