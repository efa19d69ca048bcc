"""`glovebox keys new`: a Secret for kubectl, with a key that signs."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox.controllers.signing_keys import signer_of
from glovebox.evidence.keys import trusted
from glovebox.evidence.signer import new_key_pair


def test_it_prints_a_secret_whose_key_signs_and_names_the_key_beside_it() -> None:
    done = CliRunner().invoke(app, ["keys", "new", "--namespace", "own"])
    secret = yaml.safe_load(done.stdout)
    assert (secret["metadata"], secret["type"]) == (
        {"name": "glovebox-signing-key", "namespace": "own"},
        "Opaque",
    )
    assert done.stderr == f"key {signer_of(secret).key_id}\n"


def test_each_time_it_is_another_key() -> None:
    runner = CliRunner()
    first, second = (runner.invoke(app, ["keys", "new"]).stderr for _ in range(2))
    assert first != second


def test_of_a_key_that_a_service_keeps_it_writes_the_address_and_no_private_key(
    tmp_path: Path,
) -> None:
    public = new_key_pair().public
    (tmp_path / "public.pem").write_text(public)
    arguments = ["--uri", "awskms:alias/x", "--public-key", str(tmp_path / "public.pem")]
    done = CliRunner().invoke(app, ["keys", "new", *arguments])
    data = {
        name: base64.b64decode(text).decode()
        for name, text in yaml.safe_load(done.stdout)["data"].items()
    }
    assert data == {"uri": "awskms:alias/x", "public.pem": public}
    assert trusted(public).key_id in done.stderr


def test_half_of_a_kept_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_text("no key")
    for arguments in (
        ["--uri", "awskms:x"],
        ["--uri", "awskms:x", "--public-key", str(tmp_path / "public.pem")],
    ):
        assert CliRunner().invoke(app, ["keys", "new", *arguments]).exit_code == 2
