"""The rules for what is newer, the same for every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from glovebox.kube.kinds import CONFIG_MAP
from glovebox.kube.store import Change, Table, version_of


@dataclass(frozen=True)
class Kept:
    uid: str
    resource_version: int


def obj(version: int, *, uid: str = "u", name: str = "a", leaving: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "uid": uid, "resourceVersion": str(version)}
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata}


class Told:
    """A table, and what it told."""

    def __init__(self) -> None:
        self.changes: list[Change[str, Kept]] = []
        self.table: Table[str, Kept] = Table(
            CONFIG_MAP,
            key=lambda item: str(item["metadata"]["name"]),
            keep=lambda item: Kept(item["metadata"]["uid"], version_of(item)),
            changed=self.changes.append,
            belongs=lambda key: key != "foreign",
        )

    @property
    def known(self) -> dict[str, tuple[str, int]]:
        kept = {key: self.table.get(key) for key in self.table}
        return {key: (value.uid, value.resource_version) for key, value in kept.items() if value}

    def list(self, version: int, *items: dict[str, Any]) -> bool:
        listing = self.table.listing()
        listing.page(version, items)
        return listing.end(version)


@pytest.mark.parametrize(
    ("then", "known"),
    [
        pytest.param(obj(6), ("u", 6), id="newer"),
        pytest.param(obj(5), ("u", 5), id="the same again"),
        pytest.param(obj(4), ("u", 5), id="older"),
        pytest.param(obj(10), ("u", 10), id="numbers, not texts"),
        pytest.param(obj(6, uid="new"), ("new", 6), id="another object of that name"),
        pytest.param(obj(4, uid="old"), ("u", 5), id="an earlier object of that name"),
    ],
)
def test_what_an_event_changes(then: dict[str, Any], known: tuple[str, int]) -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.seen(then)
    assert told.known == {"a": known}
    assert len(told.changes) == (1 if known == ("u", 5) else 2)


@pytest.mark.parametrize(
    ("then", "gone"),
    [
        pytest.param(obj(6), True, id="it"),
        pytest.param(obj(6, uid="old"), False, id="an earlier one of that name"),
        pytest.param(
            obj(4), False, id="before what is known of it: it left a selector and came back"
        ),
    ],
)
def test_what_a_deletion_removes(then: dict[str, Any], *, gone: bool) -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.gone(then)
    assert (told.known == {}) is gone


def test_the_echo_of_our_own_write_is_no_change() -> None:
    told = Told()
    told.table.record_write(obj(5))
    told.table.seen(obj(5))
    assert [(change.own, change.after) for change in told.changes] == [(True, Kept("u", 5))]


def test_an_answer_that_comes_after_a_newer_event_changes_nothing_and_is_still_returned() -> None:
    told = Told()
    told.table.seen(obj(6))
    assert told.table.record_write(obj(5)) == Kept("u", 5)
    assert told.known == {"a": ("u", 6)}


def test_what_does_not_belong_is_not_kept() -> None:
    told = Told()
    told.table.seen(obj(5, name="foreign"))
    assert told.known == {}
    assert told.list(4), "its version counts all the same: this list is from before it"


# Lists.


def test_what_a_list_does_not_hold_is_gone() -> None:
    told = Told()
    told.table.seen(obj(3))
    told.table.seen(obj(4, name="b"))
    told.list(9, obj(4, name="b"))
    assert told.known == {"b": ("u", 4)}
    assert told.changes[-1] == Change("a", Kept("u", 3), None)


def test_what_we_wrote_after_a_list_was_taken_survives_it() -> None:
    told = Told()
    listing = told.table.listing()
    told.table.record_write(obj(10))
    listing.page(9, [])
    assert not listing.end(9)
    assert told.known == {"a": ("u", 10)}


def test_what_we_wrote_while_a_list_was_read_is_not_set_back_by_its_pages() -> None:
    told = Told()
    told.table.seen(obj(4))
    listing = told.table.listing()
    told.table.record_write(obj(10))
    listing.page(9, [obj(4)])
    listing.end(9)
    assert told.known == {"a": ("u", 10)}


def test_what_a_list_holds_under_another_uid_is_replaced_and_not_gone() -> None:
    told = Told()
    told.table.seen(obj(3))
    told.list(9, obj(8, uid="new"))
    assert told.known == {"a": ("new", 8)}
    assert [change.after for change in told.changes] == [Kept("u", 3), Kept("new", 8)]


def test_a_list_from_before_what_was_known_replaces_everything() -> None:
    """An etcd restore: the versions begin again lower, and every one of them is true."""
    told = Told()
    told.table.seen(obj(50))
    told.table.seen(obj(51, name="b"))
    told.table.record_write(obj(60, name="c"))
    assert told.list(20, obj(10), obj(11, name="d"))
    assert told.known == {"a": ("u", 10), "d": ("u", 11)}
    assert not told.list(20, obj(10), obj(11, name="d")), "versions count from there"
    told.table.seen(obj(21))
    assert told.known["a"] == ("u", 21)
    assert not told.list(22, obj(21))


def test_a_restore_is_found_again_when_its_list_broke_off() -> None:
    told = Told()
    told.table.seen(obj(50))
    told.table.listing().page(20, [obj(10)])
    assert told.list(20, obj(10))
    assert told.known == {"a": ("u", 10)}


def test_before_the_first_whole_list_absence_means_nothing() -> None:
    told = Told()
    listing = told.table.listing()
    listing.page(9, [obj(1)])
    assert not told.table.listed
    listing.end(9)
    assert told.table.listed


# Our own deletions.


def test_what_we_deleted_is_gone_and_older_events_do_not_bring_it_back() -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.record_delete("a")
    told.table.seen(obj(6))
    assert told.known == {}
    assert told.table.deleting("a")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda told: told.table.gone(obj(7)), id="its event"),
        pytest.param(lambda told: told.list(9), id="a list"),
        pytest.param(lambda told: told.table.seen(obj(8, uid="new")), id="another one"),
    ],
)
def test_a_deletion_is_confirmed_by(how: Any) -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.record_delete("a")
    how(told)
    assert not told.table.deleting("a")


def test_what_a_finalizer_holds_is_still_there() -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.record_delete("a")
    told.table.seen(obj(6, leaving=True))
    assert told.known == {"a": ("u", 6)}


def test_what_a_finalizer_holds_is_still_there_when_the_watch_was_faster_than_the_answer() -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.seen(obj(6, leaving=True))
    told.table.record_delete("a", "u", 5)
    assert told.known == {"a": ("u", 6)}
    assert not told.table.deleting("a")


@pytest.mark.parametrize("read", ["a whole list", "a list of its namespace"])
@pytest.mark.parametrize("asked", ["after", "before"])
def test_what_is_read_after_our_deletion_was_answered_was_not_deleted(
    asked: str, read: str
) -> None:
    told = Told()
    told.list(9, obj(5))
    listing, moment = told.table.listing(), told.table.moment()
    told.table.record_delete("a", "u", 5)
    if asked == "after":
        listing, moment = told.table.listing(), told.table.moment()
    if read == "a whole list":
        listing.page(12, [obj(5)])
        listing.end(12)
    else:
        told.table.seen(obj(5), asked=moment)
    there = asked == "after"
    assert told.known == ({"a": ("u", 5)} if there else {})
    assert told.table.deleting("a") is not there


def test_what_was_leaving_before_we_let_it_go_does_not_come_back() -> None:
    """We remove the last finalizer: an event of the earlier deletion may still be coming."""
    told = Told()
    told.table.seen(obj(5))
    told.table.record_write(obj(7, leaving=True))
    told.table.record_delete("a")
    told.table.seen(obj(6, leaving=True))
    told.table.seen(obj(7, leaving=True))
    assert told.known == {}


def test_a_deletion_of_an_object_that_was_replaced_meanwhile_removes_nothing() -> None:
    told = Told()
    told.table.seen(obj(5, uid="new"))
    told.table.record_delete("a", "old")
    assert told.known == {"a": ("new", 5)}


# What others deleted.


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(
            lambda told, _: told.table.record_write(obj(5)), id="the answer to our creation"
        ),
        pytest.param(lambda told, _: told.table.seen(obj(6)), id="an event"),
        pytest.param(lambda _, listing: listing.page(6, [obj(6)]), id="a page of a list"),
    ],
)
@pytest.mark.parametrize("was_known", [True, False], ids=["known", "never seen"])
def test_what_comes_late_does_not_bring_back_what_others_deleted(
    how: Any, *, was_known: bool
) -> None:
    told = Told()
    if was_known:
        told.table.seen(obj(5))
    listing = told.table.listing()
    told.table.gone(obj(7))
    how(told, listing)
    assert told.known == {}
    told.table.seen(obj(8, uid="new"))
    assert told.known == {"a": ("new", 8)}


def test_what_comes_late_does_not_bring_back_what_a_list_did_not_hold() -> None:
    told = Told()
    told.list(9)
    told.table.record_write(obj(5))
    assert told.known == {}
    told.table.record_write(obj(10))
    assert told.known == {"a": ("u", 10)}


def test_of_what_others_deleted_a_list_leaves_only_what_went_after_it() -> None:
    told = Told()
    for number in range(100):
        told.table.seen(obj(number, name=f"n{number}"))
        told.table.gone(obj(number + 1, name=f"n{number}"))
    listing = told.table.listing()
    told.table.gone(obj(201, name="late"))
    told.table.gone(obj(202, name="foreign"))
    listing.page(200, [])
    listing.end(200)
    assert {key: gone.version for key, gone in told.table._gone.items()} == {"late": 201}


def test_what_was_read_besides_the_watch_and_was_not_there_stays_away() -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.absent("a", 7)
    told.table.record_write(obj(6))
    assert told.known == {}


def test_what_was_not_there_before_it_was_written_is_there() -> None:
    told = Told()
    told.table.record_write(obj(8))
    assert told.table.absent("a", 7) is None
    assert told.known == {"a": ("u", 8)}
    told.table.absent("a", 8)
    assert told.known == {}


def test_after_a_restore_what_went_before_counts_for_nothing() -> None:
    told = Told()
    told.table.seen(obj(50))
    told.table.gone(obj(60))
    assert told.list(20, obj(10))
    assert told.known == {"a": ("u", 10)}
    told.table.seen(obj(21, name="b"))
    assert told.known["b"] == ("u", 21)


def test_a_late_answer_to_our_deletion_hides_no_other_object_of_that_name() -> None:
    told = Told()
    told.table.seen(obj(5))
    told.table.gone(obj(6))
    told.table.seen(obj(7, uid="new"))
    told.table.record_delete("a", "u")
    assert told.known == {"a": ("new", 7)}


def test_what_was_told_is_said_by_the_watch_and_by_lists_alone() -> None:
    told = Told()
    told.list(5, obj(3))
    assert told.table.told == 5
    told.table.record_write(obj(7))
    told.table.seen(obj(8), asked=told.table.moment())  # a read besides the watch
    assert told.table.told == 5, "an answer says nothing of what others wrote"
    told.table.bookmark(8)
    told.table.bookmark(6)
    assert told.table.told == 8
    told.list(2, obj(2))
    assert told.table.told == 2, "the API server went back in time"


def test_what_one_list_left_out_the_next_one_brings_back_as_it_is() -> None:
    """Nobody changed the object: its version is older than the list that did not hold it."""
    told = Told()
    told.list(9, obj(5), obj(6, name="b", uid="v"))
    told.list(20, obj(6, name="b", uid="v"))
    assert "a" not in told.known
    told.list(20, obj(5), obj(6, name="b", uid="v"))
    assert told.known == {"a": ("u", 5), "b": ("v", 6)}


def test_what_a_list_left_out_is_there_when_it_is_read_afterwards() -> None:
    told = Told()
    told.list(9, obj(5))
    before = told.table.moment()
    told.list(20)
    told.table.seen(obj(5), asked=before)
    told.table.record_write(obj(5), asked=before)
    assert told.known == {}, "it was asked for before the list was complete"
    told.table.record_write(obj(5), asked=told.table.moment())
    assert told.known == {"a": ("u", 5)}


def test_what_a_watch_said_to_be_gone_is_there_when_it_is_listed_afterwards() -> None:
    told = Told()
    told.table.seen(obj(5))
    late = told.table.listing()
    told.table.gone(obj(7))
    late.page(7, [obj(5)])
    assert told.known == {}, "a page that was on its way is older than the deletion"
    told.list(9, obj(5))
    assert told.known == {"a": ("u", 5)}


def test_after_a_restore_nothing_is_older_than_a_deletion_from_before() -> None:
    told = Told()
    told.list(50, obj(5))
    told.table.gone(obj(60))
    assert told.list(20) is True
    told.table.seen(obj(30, uid="new"))
    assert told.known == {"a": ("new", 30)}
