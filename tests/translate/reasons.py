"""Why a field of a scenario cannot be right: what the source does not tell, or tells otherwise."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

CALL = ("calls", "tokens in", "tokens out", "model", "asked")
TOKENS = ("tokens in", "tokens out", "cache read", "cache write")


class Reason(NamedTuple):
    """Fields of scenarios (glob patterns of set and name), and the sentence that explains them."""

    set_name: str
    scenario: str
    fields: tuple[str, ...]
    why: str

    def explains(self, set_name: str, scenario: str, field: str) -> bool:
        return field in self.fields and fnmatchcase(set_name, self.set_name) and fnmatchcase(scenario, self.scenario)


REASONS = (
    Reason("autogen-native", "*", CALL, "AutoGen makes no span for a model call; the client's instrumentor does"),
    Reason("genai-llama-index", "*", CALL, "it makes spans of agents and tools only"),
    Reason("genai-openai-agents", "*", CALL, "it makes spans of agents and tools only"),
    Reason("genai-smolagents", "*", CALL, "it makes spans of agents and tools only"),
    Reason("openinference-crewai", "*", CALL, "it makes spans of crews, agents and tools only"),
    Reason("traceloop-crewai", "*", CALL, "it makes spans of crews, agents and tasks only"),
    Reason("crewai+*", "crewai_err429", ("calls",), "CrewAI asks again after a refusal; each attempt is a call"),
    Reason("*", "anthropic_count_tokens", ("tokens in",), "counting tokens is no model call and costs nothing"),
    Reason("*", "agents_guardrail", ("errors",), "the guardrail's exception is raised outside of every span"),
    Reason("*", "agents_tool_error", ("errors",), "the tool did fail, though the run went on"),
    Reason("langfuse-manual", "langfuse_tool_error", ("tools",), "the tool that failed was called too"),
    Reason("genai-openai*", "openai_chat_stream_abandoned", ("errors",), "an abandoned stream is written as a failure"),
    Reason(
        "langsmith-openai", "openai_chat_stream_*", ("errors",), "a stream that is closed early is written as a failure"
    ),
    Reason("agentops-0.4.21", "anthropic_stream_cut", ("errors",), "its own TypeError is written on the span"),
    Reason(
        "genai-openai-nocontent",
        "*",
        ("asked",),
        "content is switched off, so the tools that were asked for are not told",
    ),
    Reason(
        "anthropic-native", "*", ("asked",), "content is switched off, so the tools that were asked for are not told"
    ),
    Reason(
        "agentops-0.4.21",
        "anthropic_tool_runner",
        ("asked",),
        "the beta client's calls are told by the native span, without content",
    ),
    Reason(
        "mlflow-openai", "openai_chat_tool_stream", ("asked",), "the streamed tool calls are missing in its outputs"
    ),
    Reason(
        "openlit-openai",
        "openai_*_tool*",
        ("asked",),
        "it writes the last tool as an attribute of the call; it stays in extra",
    ),
    Reason(
        "semantic-kernel-native",
        "sk_tool",
        ("asked",),
        "content is switched off, so the tools that were asked for are not told",
    ),
    Reason("semantic-kernel-native", "sk_tool", ("tools",), "the tool's name has its plugin before it"),
    Reason("traceloop-anthropic-old", "anthropic_tool_stream", ("asked",), "streamed tool calls are not told"),
    Reason("traceloop-ollama", "ollama_tool", ("asked",), "tool calls of an answer are not told"),
    Reason("agentops-0.4.21", "openai_chat_cache", ("cache read",), "cached tokens are not told"),
    Reason("agentops-0.4.21", "openai_chat_reasoning", ("reasoning",), "reasoning tokens are not told"),
    Reason("agentops-0.4.21", "openai_chat_stream_nousage", TOKENS, "it asks for the usage itself, so there is one"),
    Reason("genai-google", "google_stream_cut", TOKENS, "the counts of the chunks before the cut are told"),
    Reason("langsmith-openai", "openai_chat_raw_stream", TOKENS, "the usage of a raw stream is not told"),
    Reason("mlflow-anthropic", "anthropic_stream_async", TOKENS, "the output is the repr of the stream"),
    Reason("openai-v2*", "openai_chat_cache", ("cache read",), "cached tokens are not told"),
    Reason("openai-v2*", "openai_chat_reasoning", ("reasoning",), "reasoning tokens are not told"),
    Reason(
        "openai-v2*",
        "openai_chat_stream_async_early_close",
        ("errors",),
        "the instrumentor's own TypeError is on no span",
    ),
    Reason("openai-v2", "openai_responses_*", CALL, "it does not know the Responses API"),
    Reason(
        "openinference-agno",
        "agno_err400",
        ("calls", "errors"),
        "the refused call has a span, although agno hides the refusal",
    ),
    Reason(
        "openinference-google-genai",
        "google_afc",
        (*CALL, "tools"),
        "automatic function calling is one span with the last request's usage",
    ),
    Reason("openinference-google-genai", "google_embed", TOKENS, "the usage of embeddings is not told"),
    Reason(
        "openlit-openai",
        "openai_chat_stream_*",
        (*CALL, "errors"),
        "streams that end early have no span; it estimates usage that was not told",
    ),
    Reason("openlit-openai", "openai_completions", CALL, "it does not know the older Completions API"),
    Reason("traceloop-anthropic-old", "anthropic_raw", TOKENS, "the usage of raw responses is not told"),
    Reason("traceloop-anthropic-old", "anthropic_*stream*", TOKENS, "the usage of streams is not told"),
    Reason("traceloop-anthropic-old", "anthropic_thinking", ("reasoning",), "reasoning tokens are not told"),
    Reason("traceloop-langchain*", "langchain_reasoning", ("reasoning",), "reasoning tokens are not told"),
    Reason("traceloop-openai-agents", "agents_tool_chat", CALL, "usage and answer of Chat Completions are not told"),
    Reason("traceloop-openai-old", "openai_chat_*stream*", TOKENS, "the usage of streams is not told"),
    Reason("traceloop-openai-old", "openai_chat_reasoning", ("reasoning",), "reasoning tokens are not told"),
    Reason("traceloop-openai-old", "openai_responses_tool", CALL, "it does not know the Responses API"),
    Reason("traceloop-openai", "openai_chat_stream_*", ("errors",), "a stream that fails midway is not marked"),
    Reason("langfuse-openai", "openai_chat_stream_cut", ("errors",), "a stream that fails midway is not marked"),
    Reason("logfire-openai", "openai_chat_stream_error_event", ("errors",), "a stream that fails midway is not marked"),
    Reason(
        "logfire-openai",
        "openai_chat_stream_abandoned",
        ("calls",),
        "a log record of an earlier scenario is in this file",
    ),
    Reason("mistral-native", "mistral_err401", ("errors",), "a refused request is not marked"),
)


def reason_for(set_name: str, scenario: str, field: str) -> Reason | None:
    """The first reason that explains this field."""
    return next((one for one in REASONS if one.explains(set_name, scenario, field)), None)
