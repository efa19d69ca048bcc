"""The OpenTelemetry collector as a program, and what it printed of the spans it got."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from glovebox_local.ports import LOOPBACK, choose_ports
from glovebox_local.programs import OTEL_COLLECTOR, program_folder
from support.running_stores import running_endpoint

_FIELD = re.compile(r"^    ([A-Z][A-Za-z ]+?) *: (.*)$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^     -> ([\w.]+): \w+\((.*)\)$", re.MULTILINE)


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as the collector printed it."""

    trace: str
    span: str
    parent: str
    name: str
    attributes: dict[str, str] = field(hash=False)


class Collector:
    """A running collector.

    Attributes:
        endpoint: What takes spans, whole.
    """

    def __init__(self, endpoint: str, log: Path) -> None:
        self.endpoint = endpoint
        self._log = log

    def spans(self) -> list[ReceivedSpan]:
        """Return what it has got so far."""
        found = []
        for text in re.split(r"^Span #\d+\n", self._log.read_text(), flags=re.MULTILINE)[1:]:
            fields = dict(_FIELD.findall(text))
            attributes = dict(_ATTRIBUTE.findall(text.partition("Attributes:\n")[2]))
            trace, span, parent, name = (
                fields[name].strip() for name in ("Trace ID", "ID", "Parent ID", "Name")
            )
            found.append(ReceivedSpan(trace, span, parent, name, attributes))
        return found


@contextmanager
def running_collector(folder: Path) -> Iterator[Collector]:
    """Run it on loopback while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    port = choose_ports(["otlp"])["otlp"]
    pipeline = {"receivers": ["otlp"], "exporters": ["debug"]}
    config = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{LOOPBACK}:{port}"}}}},
        "exporters": {"debug": {"verbosity": "detailed", "sampling_initial": 1 << 30}},
        "service": {
            "pipelines": {"traces": pipeline},
            "telemetry": {"metrics": {"level": "none"}, "logs": {"encoding": "console"}},
        },
    }
    path = folder / "collector.yaml"
    path.write_text(yaml.safe_dump(config))
    program = program_folder(OTEL_COLLECTOR) / OTEL_COLLECTOR.name
    endpoint, log = f"http://{LOOPBACK}:{port}/v1/traces", folder / "collector.log"
    with running_endpoint([program, "--config", path], endpoint, log):
        yield Collector(endpoint, log)
