"""What a seal is asked to look at once more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api.experiment_status import RunStatus
from glovebox.controllers import bound_seal
from glovebox.errors import Unavailable
from glovebox.kube.resources import Key
from glovebox.store.sources import ManifestSource, PrefixSource
from glovebox.store.waits import Waits


@pytest.mark.parametrize(
    ("mode", "shows_newest"), [("CSI", True), ("Fetch", False), ("Cache", False), ("Image", False)]
)
async def test_of_csi_alone_the_newest_versions_count(
    monkeypatch: pytest.MonkeyPatch, mode: str, *, shows_newest: bool
) -> None:
    """Its drivers mount a prefix as it is; all other modes deliver what was pinned."""

    async def opened(ports: Any, store: Any) -> str:
        del ports, store
        return "connection"

    monkeypatch.setattr(bound_seal, "open_store", opened)
    place = {"bucket": "b", "key": "k", "version_id": "v", "digest": "sha256:d"}
    item = SimpleNamespace(
        kind="DatasetPin",
        name="train",
        store_ref="primary",
        manifest=SimpleNamespace(model_dump=lambda: place),
        bucket="data",
        prefix="set/",
    )
    delivery = SimpleNamespace(spec=SimpleNamespace(delivery=SimpleNamespace(mode=mode)))
    platform = SimpleNamespace(input_stores=(SimpleNamespace(name="primary"),), profile=delivery)
    bound: Any = SimpleNamespace(platform=platform, inputs=(item,))
    (found,) = await bound_seal._datasets(SimpleNamespace(), bound, [])  # type: ignore[arg-type]
    assert found.shows_newest == shows_newest
    assert found.source == PrefixSource("data", "set/")


class Tried:
    """What was tried, since how long ago."""

    def __init__(self, since: datetime) -> None:
        self._seconds = (NOW - since).total_seconds()

    def note(self, key: object, what: str) -> tuple[float, int]:
        """Return since how long it is tried, and how often it failed."""
        assert (key, what) in {("owner", "inputs"), ("owner", "unread")}
        return self._seconds, 1


NOW = datetime(2026, 3, 3, 8, 0, 0, 500_000, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ENDED = NOW.replace(microsecond=0) - 10 * MINUTE


def asked(tried: datetime, ended: datetime | None, goes: datetime | None = None) -> tuple[Any, Any]:
    """Return what is asked by a process that tried first at a time, and of what."""
    ports = SimpleNamespace(now=lambda: NOW, failures=Tried(tried))
    return ports, SimpleNamespace(owner="owner", ended=ended, goes=goes)


@pytest.mark.parametrize(
    ("ended", "tried", "until"),
    [
        pytest.param(None, NOW, None, id="nobody knows since when: without an end"),
        pytest.param(ENDED, ENDED, ENDED + 15 * MINUTE, id="tried at once"),
        pytest.param(
            ENDED, ENDED + 5 * MINUTE, ENDED + 15 * MINUTE, id="after a restart: the same"
        ),
        pytest.param(
            NOW - 60 * MINUTE,
            NOW,
            NOW.replace(microsecond=0) + 15 * MINUTE,
            id="the operator was away: as long from its first try",
        ),
        pytest.param(
            ENDED,
            ENDED + timedelta(minutes=7.5),
            ENDED + timedelta(minutes=22.5),
            id="a restart that leaves less than the better part begins again",
        ),
    ],
)
def test_until_when_a_store_of_inputs_is_waited_for(
    ended: datetime | None, tried: datetime, until: datetime | None
) -> None:
    assert bound_seal._patient_until(*asked(tried, ended)) == until


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ended", "goes", "tried", "one", "none"),
    [
        pytest.param(
            None,
            None,
            NOW,
            NOW.replace(microsecond=0) + DAY,
            NOW.replace(microsecond=0) + 7 * DAY,
            id="nobody knows since when: from the first try",
        ),
        pytest.param(ENDED, None, ENDED, ENDED + DAY, ENDED + 7 * DAY, id="from the end"),
        pytest.param(
            NOW - 3 * DAY,
            None,
            NOW - MINUTE,
            NOW.replace(microsecond=0) - MINUTE + 15 * SECOND,
            NOW - 3 * DAY + 7 * DAY,
            id="over long ago, and asked for a moment all the same",
        ),
        pytest.param(
            NOW - 7 * DAY,
            None,
            NOW,
            NOW.replace(microsecond=0) + 15 * SECOND,
            NOW.replace(microsecond=0) + 15 * SECOND,
            id="both over long ago",
        ),
        pytest.param(
            None, ENDED, ENDED, ENDED + 30 * MINUTE, ENDED + 30 * MINUTE, id="it is to go"
        ),
        pytest.param(
            ENDED - DAY + MINUTE,
            ENDED,
            ENDED - DAY,
            ENDED + MINUTE,
            ENDED + 30 * MINUTE,
            id="it is to go, and one wait is over before",
        ),
    ],
)
def test_until_when_what_cannot_be_read_is_waited_for(
    ended: datetime | None, goes: datetime | None, tried: datetime, one: datetime, none: datetime
) -> None:
    assert bound_seal._waits(*asked(tried, ended, goes)) == Waits(one, none)


@pytest.mark.parametrize(
    ("task", "until"),
    [
        (None, NOW),
        (SimpleNamespace(advanced_time=None), NOW),
        (SimpleNamespace(advanced_time=NOW - DAY), NOW),
        (SimpleNamespace(advanced_time=NOW), NOW + MINUTE),
    ],
    ids=["none", "not begun", "stands still", "comes further"],
)
def test_a_seal_that_comes_further_is_waited_for(task: Any, until: datetime) -> None:
    ports: Any = SimpleNamespace(tasks=SimpleNamespace(get=lambda _: task))
    owner = Key("Experiment", "team", "x")
    assert bound_seal.patient_until(ports, owner, "u", NOW, MINUTE) == until


@pytest.mark.parametrize(
    ("run", "has_run", "outcome"),
    [
        (RunStatus(jobUid="j", outcome="Failed"), True, "Failed"),
        (RunStatus(jobUid="j", outcome="Failed"), False, "Failed"),
        (RunStatus(jobUid="j"), True, None),
        (None, True, None),
        (None, False, ""),
    ],
    ids=["over", "over, and not in the snapshot", "going on", "never seen", "without one"],
)
def test_how_a_run_ended_is_on_record_once_it_is_over(
    run: RunStatus | None,
    has_run: bool,  # noqa: FBT001 - a column
    outcome: str | None,
) -> None:
    assert bound_seal.recorded_outcome(run, has_run=has_run) == outcome


async def test_an_input_that_cannot_be_looked_at_again_is_a_finding_and_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def opened(ports: Any, store: Any) -> str:
        del ports
        if store.name == "away":
            raise Unavailable("StoreFailed", "it does not answer")
        return "connection"

    monkeypatch.setattr(bound_seal, "open_store", opened)
    place = {"bucket": "b", "key": "k", "version_id": "v", "digest": "sha256:d"}
    manifest = SimpleNamespace(model_dump=lambda: place)

    def item(name: str, store: str, **other: Any) -> Any:
        asked = {"kind": "DatasetPin", "manifest": manifest, "bucket": "", "prefix": ""} | other
        return SimpleNamespace(name=name, store_ref=store, **asked)

    inputs = (
        item("features", "primary", kind="FeatureSetPin"),
        item("unbound", "primary", manifest=None),
        item("elsewhere", "unknown"),
        item("late", "away"),
        item("listed", "primary"),
    )
    delivery = SimpleNamespace(spec=SimpleNamespace(delivery=SimpleNamespace(mode="Fetch")))
    stores = tuple(SimpleNamespace(name=name) for name in ("primary", "away"))
    platform = SimpleNamespace(input_stores=stores, profile=delivery)
    bound: Any = SimpleNamespace(platform=platform, inputs=inputs)
    connections: list[Any] = []
    found = await bound_seal._datasets(SimpleNamespace(), bound, connections)  # type: ignore[arg-type]
    assert {each.name: each.lost for each in found} == {
        "unbound": "its store was not bound",
        "elsewhere": "its store was not bound",
        "late": "it does not answer",
        "listed": "",
    }
    assert found[-1].source == ManifestSource("b", "k", "v")
    assert connections == [(stores[0], "connection")], "a task has a way to those alone"
