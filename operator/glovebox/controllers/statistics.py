"""The statistics of a DatasetPin, and how they compare with those of another one.

The work is done by a task (`tasks/statistics.py`), once. Where the other pin has its statistics by
then, the rows are counted by its parts in the same pass; where it has them later, the files are
read once more. So no pin waits for another one to be described, and two may name each other. One of
another namespace is looked at by leave of that one (`lent_statistics.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.api.statistics import Distribution
from glovebox.api.statistics_status import VERDICTS, DistributionStatus, StatisticsStatus
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.lent_statistics import find_lent, require_still_lent
from glovebox.controllers.looking import LOOK_AGAIN_SECONDS, Look, earlier, seconds_after
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_sources import is_locked, ready_store
from glovebox.controllers.pin_tables import read_pinned
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.data.digest import digest_of
from glovebox.data.statistics import Asked, asked_of
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import GloveboxError, NotReady, Refused
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.status.statistics import (
    StatisticsFacts,
    columns_of,
    document_of,
    drawn_of,
    message_of_distribution,
    message_of_statistics,
    with_statistics,
)
from glovebox.store.connection import Store
from glovebox.store.pin_documents import DocumentLocation
from glovebox.tasks.statistics import (
    STATISTICS,
    Reference,
    StatisticsFound,
    StatisticsRequest,
    compute_statistics,
)
from glovebox.tasks.statistics_question import StatisticsQuestion


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a pin asks for, and what of it is recorded.

    Attributes:
        asked: The statistics.
        distribution: The comparison; None for none.
        compared: Digest of what the comparison depends on.
        statistics: What is recorded of the statistics of this content.
        recorded: What is recorded of the comparison.
    """

    asked: Asked
    distribution: Distribution | None
    compared: str
    statistics: StatisticsStatus | None
    recorded: DistributionStatus | None

    @property
    def facts(self) -> StatisticsFacts:
        """What is known without looking."""
        return StatisticsFacts(
            is_compared=self.distribution is not None,
            is_required=self.distribution is not None and self.distribution.required,
            recorded=self.statistics,
            distribution=self.recorded,
        )

    @property
    def is_done(self) -> bool:
        """Whether all of it is recorded."""
        return self.statistics is not None and (
            self.distribution is None or self.recorded is not None
        )


async def look_at_statistics(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look, work_class: str
) -> Look:
    """Have the columns described where they were not; return the look with what is known.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of its data.
        work_class: Whose places the work takes.
    """
    asked = asked_of(pin.spec)
    if asked is None:
        return look
    wanted = _wanted(pin, asked)
    if wanted.is_done:
        ports.tasks.drop(_key(pin))
        return _said(ports, obj, look, wanted.facts)
    if pin.status.manifest is None:
        # Once it is recorded that the files were read, their tables are at once.
        is_read = bool((look.status or {}).get("manifest"))
        said = _said(ports, obj, look, replace(wanted.facts, is_early=not is_read))
        return replace(said, retry_seconds=0.0) if is_read else said
    try:
        facts, wait = await _compute(ports, pin, wanted, work_class)
    except GloveboxError as error:
        facts = replace(wanted.facts, error=error)
        wait = seconds_after(error)
    said = _said(ports, obj, look, facts)
    news = _News(wanted, facts)
    if news.is_any:
        return replace(
            said,
            after=functools.partial(_recorded, ports, obj, pin, look, news),
            # With what is recorded now there may be more to do.
            retry_seconds=earlier(look.retry_seconds, wait),
        )
    return replace(said, retry_seconds=earlier(look.retry_seconds, wait))


def verdict_of(pin: DatasetPin) -> str:
    """Return how a pin's distribution compares; empty of a pin that is compared with none."""
    asked = asked_of(pin.spec)
    if pin.spec.distribution is None or asked is None:
        return ""
    recorded = _wanted(pin, asked).recorded
    return recorded.verdict if recorded is not None else "unknown"


def _wanted(pin: DatasetPin, asked: Asked) -> _Wanted:
    distribution, content = pin.spec.distribution, pin.status.digest
    compared = digest_of(
        [
            asked.digest,
            _shown(pin, _reference_key(pin)),
            distribution.thresholds.model_dump(by_alias=True, mode="json") if distribution else {},
        ]
    )
    known, recorded = pin.status.statistics, pin.status.distribution
    if known is not None and (known.content, known.asked) != (content, asked.digest):
        known = None
    if recorded is not None and (recorded.content, recorded.asked) != (content, compared):
        recorded = None
    return _Wanted(asked, distribution, compared, known, recorded if distribution else None)


def _reference_key(pin: DatasetPin) -> Key:
    """Return which pin is compared with; without a name where none is."""
    distribution, older = pin.spec.distribution, pin.spec.supersedes
    named = distribution.against if distribution is not None else None
    if named is not None:
        return Key(DATASET_PIN.kind, named.namespace or pin.namespace, named.name)
    return Key(DATASET_PIN.kind, pin.namespace, older.name if older is not None else "")


def _shown(pin: DatasetPin, other: Key) -> str:
    """Return another pin as a status of this one names it."""
    return other.name if other.namespace == pin.namespace else f"{other.namespace}/{other.name}"


def _said(ports: Ports, obj: Mapping[str, Any], look: Look, facts: StatisticsFacts) -> Look:
    return replace(look, status=with_statistics(obj, look.status, facts, ports.now()))


@dataclass(frozen=True, slots=True)
class _News:
    """What is recorded from now on, and was not before."""

    wanted: _Wanted
    facts: StatisticsFacts

    @property
    def statistics(self) -> StatisticsStatus | None:
        return self.facts.recorded if self.facts.recorded != self.wanted.statistics else None

    @property
    def distribution(self) -> DistributionStatus | None:
        return self.facts.distribution if self.wanted.recorded is None else None

    @property
    def is_any(self) -> bool:
        return self.statistics is not None or self.distribution is not None


def _recorded(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look, news: _News
) -> None:
    """Drop the task, whose result is recorded, and report it."""
    look.after()
    ports.tasks.drop(_key(pin))
    found, compared = news.statistics, news.distribution
    if found is not None:
        ports.metrics.statistics_rows.inc(found.rows)
        message = message_of_statistics(found)
        ports.events.normal(obj, reasons.STATISTICS_COMPUTED, message, action="ComputeStatistics")
    if compared is None:
        return
    for verdict in VERDICTS:
        ports.metrics.distribution_columns.labels(verdict).inc(getattr(compared, verdict))
    message, action = message_of_distribution(compared), "CompareDistribution"
    if compared.verdict == "moved":
        ports.events.warning(obj, reasons.DISTRIBUTION_MOVED, message, action=action)
    elif compared.verdict == "stable":
        ports.events.normal(obj, reasons.DISTRIBUTION_STABLE, message, action=action)
    else:
        ports.events.normal(obj, reasons.DISTRIBUTION_UNKNOWN, message, action=action)


async def _compute(
    ports: Ports, pin: DatasetPin, wanted: _Wanted, work_class: str
) -> tuple[StatisticsFacts, float | None]:
    """Have the tables read; return what is known, and when to look again.

    Raises:
        NotReady: A store is missing, or not ready.
        GloveboxError: A store cannot be opened, or nothing of it may be read.
    """
    other: DatasetPin | None = None
    waiting: GloveboxError | None = None
    if wanted.distribution is not None:
        try:
            other = await _other_pin(ports, pin)
        except (NotReady, Refused) as missing:
            waiting = missing
    if other is None and wanted.statistics is not None:
        ports.tasks.drop(_key(pin))
        return replace(wanted.facts, waiting=waiting), LOOK_AGAIN_SECONDS
    opened: dict[Store, ObjectStore] = {}
    dataset = await read_pinned(ports, pin, opened)
    locked = is_locked(opened[dataset.store])
    reference = await _reference(ports, wanted, other, opened) if other is not None else None
    objects, size = pin.status.objects or 0, pin.status.bytes or 0
    request = StatisticsRequest(dataset, wanted.asked, locked, reference, objects, size)
    state = _ensure(ports, pin, request, opened, work_class)
    if state.result is not None:
        if other is not None and other.namespace != pin.namespace:
            try:
                await require_still_lent(ports, pin, other)
            except (NotReady, Refused) as over:
                other, waiting = None, over
        facts = _facts(ports, pin, wanted, other, state.result)
        # The other pin wakes this one when it has statistics.
        return replace(facts, waiting=waiting), None if waiting is None else LOOK_AGAIN_SECONDS
    if state.phase == "Failed":
        note_refusal(ports, state.error)
    progress = pin_progress(ports, state)
    # What the attempt before met stands until this one reports.
    error = None if progress is not None else state.error
    # The task wakes us, also when it is to be tried again.
    return replace(wanted.facts, error=error, waiting=waiting, progress=progress), None


def _facts(
    ports: Ports,
    pin: DatasetPin,
    wanted: _Wanted,
    other: DatasetPin | None,
    found: StatisticsFound,
) -> StatisticsFacts:
    """Return what is recorded of a result."""
    moment, content = ports.now().replace(microsecond=0), pin.status.digest
    statistics = wanted.statistics
    if statistics is None or statistics.document.digest != found.document.digest:
        statistics = StatisticsStatus(
            content=content,
            asked=wanted.asked.digest,
            computed_time=moment,
            rows=found.rows,
            files=found.files,
            columns=found.columns,
            shown=found.shown,
            bytes_read=found.bytes_read,
            document=document_of(found.document),
            drawn=drawn_of(found.drawn),
        )
    compared, distribution = found.compared, None
    if compared is not None and other is not None and other.status.statistics is not None:
        distribution = DistributionStatus(
            content=content,
            asked=wanted.compared,
            compared_time=moment,
            against=_shown(pin, Key(DATASET_PIN.kind, other.namespace, other.name)),
            against_content=other.status.digest,
            against_statistics=other.status.statistics.document.digest,
            verdict=compared.verdict,
            stable=compared.stable,
            moved=compared.moved,
            unknown=compared.unknown,
            worst_psi=compared.worst_psi,
            columns=columns_of(compared.worst),
            document=document_of(compared.document),
            drawn=drawn_of((each.name, each.parts) for each in compared.worst),
        )
    return replace(wanted.facts, recorded=statistics, distribution=distribution)


async def _other_pin(ports: Ports, pin: DatasetPin) -> DatasetPin:
    """Return the pin to compare with, which has its statistics.

    Raises:
        NotReady: `ReferenceGone`, `WaitingForReference`; or as `find_lent`.
        Refused: As `find_lent`.
        GloveboxError: What another namespace may lend cannot be read.
    """
    key = _reference_key(pin)
    name = _shown(pin, key)
    if key == Key(DATASET_PIN.kind, pin.namespace, pin.name):
        raise NotReady(
            reasons.REFERENCE_GONE,
            "`spec.distribution.against` names this very pin, and a pin does not move against"
            " itself: create a pin that names another one",
        )
    if key.namespace != pin.namespace:
        found: DatasetPin | None = await find_lent(ports, pin, key)
    else:
        try:
            found = ports.resources.parsed(key, DatasetPin)
        except ValidationError:
            found = None
    if found is None or found.is_deleting:
        where = " in this namespace" if key.namespace == pin.namespace else ""
        raise NotReady(
            reasons.REFERENCE_GONE, f"there is no valid DatasetPin '{name}'{where} to compare with"
        )
    if found.spec.statistics is None:
        raise NotReady(
            reasons.REFERENCE_GONE,
            f"DatasetPin '{name}' asks for no `statistics`, so there is nothing to compare with",
        )
    known = found.status.statistics
    if known is None or known.content != found.status.digest:
        raise NotReady(reasons.WAITING_FOR_REFERENCE, f"DatasetPin '{name}' has no statistics yet")
    return found


async def _reference(
    ports: Ports, wanted: _Wanted, other: DatasetPin, opened: dict[Store, ObjectStore]
) -> Reference:
    known, distribution = other.status.statistics, wanted.distribution
    assert known is not None  # noqa: S101 - looked at before
    assert distribution is not None  # noqa: S101 - likewise
    store = ready_store(ports, other)
    connection = await open_store(ports, store)
    opened.setdefault(connection, store)
    document = DocumentLocation(**known.document.model_dump())
    return Reference(connection, document, distribution.thresholds)


def _ensure(
    ports: Ports,
    pin: DatasetPin,
    request: StatisticsRequest,
    opened: Mapping[Store, ObjectStore],
    work_class: str,
) -> TaskState[StatisticsFound]:
    return ensure_answer(
        ports,
        _key(pin),
        request,
        ask=StatisticsQuestion.of,
        do=compute_statistics,
        stores=[(opened[connection], connection) for connection in request.stores],
        operation="statistics",
        tenant=pin.namespace,
        work_class=work_class,
    )


def _key(pin: DatasetPin) -> TaskKey:
    return TaskKey(Key(DATASET_PIN.kind, pin.namespace, pin.name), pin.uid, STATISTICS)
