"""A small receiver of OTLP over HTTP: real requests, decoded by OpenTelemetry's own messages."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from glovebox_local.ports import LOOPBACK
from support.collector import ReceivedSpan


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps the spans that are posted to it.

    Attributes:
        tenants: The header `x-tenant` of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self._spans: list[ReceivedSpan] = []
        self.tenants: list[str] = []
        super().__init__((LOOPBACK, 0), _Answer)

    @property
    def endpoint(self) -> str:
        """What takes spans, whole."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/v1/traces"

    def spans(self) -> list[ReceivedSpan]:
        """Return what it has got so far."""
        return list(self._spans)

    def take(self, body: bytes) -> None:
        """Keep the spans of a request."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self._spans.extend(
                    ReceivedSpan(
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.name,
                        {each.key: _text(each.value) for each in span.attributes},
                    )
                    for span in scope.spans
                )


def _text(value: AnyValue) -> str:
    return str(getattr(value, value.WhichOneof("value") or "string_value"))


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.tenants.append(self.headers.get("x-tenant", ""))
        self.server.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: the test says what is missing."""


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run it on loopback while the block runs."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()
