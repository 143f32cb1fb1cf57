"""Spans and log fields. They carry names, counts and times; never a prompt, data or a key."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import trace

Value = str | int | float | bool

_tracer = trace.get_tracer("aibuildai")


@contextmanager
def span(name: str, **attributes: Value) -> Iterator[trace.Span]:
    """A span of the current trace; nothing where telemetry is not set up."""
    named = {f"aibuildai.{key}": value for key, value in attributes.items()}
    with _tracer.start_as_current_span(name, attributes=named, record_exception=False) as current:
        yield current


@contextmanager
def bound(**names: Value | None) -> Iterator[None]:
    """Binds names to every log line written within."""
    with structlog.contextvars.bound_contextvars(**{key: value for key, value in names.items() if value is not None}):
        yield
