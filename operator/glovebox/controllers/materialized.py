"""The values of a FeatureSetPin: their files are compared with the definitions once.

The work is done by a task (`tasks/features.py`). What it found is recorded with the digests of
content and definitions, and stands as long as both are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.materialized import MaterializedStatus
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.key_traits import DATA
from glovebox.controllers.looking import seconds_after
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_tables import read_pinned
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal
from glovebox.data.feature_schema import FeaturesFound, schema_of
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import FEATURE_SET_PIN
from glovebox.kube.resources import Key
from glovebox.status.materialized import SchemaFacts, message_of, recorded_values
from glovebox.store.connection import Store
from glovebox.tasks.features import FEATURES, FeaturesRequest, check_features
from glovebox.tasks.features_question import FeaturesQuestion


@dataclass(frozen=True, slots=True)
class ValuesLook:
    """What one look at the values came to.

    Attributes:
        facts: What is known of them.
        retry_seconds: When to look again; None when the task wakes us, or nothing is to be done.
        is_new: Whether the comparison has just ended: once it is recorded, it is reported.
    """

    facts: SchemaFacts
    retry_seconds: float | None = None
    is_new: bool = False


async def look_at_values(ports: Ports, pin: FeatureSetPin, values: DatasetPin) -> ValuesLook:
    """Have the values compared where they were not.

    Args:
        ports: The outside world.
        pin: The definitions, which name values.
        values: The pin of the values, which is verified.
    """
    assert pin.spec.materialized is not None  # noqa: S101 - told by the caller
    schema = schema_of(pin.spec.features, pin.spec.materialized)
    known = pin.status.materialized
    if (
        known is not None
        and known.content == values.status.digest
        and known.digest == schema.digest
    ):
        ports.tasks.drop(_key(pin))
        return ValuesLook(SchemaFacts(recorded=known))
    opened: dict[Store, ObjectStore] = {}
    try:
        request = FeaturesRequest(
            await read_pinned(ports, values, opened),
            schema,
            values.status.objects or 0,
            values.status.bytes or 0,
        )
        state = _ensure(ports, pin, request, opened)
    except GloveboxError as error:
        wait = seconds_after(error)
        return ValuesLook(SchemaFacts(error=error), wait)
    if state.result is not None:
        # The basis of the task names the manifest: it was this content that was read.
        recorded = recorded_values(state.result, schema.digest, values.status.digest, ports.now())
        return ValuesLook(SchemaFacts(recorded=recorded), is_new=True)
    if state.phase == "Failed":
        note_refusal(ports, state.error)
    progress = pin_progress(ports, state)
    # What the attempt before met stands until this one reports.
    met = None if progress is not None else state.error
    return ValuesLook(SchemaFacts(error=met, progress=progress))


def report_values(
    ports: Ports, obj: Mapping[str, Any], pin: FeatureSetPin, recorded: MaterializedStatus
) -> None:
    """Drop the task, whose result is recorded, and report it."""
    ports.tasks.drop(_key(pin))
    for each in recorded.by_kind:
        ports.metrics.feature_differences.labels(each.kind).inc(each.differences)
    message = message_of(recorded)
    if recorded.differences:
        ports.events.warning(obj, reasons.SCHEMA_DIFFERS, message, action="CompareValues")
    else:
        ports.events.normal(obj, reasons.SCHEMA_MATCHES, message, action="CompareValues")


def _ensure(
    ports: Ports, pin: FeatureSetPin, request: FeaturesRequest, opened: Mapping[Store, ObjectStore]
) -> TaskState[FeaturesFound]:
    return ensure_answer(
        ports,
        _key(pin),
        request,
        ask=FeaturesQuestion.of,
        do=check_features,
        stores=[(opened[request.store], request.store)],
        operation="features",
        tenant=pin.namespace,
        work_class=DATA,
    )


def _key(pin: FeatureSetPin) -> TaskKey:
    return TaskKey(Key(FEATURE_SET_PIN.kind, pin.namespace, pin.name), pin.uid, FEATURES)
