"""Fifth chapter: somebody deletes a network policy.

First the API server refuses; what is changed under break-glass the operator repairs.

The seconds are measured by a `kubectl get --watch` of our own, from the event that says the policy
is deleted to the one that says it is there again: not by the operator that is being measured.
"""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from glovebox import names
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import ADMIN, BREAK_GLASS_ADMIN, Stage
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from glovebox_local.progress import Step

POLICY = names.NETWORK_POLICY_DEFAULT_DENY
_TIMEOUT = 30.0
# Seconds; what is shorter would be shown as none.
_SHORTEST = 0.001
_RECORD_TIMEOUT = 15.0


def refuse_deletion(stage: Stage, step: Step) -> RenderableType:
    """Try to delete the policy as cluster admin, which is refused.

    Raises:
        LocalError: The API server let it happen.
    """
    namespace = stage.sealed_namespace
    command = ("delete", "networkpolicy", POLICY, f"--namespace={namespace}")
    answer = stage.tools.try_kubectl(*command, person=ADMIN)
    if answer.code == 0 or "denied request" not in answer.err:
        raise LocalError(
            f"`{answer.command}`", f"a guard must refuse it, and did not: {answer.text}"
        )
    step.say("refused by the API server")
    return quote(answer.command, answer.err)


def break_and_repair(stage: Stage, step: Step) -> RenderableType:
    """Delete the policy as somebody who may break the glass, and measure how long it is gone.

    Raises:
        LocalError: It could not be deleted, or did not come back.
    """
    namespace = stage.sealed_namespace
    with _Watch(stage, namespace) as watch:
        before = watch.next("ADDED")
        answer = stage.tools.try_kubectl(
            "delete", "networkpolicy", POLICY, f"--namespace={namespace}", person=BREAK_GLASS_ADMIN
        )
        if answer.code != 0:
            raise LocalError(f"`{answer.command}`", f"it says: {answer.text}")
        deleted = watch.next("DELETED")
        again = watch.next("ADDED")
    if again.uid == before.uid:
        raise LocalError(
            "Repairing the NetworkPolicy", "the object that came back is the one that was deleted"
        )
    seconds = again.seen - deleted.seen
    drift = _recorded(stage, time.monotonic, time.sleep)
    # One answer of the watch may tell of both.
    step.say(f"back after {seconds:.3f} s" if seconds >= _SHORTEST else "back at once")
    return quote(answer.command, f"{answer.text}\n{drift}")


def _recorded(stage: Stage, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
    """Return how the Experiment's status tells of the repair.

    The operator writes it right after repairing.
    """
    deadline = clock() + _RECORD_TIMEOUT
    while True:
        drift = (stage.experiment.get("status") or {}).get("drift") or {}
        last = drift.get("last") or {}
        if drift.get("repairs") and last.get("name") == POLICY:
            return (
                f"status.drift: repairs {drift['repairs']}, last: {last['kind']} {last['name']},"
                f" {last['change']}"
            )
        if clock() > deadline:
            raise LocalError(
                "Repairing the NetworkPolicy",
                f"the Experiment's status does not report it: {drift}",
                stage.operator.log,
            )
        sleep(0.1)


@dataclass(frozen=True)
class _Event:
    kind: str
    uid: str
    seen: float


class _Watch:
    """Events of the policy with the moment at which each was seen (monotonic seconds)."""

    def __init__(self, stage: Stage, namespace: str) -> None:
        self._stage = stage
        self._namespace = namespace
        self._events: queue.Queue[_Event] = queue.Queue()

    def __enter__(self) -> Self:
        self._child: subprocess.Popen[str] = self._stage.tools.watch(
            "networkpolicy", POLICY, namespace=self._namespace
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait(timeout=10)
        self._reader.join(timeout=10)
        for stream in (self._child.stdout, self._child.stderr):
            if stream:
                stream.close()

    def next(self, kind: str) -> _Event:
        """Return the next event of that kind.

        Raises:
            LocalError: None came in time.
        """
        deadline = time.monotonic() + _TIMEOUT
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except queue.Empty:
                break
            if event.kind == kind:
                return event
        raise LocalError(
            "Watching the NetworkPolicy",
            f"no {kind} within {_TIMEOUT:.0f} s",
            self._stage.operator.log,
        )

    def _read(self) -> None:
        for line in self._child.stdout or ():
            kind, _, uid = line.strip().partition(" ")
            self._events.put(_Event(kind, uid, time.monotonic()))
