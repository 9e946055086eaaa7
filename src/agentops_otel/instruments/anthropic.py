"""Anthropic: messages and beta messages; sync, async, streamed, parsed, by the stream helper and raw.

The client has spans of its own since 1.x, on by default; for the calls that are watched here they are switched off,
unless the program gave the client a tracer provider of its own. Before 1.x its `Stream` takes only its very own
instances for such. The tool runner is seen by the calls it makes. `count_tokens` is no model call.

Source: anthropic 0.47 to 2.12, resources, lib/streaming, _streaming.py and _tracing; `create`, `parse` and `stream`
each post by themselves.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.conventions.usage import ANTHROPIC
from agentops_otel.instruments.shapes import anthropic_messages, stainless
from agentops_otel.instruments.spec import Operation, Origin, OwnTracer, Point, Provider, TypeTest, counted

MESSAGES = Operation(
    name="chat",
    request={
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "max_tokens": "max_tokens",
        "stop_sequences": "stop_sequences",
        "service_tier": "service_tier",
        "reasoning_level": "output_config.effort",
    },
    response={
        "response_id": "id",
        "response_model": "model",
        "service_tier": "usage.service_tier",
        "finish_reasons": anthropic_messages.finish_reasons,
        "usage": counted(ANTHROPIC),
    },
    messages_in=anthropic_messages.messages_in,
    messages_out=anthropic_messages.messages_out,
    system=anthropic_messages.system,
    tools=anthropic_messages.tools,
    output_type=anthropic_messages.output_type,
    fold=anthropic_messages.fold,
)

_BY_CLIENT = {
    "Bedrock": "aws.bedrock",
    "Vertex": "gcp.vertex_ai",
    "Foundry": "azure.ai.inference",
}


def _origin(resource: Any) -> Origin:
    client = resource._client
    name = type(client).__name__
    return Origin(client.base_url, next((owner for cloud, owner in _BY_CLIENT.items() if cloud in name), None))


def _has_own_provider(client: Any) -> bool:
    return client.open_telemetry.get("tracer_provider") is not None


_MODULES = ("anthropic.resources.messages.messages", "anthropic.resources.beta.messages.messages")
_METHODS = ("create", "parse", "stream")

PROVIDER = Provider(
    name="anthropic",
    distribution="anthropic",
    tested=">=0.47",
    points=[
        Point(module, f"{prefix}Messages.{method}", MESSAGES, prepares=method == "stream")
        for module in _MODULES
        for prefix in ("", "Async")
        for method in _METHODS
    ],
    own_tracers=[OwnTracer("anthropic._base_client", "BaseClient._tracer", _has_own_provider)],
    type_tests=[
        TypeTest("anthropic._streaming", f"{meta}.__instancecheck__")
        for meta in ("_SyncStreamMeta", "_AsyncStreamMeta")
    ],
    streams_within={
        "MessageStream": "_raw_stream",
        "AsyncMessageStream": "_raw_stream",
        "BetaMessageStream": "_raw_stream",
        "BetaAsyncMessageStream": "_raw_stream",
    },
    origin=_origin,
    raw=stainless.RAW,
)
