"""A program with monitoring: `python program.py MONITOR none|before|after` prints what its monitor saw of it.

The last argument says whether, and when, agentops_otel is started: before or after the monitoring.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

Monitor = tuple[Callable[[], AbstractContextManager[Any]], Callable[[], object]]
"""What opens a unit of work, and what delivers."""

seen: list[Any] = []


def sentry() -> Monitor:
    """Sentry's own tracing, with the integrations it turns on by itself: openai, http, threads."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            for item in envelope.items:
                if item.type == "transaction":
                    transaction = item.payload.json
                    spans = [span["op"] for span in transaction["spans"] if not span["op"].startswith("subprocess")]
                    seen.append([transaction["transaction"], sorted(spans)])
                elif item.type == "event":
                    seen.append([error["type"] for error in item.payload.json["exception"]["values"]])

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Kept)
    return lambda: sentry_sdk.start_transaction(name="work", op="task"), sentry_sdk.flush


def ddtrace() -> Monitor:
    """Datadog's tracer with all its patches: openai, httpx, sqlite3, threads."""
    import ddtrace.auto  # noqa: F401
    from ddtrace.trace import TraceFilter, tracer

    class Kept(TraceFilter):
        def process_trace(self, trace: Any) -> None:
            seen.append([[span.name, span.resource] for span in trace])

    tracer.configure(trace_processors=[Kept()])
    return lambda: tracer.trace("work"), tracer.flush


def logfire() -> Monitor:
    """Logfire, whose tracer provider is not the SDK's, with its instrumentation of openai."""
    import logfire
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class Kept(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            seen.extend([span.name, span.instrumentation_scope.name] for span in spans)
            return SpanExportResult.SUCCESS

    processors = [SimpleSpanProcessor(Kept())]
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=processors)
    logfire.instrument_openai()
    return lambda: logfire.span("work"), logfire.force_flush


MONITORS = {start.__name__: start for start in (sentry, ddtrace, logfire)}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


def main(monitor: str, when: str) -> None:
    """A call, one that is streamed, one that fails, one in a thread and one in a pool."""
    if when == "before":
        import agentops_otel as agentops

        agentops.init(tags=[monitor])
    work, deliver = MONITORS[monitor]()
    if when == "after":
        import agentops_otel as agentops

        agentops.init(tags=[monitor])
    import openai

    with openai.OpenAI(max_retries=0) as client:

        def ask(**more: Any) -> Any:
            return client.chat.completions.create(**ASKED, **more)  # type: ignore[call-overload]

        with work():
            said = [ask().choices[0].message.content]
            said.append("".join(chunk.choices[0].delta.content or "" for chunk in ask(**STREAMED) if chunk.choices))
            try:
                ask()
            except openai.NotFoundError as error:
                said.append(type(error).__name__)
            thread = threading.Thread(target=lambda: said.append(ask().choices[0].message.content))
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                said.append(pool.submit(ask).result().choices[0].message.content)
    if when != "none":
        agentops.end_session("Success")
    deliver()
    print(json.dumps({"said": said, "seen": seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
