"""What a program does with agentops 0.4: a trace with an agent, an operation and a tool, and something printed."""

import json
import time

import agentops
from agentops.sdk.decorators import agent, operation, tool
from opentelemetry import trace as otel_trace

agentops.init(auto_start_session=False, default_tags=["sdk"], instrument_llm_calls=False)
while agentops.get_client().get_current_jwt() is None:
    time.sleep(0.01)  # the token is fetched in the background, and what is exported before it is refused
trace = agentops.start_trace("flow", tags=["flow-tag"])


@tool(name="look up", cost=0.25)
def look_up(q):
    return {"answer": q}


@agent(name="Ada")
class Ada:
    @operation(name="step")
    def step(self, n):
        return look_up(str(n))


Ada().step(1)
print("hello from the program")
agentops.end_trace(trace, "Success")
otel_trace.get_tracer_provider().force_flush(5000)
print(json.dumps([format(trace.span.get_span_context().trace_id, "032x")]))
