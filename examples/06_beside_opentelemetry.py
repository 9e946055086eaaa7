"""Inside an application that has OpenTelemetry already: its provider is used, its exporters get our spans, too."""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentops_otel as agentops

host_spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(host_spans))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop")

request = tracer.start_as_current_span("GET /checkout")
with request, agentops.init(default_tags=["checkout"], instrument_llm_calls=False) as session:
    with tracer.start_as_current_span("choose gift wrap") as span:  # a manual span in a session is an action
        span.set_attribute("colour", "green")
    agentops.record(agentops.ToolEvent(name="stock", params={"sku": 7}, returns=3))

assert trace.get_tracer_provider() is provider
print("the application's own exporter saw:", sorted(span.name for span in host_spans.get_finished_spans()))
print(session.summary())
