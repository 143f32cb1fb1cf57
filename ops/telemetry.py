"""Logs and traces: readable lines for people, JSON for machines, spans only where the standard variables ask for them.

No prompt, data or key is logged. Lines carry what is bound with structlog's context: run, candidate, role, invocation,
attempt, job.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import workflow

from activities.hiding import hidden

if TYPE_CHECKING:
    from temporalio.client import Plugin

CHATTY = ("httpx2", "httpcore2", "anthropic")  # a line for each request, and headers where they are asked for more
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def configure(json: bool, level: str = "info", stream: TextIO | None = None) -> None:
    """Sets up structlog, and the standard library's logging to be written the same way. Called once by each process."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            once_per_event,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_last(json, handler)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _last(json: bool, handler: "logging.StreamHandler[TextIO]") -> list[Processor]:
    strip: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    whole: list[Processor] = [strip, structlog.processors.format_exc_info, without_keys]
    if json:
        return [*whole, structlog.processors.JSONRenderer(default=str)]
    plain = structlog.dev.plain_traceback  # a traceback is text by now
    return [*whole, structlog.dev.ConsoleRenderer(colors=handler.stream.isatty(), exception_formatter=plain)]


def without_keys(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Takes out what is a key or looks like one, tracebacks included, whoever logged it."""
    return {name: _without_keys(value) for name, value in event.items()}


def _without_keys(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {name: _without_keys(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_without_keys(inner) for inner in value]
        case _:
            return hidden(str(value))


def once_per_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drops what workflow code logs while it replays: it was logged when it happened."""
    if workflow.in_workflow() and workflow.unsafe.is_replaying_history_events():
        raise structlog.DropEvent
    return event


def tracing(environ: Mapping[str, str] | None = None) -> str | None:
    """The exporter that the standard variables ask for: `otlp` or `console`; None where they ask for none."""
    environ = os.environ if environ is None else environ
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    asked = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if asked in ("otlp", "console"):
        return asked
    return "otlp" if not asked and any(environ.get(name) for name in ENDPOINTS) else None


def plugins() -> list["Plugin"]:
    """Temporal's plugins: spans of workflows and activities where tracing is on, nothing otherwise."""
    if not trace_if_asked():
        return []
    from temporalio.contrib.opentelemetry import OpenTelemetryPlugin  # loaded above

    return [OpenTelemetryPlugin(add_temporal_spans=True)]


def trace_if_asked() -> bool:
    """Sends this process's spans where the standard variables say; False where they say nothing."""
    exporter = tracing()
    if exporter is None:
        return False
    # imported here: without tracing, no process pays for loading OpenTelemetry
    from ops.spans import provide

    provide(exporter)
    return True


def flush() -> None:
    """Sends the spans that have not been sent, before a process leaves without its usual end."""
    if tracing() is None:
        return
    from opentelemetry import trace

    end = getattr(trace.get_tracer_provider(), "shutdown", None)
    if callable(end):
        end()


def logger(name: str, **bound: Any) -> structlog.stdlib.BoundLogger:
    """A logger whose lines carry what is bound to it."""
    made: structlog.stdlib.BoundLogger = structlog.get_logger(name, **bound)
    return made
