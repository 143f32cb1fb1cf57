"""The tracer provider of this process; imported only where the standard variables ask for spans."""

import os
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from temporalio.contrib.opentelemetry import ReplaySafeTracerProvider, create_tracer_provider

LOOKS = ("HandleQuery:", "QueryWorkflow:")


class WorkOnly(BatchSpanProcessor):
    """Leaves out the queries of those who watch: two a second, they would bury what the run does."""

    def on_end(self, span: ReadableSpan) -> None:
        if not span.name.startswith(LOOKS):
            super().on_end(span)


def provide(exporter: str) -> None:
    """Installs the provider, once; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES describe this process."""
    if isinstance(trace.get_tracer_provider(), ReplaySafeTracerProvider):
        return
    name = os.environ.get("OTEL_SERVICE_NAME", "aibuildai")
    provider = create_tracer_provider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(WorkOnly(_exporter(exporter)))
    trace.set_tracer_provider(provider)


def _exporter(name: str) -> SpanExporter:
    return OTLPSpanExporter() if name == "otlp" else ConsoleSpanExporter(out=sys.stderr)
