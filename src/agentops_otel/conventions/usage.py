"""Token counts as providers and frameworks report them, made into disjoint buckets.

Providers differ in two things that change a cost: whether cached tokens are counted *inside* the prompt count, and
whether reasoning tokens are counted inside the completion count. `disjoint` is the one place with that arithmetic; a
`Shape` says where a reporter puts its numbers and on which side it counts. A shape reads mappings and objects with
attributes alike, never raises, and leaves unknown (None) what was not reported:

    OPENAI_CHAT.count(response.usage).usage

Sources: the type definitions of the clients named at each shape, and the extractors of genai-prices 0.2.3, data.py.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

from agentops_otel.paths import at, names
from agentops_otel.records import USAGE_BUCKETS, Usage

Place = Literal["inside", "outside", "either"]
"""Where a part is counted: inside the total, beside it, or not known, so that the numbers decide."""

MOST_TOKENS = 10**15
"""No call has more; larger counts are noise and are left unknown."""


_DIGITS = re.compile(r"[0-9]{1,16}")


class Counted(NamedTuple):
    """Usage, and in `doubt` why it had to be bent because the reported numbers contradict each other."""

    usage: Usage
    doubt: str | None = None


def count(value: object) -> int | None:
    """A token count, or None for what is not one: negative, fractional, NaN, a bool, text that is not a number."""
    if type(value) is int:
        return value if 0 <= value <= MOST_TOKENS else None
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value) else None
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None


def disjoint(
    *,
    prompt: int | None = None,
    completion: int | None = None,
    total: int | None = None,
    cache_read: int | None = None,
    cache_write: int | None = None,
    cache_write_1h: int | None = None,
    audio_in: int | None = None,
    image: int | None = None,
    reasoning: int | None = None,
    audio_out: int | None = None,
    image_out: int | None = None,
    cache: Place = "either",
    thinking: Place = "either",
) -> Counted:
    """Disjoint buckets from totals and their parts. `cache_write` is every cache write, `cache_write_1h` some of them.

    Audio and image tokens are always inside their total. `cache` says where the cached tokens are, `thinking` where the
    reasoning tokens are. With "either", cached tokens are inside if they fit, and reasoning tokens are inside unless
    `total` or their number shows that they are not. A part that should be inside and does not fit is cut to what is
    left, so that the total stays what the reporter said it was, and `doubt` says so.
    """
    doubts: list[str] = []
    hour, write = cache_write_1h, cache_write
    if hour is not None and write is not None:
        hour = _cut(hour, write, "1 h cache writes", doubts)
        write -= hour
    cached = (cache_read or 0) + (cache_write or 0)
    if cache == "either":
        cache = "outside" if prompt is not None and cached > prompt else "inside"
    if thinking == "either":
        thinking = _place_of_reasoning(prompt, completion, total, reasoning)
    left, spoken = prompt, completion
    if left is not None:
        if cache == "inside":
            cache_read, left = _take(cache_read, left, "cache reads", doubts)
            write, left = _take(write, left, "cache writes", doubts)
            hour, left = _take(hour, left, "1 h cache writes", doubts)
        audio_in, left = _take(audio_in, left, "audio input", doubts)
        image, left = _take(image, left, "image input", doubts)
    if spoken is not None:
        if thinking == "inside":
            reasoning, spoken = _take(reasoning, spoken, "reasoning", doubts)
        audio_out, spoken = _take(audio_out, spoken, "audio output", doubts)
        image_out, spoken = _take(image_out, spoken, "image output", doubts)
    usage = Usage(left, cache_read, write, hour, spoken, reasoning, audio_in, audio_out, image, image_out)
    return Counted(usage, "; ".join(doubts) or None)


def _place_of_reasoning(prompt: int | None, completion: int | None, total: int | None, reasoning: int | None) -> Place:
    if not reasoning or completion is None:
        return "inside"
    if total is not None and prompt is not None and total == prompt + completion + reasoning:
        return "outside"
    return "outside" if reasoning > completion else "inside"


def _take(part: int | None, left: int, name: str, doubts: list[str]) -> tuple[int | None, int]:
    """A part, and what is left of its total without it."""
    if not part:
        return part, left
    fitting = _cut(part, left, name, doubts)
    return fitting, left - fitting


def _cut(part: int, whole: int, name: str, doubts: list[str]) -> int:
    if part <= whole:
        return part
    doubts.append(f"{part} {name} in {whole}")
    return whole


# --- shapes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """Where one reporter puts its counts: each field is a tuple of paths, of which the first that answers is taken.

    Of `image`, `cached_image` and `image_out`, which hold all that is seen, the sum is taken.

    `prompt_beside` and `completion_beside` are counts that belong to the total but are not in it. `cache_write` is
    every cache write; where only the 5-minute ones are told apart, `cache_write_5m` names them. `cached_audio` is audio
    that is counted as a cache read as well.
    """

    prompt: tuple[str, ...] = ()
    prompt_beside: tuple[str, ...] = ()
    completion: tuple[str, ...] = ()
    completion_beside: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    cache_read: tuple[str, ...] = ()
    cache_write: tuple[str, ...] = ()
    cache_write_5m: tuple[str, ...] = ()
    cache_write_1h: tuple[str, ...] = ()
    audio_in: tuple[str, ...] = ()
    cached_audio: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    cached_image: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    audio_out: tuple[str, ...] = ()
    image_out: tuple[str, ...] = ()
    cache: Place = "inside"
    thinking: Place = "inside"

    def count(self, raw: object) -> Counted:
        """The usage in disjoint buckets; an empty one if `raw` is None or holds none of the counts."""
        if raw is None:
            return Counted(Usage())
        seen = {part: read(raw, paths) for part, read, paths in _present(self, names(raw))}
        get = seen.get
        write_1h = get("cache_write_1h")
        return disjoint(
            prompt=_plus(get("prompt"), get("prompt_beside")),
            completion=_plus(get("completion"), get("completion_beside")),
            total=get("total"),
            cache_read=get("cache_read"),
            cache_write=_every_write(get("cache_write"), get("cache_write_5m"), write_1h),
            cache_write_1h=write_1h,
            audio_in=_less(get("audio_in"), get("cached_audio")),
            image=_less(get("image"), get("cached_image")),
            reasoning=get("reasoning"),
            audio_out=get("audio_out"),
            image_out=get("image_out"),
            cache=self.cache,
            thinking=self.thinking,
        )


_Read = Callable[[object, tuple[str, ...]], "int | None"]


@functools.lru_cache(maxsize=256)
def _present(shape: Shape, members: tuple[str, ...] | None) -> tuple[tuple[str, _Read, tuple[str, ...]], ...]:
    """The parts that a payload with these members may have, how each is read, and where."""
    found = []
    for part in (one.name for one in fields(shape) if one.name not in ("cache", "thinking")):
        paths: tuple[str, ...] = getattr(shape, part)
        if members is not None:
            paths = tuple(path for path in paths if path in members or _FIRST_STEP.split(path)[0] in members)
        if paths:
            found.append((part, _sum if part in _SUMMED else _first, paths))
    return tuple(found)


_FIRST_STEP = re.compile(r"[.\[]")
_SUMMED = frozenset({"image", "cached_image", "image_out"})


def _first(raw: object, paths: tuple[str, ...]) -> int | None:
    for path in paths:
        found = count(at(raw, path))
        if found is not None:
            return found
    return None


def _sum(raw: object, paths: tuple[str, ...]) -> int | None:
    found = [number for path in paths if (number := count(at(raw, path))) is not None]
    return sum(found) if found else None


def _plus(total: int | None, beside: int | None) -> int | None:
    return total if total is None or beside is None else total + beside


def _less(part: int | None, cached: int | None) -> int | None:
    return part if part is None or cached is None else max(0, part - cached)


def _every_write(every: int | None, short: int | None, hour: int | None) -> int | None:
    if short is None and hour is None:
        return every
    return max(every or 0, (short or 0) + (hour or 0))


OPENAI_CHAT = Shape(
    prompt=("prompt_tokens",),
    completion=("completion_tokens",),
    total=("total_tokens",),
    cache_read=(
        "prompt_tokens_details.cached_tokens",
        "prompt_token_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cache_read_input_tokens",
        "cached_tokens",
    ),
    cache_write=("prompt_tokens_details.cache_write_tokens", "cache_creation_input_tokens"),
    cache_write_1h=("prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",),
    audio_in=("prompt_tokens_details.audio_tokens",),
    image=("prompt_tokens_details.image_tokens",),
    reasoning=("completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    audio_out=("completion_tokens_details.audio_tokens",),
    image_out=("completion_tokens_details.image_tokens",),
    thinking="either",
)
"""OpenAI chat.completions and all that copy it: Azure, Groq, Mistral, Together, Fireworks, OpenRouter, LiteLLM.

Cached and reasoning tokens are inside (openai 3.54, types/completion_usage.py). DeepSeek names its cache reads
`prompt_cache_hit_tokens`, Writer spells `prompt_token_details`, Moonshot `cached_tokens`, LiteLLM and Databricks
`cache_read_input_tokens`; all inside.
Copies disagree about reasoning, so `total_tokens` decides.
"""

XAI_CHAT = Shape(
    prompt=("prompt_tokens",),
    completion=("completion_tokens",),
    total=("total_tokens",),
    cache_read=("prompt_tokens_details.cached_tokens", "cached_prompt_text_tokens"),
    image=("prompt_tokens_details.image_tokens", "prompt_image_tokens"),
    reasoning=("completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    thinking="outside",
)
"""xAI chat.completions and its own SDK: reasoning tokens are beside `completion_tokens`. genai-prices 0.2.3, x-ai."""

PERPLEXITY = Shape(
    prompt=("prompt_tokens",),
    completion=("completion_tokens",),
    total=("total_tokens",),
    completion_beside=("citation_tokens",),
    reasoning=("reasoning_tokens",),
    thinking="outside",
)
"""Perplexity Sonar: reasoning and citation tokens are beside `completion_tokens`. genai-prices 0.2.3, perplexity."""

OPENAI_RESPONSES = Shape(
    prompt=("input_tokens",),
    completion=("output_tokens",),
    total=("total_tokens",),
    cache_read=("input_tokens_details.cached_tokens", "input_tokens_details.cache_read_input_tokens"),
    cache_write=("input_tokens_details.cache_write_tokens",),
    audio_in=("input_tokens_details.audio_tokens", "input_token_details.audio_tokens"),
    image=("input_tokens_details.image_tokens",),
    reasoning=("output_tokens_details.reasoning_tokens",),
    audio_out=("output_tokens_details.audio_tokens",),
    image_out=("output_tokens_details.image_tokens",),
)
"""OpenAI responses, images and transcriptions.

Source: openai 3.54, types/responses/response_usage.py, types/images_response.py.
"""

OPENAI_REALTIME = Shape(
    prompt=("input_tokens",),
    completion=("output_tokens",),
    total=("total_tokens",),
    cache_read=("input_token_details.cached_tokens",),
    audio_in=("input_token_details.audio_tokens",),
    cached_audio=("input_token_details.cached_tokens_details.audio_tokens",),
    image=("input_token_details.image_tokens",),
    cached_image=("input_token_details.cached_tokens_details.image_tokens",),
    audio_out=("output_token_details.audio_tokens",),
)
"""OpenAI realtime: audio and image counts include cached ones. openai 3.54, types/realtime."""

EMBEDDINGS = Shape(prompt=("prompt_tokens", "input_tokens", "total_tokens", "promptTokenCount", "prompt_eval_count"))
"""Embeddings and rerank of the OpenAI wire, Voyage and Jina (which give `total_tokens` only): all of it is input."""

ANTHROPIC = Shape(
    prompt=("input_tokens",),
    completion=("output_tokens",),
    cache_read=("cache_read_input_tokens",),
    cache_write=("cache_creation_input_tokens",),
    cache_write_5m=("cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=("cache_creation.ephemeral_1h_input_tokens",),
    reasoning=("output_tokens_details.thinking_tokens",),
    cache="outside",
)
"""Anthropic messages: cached tokens are beside `input_tokens`.

`cache_creation_input_tokens` is the sum of both lifetimes.
Source: anthropic, types/usage.py; genai-prices 0.2.3, anthropic.
"""


def _seen(camel: str, snake: str) -> tuple[str, ...]:
    """Video frames and pages of documents are counted, and mostly charged, as images are."""
    kinds = ("IMAGE", "VIDEO", "DOCUMENT")
    return tuple(
        path
        for kind in kinds
        for path in (f"{camel}[modality={kind}].tokenCount", f"{snake}[modality={kind}].token_count")
    )


GOOGLE = Shape(
    prompt=("promptTokenCount", "prompt_token_count"),
    prompt_beside=("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
    completion=("candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"),
    cache_read=("cachedContentTokenCount", "cached_content_token_count"),
    audio_in=(
        "promptTokensDetails[modality=AUDIO].tokenCount",
        "prompt_tokens_details[modality=AUDIO].token_count",
    ),
    cached_audio=(
        "cacheTokensDetails[modality=AUDIO].tokenCount",
        "cache_tokens_details[modality=AUDIO].token_count",
    ),
    image=_seen("promptTokensDetails", "prompt_tokens_details"),
    cached_image=_seen("cacheTokensDetails", "cache_tokens_details"),
    reasoning=("thoughtsTokenCount", "thoughts_token_count"),
    audio_out=(
        "candidatesTokensDetails[modality=AUDIO].tokenCount",
        "candidates_tokens_details[modality=AUDIO].token_count",
        "responseTokensDetails[modality=AUDIO].tokenCount",
        "response_tokens_details[modality=AUDIO].token_count",
    ),
    image_out=_seen("candidatesTokensDetails", "candidates_tokens_details"),
    thinking="outside",
)
"""Gemini API and Vertex `usageMetadata`, REST and Python spelling.

Cached tokens are inside the prompt; thoughts are beside the candidates, tool-use prompts beside the prompt.
Source: google-genai, types.py, GenerateContentResponseUsageMetadata.
"""

BEDROCK_CONVERSE = Shape(
    prompt=("inputTokens",),
    completion=("outputTokens",),
    cache_read=("cacheReadInputTokens", "cacheReadInputTokenCount"),
    cache_write=("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
    cache_write_1h=("cacheDetails[ttl=1h].inputTokens",),
    cache="outside",
)
"""Bedrock Converse `usage`: cached tokens are beside `inputTokens`. botocore, bedrock-runtime TokenUsage."""

COHERE = Shape(
    prompt=("billed_units.input_tokens", "tokens.input_tokens"),
    completion=("billed_units.output_tokens", "tokens.output_tokens"),
    cache_read=("cached_tokens",),
)
"""Cohere v2 `usage` and v1 `meta`: billed units where given, since they are what costs. cohere, types/usage.py."""

OLLAMA = Shape(prompt=("prompt_eval_count",), completion=("eval_count",))
"""Ollama: the counts stand in the response itself; `prompt_eval_count` is absent if the prompt was cached."""

WATSONX = Shape(prompt=("input_token_count",), completion=("generated_token_count",))
"""IBM watsonx.ai: text generation, embeddings and reranking; its chat has the OpenAI shape. ibm-watsonx-ai 1.8."""

REPLICATE = Shape(prompt=("input_token_count",), completion=("output_token_count",))
"""Replicate: among the `metrics` of predictions of models of language. replicate 1.0.7, prediction.py."""

MISTRAL = OPENAI_CHAT
"""Mistral chat: the OpenAI shape. mistralai, models/usageinfo.py."""

GROQ = OPENAI_CHAT
"""Groq chat: the OpenAI shape; in streams it stands under `x_groq.usage`. groq, types/completion_usage.py."""

DEEPSEEK = OPENAI_CHAT
"""DeepSeek chat: the OpenAI shape with `prompt_cache_hit_tokens`."""

BEDROCK_INVOKE = Shape(
    prompt=("inputTextTokenCount", "prompt_token_count", "inputTokenCount"),
    completion=("results.0.tokenCount", "generation_token_count", "outputTokenCount"),
)
"""Bodies of Bedrock InvokeModel without `usage`: Titan, Llama, `amazon-bedrock-invocationMetrics` of streams."""

LANGCHAIN = Shape(
    prompt=("input_tokens",),
    completion=("output_tokens",),
    total=("total_tokens",),
    cache_read=("input_token_details.cache_read",),
    cache_write=("input_token_details.cache_creation",),
    cache_write_5m=("input_token_details.ephemeral_5m_input_tokens",),
    cache_write_1h=("input_token_details.ephemeral_1h_input_tokens",),
    audio_in=("input_token_details.audio",),
    reasoning=("output_token_details.reasoning",),
    audio_out=("output_token_details.audio",),
    cache="either",
)
"""LangChain `usage_metadata`: everything is inside by its definition (langchain-core, messages/ai.py, UsageMetadata).

Some integrations left Anthropic's cached tokens outside, so the numbers decide.
"""

VERCEL = Shape(
    prompt=("inputTokens", "promptTokens"),
    completion=("outputTokens", "completionTokens"),
    total=("totalTokens",),
    cache_read=("inputTokenDetails.cacheReadTokens", "cachedInputTokens"),
    cache_write=("inputTokenDetails.cacheWriteTokens",),
    reasoning=("outputTokenDetails.reasoningTokens", "reasoningTokens"),
    cache="either",
    thinking="either",
)
"""Vercel AI SDK `usage`, versions 4 to 6. Version 4 passed Anthropic's exclusive input on, so the numbers decide."""

PYDANTIC_AI = Shape(
    prompt=("input_tokens", "request_tokens"),
    completion=("output_tokens", "response_tokens"),
    total=("total_tokens",),
    cache_read=("cache_read_tokens",),
    cache_write=("cache_write_tokens",),
    audio_in=("input_audio_tokens",),
    cached_audio=("cache_audio_read_tokens",),
    reasoning=("details.reasoning_tokens",),
    audio_out=("output_audio_tokens",),
)
"""pydantic-ai `RequestUsage`: everything is inside. pydantic-ai 2.68, usage.py."""

SHAPES: Mapping[str, Shape] = {
    "openai.chat": OPENAI_CHAT,
    "openai.responses": OPENAI_RESPONSES,
    "anthropic": ANTHROPIC,
    "google": GOOGLE,
    "bedrock.converse": BEDROCK_CONVERSE,
    "bedrock.invoke": BEDROCK_INVOKE,
    "cohere": COHERE,
    "ollama": OLLAMA,
    "openai.realtime": OPENAI_REALTIME,
    "langchain": LANGCHAIN,
    "vercel": VERCEL,
    "pydantic-ai": PYDANTIC_AI,
    "xai": XAI_CHAT,
    "perplexity": PERPLEXITY,
}
"""Every shape by name, in the order in which `recognised` prefers them."""


def recognised(raw: object) -> Counted:
    """The usage in `raw` when nobody knows who wrote it: read by the shape that finds the most counts in it.

    Of shapes that find equally many the first of `SHAPES` reads it.
    """
    return max((shape.count(raw) for shape in SHAPES.values()), key=_counts_found)


def _counts_found(counted: Counted) -> int:
    return sum(getattr(counted.usage, bucket) is not None for bucket in USAGE_BUCKETS)


def reported_cost(raw: object) -> Decimal | None:
    """What the provider itself says that the call cost, in US dollars, or None.

    OpenRouter writes `cost`, Perplexity `cost.total_cost`, xAI `cost_in_usd_ticks` of 1e-10 dollars. Where the key is
    the caller's own (`is_byok`), OpenRouter's cost is its fee alone, which comes on top of what the provider takes.
    Sources: openrouter.ai, "Usage Accounting"; perplexityai, types/usage_info.py; docs.x.ai, "Cost Tracking".
    """
    ticks = count(at(raw, "cost_in_usd_ticks"))
    if ticks is not None:
        return Decimal(ticks).scaleb(-10)
    for path in ("cost.total_cost", "cost"):
        found = dollars(at(raw, path))
        if found is not None:
            return _with_upstream(found, raw) if at(raw, "is_byok") is True else found
    return None


def _with_upstream(fee: Decimal, raw: object) -> Decimal | None:
    upstream = dollars(at(raw, "cost_details.upstream_inference_cost"))
    return None if upstream is None else fee + upstream


def dollars(value: object) -> Decimal | None:
    """An amount of money as it was written, or None for what is none: negative, infinite, NaN, a bool, other text.

    Floats are taken by their shortest text, so 0.1 is 0.1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
