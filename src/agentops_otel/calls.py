"""`Call`: one model call in provider-neutral words, before it is a span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agentops_otel.records import Json, Message, Usage


@dataclass(slots=True, kw_only=True)
class Call:
    """One model call. The fields refer to the caller's objects where they can; nothing is copied or rendered.

    `operation` and `provider` are names of the GenAI conventions. `params` holds what was asked of the model by neutral
    names (temperature, top_p, top_k, max_tokens, seed, stop_sequences, frequency_penalty, presence_penalty, choices,
    reasoning_level, previous_response_id, dimensions, encoding_formats, service_tier). `facts` holds what else the
    response says by neutral names (service_tier, system_fingerprint). What is unknown is None or missing, never 0.
    """

    operation: str
    provider: str
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    api: str | None = None
    """Which of the provider's interfaces was used, where it has several for one operation."""
    params: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    input: Sequence[Message] | None = None
    output: Sequence[Message] | None = None
    system: Sequence[Json] | None = None
    """System instructions that are no message, as a list of parts."""
    tools: Sequence[Json] | None = None
    output_type: str | None = None
    usage: Usage = field(default_factory=Usage)
    usage_estimated: bool = False
    cost: Decimal | None = None
    """What the provider says that the call cost, in US dollars."""
    finish_reasons: Sequence[str] | None = None
    stream: bool = False
    time_to_first_chunk_s: float | None = None
    server_address: str | None = None
    server_port: int | None = None
    """The qualified name of the exception that ended the call."""
