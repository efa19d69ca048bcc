"""Checks isolation from inside: `python -m glovebox.jobs.probe`, in a pod like the run's own.

It attempts what must fail and what must work, all at once, and ends with a verdict
(`glovebox.dev/probe/v1`) as its termination message:

    0   everything is as it must be
    3   something that is forbidden worked, or something that must work did not
    4   nothing failed, but something could not be proven
    64  the plan is not valid

It writes nothing that stays, and sends nothing over connections that should not have been accepted.
"""

from __future__ import annotations

import functools
import os
import queue
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.data.delivery import failure_message
from glovebox.data.probing import (
    EXIT_CODES,
    Expected,
    Group,
    Observation,
    ProbePlan,
    Seen,
    Verdict,
    judge,
    parse_probe_plan,
)
from glovebox.errors import InvalidInput
from glovebox.jobs.probe_files import probe_mount, probe_process, probe_token
from glovebox.jobs.probe_network import own_server, probe_connection, probe_dns
from glovebox.jobs.probe_s3 import s3_attempts
from glovebox.jobs.termination import write_termination_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Not a file: it is small, no secret, and one object less.
PLAN: Final = "GLOVEBOX_PROBE_PLAN"
EXIT_INVALID: Final = 64
# Beyond the time for connections: the SDK has to be loaded, and tries again by itself.
_S3_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Something that somebody else has to answer.

    Attributes:
        silent: What is known of it when no answer comes.
        work: Makes the attempt.
    """

    silent: Observation
    work: Callable[[], Observation]


def main() -> int:
    """Run the isolation check, and report its verdict."""
    try:
        plan = parse_probe_plan(os.environ.get(PLAN, "").encode())
    except InvalidInput as error:
        return _end(EXIT_INVALID, failure_message(error.reason, error.message))
    verdict = probe(plan, {"DNS_SERVER": own_server() or "", **os.environ})
    return _end(EXIT_CODES[verdict.outcome], verdict.message())


def probe(plan: ProbePlan, environment: Mapping[str, str]) -> Verdict:
    """Try everything in a plan, at once where somebody else has to answer."""
    remote = _remote(plan, environment)
    answers: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for attempt in remote:
        # Daemons: an attempt that hangs does not keep the verdict.
        threading.Thread(target=_answer, args=(attempt, answers), daemon=True).start()
    found = [observation for path in plan.mounts for observation in probe_mount(path)]
    found.append(probe_token(plan.token_folder))
    if plan.process:
        found += probe_process()
    # Questions by TCP connect first and wait for an answer then.
    seconds = plan.connect_seconds * 3 + (_S3_SECONDS if plan.s3 else 0)
    return judge([*found, *_gathered(remote, answers, seconds)])


def _remote(plan: ProbePlan, environment: Mapping[str, str]) -> list[_Attempt]:
    def attempt(
        name: str, group: Group, expected: Expected, work: Callable[[], Observation]
    ) -> _Attempt:
        return _Attempt(
            Observation(name, group, expected, Seen.UNTRIED, "did not end in time"), work
        )

    seconds = plan.connect_seconds
    attempts = [
        attempt(
            each.id,
            Group.NETWORK,
            each.expected,
            functools.partial(probe_connection, each, environment, seconds),
        )
        for each in plan.connections
    ]
    attempts += [
        attempt(
            f"{each.id}/{protocol}",
            Group.NETWORK,
            each.expected,
            functools.partial(probe_dns, each, protocol, seconds),
        )
        for each in plan.dns
        for protocol in ("udp", "tcp")
    ]
    if plan.s3 is not None:
        attempts += [
            attempt(name, Group.S3, expected, work)
            for name, (expected, work) in s3_attempts(plan.s3).items()
        ]
    return attempts


def _answer(attempt: _Attempt, answers: queue.SimpleQueue[Observation]) -> None:
    try:
        answers.put(attempt.work())
    except Exception as error:  # noqa: BLE001 - one attempt that breaks must not hide the others, and proves nothing
        silent = attempt.silent
        answers.put(
            Observation(
                silent.id,
                silent.group,
                silent.expected,
                Seen.UNTRIED,
                f"failed unexpectedly ({type(error).__name__})",
            )
        )


def _gathered(
    remote: list[_Attempt], answers: queue.SimpleQueue[Observation], seconds: float
) -> list[Observation]:
    found: dict[str, Observation] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(remote):
        try:
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[answer.id] = answer
    return [found.get(attempt.silent.id, attempt.silent) for attempt in remote]


def _end(code: int, message: bytes) -> int:
    sys.stdout.write(message.decode() + "\n")
    sys.stdout.flush()
    write_termination_message(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
