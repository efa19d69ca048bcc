"""Taking one context out of a person's own kubeconfig."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from glovebox_local.errors import LocalError
from glovebox_local.kubeconfig import extract_context

if TYPE_CHECKING:
    from pathlib import Path


def _config(name: str, **user: object) -> dict[str, Any]:
    return {
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {"server": f"https://{name}", "certificate-authority": "ca.crt"},
            }
        ],
        "users": [{"name": name, "user": {"client-certificate": "/abs/me.crt", **user}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": "team"}}
        ],
    }


def _write(path: Path, document: dict[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_the_current_context_is_taken_with_its_files_found_from_anywhere(tmp_path: Path) -> None:
    source = _write(tmp_path / "home" / "config", _config("one", token="t"))
    target = extract_context(tmp_path / "out", kubeconfig=source, context=None)
    taken = yaml.safe_load(target.read_text())
    assert taken == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [
            {
                "name": "one",
                "cluster": {
                    "server": "https://one",
                    "certificate-authority": str(tmp_path / "home" / "ca.crt"),
                },
            }
        ],
        "users": [{"name": "one", "user": {"client-certificate": "/abs/me.crt", "token": "t"}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "one", "user": "one", "namespace": "team"}}
        ],
    }
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_named_context_is_found_in_the_second_of_several_files(tmp_path: Path) -> None:
    sources = os.pathsep.join(_write(tmp_path / name, _config(name)) for name in ("one", "two"))
    taken = yaml.safe_load(
        extract_context(tmp_path / "out", kubeconfig=sources, context="two").read_text()
    )
    assert taken["clusters"][0]["cluster"]["server"] == "https://two"


def test_an_unknown_context_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    source = _write(tmp_path / "config", _config("one"))
    with pytest.raises(LocalError, match=r"no 'three' among the contexts of .*, which are one"):
        extract_context(tmp_path / "out", kubeconfig=source, context="three")


def test_a_missing_kubeconfig_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="name one with --kubeconfig"):
        extract_context(tmp_path / "out", kubeconfig=str(tmp_path / "none"), context=None)


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        ("./bin/plugin", "home/bin/plugin"),
        ("bin/plugin", "home/bin/plugin"),
        ("plugin", "plugin"),
        ("/usr/bin/plugin", "/usr/bin/plugin"),
    ],
)
def test_a_credential_plugin_is_found_from_anywhere(
    tmp_path: Path, command: str, taken: str
) -> None:
    """A command with a folder in it is relative to the file; a bare name is on PATH."""
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": command}
    source = _write(tmp_path / "home" / "config", _config("one", exec=plugin))
    target = extract_context(tmp_path / "out", kubeconfig=source, context=None)
    user = yaml.safe_load(target.read_text())["users"][0]["user"]
    expected = str(tmp_path / taken) if taken.startswith("home") else taken
    assert user["exec"] == {**plugin, "command": expected}


def test_a_file_that_is_no_kubeconfig_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a: [")
    with pytest.raises(LocalError, match="cannot be read"):
        extract_context(tmp_path / "out", kubeconfig=str(path), context=None)
