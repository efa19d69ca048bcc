"""Why a node cannot run here: one sentence, with the cure.

And packages that are brought without starting anything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from glovebox.cli.main import app
from glovebox_local import packages
from glovebox_local.errors import LocalError
from glovebox_local.packages import PACKAGES, Package, demand_node, install_packages, node_obstacle
from glovebox_local.progress import Silent

NOWHERE = Package("no-such-package", "no-such-program", "is not there")


def _machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    platform: str = "linux",
    user: int = 0,
    missing: tuple[Package, ...] = (),
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(packages, "PACKAGES", missing)


MACHINES: list[tuple[dict[str, Any], str]] = [
    ({"platform": "darwin"}, "nodes need Linux: use a virtual machine, or --driver kind"),
    ({"user": 1000}, "run it with sudo"),
    (
        {"missing": (NOWHERE,)},
        r"lacks: no-such-program \(no-such-package\): `glovebox local packages` brings them",
    ),
]


@pytest.mark.parametrize(
    ("machine", "words"), MACHINES, ids=["another system", "no root", "a package is missing"]
)
def test_an_obstacle_names_its_cure(
    monkeypatch: pytest.MonkeyPatch, machine: dict[str, Any], words: str
) -> None:
    _machine(monkeypatch, **machine)
    with pytest.raises(LocalError, match=words):
        demand_node()


def test_a_root_that_may_make_no_namespaces_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch)
    monkeypatch.setattr(packages, "_TRY", ("false",))
    packages._namespace_obstacle.cache_clear()
    try:
        obstacle = node_obstacle()
    finally:
        packages._namespace_obstacle.cache_clear()
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("NOT TESTED: this kernel has no BTF, which is found first")
    assert obstacle
    assert "this machine refuses them" in obstacle


def test_without_root_the_command_to_type_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, user=1000, missing=(NOWHERE,))
    with pytest.raises(
        LocalError, match="sudo apt-get install --no-install-recommends no-such-package"
    ):
        install_packages(Silent())


def test_packages_that_nodes_do_not_need_are_asked_for_by_whoever_needs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _machine(monkeypatch, user=1000, missing=())
    with pytest.raises(LocalError, match="no-such-package"):
        install_packages(Silent(), (NOWHERE,))


def test_what_brings_a_service_does_not_start_it_with_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Debian enables what it may not start: after a reboot it would listen on its port."""
    served = Package("no-such-daemon", "no-such-daemon", "is not there", service="daemon.service")
    _machine(monkeypatch, missing=(NOWHERE, served))
    ran: list[list[str]] = []

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran.append(words)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(packages, "_no_services", contextlib.nullcontext)
    monkeypatch.setattr(shutil, "which", lambda name, **_: "no-such" not in name or None)
    assert install_packages(Silent()) == [NOWHERE, served]
    assert ran[-1] == ["systemctl", "--quiet", "disable", "daemon.service"]
    assert all(package.service for package in PACKAGES if package.name.startswith("prometheus"))


def test_what_is_there_is_not_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, missing=(Package("bash", "bash", "is everywhere"),))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing had to be run"))
    assert install_packages(Silent()) == []


def test_the_list_tells_what_is_missing_by_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, missing=(NOWHERE,))
    listed = CliRunner().invoke(app, ["local", "packages", "--check"])
    assert listed.exit_code == 1
    assert listed.output.split() == ["missing", "no-such-package", "is", "not", "there"]


def test_every_package_says_what_for() -> None:
    assert all(package.purpose and package.program for package in PACKAGES)
    assert len({package.name for package in PACKAGES}) == len(PACKAGES)
