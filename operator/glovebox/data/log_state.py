"""How far an access log was read, and what it came to, as one JSON document. Pure.

All of it is written at once, so that no line counts twice however a process ends: what was read
since the document before is read again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from glovebox.data.unusual_reads import KINDS, Finding, Reads, Seen

FORMAT: Final = 1
# Objects of the log that arrive later than this behind the newest one are not expected.
LATE_SECONDS: Final = 3600
# Names of objects, and lines about pinned bytes, that are remembered so that none counts twice.
_MOST_OBJECTS: Final = 20_000
_MOST_LINES: Final = 16_384
# Of whether it is a log at all the last lines tell, about twice as many as these.
_TELLING_LINES: Final = 1000
# Fewer lines say nothing of a log as a whole.
_LEAST_LINES: Final = 10


@dataclass(slots=True)
class LogState:
    """How far a log was read, and what it came to.

    Attributes:
        number: Of this document; each one is new.
        place: Bucket and prefix that were read.
        floor: Objects of the log that were written before were read; in seconds since 1970.
        objects: Those that were read and written since, with when.
        recent: What the last lines about pinned bytes were, the oldest first.
        seen: What they came to.
        read_objects: How many objects were read.
        lines: How many lines.
        unparsed: How many of them are none of a log, or were cut off.
        repeated: How many lines about pinned bytes came again.
        unreadable: How many objects could not be read to their end.
        last_lines: How many of the last lines there are; older ones count for less and less.
        last_unparsed: How many of these are none of a log.
    """

    number: int = 0
    place: str = ""
    floor: int = 0
    objects: dict[str, int] = field(default_factory=dict)
    recent: dict[int, None] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    read_objects: int = 0
    lines: int = 0
    unparsed: int = 0
    repeated: int = 0
    unreadable: int = 0
    last_lines: int = 0
    last_unparsed: int = 0

    @property
    def is_understood(self) -> bool:
        """Whether what was read last is an access log, as far as that can be told."""
        return self.last_lines < _LEAST_LINES or 2 * self.last_unparsed <= self.last_lines

    @property
    def is_found(self) -> bool:
        """Whether there was one line of an access log at least."""
        return self.lines > self.unparsed

    def begin(self, place: str) -> None:
        """Begin with another log where it is another one: how far that was read is not known."""
        if self.place != place:
            self.place, self.floor, self.objects = place, 0, {}
            self.last_lines = self.last_unparsed = 0

    def count_line(self, *, is_parsed: bool) -> None:
        """Count one line, of whatever it is."""
        self.lines += 1
        self.last_lines += 1
        if not is_parsed:
            self.unparsed += 1
            self.last_unparsed += 1
        if self.last_lines >= 2 * _TELLING_LINES:
            self.last_lines //= 2
            self.last_unparsed //= 2

    def is_news(self, key: str, tag: str, written: int) -> bool:
        """Whether an object of the log was not read yet."""
        return written >= self.floor and _name(key, tag) not in self.objects

    def note_object(self, key: str, tag: str, written: int) -> None:
        """Remember that an object was read."""
        self.objects[_name(key, tag)] = written

    def settle(self, newest: int, now: int) -> None:
        """Forget objects that are too old to come again, or too many.

        Args:
            newest: When the newest object was written that was read.
            now: The present time: an object of a clock that was ahead hides none that follow.
        """
        self.floor = max(self.floor, min(newest, now) - LATE_SECONDS)
        kept = sorted(
            (written, name) for name, written in self.objects.items() if written >= self.floor
        )
        if len(kept) > _MOST_OBJECTS:
            kept = kept[-_MOST_OBJECTS:]
            # Those of the same second as the oldest may be among the forgotten: none is read again.
            self.floor = kept[0][0] + 1
        self.objects = {name: written for written, name in kept}

    def is_new_line(self, raw: bytes) -> bool:
        """Whether a line was not taken among the last ones; from now on it was."""
        digest = int.from_bytes(hashlib.sha256(raw).digest()[:8], "big")
        if digest in self.recent:
            return False
        self.recent[digest] = None
        if len(self.recent) > _MOST_LINES:
            del self.recent[next(iter(self.recent))]
        return True


def _name(key: str, tag: str) -> str:
    return hashlib.sha256(f"{tag} {key}".encode(errors="surrogatepass")).hexdigest()[:16]


def encode_state(state: LogState) -> bytes:
    """Return the document."""
    recent = array("Q", state.recent)
    told = {
        "format": FORMAT,
        "number": state.number,
        "place": state.place,
        "floor": state.floor,
        "objects": state.objects,
        "recent": base64.b64encode(recent.tobytes()).decode(),
        "counts": {name: getattr(state, name) for name in _COUNTS},
        "newest": state.seen.newest,
        "former": state.seen.former,
        "store": _told(state.seen.store),
        "pins": {uid: _told(reads) for uid, reads in state.seen.pins.items()},
    }
    return json.dumps(told, separators=(",", ":")).encode()


_COUNTS: Final = (
    "read_objects",
    "lines",
    "unparsed",
    "repeated",
    "unreadable",
    "last_lines",
    "last_unparsed",
)


def _told(reads: Reads) -> dict[str, Any]:
    return {
        "requests": reads.requests,
        "bytes": reads.bytes,
        "last": reads.last,
        "findings": [{"who": key[1], **asdict(each)} for key, each in reads.findings.items()],
        "hours": {str(hour): cells for hour, cells in reads.hours.items()},
    }


def decode_state(body: bytes) -> LogState | None:
    """Return what a document holds; None where it is none of ours: then all is read again."""
    try:
        told = json.loads(body)
        if told["format"] != FORMAT:
            return None
        recent = array("Q")
        recent.frombytes(base64.b64decode(told["recent"], validate=True))
        return LogState(
            number=int(told["number"]),
            place=str(told["place"]),
            floor=int(told["floor"]),
            objects={str(name): int(written) for name, written in told["objects"].items()},
            recent=dict.fromkeys(recent),
            seen=Seen(
                pins={str(uid): _reads(each) for uid, each in told["pins"].items()},
                store=_reads(told["store"]),
                newest=int(told["newest"]),
                former=int(told["former"]),
            ),
            **{name: int(told["counts"][name]) for name in _COUNTS},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _reads(told: dict[str, Any]) -> Reads:
    findings = {}
    for each in _known(told["findings"]):
        values = dict(each)
        who = str(values.pop("who"))
        findings[(values["kind"], who)] = Finding(**values)
    hours = {
        int(hour): {str(who): [int(cell[0]), int(cell[1])] for who, cell in cells.items()}
        for hour, cells in told["hours"].items()
    }
    return Reads(int(told["requests"]), int(told["bytes"]), int(told["last"]), findings, hours)


def _known(findings: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return (each for each in findings if each["kind"] in KINDS)
