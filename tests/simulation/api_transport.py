"""Carries the client's requests to the stand-in, with what happens to requests on the way."""

from __future__ import annotations

import asyncio
import contextvars
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import unquote

import orjson

from glovebox.kube.kinds import LEASE
from glovebox.kube.transport import Answer, TransportError
from simulation.api_kinds import SERVED
from simulation.api_server import ApiServer, Asked, Refused
from simulation.story import Story

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
READS: Final = ("get", "list", "watch")
_LATE: Final = " (LATE)"
_BOOKMARK_SECONDS: Final = 60.0
# For so long nothing is shown in a gap.
_GAP_SECONDS: Final = 8.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request.

    Attributes:
        name: `refused`, `lost` (it never arrives), `unanswered` (it takes effect, the answer is
            lost), `late` (it takes effect after the client gave up), `slow` (it takes `seconds`
            to arrive), `stale` (the answer takes `seconds`), `repeated` (it arrives twice),
            `overtaken` (somebody else changes the object just before), `login expired` (401 to
            this and all that follows, until there is a new login); empty: nothing.
        code: Of a refusal.
        seconds: Of what is late or slow.
    """

    name: str = ""
    code: int = 0
    seconds: float = 0.0


NOTHING: Final = Fault()


@dataclass(frozen=True, slots=True)
class StreamFault:
    """What happens to one watch.

    Attributes:
        name: `gap` (what happens in some seconds is never shown), `lags` (all is shown late),
            `twice` (an event is shown again), `breaks`, `silent`, `expired` (410 in the stream),
            `refused` (410 as a status), `ends` (at once); empty: nothing.
        after: How many events go well before.
        seconds: After how long a gap begins; how late what lags is.
    """

    name: str = ""
    after: int = 0
    seconds: float = 0.0


class Faults(Protocol):
    """Decides about each request.

    Attributes:
        watcher: How the watches of this client are called in the count of faults.
    """

    watcher: str

    def request(self, asked: Asked) -> Fault:
        """Return what happens to a request."""
        raise NotImplementedError

    def stream(self, asked: Asked) -> StreamFault:
        """Return what happens to a watch."""
        raise NotImplementedError

    def outage(self, asked: Asked) -> None:
        """Take in that a watch does not show from now on what happens."""
        raise NotImplementedError

    def is_away(self) -> bool:
        """Return whether nobody answers at that address."""
        raise NotImplementedError

    def next_away(self) -> float:
        """Return when that begins next, in virtual seconds; infinite: never."""
        raise NotImplementedError


class NoFaults:
    """Everything goes well."""

    watcher = "watch"

    def request(self, asked: Asked) -> Fault:
        """Let it pass."""
        del asked
        return NOTHING

    def stream(self, asked: Asked) -> StreamFault:
        """Let it pass."""
        del asked
        return StreamFault()

    def outage(self, asked: Asked) -> None:
        """There is none."""
        del asked

    def is_away(self) -> bool:
        """Answer always."""
        return False

    def next_away(self) -> float:
        """Never."""
        return math.inf


def parse(method: str, path: str, user: str, params: Mapping[str, str]) -> Asked:
    """Return what a request asks for.

    Raises:
        Refused: No such path is served.
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    version, rest = (
        (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    )
    namespace = ""
    is_inside = rest[0] == "namespaces" and len(rest) > 2 and (version, rest[2]) in SERVED
    if is_inside:
        namespace, rest = rest[1], rest[2:]
    served = SERVED.get((version, rest[0]))
    if served is None:
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    name, subresource = (rest[1] if len(rest) > 1 else ""), (rest[2] if len(rest) > 2 else "")
    if method == "GET":
        verb = "watch" if params.get("watch") else "get" if name else "list"
    else:
        verb = "deletecollection" if method == "DELETE" and not name else _VERBS[method]
    return Asked(user, verb, served.kind, namespace, name, subresource)


def answered(  # noqa: PLR0911 - one return a verb
    server: ApiServer,
    asked: Asked,
    params: Mapping[str, str],
    body: Any,
    content_type: str,
) -> tuple[int, Any]:
    """Let the stand-in do what was asked; return code and body of the answer."""
    dry_run = params.get("dryRun") == "All"
    selectors = {
        "label_selector": params.get("labelSelector", ""),
        "field_selector": params.get("fieldSelector", ""),
    }
    try:
        match asked.verb:
            case "get" if asked.subresource == "log":
                return 200, server.log(asked)
            case "get":
                return 200, server.get(asked)
            case "list":
                return 200, server.list(
                    asked,
                    limit=int(params.get("limit", "0")),
                    token=params.get("continue", ""),
                    **selectors,
                )
            case "create":
                return 201, server.create(asked, body, dry_run=dry_run)
            case "update":
                return 200, server.replace(asked, body, dry_run=dry_run)
            case "patch":
                return 200, server.patch(asked, body, content_type, dry_run=dry_run)
            case "delete":
                return 200, server.delete(asked, body or {}, dry_run=dry_run)
        return 200, server.delete_collection(asked, **selectors)
    except Refused as refusal:
        return refusal.code, refusal.status


class SimTransport:
    """Carries the requests of one process.

    Args:
        server: The stand-in.
        user: Who asks.
        process: The process's name in the story.
        identity: Which life of that process it is.
        story: Told of each request.
        faults: Decides about each request.
        chance: Gives the time that each request takes.
    """

    def __init__(
        self,
        server: ApiServer,
        *,
        user: str,
        process: str,
        identity: str,
        story: Story,
        faults: Faults,
        chance: random.Random,
    ) -> None:
        self._server, self._user, self._process = server, user, process
        self._identity = identity
        self._story, self._faults, self._chance = story, faults, chance
        # A process that was killed sends nothing any more, and hears nothing.
        self.is_dead = False
        # A login that ran out: every request is answered with 401.
        self._expired = False
        # The version in the last answer to a write of its own, by object.
        self._answered: dict[tuple[str, str, str], int] = {}
        # Called when a write is made on an older version than that.
        self.on_stale: Callable[[Asked, int, int], None] = lambda *_: None

    async def request(  # noqa: C901, PLR0912, PLR0915 - one branch a fault
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: bytes | None,
        content_type: str,
        timeout_seconds: float,
    ) -> Answer:
        """Send one request and return the whole answer, whatever its code.

        Raises:
            TransportError: No whole answer came in time.
        """
        await self._alive()
        sent_at = asyncio.get_running_loop().time()
        try:
            asked = parse(method, path, self._user, params)
        except Refused as refusal:
            return _packed(refusal.code, refusal.status)
        if self._faults.is_away():
            self._count("server away")
            await asyncio.sleep(self._way(asked))
            raise TransportError("connection refused (simulated)", sent=False)
        if _is_of_the_canary(asked):
            code = 401 if self._expired else 200
            return _packed(
                *(
                    (code, _refusal(asked, code).status)
                    if self._expired
                    else answered(self._server, asked, params, None, content_type)
                )
            )
        content = orjson.loads(body) if body else None
        if asked.verb == "create":
            name = ((content or {}).get("metadata") or {}).get("name", "")
            asked = Asked(asked.user, asked.verb, asked.kind, asked.namespace, name)
        self._story.requests += 1
        self._require_newest(asked, content)
        fault = self._faults.request(asked)
        if fault.name:
            self._count(f"refused {fault.code}" if fault.name == "refused" else fault.name)
        if fault.name == "login expired" or self._expired:
            self._expired = True
            await asyncio.sleep(self._way())
            self._story.tell(self._process, f"{asked} -> 401: its login ran out")
            return _packed(401, _refusal(asked, 401).status)

        def effect(word: str = "") -> tuple[int, Any]:
            # What arrives long after it was sent is nobody's decision of now; nor is what was on
            # its way when the process was stopped, and arrives when its own time is over.
            is_late = word == _LATE or asyncio.get_running_loop().time() > sent_at + timeout_seconds
            self._server.acting = "" if is_late else self._identity
            self._server.sent_at = sent_at
            code, answer = answered(self._server, asked, params, content, content_type)
            plain = "reads " if asked.verb in READS and code < 300 and not word else ""
            why = f": {answer['message']}" if code >= 300 else ""
            self._story.tell(
                self._process, f"{plain}{asked}{_version(content)} -> {code}{word}{why}"
            )
            return code, answer

        match fault.name:
            case "lost":
                self._story.tell(self._process, f"{asked} -> LOST before it arrived")
                await asyncio.sleep(min(fault.seconds, timeout_seconds))
                raise TransportError("the connection was reset (simulated)")
            case "late":
                self._story.tell(self._process, f"{asked} -> is LATE by {fault.seconds:.1f} s")
                loop = asyncio.get_running_loop()
                late = timeout_seconds + fault.seconds
                loop.call_later(late, effect, _LATE, context=contextvars.Context())
                await asyncio.sleep(timeout_seconds)
                raise TransportError("no answer in time (simulated)")
            case "refused":
                await asyncio.sleep(self._way())
                self._story.tell(self._process, f"{asked} -> REFUSED {fault.code}")
                return _packed(fault.code, _refusal(asked, fault.code).status)
            case "overtaken":
                self._overtake(asked)
            case "slow":
                await asyncio.sleep(min(fault.seconds, timeout_seconds / 2))
        lost = fault.name == "unanswered"
        if fault.name == "repeated":
            await self._sent(effect, " and is REPEATED")
        code, answer = await self._sent(effect, " but the ANSWER IS LOST" if lost else "")
        if fault.name == "stale":
            self._story.tell(self._process, f"{asked} -> is ANSWERED {fault.seconds:.1f} s later")
            await asyncio.sleep(min(fault.seconds, timeout_seconds / 2))
        await self._alive()
        if lost:
            await asyncio.sleep(self._way())
            raise TransportError("the connection was reset (simulated)")
        packed = _packed(code, answer)
        await asyncio.sleep(self._way())
        await self._alive()
        if asked.verb not in READS and code < 300:
            self._answered[_object(asked)] = _number(answer)
        return packed

    def _count(self, name: str) -> None:
        self._story.faults[name] += 1

    def _overtake(self, asked: Asked) -> None:
        """Change an object in a way that nobody minds, but that makes a new version of it."""
        theirs = Asked("somebody", "patch", asked.kind, asked.namespace, asked.name)
        note = {"metadata": {"annotations": {"example.com/touched": str(self._server.version)}}}
        with suppress(Refused):
            self._server.patch(theirs, note, "application/merge-patch+json")
            self._story.tell("somebody", f"touches {asked.kind.plural} {asked.name}")

    def _require_newest(self, asked: Asked, body: Any) -> None:
        """Tell when a write is made on what was known before the last answer to an own write."""
        made_on, answered = _number(body), self._answered.get(_object(asked), 0)
        if asked.verb in ("update", "patch") and 0 < made_on < answered:
            self.on_stale(asked, made_on, answered)

    async def _sent(self, effect: Callable[[str], tuple[int, Any]], word: str) -> tuple[int, Any]:
        """Let a request arrive: what was sent arrives, whatever becomes of the process."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[int, Any]] = loop.create_future()

        def arrive() -> None:
            found = effect(word)
            if not answer.done():
                answer.set_result(found)

        loop.call_later(self._way(), arrive, context=contextvars.Context())
        return await answer

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Mapping[str, str], silence_seconds: float
    ) -> AsyncIterator[SimStream | SimLog]:
        """Open a watch, or the log of a pod.

        Of a watch more than `silence_seconds` without a byte ends it with an error.

        Raises:
            TransportError: It could not be opened.
        """
        if path.endswith("/log"):
            answer = await self.request(
                "GET",
                path,
                params=params,
                body=None,
                content_type="",
                timeout_seconds=silence_seconds,
            )
            yield SimLog(answer)
            return
        await self._alive()
        asked = parse("GET", path, self._user, {**params, "watch": "1"})
        self._story.requests += 1
        if self._faults.is_away():
            self._count("server away")
            await asyncio.sleep(self._way(asked))
            raise TransportError("connection refused (simulated)", sent=False)
        fault = self._faults.stream(asked)
        await asyncio.sleep(self._way(asked))
        if fault.name:
            self._count(f"{self._faults.watcher} {fault.name}")
            self._story.tell(
                self._process, f"{asked}: its watch {fault.name.upper()} after {fault.after}"
            )
        yield SimStream(self, self._server, asked, params, fault, silence_seconds)

    async def close(self) -> None:
        """There are no connections."""

    def _way(self, asked: Asked | None = None) -> float:
        if asked is not None and _is_of_the_canary(asked):
            return 0.001
        return self._chance.uniform(0.0005, 0.004)

    async def _alive(self) -> None:
        if self.is_dead:
            await asyncio.get_running_loop().create_future()


class SimLog:
    """The log of a container, which comes at once."""

    content_type = "text/plain"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        """The HTTP code."""
        return self._answer.status

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield all of it."""
        body = self._answer.body
        yield body if self.status >= 300 else str(orjson.loads(body)).encode()


class SimStream:
    """One watch."""

    content_type = "application/json"

    def __init__(
        self,
        transport: SimTransport,
        server: ApiServer,
        asked: Asked,
        params: Mapping[str, str],
        fault: StreamFault,
        silence_seconds: float,
    ) -> None:
        self._transport, self._server, self._asked = transport, server, asked
        self._params, self._fault, self._silence = params, fault, silence_seconds
        self._refusal: Refused | None = None
        self._gap_at = asyncio.get_running_loop().time() + fault.seconds
        if transport._expired:
            self._refusal = _refusal(asked, 401)
            return
        if fault.name == "refused":
            server.expire(asked.kind)
            transport._faults.outage(asked)
            self._refusal = Refused(410, "Expired", "too old resource version (simulated)")
        else:
            try:
                self._watch = server.watch(
                    asked,
                    params.get("resourceVersion", ""),
                    label_selector=params.get("labelSelector", ""),
                    field_selector=params.get("fieldSelector", ""),
                )
            except Refused as refusal:
                self._refusal = refusal

    @property
    def status(self) -> int:
        """The HTTP code."""
        return self._refusal.code if self._refusal is not None else 200

    def _is_behind(self) -> bool:
        try:
            return self._watch.is_behind()
        except Refused:
            return True  # the next look tells

    async def chunks(self) -> AsyncIterator[bytes]:  # noqa: C901, PLR0912, PLR0915 - one branch a fault
        """Yield the events, each on a line.

        Raises:
            TransportError: It broke off, or was silent for too long.
        """
        if self._refusal is not None:
            yield orjson.dumps(self._refusal.status)
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + float(self._params.get("timeoutSeconds", "300"))
        shown, fault, in_gap = 0, self._fault, False
        bookmark_at = loop.time() + _BOOKMARK_SECONDS
        while loop.time() < until:
            await self._transport._alive()
            if self._transport._faults.is_away():
                raise TransportError("the server closed the connection (simulated)")
            try:
                events = list(self._watch.pending())
            except Refused as refusal:
                yield _line({"type": "ERROR", "object": refusal.status})
                return
            if fault.name == "gap" and not in_gap and loop.time() >= self._gap_at:
                in_gap = True
                self._transport._faults.outage(self._asked)
            if in_gap and loop.time() >= self._gap_at + _GAP_SECONDS:
                in_gap, fault = False, StreamFault()
            if events and fault.name == "lags":
                await asyncio.sleep(fault.seconds)
                await self._transport._alive()
            for event in events:
                due = bool(fault.name) and shown >= fault.after
                shown += 1
                if in_gap:
                    continue
                if due and fault.name == "twice":
                    fault = StreamFault()
                    yield _line(event)
                yield _line(event)
            begun = shown >= fault.after and loop.time() >= self._gap_at
            if fault.name in ("breaks", "silent", "expired", "ends") and begun:
                if fault.name == "ends":
                    return
                if fault.name == "expired":
                    self._server.expire(self._asked.kind)
                    self._transport._faults.outage(self._asked)
                    status = Refused(410, "Expired", "too old resource version (simulated)").status
                    yield _line({"type": "ERROR", "object": status})
                    return
                self._transport._faults.outage(self._asked)
                if fault.name == "silent":
                    await asyncio.sleep(self._silence)
                raise TransportError("the watch broke off (simulated)")
            if self._is_behind():
                continue  # it changed while events were on their way
            if loop.time() >= bookmark_at:
                bookmark_at = loop.time() + _BOOKMARK_SECONDS
                if self._params.get("allowWatchBookmarks"):
                    yield _line(self._watch.bookmark())
            before = self._server.version
            moments = [until, bookmark_at, self._transport._faults.next_away()]
            if fault.name and loop.time() < self._gap_at:
                moments.append(self._gap_at)
            elif fault.name == "gap":
                moments.append(self._gap_at + (_GAP_SECONDS if in_gap else 0.0))
            wait = max(0.001, min(moments) - loop.time())
            await self._server.changed(self._asked.kind, wait)
            if self._server.version != before:
                await asyncio.sleep(self._transport._way(self._asked))


def _is_of_the_canary(asked: Asked) -> bool:
    """Whether it is a look by list or watch at the Lease.

    Nothing is drawn for these: what a seed tells depends on all that was drawn before.
    """
    return asked.kind == LEASE and asked.verb in ("list", "watch")


def _packed(code: int, answer: Any) -> Answer:
    headers: dict[str, str] = {}
    if isinstance(answer, str):
        return Answer(code, orjson.dumps(answer), headers)
    seconds = (answer.get("details") or {}).get("retryAfterSeconds") if code >= 300 else None
    if seconds is not None:
        headers["retry-after"] = str(seconds)
    return Answer(code, orjson.dumps(answer), headers)


def _line(event: Any) -> bytes:
    return orjson.dumps(event) + b"\n"


def _object(asked: Asked) -> tuple[str, str, str]:
    return (asked.kind.plural, asked.namespace, asked.name)


def _number(body: Any) -> int:
    found = _version(body)
    return int(found.removeprefix(" at ")) if found else 0


def _version(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    version = (body.get("metadata") or {}).get("resourceVersion")
    return f" at {version}" if version else ""


def _refusal(asked: Asked, code: int) -> Refused:  # noqa: PLR0911 - one return a code
    what = f'{asked.kind.plural} "{asked.name}"'
    match code:
        case 401:
            return Refused(401, "Unauthorized", "Unauthorized")
        case 403:
            return Refused(403, "Forbidden", f"{what} is forbidden: not now (simulated)")
        case 409:
            return Refused(
                409,
                "Conflict",
                f"Operation cannot be fulfilled on {what}: the object has been modified; please"
                " apply your changes to the latest version and try again (simulated)",
            )
        case 422:
            return Refused(
                422,
                "Invalid",
                f"{what} is forbidden: ValidatingAdmissionPolicy 'platform' denied request: not"
                " now (simulated)",
            )
        case 429:
            return Refused(
                429, "TooManyRequests", "please try again later (simulated)", retry_after=1
            )
        case 503:
            return Refused(503, "ServiceUnavailable", "the server is shutting down (simulated)")
    return Refused(code, "InternalError", "an error on the server (simulated)")
