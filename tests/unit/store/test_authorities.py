"""Authorities as a file of memory; what is no certificate is told with the field that has it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from glovebox.errors import Forbidden, Unavailable
from glovebox.jobs.origin import authorities_beside
from glovebox.store.authorities import authorities_file
from glovebox_local.certificates import Authority

_NO_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    files = (Authority.create(name).write(tmp_path, name)[0] for name in ("one", "two"))
    return "# of the platform\n" + "".join(file.read_text() for file in files)


def test_they_can_be_read_again_and_again(bundle: str) -> None:
    file = authorities_file(bundle)
    assert file is not None
    assert authorities_file(bundle) == file, "one file for one bundle"
    for _ in range(2):
        assert Path(file).read_text() == bundle
        assert len(ssl.create_default_context(cafile=file).get_ca_certs()) == 2


def test_none_are_the_sdk_s_own() -> None:
    assert authorities_file("") is None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: "rubbish", id="something else"),
        pytest.param(lambda _: "-----BEGIN CERTIFICATE-----\nMIIB", id="the beginning alone"),
        pytest.param(lambda good: good + _NO_CERTIFICATE, id="something else behind them"),
        pytest.param(lambda good: good[:-100], id="cut off"),
        pytest.param(lambda good: good.replace("\n", " "), id="folded into one line"),
        pytest.param(lambda good: good.strip() + good, id="run together"),
        pytest.param(lambda _: "\u00e4", id="no ASCII"),
    ],
)
def test_what_no_connection_can_read_is_told_and_can_be_corrected(
    bundle: str, spoil: Callable[[str], str]
) -> None:
    """It says nothing of what the store holds: whoever waits for the store goes on waiting."""
    words = r"`spec\.tls\.caBundle` of the ObjectStore cannot be read"
    with pytest.raises(Unavailable, match=words) as told:
        authorities_file(spoil(bundle))
    assert told.value.reason == "StoreUnreachable"


def test_they_lie_beside_the_credentials(tmp_path: Path) -> None:
    file = tmp_path / "primary.credentials"
    assert authorities_beside(file) == ""
    (tmp_path / "primary.pem").write_text("theirs")
    assert authorities_beside(file) == "theirs"
    (tmp_path / "primary.pem").unlink()
    (tmp_path / "primary.pem").mkdir()
    with pytest.raises(Forbidden, match="cannot be read"):
        authorities_beside(file)
