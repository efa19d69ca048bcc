"""Holds on pinned versions: each request lost in turn, and two at once at each moment of another.

The operator's own functions on the stand-in store; a segment has two versions here.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused
from glovebox.store import holding as holding_module
from glovebox.store.connection import Credentials, Stop, StoreSettings
from glovebox.store.hold_records import PREFIX, HoldRecord, HoldRecords
from glovebox.store.hold_sessions import holding
from glovebox.store.holding import Held, Wanted, hold_versions
from glovebox.store.letting_go import let_go
from glovebox.store.pins import (
    ManifestLocation,
    ManifestLock,
    ObjectRef,
    ObjectsSource,
    build_pin,
)
from glovebox.store.source_access import Location, SourceAccess
from simulation.object_store import Identity, NoAnswerError, ObjectStoreServer, S3Error
from simulation.object_store_faces import SimStore
from simulation.world import BUCKET, OPERATOR_KEY, ROLE, SOURCE

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TIME = "2026-03-01T00:00:00Z"
OWNER = Identity("AKIAOWNER")
DATA = (Location(SOURCE, "set/"),)
# What is pinned: three segments of two versions, and one that shares versions with it.
ALL, SOME = tuple("abcde"), tuple("bcf")


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding_module, "SEGMENT", 2)


@dataclass
class Shelf:
    """A store with data, and what is pinned of them."""

    server: ObjectStoreServer = field(default_factory=lambda: ObjectStoreServer(lambda: NOW, ROLE))
    users: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server.users |= {OPERATOR_KEY, OWNER.access_key_id}
        self.store = SimStore(
            StoreSettings("http://store.invalid", credentials=Credentials(OPERATOR_KEY, "secret")),
            self.server,
        )
        for bucket in (SOURCE, BUCKET):
            self.server.create_bucket(OWNER, bucket, can_lock=True)
        self.versions = {
            name: self.server.put(OWNER, SOURCE, f"set/{name}", name.encode()).version_id
            for name in "abcdef"
        }
        self.manifests = {names: self.pinned(names) for names in (ALL, SOME)}

    def pinned(self, names: tuple[str, ...]) -> ManifestLocation:
        objects = tuple(
            # Under other paths in each, as pins of other prefixes have them.
            ObjectRef(SOURCE, f"set/{name}", self.versions[name], f"{len(names) - place}/{name}")
            for place, name in enumerate(names)
        )
        built = build_pin(
            self.store, ObjectsSource(objects), artifacts_bucket=BUCKET, lock=ManifestLock()
        )
        return asyncio.run(built).manifest

    def hold(
        self, names: tuple[str, ...], access: SourceAccess | None = None, time: str = TIME
    ) -> Held:
        leave = access or SourceAccess("team-a", "primary", DATA, BUCKET, role_arn=ROLE)
        wanted = Wanted("c.uid", "DatasetPin a/b", self.manifests[names], DATA, leave, time)
        narrow = holding(self.store, DATA, ROLE, "team-a")
        return hold_versions(self.store, narrow, wanted, lambda: TIME, lambda _: None, Stop())

    def let_go(self, names: tuple[str, ...], most: int = 50) -> bool:
        def narrow(record: HoldRecord) -> SimStore:
            found = holding(self.store, record.locations, ROLE, "team-a")
            assert isinstance(found, SimStore)
            return found

        return let_go(
            self.store,
            BUCKET,
            self.manifests[names].digest,
            is_unused=lambda: not self.users,
            narrow=narrow,
            time=TIME,
            most=most,
            stop=Stop(),
        )

    @property
    def held(self) -> str:
        return "".join(
            name for name in "abcdef" if self.server.buckets[SOURCE].keys[f"set/{name}"][0].hold
        )

    def by_another(self, name: str) -> None:
        self.server.hold(OWNER, SOURCE, f"set/{name}", self.versions[name], on=True)

    def records_held(self) -> list[str]:
        """Return the records of holds that are under a legal hold themselves."""
        return [
            key
            for key, versions in self.server.buckets[BUCKET].keys.items()
            if key.startswith(".glovebox/held") and any(each.hold for each in versions)
        ]

    def at(self, number: int, act: Callable[[], object], *, arrives: bool = False) -> list[int]:
        """Do something at the request of that number from now on; return the count of requests."""
        count = [0]

        def fault(action: str, bucket: str, key: str) -> Callable[[], None] | None:
            del action, bucket, key
            count[0] += 1
            if count[0] != number:
                return None
            if not arrives:
                act()
                return None
            return lambda: (act(), None)[1]

        self.server.fault = fault
        return count

    def undisturbed(self) -> None:
        self.server.fault = lambda *_: None


def lose() -> None:
    raise NoAnswerError


def lost_in_turn(
    act: Callable[[Shelf], object], prepare: Callable[[Shelf], object]
) -> Iterator[Shelf]:
    """Yield a shelf for each request of an act that got no answer, whether it arrived or not."""
    for arrives in (False, True):
        for number in itertools.count(1):
            shelf = Shelf()
            prepare(shelf)
            count = shelf.at(number, lose, arrives=arrives)
            try:
                act(shelf)
            except GloveboxError:
                pass
            else:
                assert count[0] < number or arrives
                if count[0] < number:
                    break
            shelf.undisturbed()
            yield shelf


def test_what_is_held_cannot_be_deleted_until_it_is_let_go() -> None:
    shelf = Shelf()
    found = shelf.hold(ALL)
    assert (found.term, found.objects, found.others, found.time) == (1, 5, 0, TIME)
    assert shelf.held == "abcde"
    with pytest.raises(S3Error, match="403"):
        shelf.server.delete(OWNER, SOURCE, "set/a", shelf.versions["a"], bypass=True)
    assert shelf.records_held(), "nobody may take away what says whose they are"
    assert shelf.let_go(ALL)
    assert (shelf.held, shelf.records_held()) == ("", [])
    shelf.server.delete(OWNER, SOURCE, "set/a", shelf.versions["a"])


def test_the_record_comes_before_the_first_hold() -> None:
    shelf = Shelf()
    seen: list[str] = []

    def fault(action: str, bucket: str, key: str) -> None:
        if action == "s3:PutObjectLegalHold" or (
            action == "s3:PutObject" and bucket == BUCKET and key.startswith(PREFIX)
        ):
            seen.append(key)

    shelf.server.fault = fault
    shelf.hold(ALL)
    assert seen[0].endswith("/0001/record.json")
    assert seen[-1].endswith("/0001/held.json")
    assert all(key.startswith("set/") for key in seen[1:-1])


@pytest.mark.parametrize("first", [ALL, SOME])
@pytest.mark.parametrize("held_first", [ALL, SOME])
def test_what_two_pins_share_is_held_until_the_second_one_is_gone(
    held_first: tuple[str, ...], first: tuple[str, ...]
) -> None:
    second = SOME if first == ALL else ALL
    shelf = Shelf()
    shelf.hold(held_first)
    found = shelf.hold(SOME if held_first == ALL else ALL)
    assert found.others == 0, "it is ours, for whichever pin"
    assert shelf.let_go(first)
    assert shelf.held == "".join(second)
    assert shelf.let_go(second)
    assert shelf.held == ""


def test_what_somebody_else_held_before_is_left_to_them() -> None:
    shelf = Shelf()
    shelf.by_another("b")
    shelf.by_another("e")
    assert shelf.hold(ALL).others == 2
    assert shelf.hold(SOME).others == 1, "another pin of ours makes it no more ours"
    assert shelf.let_go(ALL)
    assert shelf.let_go(SOME)
    assert shelf.held == "be"


def test_a_hold_is_begun_again_in_a_term_of_its_own() -> None:
    shelf = Shelf()
    shelf.hold(ALL)
    assert shelf.hold(ALL).term == 1
    assert shelf.let_go(ALL)
    shelf.by_another("c")
    found = shelf.hold(ALL)
    assert (found.term, found.others) == (2, 1)
    assert shelf.let_go(ALL)
    assert shelf.held == "c"


def test_a_hold_goes_on_after_each_request_that_was_lost() -> None:
    number = 0
    for shelf in lost_in_turn(lambda it: it.hold(ALL), lambda it: it.by_another("b")):
        number += 1
        found = shelf.hold(ALL)
        assert (found.objects, found.others, shelf.held) == (5, 1, "abcde")
        assert shelf.let_go(ALL)
        assert shelf.held == "b"
    assert number > 40


def test_what_was_held_in_part_is_let_go_as_far_as_it_was() -> None:
    for shelf in lost_in_turn(lambda it: it.hold(ALL), lambda it: it.by_another("e")):
        assert shelf.let_go(ALL)
        assert shelf.held == "e"
        assert not shelf.records_held()


def test_letting_go_goes_on_after_each_request_that_was_lost() -> None:
    def prepare(shelf: Shelf) -> None:
        shelf.by_another("a")
        shelf.hold(ALL)
        shelf.hold(SOME)

    number = 0
    for shelf in lost_in_turn(lambda it: it.let_go(ALL), prepare):
        number += 1
        assert set("bcf") <= set(shelf.held), "the other one holds them"
        assert shelf.let_go(ALL)
        assert shelf.held == "abcf"
        assert shelf.let_go(SOME)
        assert (shelf.held, shelf.records_held()) == ("a", [])
    assert number > 30


def test_letting_go_stops_after_its_share_and_goes_on_there() -> None:
    shelf = Shelf()
    shelf.hold(ALL)
    assert not shelf.let_go(ALL, most=1)
    assert len(shelf.held) == 3
    with pytest.raises(NotReady) as waits:
        shelf.hold(ALL)
    assert waits.value.reason == reasons.HOLD_RELEASING
    assert not shelf.let_go(ALL, most=1)
    assert shelf.let_go(ALL, most=1)
    assert shelf.held == ""


def beside(
    prepare: Callable[[Shelf], object],
    act: Callable[[Shelf], object],
    other: Callable[[Shelf], object],
) -> Iterator[Shelf]:
    """Yield a shelf for each request of an act, at which the other one was done as a whole."""
    for number in itertools.count(1):
        shelf = Shelf()
        prepare(shelf)

        def meanwhile(shelf: Shelf = shelf) -> None:
            shelf.undisturbed()
            other(shelf)

        count = shelf.at(number, meanwhile)
        act(shelf)
        if count[0] < number:
            return
        yield shelf


def waiting(act: Callable[[], Held]) -> Held | None:
    try:
        return act()
    except NotReady:
        return None


def test_what_is_let_go_while_another_pin_begins_to_hold_it_is_held() -> None:
    said: list[Held | None] = []
    for shelf in beside(
        lambda it: it.hold(ALL),
        lambda it: it.let_go(ALL),
        lambda it: said.append(waiting(lambda: it.hold(SOME))),
    ):
        if said[-1] is not None:
            assert set(SOME) <= set(shelf.held), "it says so"
        found = shelf.hold(SOME)
        assert (shelf.held, found.others) == ("bcf", 0)
        assert shelf.let_go(SOME)
        assert shelf.held == "", "and nothing is held for ever"
    assert None in said
    assert any(said)


def test_what_begins_to_be_held_while_another_pin_lets_go_of_it_is_held() -> None:
    held: list[Held | None] = []
    for shelf in beside(
        lambda it: it.hold(ALL),
        lambda it: held.append(waiting(lambda: it.hold(SOME))),
        lambda it: it.let_go(ALL),
    ):
        if held[-1] is not None:
            assert set(SOME) <= set(shelf.held), "it says so"
        assert shelf.hold(SOME).others == 0
        assert shelf.held == "bcf"
        assert shelf.let_go(SOME)
        assert shelf.held == ""


def test_two_that_hold_the_same_at_once_hold_it_for_both() -> None:
    for others in (ALL, SOME):
        for shelf in beside(
            lambda it: it.by_another("b"),
            lambda it: it.hold(ALL),
            lambda it, others=others: it.hold(others),  # type: ignore[misc]
        ):
            assert set(ALL) | set(others) == set(shelf.held)
            for names in {ALL, others}:
                assert shelf.hold(names).others == 1
            for names in sorted({ALL, others}):
                assert shelf.let_go(names)
            assert shelf.held == "b"


def test_who_uses_a_manifest_again_while_it_is_let_go_has_it_held() -> None:
    said: list[Held | None] = []

    def pin_again(shelf: Shelf) -> None:
        shelf.users.add("a new pin")
        said.append(waiting(lambda: shelf.hold(ALL)))

    for shelf in beside(lambda it: it.hold(ALL), lambda it: it.let_go(ALL), pin_again):
        if said[-1] is not None:
            assert shelf.held == "abcde", "it says so"
        if shelf.held != "abcde" or waiting(lambda it=shelf: it.hold(ALL)) is None:  # type: ignore[misc]
            shelf.let_go(ALL)  # the next round ends what was begun, or gives it up
        assert shelf.hold(ALL).objects == 5
        assert shelf.held == "abcde"
        shelf.users.clear()
        assert shelf.let_go(ALL)
        assert shelf.held == ""
    assert None in said
    assert any(said)


def test_a_hold_that_somebody_took_off_is_put_on_again_and_told() -> None:
    shelf = Shelf()
    shelf.by_another("b")
    assert shelf.hold(ALL).taken_off == 0
    assert shelf.hold(ALL).taken_off == 0
    for name in "abcde":
        shelf.server.hold(OWNER, SOURCE, f"set/{name}", shelf.versions[name], on=False)
    found = shelf.hold(ALL)
    assert (found.term, found.objects, found.others, found.time) == (1, 5, 1, TIME)
    assert found.taken_off > 0
    assert shelf.held == "acde", "what another one held before is theirs"
    assert shelf.hold(ALL).taken_off == 0


def test_a_look_at_what_is_held_costs_a_few_requests_and_finds_each_in_its_turn() -> None:
    """By the time of day, so that nobody knows which is looked at next."""
    missed, found = 0, 0
    for hour in range(12):
        shelf = Shelf()
        shelf.hold(ALL)
        shelf.server.hold(OWNER, SOURCE, "set/a", shelf.versions["a"], on=False)
        asked: list[str] = []
        shelf.server.fault = lambda action, _, key, asked=asked: (  # type: ignore[misc]
            asked.append(key) if action == "s3:GetObjectLegalHold" else None
        )
        taken_off = shelf.hold(ALL, time=f"2026-03-02T{hour:02d}:00:00Z").taken_off
        assert 1 <= len(asked) <= 2, "a segment of two"
        assert taken_off == ("set/a" in asked)
        assert (shelf.held == "abcde") == bool(taken_off)
        missed, found = missed + (not taken_off), found + bool(taken_off)
    assert missed
    assert found


def test_of_versions_whose_record_is_gone_nothing_is_taken_for_ours() -> None:
    """It said which of them others held before us; what is theirs would be let go one day."""
    shelf = Shelf()
    shelf.by_another("a")
    shelf.hold(ALL)
    records = shelf.server.buckets[BUCKET].keys
    gone = [key for key in records if "/on/" in key]
    assert len(gone) == 3
    for key in gone:
        del records[key]
    shelf.server.hold(OWNER, SOURCE, "set/a", shelf.versions["a"], on=False)
    for hour in range(12):
        assert not shelf.hold(ALL, time=f"2026-03-02T{hour:02d}:00:00Z").taken_off
    assert shelf.held == "bcde"


def test_of_many_eight_are_looked_at_others_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding_module, "SEGMENT", 1000)
    shelf = Shelf()
    many = tuple(f"m{number}" for number in range(10, 40))
    for name in many:
        shelf.versions[name] = shelf.server.put(OWNER, SOURCE, f"set/{name}", b"1").version_id
    shelf.manifests[many] = shelf.pinned(many)
    shelf.hold(many)
    asked: list[str] = []
    shelf.server.fault = lambda action, _, key: (
        asked.append(key) if action == "s3:GetObjectLegalHold" else None
    )
    for hour in range(24):
        shelf.hold(many, time=f"2026-03-02T{hour:02d}:00:00Z")
        assert len(asked) == 8 * (hour + 1)
    assert set(asked) == {f"set/{name}" for name in many}


def test_nothing_is_held_where_the_platform_gives_no_leave() -> None:
    shelf = Shelf()
    leave = SourceAccess("team-a", "primary", (Location(SOURCE, "other/"),), BUCKET, role_arn=ROLE)
    with pytest.raises(Refused) as refused:
        shelf.hold(ALL, leave)
    assert refused.value.reason == reasons.HOLD_NOT_GRANTED
    assert "`hold: true`" in refused.value.message
    assert (shelf.held, shelf.records_held()) == ("", [])


def test_a_bucket_without_object_lock_is_refused_before_anything_is_written() -> None:
    shelf = Shelf()
    shelf.server.buckets[SOURCE].can_lock = False
    with pytest.raises(InvalidInput) as refused:
        shelf.hold(ALL)
    assert refused.value.reason == reasons.HOLD_REFUSED
    assert HoldRecords(shelf.store, BUCKET, Stop()).terms() == {}


def test_a_version_that_is_gone_is_no_hold_that_waits_for_ever() -> None:
    shelf = Shelf()
    shelf.hold(ALL)
    shelf.server.buckets[SOURCE].keys["set/c"].clear()  # as no store does it
    assert shelf.let_go(ALL)
