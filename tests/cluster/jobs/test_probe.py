"""The probe as a real process, in namespaces of its own, before real sockets, mounts and store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.store.credentials import issue_credentials
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ADMIN, ROLE
from support.sealed_pod import can_seal, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.store.connection import Credentials, Store
    from support.own_store import RunningStore

PROBE = [sys.executable, "-m", "glovebox.jobs.probe"]
CONTROL = {"id": "store", "address": "10.99.0.1", "port": 8333, "expected": "Reachable"}
NOBODY = {"id": "metadata", "address": "10.99.0.254", "port": 80}
needs_namespaces = pytest.mark.skipif(can_seal() is not None, reason=f"NOT TESTED: {can_seal()}")


@dataclass(frozen=True)
class Proven:
    code: int
    verdict: dict[str, Any]

    def __getitem__(self, name: str) -> tuple[str, str]:
        found = next(entry for entry in self.verdict["entries"] if entry["id"] == name)
        return found["outcome"], found.get("detail", "")

    def outcomes(self, prefix: str = "") -> dict[str, str]:
        return {
            entry["id"]: entry["outcome"]
            for entry in self.verdict["entries"]
            if entry["id"].startswith(prefix)
        }


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter: those of pytest are for their owner alone."""
    with tempfile.TemporaryDirectory(prefix="glovebox-probe-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def environment(folder: Path, plan: dict[str, Any]) -> dict[str, str]:
    log = folder / "log"
    log.touch()
    log.chmod(0o666)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GLOVEBOX_PROBE_PLAN": json.dumps(
            {
                "format": "glovebox.dev/probe-plan/v1",
                "connectSeconds": 1,
                "tokenFolder": str(folder / "token"),
                **plan,
            }
        ),
        "GLOVEBOX_TERMINATION_LOG": str(log),
        "HOST_IP": "10.99.0.1",
    }


def ended(done: subprocess.CompletedProcess[str], folder: Path) -> Proven:
    raw = (folder / "log").read_bytes()
    assert 0 < len(raw) <= 4096, done.stdout + done.stderr
    assert done.stdout.encode() == raw + b"\n"
    return Proven(done.returncode, json.loads(raw))


def in_pod(folder: Path, plan: dict[str, Any], **options: Any) -> Proven:
    return ended(sealed(PROBE, folder, environment(folder, plan), **options), folder)


@needs_namespaces
def test_a_sealed_pod_passes_in_every_point(place: Path) -> None:
    inputs = str(place / "inputs")
    plan = {
        "mounts": [inputs],
        "connections": [
            CONTROL,
            NOBODY,
            {"id": "api", "address": "10.98.0.1", "port": 443},
            {"id": "other-pod", "address": "192.0.2.7", "port": 80},
            {"id": "filer", "address": "10.99.0.1", "port": 8888},
            {"id": "route", "address": "10.99.0.1", "port": 9, "expected": "NotBlocked"},
            {"id": "kubelet", "addressFrom": "HOST_IP", "port": 8444, "expected": "Info"},
        ],
        "dns": [
            {"id": "dns", "server": "10.99.0.1", "expected": "Reachable"},
            {"id": "other-dns", "server": "10.99.0.53"},
        ],
    }
    proven = in_pod(place, plan)
    assert set(proven.outcomes().values()) == {"Passed"}, proven
    assert (proven.code, proven.verdict["outcome"], proven.verdict["counts"]["passed"]) == (
        0,
        "Passed",
        19,
    )
    assert proven["metadata"][1].endswith("timed out")
    assert "unreachable" in proven["api"][1]
    assert "unreachable (ENETUNREACH)" in proven["other-pod"][1]
    assert proven["filer"][1].endswith("refused")
    assert proven["other-dns/udp"][1].endswith("timed out")
    assert "accepted (reported, not judged)" in proven["kubelet"][1]
    assert (
        proven[f"mount:{inputs}"][1]
        == "EROFS for create, mkdir, symlink, rename, delete, chmod, truncate"
    )


@needs_namespaces
def test_what_is_open_although_it_is_forbidden_fails(place: Path) -> None:
    open_doors = [{"id": "filer", "address": "10.99.0.1", "port": 8444}]
    plan = {
        "connections": [CONTROL, NOBODY, *open_doors],
        "dns": [{"id": "resolver", "server": "10.99.0.1"}],
        "process": False,
    }
    proven = in_pod(place, plan)
    assert proven.code == 3
    assert proven.outcomes() == {
        "filer": "Failed",
        "resolver/udp": "Failed",
        "resolver/tcp": "Failed",
        "store": "Passed",
        "metadata": "Passed",
        "token": "Passed",
    }


@needs_namespaces
def test_without_any_network_silence_proves_nothing(place: Path) -> None:
    proven = in_pod(
        place,
        {"connections": [CONTROL, NOBODY], "dns": [{"id": "dns", "server": "10.99.0.1"}]},
        network=False,
    )
    assert proven.code == 4
    assert proven.outcomes("m") == {"metadata": "Unknown"}
    assert proven["store"][0] == "Unknown"
    assert "no control worked" in proven["metadata"][1]


@needs_namespaces
def test_a_store_that_is_walled_off_is_told_and_is_no_hole(place: Path) -> None:
    walled = {"id": "store", "address": "10.99.0.9", "port": 8333, "expected": "Reachable"}
    proven = in_pod(
        place,
        {
            "connections": [walled],
            "dns": [{"id": "dns", "server": "10.99.0.1", "expected": "Reachable"}],
        },
    )
    assert proven.code == 4
    assert proven["store"] == ("Unknown", "10.99.0.9 port 8333: timed out")


@needs_namespaces
def test_a_route_where_nobody_answers_is_unknown(place: Path) -> None:
    silent = {"id": "route", "address": "10.99.0.9", "port": 443, "expected": "NotBlocked"}
    proven = in_pod(place, {"connections": [CONTROL, silent]})
    assert (proven.code, proven["route"][0]) == (4, "Unknown")


@needs_namespaces
def test_a_mount_that_can_be_written_fails_and_nothing_stays(place: Path) -> None:
    inputs = f"{place}/inputs"
    proven = in_pod(place, {"mounts": [inputs]}, read_only=False)
    assert proven.code == 3
    outcome, detail = proven[f"mount:{inputs}"]
    assert outcome == "Failed"
    assert "writable: create, mkdir, symlink, truncate" in detail


@needs_namespaces
def test_a_writable_mount_below_a_read_only_one_is_found(place: Path) -> None:
    inputs = f"{place}/inputs"
    proven = in_pod(place, {"mounts": [inputs]}, submount=True)
    assert proven[f"mount:{inputs}"][0] == "Passed"
    assert proven[f"mount:{inputs}/below"][0] == "Failed"


@needs_namespaces
def test_modes_of_files_alone_are_not_good_enough(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir()
    (closed / "data").write_text("1")
    proven = in_pod(place, {"mounts": [str(closed)]})
    outcome, detail = proven[f"mount:{closed}"]
    assert outcome == "Failed"
    assert "create EACCES" in detail
    assert "mount it readOnly" in detail


@needs_namespaces
def test_the_rights_of_root_fail(place: Path) -> None:
    proven = in_pod(place, {"mounts": [f"{place}/inputs"]}, rights=True)
    assert proven.code == 3
    outcomes = proven.outcomes("process:") | proven.outcomes("remount:")
    assert (
        outcomes["process:uid"]
        == outcomes["process:capabilities"]
        == outcomes["process:mount"]
        == "Failed"
    )
    assert outcomes[f"remount:{place}/inputs"] == "Failed"


def test_a_token_that_lies_there_fails(place: Path) -> None:
    (place / "token").mkdir()
    (place / "token" / "token").write_text("x")
    proven = here(place, {})
    assert proven.code == 3
    assert proven["token"][0] == "Failed"


def here(folder: Path, plan: dict[str, Any]) -> Proven:
    command = subprocess.run(
        PROBE,
        env=environment(folder, {"process": False, **plan}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return ended(command, folder)


def s3_plan(folder: Path, endpoint: str, bucket: str, keys: Credentials) -> dict[str, Any]:
    file = folder / "credentials"
    text = (
        f"[default]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key ="
        f" {keys.secret_access_key}\n"
    )
    file.write_text(
        text + (f"aws_session_token = {keys.session_token}\n" if keys.session_token else "")
    )
    prefixes = {"prefix": "team-a/run7/uid/", "otherPrefix": "team-a/run70/uid/"}
    return {"s3": {"endpoint": endpoint, "credentials": str(file), "bucket": bucket, **prefixes}}


def versions(store: Store, bucket: str) -> int:
    found = store.s3.list_object_versions(Bucket=bucket)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


async def test_credentials_of_a_run_pass_and_leave_nothing(
    store: Store, locked_bucket: str, place: Path, seaweed: RunningStore
) -> None:
    keys = await issue_credentials(
        store,
        role_arn=ROLE,
        bucket=locked_bucket,
        prefix="team-a/run7/uid/",
        session_name="run7",
        duration_seconds=900,
    )
    proven = here(place, s3_plan(place, seaweed.endpoint, locked_bucket, keys.as_credentials()))
    assert set(proven.outcomes("s3:").values()) == {"Passed"}, proven
    assert len(proven.outcomes("s3:")) == 8
    assert proven.code == 0
    assert versions(store, locked_bucket) == 0


def test_credentials_that_reach_further_fail(
    data_bucket: str, place: Path, seaweed: RunningStore
) -> None:
    proven = here(place, s3_plan(place, seaweed.endpoint, data_bucket, ADMIN))
    assert proven.code == 3
    outcomes = proven.outcomes("s3:")
    assert outcomes.pop("s3:list-own") == "Passed"
    assert set(outcomes.values()) == {"Failed"}


def test_credentials_that_nobody_knows_prove_nothing(
    data_bucket: str, place: Path, seaweed: RunningStore
) -> None:
    unknown = type(ADMIN)("nobody", "nothing-of-this-is-valid")
    proven = here(place, s3_plan(place, seaweed.endpoint, data_bucket, unknown))
    assert proven.code == 4
    assert set(proven.outcomes("s3:").values()) == {"Unknown"}


def test_a_store_that_is_away_proves_nothing(place: Path) -> None:
    proven = here(place, s3_plan(place, "http://127.0.0.1:9", "some-bucket", ADMIN))
    assert proven.code == 4
    assert set(proven.outcomes("s3:").values()) == {"Unknown"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("InternalError", 500, id="it breaks"),
        pytest.param("SlowDown", 503, id="it is busy"),
        pytest.param("InvalidRequest", 400, id="it does not understand"),
    ],
)
def test_a_store_that_answers_the_control_and_fails_the_rest_proves_nothing_of_the_rest(
    data_bucket: str, place: Path, seaweed: RunningStore, code: str, status: int
) -> None:
    """An error is no refusal: it says nothing about what would have been allowed."""

    def fails(asked: Asked, _: Liar) -> Answered | None:
        control = asked.method == "GET" and asked.query.get("prefix") == "team-a/run7/uid/"
        return None if control else Answered(status, f"<Error><Code>{code}</Code></Error>".encode())

    with lying(seaweed.endpoint, ADMIN, fails) as endpoint:
        proven = here(place, s3_plan(place, endpoint, data_bucket, ADMIN))
    outcomes = proven.outcomes("s3:")
    assert outcomes.pop("s3:list-own") == "Passed"
    assert set(outcomes.values()) == {"Unknown"}, proven
    assert proven.code == 4


def test_a_plan_that_is_none_is_a_usage_error(place: Path) -> None:
    proven = here(place, {"more": 1})
    assert (proven.code, proven.verdict["reason"]) == (64, "PlanInvalid")
