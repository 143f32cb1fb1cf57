import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import workflow

from ops import telemetry
from ops.spans import WorkOnly


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_machines_get_json_with_what_is_bound() -> None:
    stream = io.StringIO()
    telemetry.configure(json=True, stream=stream)
    structlog.contextvars.bind_contextvars(run="toy-1", role="tuner", attempt=2)
    telemetry.logger("here").info("trained", job="tuner.1.2.j3")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "trained", "level": "info", "logger": "here",
        "run": "toy-1", "role": "tuner", "attempt": 2, "job": "tuner.1.2.j3",
    }  # fmt: skip


def test_the_standard_librarys_loggers_are_written_the_same_way() -> None:
    stream = io.StringIO()
    telemetry.configure(json=True, stream=stream)
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("temporalio.worker").exception("failed on %s", "x")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("failed on x", "temporalio.worker", "error")
    assert "ValueError: odd" in line["exception"]


KEY = "sk-ant-planted-key"


@pytest.mark.parametrize("json_", [True, False])
def test_no_line_holds_a_key_whoever_logs_it_and_however_deep(json_: bool) -> None:
    stream = io.StringIO()
    telemetry.configure(json=json_, level="debug", stream=stream)
    log = telemetry.logger("here")
    log.info("asked", headers={"x-api-key": KEY}, more=[f"Bearer {KEY}", ("x", KEY)], error=ValueError(KEY))
    logging.getLogger("some.library").warning("sent %s", {"Authorization": f"Bearer {KEY}"})
    try:
        try:
            raise ValueError(f"Illegal header value b'{KEY}'")
        except ValueError as error:
            raise RuntimeError("the call failed") from error
    except RuntimeError:
        log.exception("failed")
    text = stream.getvalue()
    assert KEY not in text
    assert "Illegal header value" in text
    assert text.count("***") >= 6


def test_libraries_that_log_requests_are_quiet_even_where_all_is_logged() -> None:
    stream = io.StringIO()
    telemetry.configure(json=True, level="debug", stream=stream)
    for name in ("httpx2", "httpcore2.http11", "anthropic._base_client"):
        logging.getLogger(name).debug("request headers %s", {"content-type": "json"})
        logging.getLogger(name).info("HTTP Request: POST http://127.0.0.1/v1/messages")
    assert stream.getvalue() == ""


def test_people_get_readable_lines_from_the_level_they_ask_for() -> None:
    stream = io.StringIO()
    telemetry.configure(json=False, level="warning", stream=stream)
    log = telemetry.logger("here")
    log.info("not this")
    log.warning("this", run="toy-1")
    assert "not this" not in stream.getvalue()
    assert "this" in stream.getvalue()
    assert "run=toy-1" in stream.getvalue()


def test_what_a_workflow_logs_while_it_replays_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"event": "decided"}
    assert telemetry.once_per_event(None, "info", event) == event
    monkeypatch.setattr(workflow, "in_workflow", lambda: True)
    monkeypatch.setattr(workflow.unsafe, "is_replaying_history_events", lambda: False)
    assert telemetry.once_per_event(None, "info", event) == event
    monkeypatch.setattr(workflow.unsafe, "is_replaying_history_events", lambda: True)
    with pytest.raises(structlog.DropEvent):
        telemetry.once_per_event(None, "info", event)


@pytest.mark.parametrize(
    ("variables", "exporter"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, None),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, None),
    ],
)
def test_spans_go_out_only_where_the_standard_variables_say_so(
    variables: dict[str, str], exporter: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert telemetry.tracing(variables) == exporter
    if exporter is None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert telemetry.plugins() == []


def test_the_looks_of_those_who_watch_are_left_out_of_traces() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(WorkOnly(kept))
    tracer = provider.get_tracer("test")
    for name in ("RunWorkflow:Build", "HandleQuery:state", "QueryWorkflow:ledger", "job"):
        tracer.start_span(name).end()
    provider.shutdown()
    assert [span.name for span in kept.get_finished_spans()] == ["RunWorkflow:Build", "job"]
