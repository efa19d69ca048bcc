"""What a real store says of the rules of a bucket, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox.store.lifecycle import Archiving, read_archiving
from support.lying_store import Answered, Asked, Liar, lying

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings
    from support.own_store import RunningStore

RULES = (
    b'<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>cold</ID>'
    b"<Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Transition><Days>0</Days>"
    b"<StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>"
)


async def test_a_bucket_without_rules_archives_nothing(store: Store, locked_bucket: str) -> None:
    assert await read_archiving(store, locked_bucket) == Archiving()


async def test_a_rule_as_s3_spells_it_is_read(
    stores: Stores, settings: StoreSettings, seaweed: RunningStore, locked_bucket: str
) -> None:
    assert settings.credentials is not None

    def lie(asked: Asked, _: Liar) -> Answered | None:
        is_asked = asked.method == "GET" and "lifecycle" in asked.query
        return Answered(200, RULES, {"Content-Type": "application/xml"}) if is_asked else None

    with lying(seaweed.endpoint, settings.credentials, lie) as endpoint:
        liar = stores.open(type(settings)(endpoint, credentials=settings.credentials))
        found = await read_archiving(liar, locked_bucket)
    assert found == Archiving("rule `cold` moves versions to GLACIER after 0 days")
