"""The command of docs/examples/package-mirror installs from a mirror with a private authority."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import io
import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from glovebox.desired.run_environment import run_environment
from glovebox.desired.run_ways import SNAPSHOT_FOLDER
from glovebox.desired.snapshot import KEY_AUTHORITIES, snapshot
from glovebox_local.certificates import Authority
from golden.cases import inputs_from
from support.recipes import recipe

pytestmark = pytest.mark.timeout(300)
TMP = "/tmp/"  # noqa: S108 - a path in the pod
TRAINER = "import one_wheel; print('trained with', one_wheel.WORD)\n"


def wheel(word: str) -> bytes:
    """Return a wheel of one module."""
    info = "one_wheel-1.0.dist-info"
    files = {
        "one_wheel.py": f"WORD = {word!r}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: one-wheel\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, text in files.items():
        found = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={found.decode()},{len(text)}\n")
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "".join(lines) + f"{info}/RECORD,,\n")
    return body.getvalue()


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    """A plain index of one wheel: its URL, its authority, and the wheel."""
    file = tmp_path / "index" / "simple" / "one-wheel" / "one_wheel-1.0-py3-none-any.whl"
    file.parent.mkdir(parents=True)
    file.write_bytes(wheel("the pinned one"))
    link = f'<a href="{file.name}">{file.name}</a>'
    (file.parent / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    authority = Authority.create("platform")
    ca, _ = authority.write(tmp_path, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = authority.issue_server("mirror", ["127.0.0.1"])
    context.load_cert_chain(*pair.write(tmp_path, "mirror"))
    serving = functools.partial(_Files, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serving) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}/simple/", ca.read_text(), file
        server.shutdown()


def test_a_run_installs_what_is_pinned_and_nothing_else(
    mirror: tuple[str, str, Path], tmp_path: Path
) -> None:
    url, authority, file = mirror
    (stage,) = recipe("package-mirror")["Experiment/delay-with-packages"]["spec"]["stages"]
    variables = {**stage["env"], "PIP_INDEX_URL": url}
    inputs = inputs_from(
        {"kind": "IsolationProfile", "spec": {"network": {"tls": {"caBundle": authority}}}},
        {"kind": "Experiment", "spec": {"stages": {0: {"env": variables}}}},
    )
    (declared,) = inputs.experiment.spec.stages
    work, home = tmp_path / "work", tmp_path / "tmp"
    work.mkdir()
    home.mkdir()
    (work / KEY_AUTHORITIES).write_text(snapshot(inputs)["data"][KEY_AUTHORITIES])
    pinned = hashlib.sha256(file.read_bytes()).hexdigest()
    (work / "requirements.txt").write_text(f"one-wheel==1.0 --hash=sha256:{pinned}\n")
    (work / "train.py").write_text(TRAINER)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "image")], check=True)
    given = {
        each["name"]: each["value"].replace(SNAPSHOT_FOLDER, str(work))
        for each in run_environment(inputs, declared)
    } | {"PATH": f"{tmp_path / 'image' / 'bin'}:{os.defpath}", "TMPDIR": str(home)}
    command = [*stage["command"], *(each.replace(TMP, f"{home}/") for each in stage["args"])]

    def run(*without: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in given.items() if name not in without}
        return subprocess.run(
            command, cwd=work, env=kept, capture_output=True, text=True, timeout=120, check=False
        )

    ended = run()
    assert ended.stdout == "trained with the pinned one\n", ended.stderr[-2000:]
    trusting = [name for name, value in given.items() if value.endswith(KEY_AUTHORITIES)]
    assert "CERTIFICATE_VERIFY_FAILED" in run(*trusting).stderr
    # The mirror decides whether it is there, and never what it is.
    file.write_bytes(wheel("another"))
    changed = run()
    assert changed.returncode != 0
    assert "DO NOT MATCH THE HASHES" in changed.stderr
    assert "trained" not in changed.stdout
