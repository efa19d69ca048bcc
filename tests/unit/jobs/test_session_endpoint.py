"""What gives a run its session: one file, on loopback, as it is at that moment."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from glovebox.desired import pods, session_files
from glovebox.jobs import session_endpoint
from glovebox.jobs.session_endpoint import SessionServer, check
from glovebox.status import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SessionServer]:
    with SessionServer(tmp_path / "session.json", port=0) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def answer(server: SessionServer, path: str = "/session") -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(), str(response.headers)
    finally:
        connection.close()


def test_the_answer_is_the_file_as_it_is_at_that_moment(server: SessionServer) -> None:
    for session in (b'{"AccessKeyId":"first"}', b'{"AccessKeyId":"second"}'):
        following = server.file.with_suffix(".next")
        following.write_bytes(session)
        following.rename(server.file)
        status, body, headers = answer(server)
        assert (status, body) == (200, session)
        assert "Content-Type: application/json" in headers
        assert "no-store" in headers


def test_the_run_waits_until_there_is_a_session(server: SessionServer) -> None:
    assert not check(server.server_port)
    status, body, _ = answer(server)
    assert (status, json.loads(body)["code"]) == (503, "NoSession")
    server.file.write_bytes(b"{}")
    assert check(server.server_port)


def test_the_check_waits_for_what_is_about_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a run would start a whole period of the kubelet's later."""
    answers = iter([False, False, True])
    monkeypatch.setattr(session_endpoint, "check", lambda _: next(answers))
    assert session_endpoint.main(["--check"]) == 0
    monkeypatch.setattr(session_endpoint, "check", lambda _: False)
    monkeypatch.setattr(session_endpoint, "_CHECK_SECONDS", 0.0)
    assert session_endpoint.main(["--check"]) == 1


@pytest.mark.parametrize("path", ["/", "/session/", "/session?x=1", "/../session.json"])
def test_nothing_else_is_answered(server: SessionServer, path: str) -> None:
    server.file.write_bytes(b"secret")
    status, body, headers = answer(server, path)
    assert status == 404
    assert b"secret" not in body
    assert "Python" not in headers


def test_it_listens_on_loopback_alone(server: SessionServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_nobody_there_is_no_session(server: SessionServer) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    assert not check(port)


def test_a_client_that_goes_away_ends_nothing_and_says_nothing(
    server: SessionServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.file.write_bytes(b"{}")
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.connect()
    connection.sock.sendall(b"GARBAGE\r\n\r\n")
    connection.close()
    assert answer(server)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_it_ends_without_a_failure_when_the_kubelet_says_so() -> None:
    program = (
        "import sys, threading\n"
        "from glovebox.jobs import session_endpoint as endpoint\n"
        "endpoint.PORT = 0\n"
        "serve = endpoint.SessionServer.serve_forever\n"
        "def served(self):\n"
        "    print('listens', flush=True)\n"
        "    serve(self)\n"
        "endpoint.SessionServer.serve_forever = served\n"
        "sys.exit(endpoint.main([]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listens\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_knows_the_standard_library_alone() -> None:
    """It is in the memory of every run, for as long as the run lasts."""
    program = (
        "import sys, glovebox.jobs.session_endpoint\n"
        "print({name.partition('.')[0] for name, module in sys.modules.items()"
        " if 'site-packages' in (getattr(module, '__file__', '') or '')})"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "set()"


def test_what_stands_in_two_places_is_the_same() -> None:
    """The program runs without what renders its pod, and statuses are read without either."""
    where = f"http://{session_endpoint.HOST}:{session_endpoint.PORT}{session_endpoint.PATH}"
    assert where == pods.SESSION_ENDPOINT
    file = f"{session_files.SESSION_FOLDER}/{session_files.SESSION_FILE}"
    assert str(session_endpoint.SESSION) == file
    assert runs._SESSION == pods.SESSION_CONTAINER
