"""What the program of a task sends of itself, as a process, to a real receiver of OTLP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from glovebox import traces
from glovebox.tasks.area import TaskAddress
from support.otlp_receiver import running_receiver

UID = "2e2bbda3-8137-447c-beeb-93dc1300cb20"
TRACE = UID.replace("-", "")
PARENT = f"00-{TRACE}-{traces.whole_of(traces.trace_of(UID)):016x}-01"
ADDRESS = TaskAddress.model_validate(
    {
        "uid": UID,
        "task": "seal",
        "store": {
            "name": "store-0",
            # Nobody listens there: the task ends at once, and tells of that.
            "endpoint": "http://127.0.0.1:1",
            "region": "us-east-1",
            "path_style": True,
        },
        "bucket": "artifacts",
        "locked": True,
        "request": "sha256:" + "a" * 64,
    }
)


def run_task(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program of a Job whose store does not answer."""
    keys = folder / "store-0"
    keys.mkdir()
    for name in ("accessKeyId", "secretAccessKey"):
        (keys / name).write_text(name)
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "glovebox.jobs.task"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GLOVEBOX_TASK": ADDRESS.render(),
            "GLOVEBOX_JOB_UID": "1",
            "GLOVEBOX_TASK_STORES": str(folder),
            "GLOVEBOX_TERMINATION_LOG": str(folder / "said"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def said(folder: Path) -> str:
    return str(orjson.loads((folder / "said").read_bytes())["class"])


def test_its_spans_are_in_the_trace_of_its_experiment_below_the_whole(tmp_path: Path) -> None:
    with running_receiver() as receiver:
        done = run_task(tmp_path, GLOVEBOX_TRACES_ENDPOINT=receiver.endpoint, TRACEPARENT=PARENT)
        found = {span.name: span for span in receiver.spans()}

    assert (done.returncode, said(tmp_path)) == (75, "Unavailable"), done.stdout
    assert set(found) == {"job seal", "read the request"}
    job, read = found["job seal"], found["read the request"]
    assert (job.trace, job.parent) == (TRACE, PARENT.split("-")[2])
    assert (read.trace, read.parent) == (TRACE, job.span)
    assert job.attributes == {
        "glovebox.uid": UID,
        "glovebox.request": ADDRESS.request,
        "k8s.job.uid": "1",
        "error.type": "Unavailable",
    }


def test_what_a_collector_wants_beside_is_set_as_opentelemetry_says(tmp_path: Path) -> None:
    # As `operator.env` of the chart gives it to the operator and to the pods of tasks.
    given = {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=ml"}
    with running_receiver() as receiver:
        run_task(tmp_path, GLOVEBOX_TRACES_ENDPOINT=receiver.endpoint, TRACEPARENT=PARENT, **given)
        tenants = receiver.tenants

    assert tenants == ["ml"]


def test_without_a_collector_it_has_no_library_for_it_in_memory(tmp_path: Path) -> None:
    # As a person's shell or a mesh may set it.
    done = run_task(tmp_path, TRACEPARENT=PARENT)

    assert done.returncode == 75, done.stdout
    assert "glovebox.traces" in done.stderr, "what was imported is on its standard error"
    assert "opentelemetry" not in done.stderr
    assert "glovebox.trace_export" not in done.stderr


def test_a_collector_that_never_answers_changes_nothing_but_some_seconds(tmp_path: Path) -> None:
    with deaf() as endpoint:
        began = time.monotonic()
        done = run_task(tmp_path, GLOVEBOX_TRACES_ENDPOINT=endpoint, TRACEPARENT=PARENT)

    assert (done.returncode, said(tmp_path)) == (75, "Unavailable"), done.stdout
    # Less than the pod has to end; a loaded machine takes some seconds for the imports alone.
    assert time.monotonic() - began < 30


@contextmanager
def deaf() -> Iterator[str]:
    """Take connections, and answer nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces"
