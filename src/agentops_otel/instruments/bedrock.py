"""Bedrock by boto3: Converse, ConverseStream, InvokeModel and InvokeModelWithResponseStream.

botocore makes the methods of a client as it is created; all of them lead to `_make_api_call`, whose first argument says
what is called. Calls of any other service pass.

Source: botocore 1.44, client.py, response.py, eventstream.py and data/bedrock-runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentops_otel.conventions.usage import BEDROCK_CONVERSE
from agentops_otel.instruments.shapes import bedrock_converse, bedrock_invoke
from agentops_otel.instruments.spec import Operation, Origin, Point, Provider, counted, first_of

CONVERSE = Operation(
    name="chat",
    model="modelId",
    request={
        "temperature": "inferenceConfig.temperature",
        "top_p": "inferenceConfig.topP",
        "max_tokens": "inferenceConfig.maxTokens",
        "stop_sequences": "inferenceConfig.stopSequences",
        "top_k": "additionalModelRequestFields.top_k",
    },
    response={
        "finish_reasons": bedrock_converse.finish_reasons,
        "usage": counted(BEDROCK_CONVERSE),
    },
    messages_in=bedrock_converse.messages_in,
    messages_out=bedrock_converse.messages_out,
    system=bedrock_converse.system,
    tools=bedrock_converse.tools,
)

CONVERSE_STREAM = replace(
    CONVERSE,
    response={
        "finish_reasons": lambda raw: bedrock_converse.finish_reasons(raw["stream"]),
        "usage": counted(BEDROCK_CONVERSE, "stream.usage"),
    },
    messages_out=lambda raw: bedrock_converse.messages_out(raw["stream"]),
    fold=bedrock_converse.fold,
    holds="stream",
)

INVOKE = Operation(
    name="chat",
    model="modelId",
    request={
        "temperature": first_of(
            "body.temperature", "body.inferenceConfig.temperature", "body.textGenerationConfig.temperature"
        ),
        "top_p": first_of(
            "body.top_p", "body.topP", "body.p", "body.inferenceConfig.topP", "body.textGenerationConfig.topP"
        ),
        "top_k": first_of("body.top_k", "body.k", "body.inferenceConfig.topK"),
        "max_tokens": first_of(
            *("body.max_tokens", "body.max_completion_tokens", "body.max_gen_len", "body.maxTokens"),
            *("body.inferenceConfig.maxTokens", "body.inferenceConfig.max_new_tokens"),
            *("body.textGenerationConfig.maxTokenCount", "body.max_tokens_to_sample"),
        ),
        "stop_sequences": first_of(
            *("body.stop_sequences", "body.stop", "body.stopSequences"),
            *("body.inferenceConfig.stopSequences", "body.textGenerationConfig.stopSequences"),
        ),
    },
    response={
        "response_id": "body.id",
        "response_model": "body.model",
        "finish_reasons": bedrock_invoke.finish_reasons,
        "usage": bedrock_invoke.usage,
    },
    messages_in=bedrock_invoke.messages_in,
    messages_out=bedrock_invoke.messages_out,
    system=bedrock_invoke.system,
    tools=bedrock_invoke.tools,
    fold=bedrock_invoke.fold,
    holds="body",
)

INVOKE_EMBEDDINGS = Operation(
    name="embeddings",
    model="modelId",
    request={"dimensions": first_of("body.dimensions", "body.output_dimension")},
    response={"usage": bedrock_invoke.embedding_usage},
    messages_in=bedrock_invoke.messages_in,
    holds="body",
)
INVOKE_RERANK = replace(INVOKE_EMBEDDINGS, name="rerank", request={})

_BY_MODEL = {"embed": INVOKE_EMBEDDINGS, "rerank": INVOKE_RERANK}


def route(client: Any, asked: Mapping[str, Any]) -> tuple[Operation, Mapping[str, Any]] | None:
    """What is called of the runtime; None for other services and for what is no model call."""
    name, given = asked["operation_name"], asked["api_params"]
    if name not in _ROUTED or client.meta.service_model.service_name != "bedrock-runtime":
        return None
    if name == "Converse":
        return CONVERSE, given
    if name == "ConverseStream":
        return CONVERSE_STREAM, given
    model = str(given.get("modelId"))
    operation = next((kind for sign, kind in _BY_MODEL.items() if sign in model), INVOKE)
    return operation, {**given, "body": bedrock_invoke.Document(given.get("body"))}


_ROUTED = frozenset({"Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"})


def origin(client: Any) -> Origin:
    """The endpoint; whatever its host, it is Bedrock that answers."""
    return Origin(client.meta.endpoint_url, "aws.bedrock")


PROVIDER = Provider(
    name="aws.bedrock",
    distribution="boto3",
    tested=">=1.38.46",
    points=[Point("botocore.client", "BaseClient._make_api_call", route)],
    kinds={"StreamingBody": "body", "EventStream": "iterable"},
    origin=origin,
)
