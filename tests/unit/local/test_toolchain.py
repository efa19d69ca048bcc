"""Where Go comes from on a machine that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from glovebox_local import toolchain


def test_a_machine_without_uv_on_its_path_uses_the_one_that_make_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = tmp_path / "uv" / "bin" / "uv"
    brought.parent.mkdir(parents=True)
    brought.touch()
    monkeypatch.setenv("GLOVEBOX_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    assert toolchain._installer()[0] == str(brought)
