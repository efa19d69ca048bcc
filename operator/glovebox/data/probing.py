"""The isolation check: its plan, the rules, and the verdict.

An attempt that fails proves nothing by itself: in a pod without any network every forbidden address
is silent, and with wrong keys every request is denied. So each group of attempts has controls that
must work, and without a working control its silence is `Unknown`, never `Passed`. What worked
although it is forbidden is `Failed`, whatever the controls say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from glovebox.api.scalars import URL
from glovebox.data.delivery import MAX_MESSAGE_BYTES, PLAN_INVALID
from glovebox.errors import InvalidInput

FORMAT: Final = "glovebox.dev/probe/v1"
TOKEN_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where a token must not be
_MAX_DETAIL: Final = 160
_ABSOLUTE: Final = r"^/[^\x00]*$"
_CONTROL: Final = re.compile(r"[\x00-\x1f]+")


class Expected(StrEnum):
    """What isolation demands of an attempt.

    `Blocked`, `Refused`: it must not work. `Reachable`, `Allowed`: it must work, and is a control.
    `NotBlocked`: something must come back, be it a refusal. `Info`: known not to be enforceable;
    reported, not judged.
    """

    BLOCKED = "Blocked"
    REFUSED = "Refused"
    REACHABLE = "Reachable"
    ALLOWED = "Allowed"
    NOT_BLOCKED = "NotBlocked"
    INFO = "Info"


class Seen(StrEnum):
    """The result of an attempt.

    `Worked`; `Refused` by whoever should; `WeaklyRefused`, for a reason that does not hold against
    everybody; `Unreachable`, said so by the network; `Silent`, nothing came back in time;
    `Untried`, so that nothing follows from it.
    """

    WORKED = "Worked"
    REFUSED = "Refused"
    WEAKLY_REFUSED = "WeaklyRefused"
    UNREACHABLE = "Unreachable"
    SILENT = "Silent"
    UNTRIED = "Untried"


class Outcome(StrEnum):
    """What follows."""

    PASSED = "Passed"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


# How the program ends with each.
EXIT_CODES: Final = {Outcome.PASSED: 0, Outcome.FAILED: 3, Outcome.UNKNOWN: 4}


class Group(StrEnum):
    """Attempts that share their controls.

    Files and the process need none: the kernel itself answers.
    """

    NETWORK = "network"
    S3 = "s3"
    FILES = "files"
    PROCESS = "process"


_NEEDS_CONTROL: Final = frozenset({Group.NETWORK, Group.S3})
_CONTROLS: Final = frozenset({Expected.REACHABLE, Expected.ALLOWED, Expected.NOT_BLOCKED})
_FORBIDDEN: Final = {
    Seen.REFUSED: Outcome.PASSED,
    Seen.UNREACHABLE: Outcome.PASSED,
    Seen.SILENT: Outcome.PASSED,
}
# Of what is no control; what is not in a row is `Failed`.
_OUTCOMES: Final = {
    Expected.BLOCKED: _FORBIDDEN,
    # Only whoever refuses can be believed: silence comes from a store that is away as well.
    Expected.REFUSED: {
        Seen.REFUSED: Outcome.PASSED,
        Seen.SILENT: Outcome.UNKNOWN,
        Seen.UNREACHABLE: Outcome.UNKNOWN,
    },
}
_RANK: Final = {Outcome.FAILED: 0, Outcome.UNKNOWN: 1, Outcome.PASSED: 2}


class _Strict(BaseModel):
    """Unknown fields are refused, values never change; names are written as the API writes them."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


Id = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Folder = Annotated[str, Field(max_length=1024, pattern=_ABSOLUTE)]
Prefix = Annotated[str, Field(max_length=900, pattern=r"^[^/].*/$")]


class Connection(_Strict):
    """A TCP connection to attempt.

    Attributes:
        id: Its name in the verdict.
        address: An IP address, never a name: a name would be a question to the DNS first.
        address_from: Environment variable that holds the address (the own node's, from the downward
            API) instead.
        port: TCP.
        expected: `Blocked`, `Reachable`, `NotBlocked` or `Info`.
    """

    id: Id
    address: IPvAnyAddress | None = None
    address_from: Annotated[str, Field(max_length=63, pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    port: Port
    expected: Literal[Expected.BLOCKED, Expected.REACHABLE, Expected.NOT_BLOCKED, Expected.INFO] = (
        Expected.BLOCKED
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.address is None) == (self.address_from is None):
            raise ValueError("exactly one of address and addressFrom is needed")
        return self


class DnsQuery(_Strict):
    """A question that is put to a name server, by UDP and by TCP.

    Attributes:
        id: Its name in the verdict, followed by `/udp` and `/tcp`.
        server: Its address; absent for the pod's own name server (/etc/resolv.conf).
        port: Of the name server.
        name: What is asked for; any answer counts, an error too.
        expected: `Blocked` or `Reachable`.
    """

    id: Id
    server: IPvAnyAddress | None = None
    port: Port = 53
    name: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{1,63}\.){0,8}[A-Za-z0-9_-]{1,63}$")] = (
        "kubernetes.default.svc.cluster.local"
    )
    expected: Literal[Expected.BLOCKED, Expected.REACHABLE] = Expected.BLOCKED


class S3Attempts(_Strict):
    """Requests with the run's own credentials; nothing is written where it would stay.

    Attributes:
        endpoint: Of the store.
        region: To sign for.
        path_style: Whether the bucket is part of the path.
        proxy: URL of the proxy before it; None for none.
        credentials: AWS shared credentials file.
        bucket: The bucket of artifacts.
        prefix: The run's own, ending in `/`. Listing it is the control.
        other_prefix: Somebody else's, ending in `/`.
    """

    endpoint: Annotated[str, Field(max_length=512, pattern=URL)]
    region: str = "us-east-1"
    path_style: bool = True
    proxy: Annotated[str, Field(max_length=512, pattern=URL)] | None = None
    credentials: Folder
    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    prefix: Prefix
    other_prefix: Prefix

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.other_prefix.startswith(self.prefix) or self.prefix.startswith(self.other_prefix):
            raise ValueError("prefix and otherPrefix lie within one another")
        return self


class ProbePlan(_Strict):
    """Everything that one isolation check attempts."""

    format: Literal["glovebox.dev/probe-plan/v1"]
    connect_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    mounts: tuple[Folder, ...] = Field(default=(), max_length=64)
    connections: tuple[Connection, ...] = Field(default=(), max_length=64)
    dns: tuple[DnsQuery, ...] = Field(default=(), max_length=16)
    s3: S3Attempts | None = None
    process: bool = True
    token_folder: Folder = TOKEN_FOLDER

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = [
            *(each.id for each in self.connections),
            *(f"{each.id}/{by}" for each in self.dns for by in ("udp", "tcp")),
        ]
        if len(set(ids)) != len(ids):
            raise ValueError("two attempts have one id")
        return self


@dataclass(frozen=True, slots=True)
class Observation:
    """One attempt and its result.

    Attributes:
        id: Names it.
        group: Whose controls count for it.
        expected: What isolation demands.
        seen: The result.
        detail: In words.
    """

    id: str
    group: Group
    expected: Expected
    seen: Seen
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the verdict."""

    id: str
    expected: Expected
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the probe proved."""

    entries: tuple[Entry, ...]

    @property
    def outcome(self) -> Outcome:
        """`Failed` if anything failed; else `Unknown` if anything is or none ran; else `Passed`."""
        found = {entry.outcome for entry in self.entries}
        if Outcome.FAILED in found:
            return Outcome.FAILED
        return Outcome.UNKNOWN if Outcome.UNKNOWN in found or not found else Outcome.PASSED

    def message(self) -> bytes:
        """Return one line of JSON in at most 4,096 bytes, what failed first.

        What does not fit loses its words, then its line.
        """
        ranked = sorted(self.entries, key=lambda entry: _RANK[entry.outcome])
        for limit, brief in ((_MAX_DETAIL, _MAX_DETAIL), (_MAX_DETAIL, 0), (40, 0)):
            shown = [
                _shown(entry, brief if entry.outcome is Outcome.PASSED else limit)
                for entry in ranked
            ]
            if len(line := self._line(shown)) <= MAX_MESSAGE_BYTES:
                return line
        while len(line) > MAX_MESSAGE_BYTES:
            shown.pop()
            line = self._line(shown)
        return line

    def _line(self, shown: list[dict[str, str]]) -> bytes:
        counts = {
            each.value.lower(): sum(entry.outcome is each for entry in self.entries)
            for each in Outcome
        }
        document: dict[str, Any] = {
            "format": FORMAT,
            "outcome": self.outcome.value,
            "counts": counts,
            "entries": shown,
        }
        if len(shown) < len(self.entries):
            document["omitted"] = len(self.entries) - len(shown)
        return orjson.dumps(document)


def parse_probe_plan(text: bytes) -> ProbePlan:
    """Return the plan of a file.

    Raises:
        InvalidInput: `PlanInvalid`, naming the field.
    """
    try:
        return ProbePlan.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise InvalidInput(
            PLAN_INVALID, f"the plan of the probe is not valid at {where}: {first['msg']}"
        ) from None


def render_probe_plan(plan: ProbePlan) -> bytes:
    """Return the one spelling of a plan: JSON with sorted keys, nothing absent written."""
    return orjson.dumps(
        plan.model_dump(by_alias=True, mode="json", exclude_none=True), option=orjson.OPT_SORT_KEYS
    )


def judge(observations: Iterable[Observation]) -> Verdict:
    """Return what follows from all attempts together."""
    seen = tuple(observations)
    alive = {
        each.group
        for each in seen
        if each.group not in _NEEDS_CONTROL or (each.expected in _CONTROLS and _works(each))
    }
    return Verdict(tuple(_judged(each, alive=each.group in alive) for each in seen))


def _works(control: Observation) -> bool:
    # A refusal from a declared route is an answer: packets went there and came back.
    return control.seen is Seen.WORKED or (
        control.expected is Expected.NOT_BLOCKED and control.seen is Seen.REFUSED
    )


def _judged(each: Observation, *, alive: bool) -> Entry:
    if each.expected is Expected.INFO:
        return Entry(
            each.id, each.expected, Outcome.PASSED, f"{each.detail} (reported, not judged)"
        )
    if each.seen is Seen.UNTRIED:
        return Entry(each.id, each.expected, Outcome.UNKNOWN, each.detail)
    is_control = each.expected in _CONTROLS
    if is_control:
        # One that does not work says nothing about isolation: nobody may listen there.
        outcome = Outcome.PASSED if _works(each) else Outcome.UNKNOWN
    else:
        outcome = _OUTCOMES[each.expected].get(each.seen, Outcome.FAILED)
    if not alive and (outcome is Outcome.PASSED or is_control):
        return Entry(
            each.id,
            each.expected,
            Outcome.UNKNOWN,
            f"{each.detail}; no control worked, so it proves nothing",
        )
    return Entry(each.id, each.expected, outcome, each.detail)


def _shown(entry: Entry, limit: int) -> dict[str, str]:
    shown = {"id": entry.id[:80], "expected": entry.expected.value, "outcome": entry.outcome.value}
    return {**shown, "detail": _CONTROL.sub(" ", entry.detail)[:limit]} if limit else shown
