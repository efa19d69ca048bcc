"""Spans: of what is done, of an Experiment's life, and of nothing where nobody asked for them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from glovebox import traces
from glovebox.settings import Traces
from glovebox.trace_export import Export

ROOT = Path(__file__).parents[2]
UID = "2e2bbda3-8137-447c-beeb-93dc1300cb20"
EXPERIMENT = {
    "kind": "Experiment",
    "metadata": {"name": "delays", "namespace": "flights", "uid": UID},
    "status": {"digest": "sha256:" + "a" * 64},
}
BEGAN, ENDED = "2026-11-28T10:00:00Z", "2026-11-28T10:01:30Z"


class Sent:
    """What an export has sent."""

    def __init__(self, **chosen: Any) -> None:
        self._kept = InMemorySpanExporter()
        self.export = Export(
            Traces(endpoint="http://collector.example/v1/traces", **chosen),
            instance="one",
            version="1",
            exporter=self._kept,
        )

    def spans(self) -> dict[str, ReadableSpan]:
        self.export._batches.force_flush()
        return {span.name: span for span in self._kept.get_finished_spans()}


@pytest.fixture
def sent() -> Iterator[Sent]:
    sent = Sent()
    traces.send_to(sent.export)
    yield sent
    traces.send_to(None)
    sent.export.close()


def test_what_begins_inside_is_below_it_and_logs_name_the_trace(sent: Sent) -> None:
    with traces.span("reconcile", about=EXPERIMENT) as tell:
        logged = structlog.contextvars.get_contextvars()
        with traces.span("phase run"):
            pass
        tell({"glovebox.reason": "QuotaExceeded"})
    outer, inner = sent.spans()["reconcile"], sent.spans()["phase run"]

    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert outer.parent is None
    assert outer.attributes == {
        "glovebox.kind": "Experiment",
        "glovebox.name": "delays",
        "k8s.namespace.name": "flights",
        "glovebox.uid": UID,
        "glovebox.digest": "sha256:" + "a" * 64,
        "glovebox.reason": "QuotaExceeded",
    }
    assert logged["trace_id"] == f"{outer.context.trace_id:032x}"
    assert "trace_id" not in structlog.contextvars.get_contextvars()
    assert outer.resource.attributes["service.name"] == "glovebox"
    assert outer.resource.attributes["service.instance.id"] == "one"


def test_an_error_is_told_by_its_class_alone(sent: Sent) -> None:
    with pytest.raises(ValueError, match="a secret"), traces.span("task seal"):
        raise ValueError("a secret of a team")
    span = sent.spans()["task seal"]

    assert not span.status.is_ok
    assert span.attributes == {"error.type": "ValueError"}
    assert "a secret" not in span.to_json()


def test_the_trace_of_an_experiment_is_its_uid_and_has_one_span_above_the_others(
    sent: Sent,
) -> None:
    with traces.span("reconcile"):  # which is of another trace
        traces.tell_life(EXPERIMENT, "run", BEGAN, ENDED, {"glovebox.run.outcome": "Succeeded"})
        traces.tell_life(EXPERIMENT, "experiment", BEGAN, ENDED)
        traces.tell_life(EXPERIMENT, "seal", None, ENDED)
        traces.tell_life(EXPERIMENT, "provision", BEGAN, None)
        with traces.span(""):
            pass
    run, whole = sent.spans()["run"], sent.spans()["experiment"]

    assert run.context is not None
    assert whole.context is not None
    assert run.parent is not None
    assert f"{run.context.trace_id:032x}" == UID.replace("-", "")
    assert whole.context.trace_id == run.context.trace_id
    assert whole.parent is None
    assert run.parent.span_id == whole.context.span_id
    assert run.attributes is not None
    assert run.attributes["glovebox.run.outcome"] == "Succeeded"
    assert run.start_time is not None
    assert run.end_time is not None
    assert run.end_time - run.start_time == 90 * 10**9
    assert "seal" not in sent.spans(), "nobody knows when it began"
    assert "provision" not in sent.spans(), "nor when it ended"
    assert "" not in sent.spans(), "what has no name is not sent"


def test_what_a_job_does_for_an_experiment_is_below_the_whole_of_its_trace(sent: Sent) -> None:
    with traces.span("task seal"):  # which is of another trace
        parent = traces.context_for(UID, is_experiment=True)
    traces.tell_life(EXPERIMENT, "experiment", BEGAN, ENDED)
    with sent.export.below(parent), traces.span("job seal"):
        logged = structlog.contextvars.get_contextvars()
    whole, job = sent.spans()["experiment"], sent.spans()["job seal"]

    assert job.parent is not None
    assert job.context is not None
    assert whole.context is not None
    assert job.parent.span_id == whole.context.span_id
    assert job.context.trace_id == whole.context.trace_id == int(UID.replace("-", ""), 16)
    assert logged["trace_id"] == UID.replace("-", "")


def test_what_a_job_does_for_another_object_is_below_the_task_that_waits_for_it(
    sent: Sent,
) -> None:
    with traces.span("task hash"):
        parent = traces.context_for("1", is_experiment=False)
    with sent.export.below(parent), traces.span("job hash"):
        pass
    task, job = sent.spans()["task hash"], sent.spans()["job hash"]

    assert job.parent is not None
    assert task.context is not None
    assert job.parent.span_id == task.context.span_id
    assert traces.context_for("1", is_experiment=False) == "", "nothing is being done"


@pytest.mark.usefixtures("sent")
def test_the_guard_of_tasks_knows_how_a_parent_is_written() -> None:
    guard = (ROOT / "helm/glovebox/templates/guards/tasks.yaml").read_text()
    [pattern] = re.findall(r"TRACEPARENT.*matches\('(.*)'\)", guard)

    with traces.span("task hash"):
        written = [traces.context_for(UID, is_experiment=own) for own in (True, False)]
    assert all(re.search(pattern, each) for each in written), written


def test_a_job_makes_no_span_where_its_task_is_not_in_the_share() -> None:
    sent = Sent(ratio=0)
    traces.send_to(sent.export)
    try:
        with traces.span("task hash"):
            assert traces.context_for("1", is_experiment=False) == ""
            assert traces.context_for(UID, is_experiment=True).endswith("-01")
    finally:
        traces.send_to(None)
    assert traces.context_for(UID, is_experiment=True) == "", "nobody looks"


@pytest.mark.parametrize("uid", ["", "x", "g" * 32, "0" * 32, UID])
def test_every_object_has_a_trace_of_its_own(uid: str) -> None:
    assert 0 < traces.trace_of(uid) < 1 << 128


def test_a_share_of_none_leaves_the_lives_of_experiments() -> None:
    sent = Sent(ratio=0)
    traces.send_to(sent.export)
    try:
        with traces.span("reconcile"):
            traces.tell_life(EXPERIMENT, "provision", BEGAN, ENDED)
        assert set(sent.spans()) == {"provision"}
    finally:
        traces.send_to(None)
        sent.export.close()


def test_what_is_done_is_done_whether_or_not_somebody_looks() -> None:
    with traces.span("reconcile") as tell:
        tell({"glovebox.reason": "Conflict"})
    traces.tell_life(EXPERIMENT, "run", BEGAN, ENDED)

    assert traces.span("reconcile") is traces.span("phase run")


def test_an_operator_that_sends_none_has_no_library_for_it_in_memory() -> None:
    program = (
        "import sys, glovebox.__main__\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "endpoint", ["collector:4318", "https://user:word@collector/v1/traces", "file:///tmp/x"]
)
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Traces(endpoint=endpoint)


def test_each_experiment_has_a_span_of_its_own_above_the_others() -> None:
    assert traces.whole_of(5 << 64) == 1, "none has the id 0, which is no id"
    assert traces.whole_of(traces.trace_of(UID)) == int(UID.replace("-", "")[16:], 16)
    assert traces.trace_of("12") != 0x12, "what is no UID is hashed"


def test_what_an_object_does_not_say_is_no_attribute(sent: Sent) -> None:
    bare = {"kind": "ObjectStore", "metadata": {"name": "primary", "uid": "u"}}
    with traces.span("reconcile", about=bare):
        pass
    assert sent.spans()["reconcile"].attributes == {
        "glovebox.kind": "ObjectStore",
        "glovebox.name": "primary",
        "glovebox.uid": "u",
    }


def test_a_life_that_was_sent_and_a_parent_that_was_left_are_of_nothing_that_follows(
    sent: Sent,
) -> None:
    parent = traces.context_for(UID, is_experiment=True)
    with sent.export.below(parent):
        pass
    traces.tell_life(EXPERIMENT, "run", BEGAN, ENDED)
    traces.tell_life(EXPERIMENT, "experiment", BEGAN, ENDED)
    with traces.span("reconcile"):
        pass
    spans = sent.spans()
    ids = {name: span.context for name, span in spans.items() if span.context is not None}
    assert spans["reconcile"].parent is None
    assert ids["reconcile"].trace_id != ids["experiment"].trace_id
    assert ids["run"].span_id != ids["experiment"].span_id


def test_a_clock_that_was_set_back_makes_no_span_that_ends_before_it_begins(sent: Sent) -> None:
    traces.tell_life(EXPERIMENT, "run", ENDED, BEGAN)
    run = sent.spans()["run"]
    assert run.start_time == run.end_time


def test_logs_of_a_trace_that_is_not_kept_name_none() -> None:
    sent = Sent(ratio=0)
    traces.send_to(sent.export)
    try:
        with traces.span("reconcile"):
            assert "trace_id" not in structlog.contextvars.get_contextvars()
    finally:
        traces.send_to(None)
        sent.export.close()


def test_what_is_left_is_sent_at_the_end() -> None:
    sent = Sent()
    traces.send_to(sent.export)
    with traces.span("reconcile"):
        pass
    traces.send_to(None)
    sent.export.close()
    assert [span.name for span in sent._kept.get_finished_spans()] == ["reconcile"]
    assert sent._kept._stopped
