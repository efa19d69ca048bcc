"""Read this first: what happens when a resource is looked at, for every kind.

    read -> draft a status -> arrange (per kind) -> write the status on every way out -> say when to
    look again

`arrange` of a kind reads the whole declared and observed state and moves one towards the other; it
is in a file of its own: experiments.py, dataset_pins.py, feature_set_pins.py, object_stores.py,
isolation_profiles.py. Killing the process anywhere in here loses nothing: names are derived from
UIDs, every write is conditional, and the next look starts from what is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.controllers import dataset_pin, feature_set_pin, isolation_profile, object_store
from glovebox.controllers.experiment import experiments
from glovebox.controllers.world import DONE, Result, World
from glovebox.errors import Conflict, GloveboxError, InvalidInput, NotReady
from glovebox.kube.answers import NotFound
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft
from glovebox.status.kstatus import condition_of

log = structlog.get_logger(__name__)
Arrange = Callable[[World, dict[str, Any], Draft], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Controller:
    """What is particular about a kind.

    Attributes:
        arrange: Moves the world towards one resource; says what it finds into the draft.
        forget: Drops what is remembered of a resource that is gone.
        lasting: The conditions that it always shows.
        required: Those that must be True for Ready.
        ready: Reason and message of Ready.
    """

    arrange: Arrange
    forget: Callable[[World, Key], None]
    lasting: tuple[str, ...]
    required: tuple[str, ...]
    ready: tuple[str, str]


CONTROLLERS: dict[str, Controller] = {
    module.KIND: Controller(
        module.arrange, module.forget, module.LASTING, module.REQUIRED, module.READY
    )
    for module in (experiments, dataset_pin, feature_set_pin, object_store, isolation_profile)
}


async def reconcile(world: World, key: Key) -> Result:
    """Move the world towards what one resource declares.

    Raises:
        Conflict: Somebody wrote in between: look again soon.
        Unavailable: The API server or the store failed: look again with backoff. The status says so
            already, if it could be written.
    """
    controller = CONTROLLERS[key.kind]
    obj = world.resources.get(key)
    if obj is None:
        controller.forget(world, key)
        return DONE
    draft = Draft(obj, controller.lasting, world.now())
    result = DONE
    try:
        result = await controller.arrange(world, obj, draft)
    except ValidationError as error:
        draft.failed(InvalidInput(reasons.INVALID_SPEC, _first_problem(error)))
    except GloveboxError as error:
        draft.failed(error)
    except NotFound:
        return DONE  # it went away while it was looked at; the watch tells
    await _write(world, key, obj, draft, controller)
    if draft.error is not None and not isinstance(draft.error, InvalidInput | NotReady):
        raise draft.error
    return result


async def _write(
    world: World, key: Key, obj: dict[str, Any], draft: Draft, controller: Controller
) -> None:
    current = world.resources.get(key)
    if current is None or current["metadata"]["uid"] != obj["metadata"]["uid"]:
        return
    if current["metadata"].get("generation") != obj["metadata"].get("generation"):
        raise Conflict(reasons.CONFLICT, f"{key} was changed while it was looked at")
    if (current.get("status") or {}) != draft.replaces:
        # Only another operator does that, beside this one during an upgrade: what it bound would be
        # lost.
        raise Conflict(reasons.CONFLICT, f"the status of {key} was written while it was looked at")
    if isinstance(draft.error, Conflict):
        return  # the next look follows at once and will have something to say
    status = draft.render(controller.required, controller.ready)
    before = obj.get("status") or {}
    try:
        await world.write_status(current, status)
    except NotFound:
        return
    _tell(world, current, before, status)


def _tell(world: World, obj: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Measure the first Ready; post an Event when a resource becomes stalled, or stalls for another reason: a person has to act."""
    if obj["kind"] == experiments.KIND and after.get("digest") and not before.get("digest"):
        made = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
        world.metrics.time_to_ready.observe((world.now() - made).total_seconds())
    ready, was = condition_of(after, types.READY), condition_of(before, types.READY)
    if ready is not None and (
        was is None or (was["status"], was["reason"]) != (ready["status"], ready["reason"])
    ):
        log.info(
            "readiness changed",
            ready=ready["status"],
            reason=ready["reason"],
            message=ready["message"],
        )
    stalled = condition_of(after, types.STALLED)
    if stalled is None:
        return
    earlier = condition_of(before, types.STALLED)
    if earlier is None or earlier["reason"] != stalled["reason"]:
        world.events.warn(obj, stalled["reason"], stalled["message"], action="Reconcile")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return (
        f"`{where}`: {problem['msg']}; correct the field (the installed CRDs may be older than this"
        " operator: apply the chart's CRDs)"
    )
