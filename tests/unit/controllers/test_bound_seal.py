"""What a seal is asked to look at once more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.controllers import bound_seal


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
