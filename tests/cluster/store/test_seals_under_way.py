"""A seal is made while somebody still writes, and while others have uploads open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_after_seal import listed
from cluster.store.test_seals import (
    FOLDER,
    PREFIX,
    SNAPSHOT,
    put,
    seal,
    sealed_through,
    stated_findings,
    verified,
)
from glovebox.store import uploads
from glovebox.store.artifact_lists import STILL_WRITTEN, Watching, write_artifact_list
from glovebox.store.connection import Stop
from glovebox.store.listing import list_versions
from glovebox.store.uploads import NOT_ALL_ENDED, NOT_ALL_SEEN
from glovebox.tasks.context import Progress, TaskContext
from support.lying_store import Answered, Asked, Liar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Store, Stores, StoreSettings

OTHERS = "team/other/uid/"


@dataclass
class Writer:
    """Somebody who writes an object before each listing, so many times."""

    store: Store
    bucket: str
    times: int
    listings: int = 0
    written: list[str] = field(default_factory=list)

    def listing(self, wire: Any, *arguments: Any) -> Iterator[ListedVersion]:
        self.listings += 1
        if len(self.written) < self.times:
            self.written.append(f"more-{len(self.written)}")
            put(self.store, self.bucket, self.written[-1])
        return list_versions(wire, *arguments)


def writes_before_each_listing(
    monkeypatch: pytest.MonkeyPatch, store: Store, bucket: str, times: int
) -> Writer:
    writer = Writer(store, bucket, times)
    monkeypatch.setattr("glovebox.store.artifact_lists.list_versions", writer.listing)
    return writer


async def test_who_writes_on_keeps_no_seal_from_being_made_and_the_signed_statement_says_so(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, locked_bucket, "model.bin")
    writer = writes_before_each_listing(monkeypatch, store, locked_bucket, 1000)
    result = await seal(store, locked_bucket)
    assert result.findings == (STILL_WRITTEN,)
    assert stated_findings(store, locked_bucket) == [STILL_WRITTEN]
    assert writer.listings == 4, "it is listed so often, and no more"
    # All that the last listing saw is in the list.
    keys = {entry.key.removeprefix(PREFIX) for entry in verified(store, locked_bucket).artifacts}
    assert keys == {"model.bin", *writer.written}


async def test_what_was_written_after_the_last_of_several_listings_is_in_the_supplement(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writes_before_each_listing(monkeypatch, store, locked_bucket, 5)
    assert (await seal(store, locked_bucket)).versions == 4
    said = (await listed(store, locked_bucket)).said
    assert (said.added, said.missing, said.findings) == (1, 0, ())
    assert len(writer.written) == 5


async def test_who_writes_on_keeps_no_last_listing_from_being_made_and_the_supplement_says_so(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, locked_bucket, "model.bin")
    await seal(store, locked_bucket)
    writer = writes_before_each_listing(monkeypatch, store, locked_bucket, 1000)
    said = (await listed(store, locked_bucket)).said
    assert said.findings == (STILL_WRITTEN,)
    assert (said.added, writer.listings) == (4, 4)


async def test_what_settles_while_it_is_listed_is_sealed_whole(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writes_before_each_listing(monkeypatch, store, locked_bucket, 2)
    result = await seal(store, locked_bucket)
    assert result.findings == ()
    assert result.versions == len(writer.written) == 2


async def test_what_later_listings_have_to_read_is_progress_too(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a deletion takes a seal for stuck that reads what was written meanwhile."""
    writer = writes_before_each_listing(monkeypatch, store, locked_bucket, 3)
    told: list[str] = []
    watching = Watching(on_artifact=lambda artifact: told.append(artifact.key))
    await store.run_job(
        lambda stop: write_artifact_list(
            store,
            bucket=locked_bucket,
            prefix=PREFIX,
            folder=FOLDER,
            snapshot=SNAPSHOT,
            stop=stop,
            watching=watching,
        ),
        Stop(),
    )
    assert told == [PREFIX + name for name in writer.written]


async def test_what_was_read_of_an_artifact_that_is_not_done_is_progress_too(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one large artifact looks like a seal that is stuck."""
    monkeypatch.setattr("glovebox.store.telling._EVERY_BYTES", 1)
    put(store, locked_bucket, "model.bin", b"weights")
    told: list[Progress] = []
    await seal(store, locked_bucket, TaskContext(report=told.append))
    assert [each.bytes_read for each in told if not each.objects_done and each.bytes_read] == [7]


def begin_upload(store: Store, bucket: str, key: str) -> str:
    return store.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]


def still_open(store: Store, bucket: str) -> list[str]:
    found = store.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [upload["UploadId"] for upload in found]


def is_list(asked: Asked) -> bool:
    return asked.method == "GET" and "uploads" in asked.query


def prefixes_of_lists(saw: list[Asked]) -> list[str]:
    """Return by which prefixes open uploads were asked for."""
    return [asked.query.get("prefix", "") for asked in saw if is_list(asked)]


def one_more_page(asked: Asked, liar: Liar, marker: str) -> Answered:
    truth = liar.truth(asked)
    more = f"<IsTruncated>true</IsTruncated><NextKeyMarker>{marker}</NextKeyMarker>".encode()
    body = truth.body.replace(b"<IsTruncated>false</IsTruncated>", more)
    return Answered(200, body, truth.headers)


def takes_prefixes_for_keys(asked: Asked, liar: Liar) -> Answered | None:
    """List only uploads whose whole key is the prefix, as some stores do."""
    if not is_list(asked) or not asked.query.get("prefix"):
        return None
    truth, wanted = liar.truth(asked), asked.query["prefix"]

    def kept(found: re.Match[bytes]) -> bytes:
        return found[0] if f"<Key>{wanted}</Key>".encode() in found[0] else b""

    body = re.sub(rb"<Upload>.*?</Upload>", kept, truth.body, flags=re.DOTALL)
    return Answered(truth.status, body, truth.headers)


@pytest.mark.parametrize(
    ("is_own", "prefixes"),
    [
        (True, [PREFIX, PREFIX]),
        # A store that lists those of a folder has listed ours, too: there is none.
        (False, [PREFIX, "", OTHERS, PREFIX]),
    ],
    ids=["with one of our own", "with none of our own"],
)
async def test_uploads_of_others_are_not_looked_through_where_the_store_knows_prefixes(
    stores: Stores,
    settings: StoreSettings,
    store: Store,
    locked_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    is_own: bool,  # noqa: FBT001 - a parameter of the table
    prefixes: list[str],
) -> None:
    monkeypatch.setattr(uploads, "_PAGES_MAX", 4)
    kept = begin_upload(store, locked_bucket, OTHERS + "x")
    if is_own:
        begin_upload(store, locked_bucket, PREFIX + "late.bin")
    saw: list[Asked] = []

    def hears(asked: Asked, liar: Liar) -> Answered | None:
        saw.append(asked)
        if not is_list(asked) or asked.query.get("prefix"):
            return None
        return one_more_page(asked, liar, str(len(saw)))  # of the whole bucket there always is

    result = await sealed_through(hears, stores, settings, locked_bucket)
    assert result.findings == ()
    assert prefixes_of_lists(saw) == prefixes
    assert still_open(store, locked_bucket) == [kept]


@pytest.mark.parametrize("decoys", [False, True], ids=["plain", "folders are keys of uploads"])
async def test_a_store_that_takes_the_prefix_for_a_key_shows_its_uploads_all_the_same(
    stores: Stores,
    settings: StoreSettings,
    store: Store,
    locked_bucket: str,
    decoys: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    begin_upload(store, locked_bucket, PREFIX + "late.bin")
    kept = [begin_upload(store, locked_bucket, OTHERS + "x")]
    if decoys:
        # Each is listed when its key is asked for, and proves nothing about prefixes.
        begin_upload(store, locked_bucket, PREFIX)
        kept += [begin_upload(store, locked_bucket, key) for key in ("a/", "a/x")]
    result = await sealed_through(takes_prefixes_for_keys, stores, settings, locked_bucket)
    assert result.findings == ()
    assert sorted(still_open(store, locked_bucket)) == sorted(kept)


async def test_more_uploads_than_are_ended_for_one_seal_are_a_signed_finding(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_ENDED_MAX", 2)
    for number in range(3):
        begin_upload(store, locked_bucket, f"{PREFIX}late-{number}")
    await seal(store, locked_bucket)
    assert stated_findings(store, locked_bucket) == [NOT_ALL_ENDED]
    assert len(still_open(store, locked_bucket)) == 1
    # The last listing ends what is left.
    said = (await listed(store, locked_bucket)).said
    assert (said.uploads_ended, said.findings) == (1, ())
    assert still_open(store, locked_bucket) == []


async def test_as_many_uploads_as_are_ended_for_one_seal_are_no_finding(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_ENDED_MAX", 3)
    for number in range(3):
        begin_upload(store, locked_bucket, f"{PREFIX}late-{number}")
    assert (await seal(store, locked_bucket)).findings == ()
    assert still_open(store, locked_bucket) == []


async def test_more_uploads_of_others_than_are_looked_through_are_a_signed_finding(
    stores: Stores,
    settings: StoreSettings,
    store: Store,
    locked_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the store takes prefixes for keys; another team holds no seal up with them."""
    monkeypatch.setattr(uploads, "_PAGES_MAX", 4)
    begin_upload(store, locked_bucket, OTHERS + "x")
    saw: list[Asked] = []

    def endless(asked: Asked, liar: Liar) -> Answered | None:
        saw.append(asked)
        if not is_list(asked) or asked.query.get("prefix"):
            return takes_prefixes_for_keys(asked, liar)
        return one_more_page(asked, liar, str(len(saw)))

    await sealed_through(endless, stores, settings, locked_bucket)
    assert stated_findings(store, locked_bucket) == [NOT_ALL_SEEN]
    assert len(prefixes_of_lists(saw)) <= 5
