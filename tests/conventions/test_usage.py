"""Usage payloads in the words of each provider, and the disjoint buckets they mean.

The whole way from a payload to dollars is tested in tests/pricing; here are the shapes and the odd values.
"""

from __future__ import annotations

import re
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops_otel.conventions.usage import (
    ANTHROPIC,
    EMBEDDINGS,
    GOOGLE,
    OPENAI_CHAT,
    OPENAI_REALTIME,
    SHAPES,
    XAI_CHAT,
    Counted,
    Place,
    count,
    disjoint,
    dollars,
    recognised,
    reported_cost,
)
from agentops_otel.records import USAGE_BUCKETS, Usage

CACHE_CASES: list[tuple[str, dict[str, Any], Usage]] = [
    (
        "openai.chat",
        {
            "prompt_tokens": 2101,
            "completion_tokens": 500,
            "total_tokens": 2601,
            "prompt_tokens_details": {"cached_tokens": 1536, "cache_write_tokens": 256, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0},
        },
        Usage(input=309, cache_read=1536, cache_write=256, output=308, reasoning=192, audio_in=0, audio_out=0),
    ),
    (
        "openai.responses",
        {
            "input_tokens": 2101,
            "input_tokens_details": {"cached_tokens": 1536, "cache_write_tokens": 256},
            "output_tokens": 500,
            "output_tokens_details": {"reasoning_tokens": 192},
            "total_tokens": 2601,
        },
        Usage(input=309, cache_read=1536, cache_write=256, output=308, reasoning=192),
    ),
    (
        "anthropic",
        {
            "input_tokens": 309,
            "cache_read_input_tokens": 1536,
            "cache_creation_input_tokens": 256,
            "cache_creation": {"ephemeral_5m_input_tokens": 156, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 500,
        },
        Usage(input=309, cache_read=1536, cache_write=156, cache_write_1h=100, output=500),
    ),
    (
        "google",
        {
            "promptTokenCount": 2101,
            "cachedContentTokenCount": 1536,
            "candidatesTokenCount": 308,
            "thoughtsTokenCount": 192,
            "totalTokenCount": 2601,
        },
        Usage(input=565, cache_read=1536, output=308, reasoning=192),
    ),
    (
        "bedrock.converse",
        {
            "inputTokens": 309,
            "outputTokens": 500,
            "totalTokens": 2601,
            "cacheReadInputTokens": 1536,
            "cacheWriteInputTokens": 256,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 156}, {"ttl": "1h", "inputTokens": 100}],
        },
        Usage(input=309, cache_read=1536, cache_write=156, cache_write_1h=100, output=500),
    ),
    (
        "bedrock.invoke",
        {"inputTextTokenCount": 30, "results": [{"tokenCount": 12, "outputText": "x"}]},
        Usage(input=30, output=12),
    ),
    (
        "cohere",
        {"billed_units": {"input_tokens": 20.0, "output_tokens": 9.0}, "tokens": {"input_tokens": 86}},
        Usage(input=20, output=9),
    ),
    ("ollama", {"model": "llama3.2", "prompt_eval_count": 26, "eval_count": 298}, Usage(input=26, output=298)),
    (
        "langchain",
        {
            "input_tokens": 2101,
            "output_tokens": 500,
            "total_tokens": 2601,
            "input_token_details": {"cache_read": 1536, "cache_creation": 0, "ephemeral_5m_input_tokens": 256},
            "output_token_details": {"reasoning": 192},
        },
        Usage(input=309, cache_read=1536, cache_write=256, output=308, reasoning=192),
    ),
    (
        "vercel",
        {"inputTokens": 2101, "outputTokens": 500, "reasoningTokens": 192, "cachedInputTokens": 1536},
        Usage(input=565, cache_read=1536, output=308, reasoning=192),
    ),
    (
        "pydantic-ai",
        {
            "input_tokens": 2101,
            "output_tokens": 500,
            "cache_read_tokens": 1536,
            "cache_write_tokens": 256,
            "details": {"reasoning_tokens": 192},
        },
        Usage(input=309, cache_read=1536, cache_write=256, output=308, reasoning=192),
    ),
]


@pytest.mark.parametrize(("shape", "raw", "usage"), CACHE_CASES, ids=[case[0] for case in CACHE_CASES])
def test_a_payload_becomes_disjoint_buckets(shape: str, raw: dict[str, Any], usage: Usage) -> None:
    """Cached, written and reasoning tokens leave the totals that contain them, and no others."""
    assert Counted(usage) == SHAPES[shape].count(raw)


@pytest.mark.parametrize(("shape", "raw", "usage"), CACHE_CASES, ids=[case[0] for case in CACHE_CASES])
def test_a_payload_of_unknown_origin_is_recognised(shape: str, raw: dict[str, Any], usage: Usage) -> None:
    """A payload alone tells which provider's words it speaks."""
    assert Counted(usage) == recognised(raw)


def _as_objects(raw: Any) -> Any:
    if isinstance(raw, dict):
        return SimpleNamespace(**{key: _as_objects(value) for key, value in raw.items()})
    return [_as_objects(item) for item in raw] if isinstance(raw, list) else raw


@pytest.mark.parametrize(("shape", "raw", "usage"), CACHE_CASES, ids=[case[0] for case in CACHE_CASES])
def test_objects_read_as_mappings_do(shape: str, raw: dict[str, Any], usage: Usage) -> None:
    """The clients' own response objects give the same buckets as the JSON they were made of."""
    assert Counted(usage) == SHAPES[shape].count(_as_objects(raw))


def test_the_openai_clients_own_usage_object_is_read() -> None:
    """A real pydantic model of the client, with its unset details, is counted."""
    usage = pytest.importorskip("openai.types").CompletionUsage(completion_tokens=5, prompt_tokens=7, total_tokens=12)
    assert Counted(Usage(input=7, output=5)) == OPENAI_CHAT.count(usage)


def test_what_was_not_reported_is_unknown_and_zero_is_known() -> None:
    """An absent or null detail stays None; a zero is a zero."""
    raw = {"prompt_tokens": 7, "completion_tokens": 0, "prompt_tokens_details": None}
    assert Counted(Usage(input=7, output=0)) == OPENAI_CHAT.count(raw)


@pytest.mark.parametrize("raw", [None, {}, [], "usage", 7, {"prompt_tokens": "many"}, {"prompt_tokens": {"a": 1}}])
def test_a_payload_without_counts_is_empty_usage(raw: object) -> None:
    """Whatever holds no counts says nothing, in every shape."""
    assert {Counted(Usage())} == {shape.count(raw) for shape in (*SHAPES.values(), EMBEDDINGS)}


def test_reasoning_beside_the_completion_is_seen_by_the_total() -> None:
    """Copies of the OpenAI wire that leave reasoning out of completion_tokens betray it by total_tokens."""
    details = {"reasoning_tokens": 300}
    beside = {"prompt_tokens": 10, "completion_tokens": 400, "total_tokens": 710, "completion_tokens_details": details}
    inside = {**beside, "total_tokens": 410}
    assert Usage(input=10, output=400, reasoning=300) == OPENAI_CHAT.count(beside).usage
    assert Usage(input=10, output=100, reasoning=300) == OPENAI_CHAT.count(inside).usage


def test_xai_counts_reasoning_beside_the_completion() -> None:
    """xAI's completion_tokens never contain the reasoning."""
    raw = {"prompt_tokens": 32, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 94}}
    assert Counted(Usage(input=32, output=9, reasoning=94)) == XAI_CHAT.count(raw)


def test_gemini_modalities_and_tool_prompts_are_told_apart() -> None:
    """Audio and images leave the text input once, tool-use prompts join the prompt, images drawn are output."""
    raw = {
        "promptTokenCount": 1000,
        "toolUsePromptTokenCount": 50,
        "cachedContentTokenCount": 300,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 600},
            {"modality": "AUDIO", "tokenCount": 250},
            {"modality": "IMAGE", "tokenCount": 150},
        ],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}, {"modality": "TEXT", "tokenCount": 200}],
        "candidatesTokenCount": 1300,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    expected = Usage(input=450, cache_read=300, audio_in=150, image=150, output=10, image_out=1290)
    assert Counted(expected) == GOOGLE.count(raw)


def test_realtime_audio_that_was_cached_is_counted_once() -> None:
    """Cached audio is a cache read, not audio input as well."""
    raw = {
        "input_tokens": 1000,
        "output_tokens": 200,
        "input_token_details": {
            "text_tokens": 400,
            "audio_tokens": 600,
            "cached_tokens": 500,
            "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 400},
        },
        "output_token_details": {"text_tokens": 50, "audio_tokens": 150},
    }
    expected = Usage(input=300, cache_read=500, audio_in=200, output=50, audio_out=150)
    assert Counted(expected) == OPENAI_REALTIME.count(raw)


def test_embeddings_that_give_only_a_total_are_all_input() -> None:
    """Voyage and Jina report total_tokens only."""
    assert Counted(Usage(input=12)) == EMBEDDINGS.count({"total_tokens": 12})


def test_more_cached_than_prompted_is_cut_and_doubted() -> None:
    """The prompt count stays what the provider said; what does not fit is cut and told."""
    raw = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 120}}
    assert Counted(Usage(input=0, cache_read=100, output=5), "120 cache reads in 100") == OPENAI_CHAT.count(raw)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("inside", Usage(input=0, cache_read=309, cache_write=0, output=500)),
        ("outside", Usage(input=309, cache_read=1536, cache_write=256, output=500)),
        ("either", Usage(input=309, cache_read=1536, cache_write=256, output=500)),
    ],
)
def test_cached_tokens_that_do_not_fit_were_beside_the_prompt(place: Place, expected: Usage) -> None:
    """Where the reporter's custom is not known, the numbers decide."""
    counted = disjoint(prompt=309, cache_read=1536, cache_write=256, completion=500, cache=place)
    assert expected == counted.usage


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (0, 0),
        (3.0, 3),
        ("17", 17),
        (True, None),
        (-1, None),
        (2.5, None),
        (float("nan"), None),
        (float("inf"), None),
        ("", None),
        ("-3", None),
        ("９", None),
        (10**400, None),
        ("9" * 5000, None),
        (None, None),
        ([3], None),
    ],
)
def test_a_count_is_a_whole_number_of_tokens(value: object, expected: int | None) -> None:
    """Whatever is no plausible count is unknown, never an exception and never 0."""
    assert expected == count(value)


def test_a_property_that_raises_leaves_the_count_unknown() -> None:
    """A foreign object whose attribute fails is read around."""

    class Lazy:
        prompt_tokens = 3

        @property
        def completion_tokens(self) -> int:
            raise RuntimeError("not loaded")

    assert Counted(Usage(input=3)) == OPENAI_CHAT.count(Lazy())


tokens = st.none() | st.integers(0, 5000)
places = st.sampled_from(["inside", "outside", "either"])


@settings(deadline=None)
@given(
    prompt=st.integers(0, 5000),
    completion=st.integers(0, 5000),
    read=tokens,
    write=tokens,
    hour=tokens,
    audio=tokens,
    image=tokens,
    reasoning=tokens,
)
def test_parts_inside_never_change_the_totals(
    prompt: int,
    completion: int,
    read: int | None,
    write: int | None,
    hour: int | None,
    audio: int | None,
    image: int | None,
    reasoning: int | None,
) -> None:
    """However the parts contradict each other, the buckets add up to the totals that were reported."""
    usage = disjoint(
        prompt=prompt,
        completion=completion,
        cache_read=read,
        cache_write=write,
        cache_write_1h=hour if write is not None else None,
        audio_in=audio,
        image=image,
        reasoning=reasoning,
        cache="inside",
        thinking="inside",
    ).usage
    assert (prompt, completion) == (usage.prompt_tokens, usage.completion_tokens)


odd_values = st.sampled_from([None, True, -1, 7, 2.5, float("nan"), "x", [], [{}], {}, {"cached_tokens": "a"}, [1]])
TOP_LEVEL_NAMES = sorted(
    {
        re.split(r"[.\[]", path)[0]
        for shape in SHAPES.values()
        for paths in vars(shape).values()
        if isinstance(paths, tuple)
        for path in paths
    }
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(TOP_LEVEL_NAMES), odd_values, max_size=5))
def test_no_payload_makes_a_shape_raise(raw: dict[str, Any]) -> None:
    """Known names with values of any type are read or left out."""
    counted = recognised(raw)
    assert all((getattr(counted.usage, bucket) or 0) >= 0 for bucket in USAGE_BUCKETS)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"cost": 0.000123}, Decimal("0.000123")),
        ({"cost": {"total_cost": 0.006, "input_tokens_cost": 0.001}}, Decimal("0.006")),
        ({"cost_in_usd_ticks": 37756000}, Decimal("0.0037756")),
        ({"cost": 0.95, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.9}}, Decimal("0.95")),
        ({"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": 19}}, Decimal("19.95")),
        ({"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, None),
        ({"cost": None}, None),
        ({"cost": True}, None),
        ({"cost": -1}, None),
        ({"cost": "free"}, None),
        (None, None),
    ],
)
def test_a_cost_that_the_provider_reports_is_read(raw: object, expected: Decimal | None) -> None:
    """OpenRouter, Perplexity and xAI tell the cost of a call in its usage."""
    assert expected == reported_cost(raw)


def test_a_float_amount_is_what_it_was_written_as() -> None:
    """0.1 is a tenth, not its binary neighbour."""
    assert Decimal("0.1") == dollars(0.1)


def test_anthropic_lifetimes_without_a_sum_are_added() -> None:
    """The split alone is enough to know every cache write."""
    raw = {"input_tokens": 1, "output_tokens": 2, "cache_creation": {"ephemeral_1h_input_tokens": 7}}
    assert Counted(Usage(input=1, cache_write=0, cache_write_1h=7, output=2)) == ANTHROPIC.count(raw)
