"""What the session of the inputs may read below a manifest: what is granted now, of that store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.input_credentials import _granted_now
from glovebox.desired.inputs import ResolvedInput
from glovebox.store.source_access import Location

GRANTED = (
    Location("data", "set/"),
    Location("artifacts", "team/"),
    Location("artifacts", ".glovebox/splits/team/"),
)


def store(endpoint: str = "http://192.0.2.1:8333") -> ObjectStore:
    sources = [{"bucket": "data", "prefix": "set/"}]
    return ObjectStore.model_validate(
        {
            "metadata": {"name": "primary"},
            "spec": {
                "endpoint": endpoint,
                "artifacts": {"bucket": "artifacts"},
                "access": [{"namespaces": ["team"], "sources": sources}],
            },
        }
    )


@pytest.mark.parametrize(
    ("live", "granted", "why"),
    [
        (store(), GRANTED, "as it was bound"),
        (None, (), "it is gone"),
        (store("http://198.51.100.1:8333"), (), "another store by now, that granted something"),
    ],
)
async def test_what_is_granted_counts_for_the_store_that_was_bound_alone(
    live: ObjectStore | None, granted: tuple[Location, ...], why: str
) -> None:
    resources = SimpleNamespace(parsed=lambda *_: live, of_kind=lambda _: (), get=lambda _: None)
    ports: Any = SimpleNamespace(resources=resources)
    item = ResolvedInput("train", "DatasetPin", "flights", "u", "sha256:1", "sha256:2")
    found = await _granted_now(ports, store(), item, "team")
    assert (found.locations, found.lends) == (granted, None), why
