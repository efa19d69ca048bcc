"""Authorities as a file of memory; what is no certificate is told with the field that has it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from glovebox.errors import Forbidden, InvalidInput
from glovebox.jobs.origin import authorities_beside
from glovebox.store.authorities import authorities_file
from glovebox_local.certificates import Authority


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
    "bundle",
    [
        "rubbish",
        "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB",
        "ä",
    ],
)
def test_what_is_no_certificate_is_refused_with_the_field(bundle: str) -> None:
    with pytest.raises(InvalidInput, match=r"`spec\.tls\.caBundle` holds no certificates") as told:
        authorities_file(bundle)
    assert told.value.reason == "InvalidSpec"


def test_they_lie_beside_the_credentials(tmp_path: Path) -> None:
    file = tmp_path / "primary.credentials"
    assert authorities_beside(file) == ""
    (tmp_path / "primary.pem").write_text("theirs")
    assert authorities_beside(file) == "theirs"
    (tmp_path / "primary.pem").unlink()
    (tmp_path / "primary.pem").mkdir()
    with pytest.raises(Forbidden, match="cannot be read"):
        authorities_beside(file)
