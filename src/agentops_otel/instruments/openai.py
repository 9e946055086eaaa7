"""OpenAI: chat completions, responses, completions, embeddings, images, transcriptions, translations and moderations;
sync, async, streamed, parsed and raw.

Also every provider that is called through this client: the host name of the base URL tells which one it is.
`stream=True` without `stream_options.include_usage` has no usage; it is estimated, for asking for it would change the
chunks that the caller sees.

Source: openai 1.40 to 3.54, resources, types and lib; `parse` posts by itself, `stream` calls `create`.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.conventions.usage import EMBEDDINGS as EMBEDDINGS_USAGE
from agentops_otel.conventions.usage import OPENAI_CHAT, OPENAI_REALTIME, OPENAI_RESPONSES
from agentops_otel.instruments.shapes import openai_chat, openai_media, openai_realtime, openai_responses, stainless
from agentops_otel.instruments.spec import (
    Getter,
    Helper,
    Operation,
    Origin,
    Point,
    Provider,
    Socket,
    counted,
    each,
    reported,
)

_SAMPLING: dict[str, Getter] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "service_tier": "service_tier",
}
_ANSWER: dict[str, Getter] = {
    "response_id": "id",
    "response_model": "model",
    "service_tier": "service_tier",
    "system_fingerprint": "system_fingerprint",
}

CHAT = Operation(
    name="chat",
    request={
        **_SAMPLING,
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
        "max_tokens": lambda asked: asked.get("max_completion_tokens") or asked.get("max_tokens"),
        "seed": "seed",
        "stop_sequences": "stop",
        "choices": "n",
        "reasoning_level": "reasoning_effort",
    },
    response={
        **_ANSWER,
        "finish_reasons": each("choices.finish_reason"),
        "usage": counted(OPENAI_CHAT),
        "cost": reported,
    },
    messages_in=openai_chat.messages_in,
    messages_out=openai_chat.messages_out,
    tools=openai_chat.tools,
    output_type=openai_chat.output_type,
    fold=openai_chat.fold,
)

RESPONSES = Operation(
    name="chat",
    api="responses",
    request={
        **_SAMPLING,
        "max_tokens": "max_output_tokens",
        "reasoning_level": "reasoning.effort",
        "previous_response_id": "previous_response_id",
    },
    response={
        **_ANSWER,
        "finish_reasons": openai_responses.finish_reasons,
        "usage": counted(OPENAI_RESPONSES),
        "cost": reported,
    },
    messages_in=openai_responses.messages_in,
    messages_out=openai_responses.messages_out,
    system=openai_responses.system,
    tools=openai_chat.tools,
    output_type=openai_responses.output_type,
    fold=openai_responses.fold,
)

EMBEDDINGS = Operation(
    name="embeddings",
    request={"dimensions": "dimensions", "encoding_formats": "encoding_format"},
    response={"response_model": "model", "usage": counted(EMBEDDINGS_USAGE), "cost": reported},
    messages_in=lambda asked: openai_chat.inputs(asked.get("input")),
)

RERANK = Operation(
    name="rerank",
    response={"response_id": "id", "response_model": "model", "usage": counted(EMBEDDINGS_USAGE), "cost": reported},
    messages_in=lambda asked: openai_chat.inputs(asked.get("query")),
)

COMPLETIONS = Operation(
    name="text_completion",
    request=CHAT.request,
    response=CHAT.response,
    messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")),
    messages_out=openai_media.completed,
    fold=openai_media.fold_completion,
)

MODERATIONS = Operation(
    name="moderation",
    response={"response_id": "id", "response_model": "model"},
    messages_in=lambda asked: openai_chat.inputs(asked.get("input")),
)

IMAGES = Operation(
    name="image_generation",
    request={"choices": "n"},
    response={"usage": counted(OPENAI_RESPONSES), "cost": reported},
    messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")),
    messages_out=openai_media.images,
    output_type=lambda asked: "image",
    fold=openai_media.last_counted,
)

TRANSCRIPTIONS = Operation(
    name="transcription",
    request={"temperature": "temperature"},
    response={"usage": counted(OPENAI_RESPONSES), "cost": reported},
    messages_in=lambda asked: openai_chat.inputs(asked.get("prompt")),
    messages_out=openai_media.transcribed,
    output_type=lambda asked: "text",
    fold=openai_media.last_counted,
)

REALTIME = Operation(
    name="chat",
    api="realtime",
    request={"temperature": "temperature"},
    response={
        "response_id": "id",
        "finish_reasons": openai_responses.finish_reasons,
        "usage": counted(OPENAI_REALTIME),
    },
    messages_in=openai_realtime.messages_in,
    messages_out=openai_realtime.messages_out,
    system=openai_responses.system,
    tools=openai_chat.tools,
)

_BY_CLIENT = {"AzureOpenAI": "azure.ai.openai", "AsyncAzureOpenAI": "azure.ai.openai"}


def _origin(resource: Any) -> Origin:
    client = resource._client
    return Origin(client.base_url, _BY_CLIENT.get(type(client).__name__))


def _points(module: str, classes: str, method: str, operation: Operation) -> list[Point]:
    return [Point(module, f"{prefix}{classes}.{method}", operation) for prefix in ("", "Async")]


def _helpers(module: str, classes: str) -> list[Helper]:
    return [Helper(module, f"{prefix}{classes}.stream") for prefix in ("", "Async")]


def _sockets(module: str, classes: str, operation: Operation, *ends: str) -> list[Socket]:
    return [Socket(module, f"{prefix}{classes}.parse_event", operation, frozenset(ends)) for prefix in ("", "Async")]


_CHAT = "openai.resources.chat.completions"
_BETA_CHAT = "openai.resources.beta.chat.completions"
_RESPONSES = "openai.resources.responses.responses"

PROVIDER = Provider(
    name="openai",
    distribution="openai",
    tested=">=1.40",
    points=[
        *_points(_CHAT, "Completions", "create", CHAT),
        *_points(_CHAT, "Completions", "parse", CHAT),
        *_points(_BETA_CHAT, "Completions", "parse", CHAT),
        *_points(_RESPONSES, "Responses", "create", RESPONSES),
        *_points(_RESPONSES, "Responses", "parse", RESPONSES),
        *_points("openai.resources.embeddings", "Embeddings", "create", EMBEDDINGS),
        *_points("openai.resources.completions", "Completions", "create", COMPLETIONS),
        *_points("openai.resources.moderations", "Moderations", "create", MODERATIONS),
        *_points("openai.resources.images", "Images", "generate", IMAGES),
        *_points("openai.resources.images", "Images", "edit", IMAGES),
        *_points("openai.resources.audio.transcriptions", "Transcriptions", "create", TRANSCRIPTIONS),
        *_points("openai.resources.audio.translations", "Translations", "create", TRANSCRIPTIONS),
    ],
    helpers=[
        *_helpers(_CHAT, "Completions"),
        *_helpers(_BETA_CHAT, "Completions"),
        *_helpers(_RESPONSES, "Responses"),
    ],
    sockets=[
        *_sockets("openai.resources.realtime.realtime", "RealtimeConnection", REALTIME, "response.done"),
        *_sockets("openai.resources.beta.realtime.realtime", "RealtimeConnection", REALTIME, "response.done"),
        *_sockets(_RESPONSES, "ResponsesConnection", RESPONSES, *openai_responses.ENDS),
    ],
    origin=_origin,
    raw=stainless.RAW,
)
