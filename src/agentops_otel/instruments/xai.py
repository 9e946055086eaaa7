"""xAI's own client, which speaks gRPC: sample, stream, parse and defer of a chat; sync, async, and in batches.

What is asked for is kept by the chat, not passed to the call. Each of these has a span of the client's own, through the
global tracer provider and current while the caller reads a stream; within a watched call it is left out.

Source: xai-sdk 1.4 to 1.21, sync/chat.py, aio/chat.py and telemetry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops_otel.instruments.shapes import xai
from agentops_otel.instruments.spec import Operation, OwnTracer, Point, Provider

CHAT = Operation(
    name="chat",
    request={
        **{
            name: xai.setting(name)
            for name in ("temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
        },
        "stop_sequences": xai.stop_sequences,
        "reasoning_level": xai.reasoning_level,
    },
    response={
        "response_id": xai.said("id"),
        "response_model": xai.said("model"),
        "system_fingerprint": xai.said("system_fingerprint"),
        "finish_reasons": xai.finish_reasons,
        "usage": xai.usage,
        "cost": xai.cost,
    },
    messages_in=xai.messages_in,
    messages_out=xai.messages_out,
    tools=xai.tools,
    output_type=xai.output_type,
    fold=xai.fold,
)


def _asked(chat: Any, arguments: Mapping[str, Any]) -> tuple[Operation, Mapping[str, Any]]:
    return CHAT, xai.asked(chat)


_METHODS = ("sample", "sample_batch", "stream", "stream_batch", "parse", "defer", "defer_batch")
_MODULES = ("xai_sdk.sync.chat", "xai_sdk.aio.chat")

PROVIDER = Provider(
    name="x_ai",
    distribution="xai-sdk",
    tested=">=1.4",
    points=[Point(module, f"Chat.{method}", _asked) for module in _MODULES for method in _METHODS],
    own_tracers=[OwnTracer(module, "tracer") for module in _MODULES],
)
