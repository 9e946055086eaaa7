"""Names that vocabularies spell differently: providers and finish reasons, in the words of the GenAI conventions."""

from __future__ import annotations

from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import label, texts
from agentops_otel.records import Json
from agentops_otel.spans import AnyValue, FlatSpan

PROVIDERS = {
    "openai": ("openai.chat", "openai.responses", "openai.completion", "openai.embedding", "open_ai"),
    "azure.ai.openai": ("az.ai.openai", "azure_openai", "azure-openai", "azure", "azure.openai", "azureopenai"),
    "azure.ai.inference": ("az.ai.inference", "azure_ai", "azure_ai_inference"),
    "anthropic": ("anthropic.messages", "claude"),
    "aws.bedrock": ("bedrock", "aws_bedrock", "amazon_bedrock", "bedrock_converse", "amazon-bedrock", "aws", "amazon"),
    "gcp.gemini": ("gemini", "google_genai", "google.generative-ai", "google_gemini", "google-gla", "googleai"),
    "gcp.vertex_ai": (
        *("vertex_ai", "vertexai", "google_vertexai", "google-vertex", "google.vertex"),
        *("google_anthropic_vertex", "gcp.vertex.agent"),
    ),
    "gcp.gen_ai": ("google", "gcp", "gen_ai"),
    "mistral_ai": ("mistral", "mistralai", "mistral.chat"),
    "cohere": ("cohere.chat",),
    "groq": ("groq.chat",),
    "deepseek": ("deepseek.chat",),
    "x_ai": ("xai", "x.ai", "grok", "xai.chat"),
    "perplexity": ("perplexity_ai",),
    "ibm.watsonx.ai": ("watsonx", "ibm", "watsonx.ai", "ibm.watsonx"),
    "together_ai": ("together", "togetherai", "together.ai"),
    "fireworks": ("fireworks_ai", "fireworks.ai"),
    "huggingface": ("hugging_face", "hf", "huggingface_hub"),
    "voyageai": ("voyage", "voyage_ai"),
    "ai21": ("ai21_labs", "ai21labs"),
}
"""Provider names and what others call them, in lower case.

Source: GenAI semantic conventions, gen_ai.provider.name; names off that list are what instrumentors wrote (2026-11).
"""

FRAMEWORKS = frozenset(
    {
        *("langchain", "langgraph", "llama_index", "llamaindex", "strands-agents", "strands", "autogen", "crewai"),
        *("microsoft.agent_framework", "openai_agents", "pydantic_ai", "pydantic-ai", "semantic_kernel", "haystack"),
        *("smolagents", "agno", "dspy", "litellm", "ag2", "google_adk", "mcp"),
    }
)
"""What stands in a provider attribute although it makes no model calls: the framework that wrote the span."""

FINISH_REASONS = {
    "stop": ("end_turn", "stop_sequence", "complete", "completed", "eos", "eos_token", "finished", "finish", "end"),
    "length": ("max_tokens", "max_output_tokens", "model_length", "max_length", "context_length_exceeded"),
    "tool_call": ("tool_calls", "tool_use", "function_call", "tool-calls", "tool"),
    "content_filter": (
        *("safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "refusal"),
        *("content-filter", "content_filtered", "guardrail_intervened", "error_toxic", "language"),
    ),
    "error": ("failed", "malformed_function_call", "unexpected_tool_call"),
    "compaction": (),
}
"""Finish reasons of the GenAI conventions and what providers call them, in lower case.

Source: the providers' API references, read 2026-11.
"""


def _by_alias(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {alias: name for name, aliases in table.items() for alias in (name, *aliases)}


_PROVIDER = _by_alias(PROVIDERS)
_FINISH = _by_alias(FINISH_REASONS)


def provider(value: AnyValue) -> str | None:
    """The provider's name in the conventions' words; None for a framework, its own spelling where nothing is known."""
    found = label(value)
    if found is None:
        return None
    known = _PROVIDER.get(found)
    if known is not None:
        return known
    lower = found.lower()
    return None if lower in FRAMEWORKS else _PROVIDER.get(lower, lower)


def finish_reason(value: str) -> str:
    """`end_turn`, `STOP`, `FinishReason.STOP` as `stop`; a reason nobody knows in lower case."""
    known = _FINISH.get(value)
    if known is not None:
        return known
    lower = value.rpartition(".")[2].lower()
    return _FINISH.get(lower, lower)


def finish_reasons_of(value: AnyValue) -> tuple[str, ...] | None:
    """Finish reasons in the conventions' words, from one reason or several."""
    found = texts(value)
    return None if found is None else tuple(map(finish_reason, found))


def finish_reasons_in(completion: Json) -> tuple[str, ...]:
    """The finish reasons of an answer's messages, in the conventions' words; the messages keep the provider's."""
    if type(completion) is not list:
        return ()
    said = [one.get("finish_reason") for one in completion if type(one) is dict]
    return tuple(finish_reason(one) for one in said if type(one) is str and one)


def bare_model(reading: Reading) -> None:
    """`anthropic/claude-haiku-4-5` of a gateway as the model it is, where the prefix only repeats the provider."""
    model = reading.model
    if model is None or "/" not in model:
        return
    prefix, _, bare = model.partition("/")
    if bare and provider(prefix) == reading.provider:
        reading.request_model, reading.model = reading.request_model or model, bare


def only_counts_tokens(span: FlatSpan) -> bool:
    """A request that asks how many tokens a prompt has; it is answered by no model and costs nothing."""
    name = span.name.lower()
    return name.endswith(("count_tokens", "counttokens")) or _COUNT_TOKENS in span.attributes


_COUNT_TOKENS = "anthropic.message.count_tokens.input_tokens"
