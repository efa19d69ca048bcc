"""What Ceph RGW 16.2 does otherwise than AWS, told without Ceph: `make test-stores` asks itself."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from glovebox.errors import GloveboxError
from glovebox.store.connection import Credentials, Stop, Stores, StoreSettings
from glovebox.store.credentials import assume_with_policy
from glovebox.store.listing import upload_pages
from glovebox.store.version_lock import Lock

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = StoreSettings("http://store.invalid", credentials=Credentials("operator", "x"))
REFUSED = b'<?xml version="1.0"?><Error><Code>MalformedPolicyDocument</Code><Message/></Error>'


def test_a_retention_told_in_nanoseconds_is_read_to_the_microsecond() -> None:
    end = Lock("Compliance", "2026-11-28T11:56:59.656944662Z").end
    assert end == dt.datetime(2026, 11, 28, 11, 56, 59, 656944, dt.UTC)


async def test_a_refusal_of_sts_in_the_form_of_s3_keeps_its_code() -> None:
    stores = Stores()
    store = stores.open(SETTINGS)
    answer = SimpleNamespace(stream=lambda: iter([REFUSED]))
    refusal: Any = AWSResponse("http://store.invalid", 400, HTTPHeaders(), answer)
    answered: Any = lambda **_: refusal  # noqa: E731 - typed as the SDK has it
    store.sts.meta.events.register("before-send.sts", answered)
    with pytest.raises(GloveboxError, match="the store said 400 MalformedPolicyDocument"):
        assume_with_policy(store, "arn:aws:iam:::role/Runner", "{}", "a test", "name", 900)
    await stores.close()


class _Wire:
    """Answers with pages of uploads, and keeps what was asked."""

    def __init__(self, *pages: bytes) -> None:
        self._pages = list(pages)
        self.asked: list[dict[str, str]] = []

    def get(self, _bucket: str, _key: str, query: Mapping[str, str]) -> Any:
        self.asked.append(dict(query))
        body = self._pages.pop(0)
        return SimpleNamespace(read=lambda: body, release_conn=lambda: None)


def _page(key: str, upload: str, *, marker: str = "") -> bytes:
    row = f"<Upload><Key>{key}</Key><UploadId>{upload}</UploadId></Upload>"
    next_page = f"<NextKeyMarker>{marker}</NextKeyMarker><NextUploadIdMarker>{upload}"
    more = f"<IsTruncated>true</IsTruncated>{next_page}</NextUploadIdMarker>" if marker else ""
    return f"<?xml version='1.0'?><ListUploads>{row}{more}</ListUploads>".encode()


def test_uploads_are_listed_to_the_last_page_by_the_letters_that_they_have() -> None:
    wire = _Wire(_page("t/&#x2;a", "1", marker="t/&#x2;a"), _page("t/b", "2"))
    pages: Any = upload_pages(wire, "bucket", "t/", Stop())  # type: ignore[arg-type]
    assert list(pages) == [[("t/\x02a", "1")], [("t/b", "2")]]
    assert [each["prefix"] for each in wire.asked] == ["t/", "t/"]
    assert (wire.asked[1]["key-marker"], wire.asked[1]["upload-id-marker"]) == ("t/\x02a", "1")


def test_pages_of_uploads_that_come_again_end() -> None:
    page = _page("t/a", "1", marker="t/a")
    with pytest.raises(GloveboxError, match="repeat without end"):
        list(upload_pages(_Wire(page, page), "bucket", "t/", Stop()))  # type: ignore[arg-type]
