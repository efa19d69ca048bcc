"""`glovebox local`: what it starts it ends, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glovebox_local.environment import find_environment
from glovebox_local.paths import StateDir
from glovebox_local.processes import ProcessRecord
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).with_name("glovebox")
NAME = "command-test"
PARTS = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "seaweedfs"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def glovebox(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "local", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "GLOVEBOX_LOCAL": NAME},
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateDir]:
    """The state directory of this module's environment, which is down before and after."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    yield StateDir.named(NAME)
    glovebox("down")
    patch.undo()


@pytest.fixture
def running(state: StateDir) -> StateDir:
    glovebox("up")
    return state


def _records(state: StateDir) -> dict[str, ProcessRecord]:
    return {
        file.stem: record
        for file in state.run.glob("*.json")
        if (record := ProcessRecord.read(file))
    }


def test_without_an_environment_every_command_says_what_to_do(state: StateDir) -> None:
    assert not state.root.exists()
    for command in ("status", "env", "kubectl"):
        refused = glovebox(command, check=False)
        assert refused.returncode == 1
        assert (
            "there is none called command-test: `glovebox local up --name command-test`"
            in refused.stderr
        )
    assert "No part of the environment command-test was running" in glovebox("down").stdout


def test_up_twice_starts_it_once(running: StateDir) -> None:
    before = _records(running)
    started = time.monotonic()
    again = glovebox("up")
    assert "already running" in again.stdout
    assert time.monotonic() - started < 60, "it waits for nothing"
    assert _records(running) == before
    assert set(before) == PARTS


def test_status_shows_every_part_and_env_reaches_the_cluster(running: StateDir) -> None:
    status = json.loads(glovebox("status", "--json").stdout)
    assert {part["name"]: part["state"] for part in status["parts"]} == dict.fromkeys(
        PARTS, "running"
    )
    assert "survive the death of a process, not of the machine" in " ".join(status["notes"])
    variables = dict(
        line.removeprefix("export ").split("=", 1) for line in glovebox("env").stdout.splitlines()
    )
    assert shlex.split(variables["KUBECONFIG"]) == [str(running.kubeconfig)]
    assert "default" in glovebox("kubectl", "get", "namespaces").stdout
    assert str(running.logs / "audit.log") in glovebox("logs").stdout


def test_up_again_starts_what_died_and_leaves_the_rest(running: StateDir) -> None:
    before = _records(running)
    before["kube-scheduler"].signal(signal.SIGKILL)
    assert before["kube-scheduler"].wait(10)
    status = glovebox("status", check=False)
    assert status.returncode == 1
    assert "ended" in status.stdout
    glovebox("up")
    after = _records(running)
    assert after.pop("kube-scheduler").alive
    before.pop("kube-scheduler")
    assert after == before


def test_data_that_are_kept_are_there_after_the_next_up(running: StateDir) -> None:
    glovebox("kubectl", "create", "configmap", "kept")
    records = _records(running)
    assert "its data are kept" in glovebox("down", "--keep-data").stdout
    assert not any(record.alive for record in records.values())
    glovebox("up")
    assert "kept" in glovebox("kubectl", "get", "configmaps", "-o", "name").stdout


def test_down_leaves_no_process_and_no_file(running: StateDir) -> None:
    records = _records(running)
    assert all(record.alive for record in records.values())
    assert "(5 parts ended)" in glovebox("down").stdout
    assert not any(record.alive for record in records.values())
    assert not running.root.exists()


def test_down_spares_the_process_that_got_the_pid_of_a_dead_one(state: StateDir) -> None:
    state.create()
    with subprocess.Popen(["sleep", "100"]) as bystander:
        record = ProcessRecord.of(bystander.pid)
        assert record is not None
        dataclasses.replace(record, start_ticks=record.start_ticks - 1).write(
            state.run / "etcd.json"
        )
        assert "No part" in glovebox("down").stdout
        assert bystander.poll() is None
        bystander.kill()


def test_an_unreadable_environment_can_still_be_taken_down(state: StateDir) -> None:
    state.create()
    state.description.write_text("{")
    refused = glovebox("up", check=False)
    assert refused.returncode == 1
    assert "is not readable" in refused.stderr
    assert "`glovebox local down`" in refused.stderr
    glovebox("down")
    assert not state.root.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_no_process(state: StateDir, number: signal.Signals) -> None:
    with subprocess.Popen(
        [PROGRAM, "local", "up", "--name", NAME],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as up:
        records = eventually(
            lambda: found if len(found := _records(state)) >= 3 else None,
            what="three processes are started",
        )
        up.send_signal(number)
        assert up.wait(timeout=20) == 128 + number
    eventually(lambda: not any(record.alive for record in records.values()), what="they have ended")
    assert _records(state) == {}
    glovebox("down")


def test_another_driver_for_an_environment_that_exists_is_refused(running: StateDir) -> None:
    refused = glovebox("up", "--driver", "kind", check=False)
    assert refused.returncode == 1
    assert (
        "exists with driver embedded: `glovebox local down --name command-test` first"
        in refused.stderr
    )
    environment = find_environment(NAME)
    assert environment is not None
    assert all(part.running for part in environment.parts)
    assert environment.state == running


def test_the_driver_current_brings_a_store_to_the_cluster_of_a_kubeconfig(
    running: StateDir,
) -> None:
    other = f"{NAME}-current"
    try:
        glovebox(
            "up", "--name", other, "--driver", "current", "--kubeconfig", str(running.kubeconfig)
        )
        status = json.loads(glovebox("status", "--name", other, "--json").stdout)
        assert [part["name"] for part in status["parts"]] == ["seaweedfs"]
        environment = find_environment(other)
        assert environment is not None
        assert environment.kubeconfig.read_text() == running.kubeconfig.read_text()
    finally:
        glovebox("down", "--name", other)
    assert all(record.alive for record in _records(running).values())
