"""Figures of a run count as they were sealed: a trusted seal, the sealed version, its digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import InvalidInput
from glovebox.evidence.keys import read_bundle
from glovebox.evidence.signer import new_key_pair
from glovebox.evidence.verification import Expected
from glovebox.jobs.sealed_figures import MOST_BYTES, read_figures
from glovebox.jobs.verifying import Demand
from glovebox.store.connection import Stop
from support.ledger_stores import stand_in
from unit.tasks.test_evidence_attacked import FOLDER, PREFIX, TRUST, Bucket

FILE = "metrics.json"
FIGURES = {"auc": 0.74, "rows": 9}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(*stand_in(lambda: datetime(2026, 11, 27, tzinfo=UTC)))


def read(bucket: Bucket, demand: Demand | None = None) -> Mapping[str, Any]:
    wanted = demand or Demand(TRUST, Expected("team/exp", "uid"))
    return read_figures(bucket.store, bucket.name, FOLDER, wanted, FILE, Stop())


def test_what_came_after_the_seal_counts_for_nothing(bucket: Bucket) -> None:
    bucket.put(PREFIX + FILE, b'{"auc": 0.1}')
    bucket.put(PREFIX + FILE, json.dumps(FIGURES).encode())
    bucket.seal()
    bucket.put(PREFIX + FILE, b'{"auc": 0.99}')
    assert read(bucket) == FIGURES


def test_a_store_that_gives_other_bytes_for_the_sealed_version_is_found(bucket: Bucket) -> None:
    bucket.put(PREFIX + FILE, b'{"auc": 0.74}')
    bucket.seal()
    (version,) = bucket.versions(PREFIX + FILE)
    version.body = b'{"auc": 0.99}'
    with pytest.raises(InvalidInput, match=r"`metrics\.json` of team/exp is not what was sealed"):
        read(bucket)


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        pytest.param(
            lambda: Demand(read_bundle(new_key_pair().public), Expected("team/exp", "uid")),
            "does not hold: SignatureInvalid",
            id="signed by a key that nobody trusts",
        ),
        pytest.param(
            lambda: Demand(TRUST, Expected("team/exp", "uid", "sha256:" + "0" * 64)),
            "does not hold",
            id="of another identity",
        ),
    ],
)
def test_a_seal_that_does_not_hold_vouches_for_no_figure(
    bucket: Bucket, demand: Callable[[], Demand], said: str
) -> None:
    bucket.put(PREFIX + FILE, b'{"auc": 0.74}')
    bucket.seal()
    with pytest.raises(InvalidInput, match=said):
        read(bucket, demand())


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("other.json", b"{}", r"has no `metrics\.json`"),
        (FILE, b"[1, 2]", "holds no object of JSON"),
        (FILE, b"{", "holds no object of JSON"),
        (FILE, b"\xff", "holds no object of JSON"),
        (FILE, b" " * (MOST_BYTES + 1), r"1,048,577 bytes, and figures have 1,048,576 at most"),
    ],
)
def test_what_holds_no_figures_is_refused(
    bucket: Bucket, name: str, body: bytes, said: str
) -> None:
    bucket.put(PREFIX + name, body)
    bucket.seal()
    with pytest.raises(InvalidInput, match=said):
        read(bucket)
