"""A Call as attributes: what is unknown is absent, and without capture no text is there."""

from __future__ import annotations

import pytest

from agentops_otel.calls import Call
from agentops_otel.conventions import emit
from agentops_otel.conventions.genai import GenAIDialect
from agentops_otel.records import Usage
from agentops_otel.spans import FlatSpan

BARE = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
TEXT = [{"role": "user", "parts": [{"type": "text", "content": "secret"}]}]


def test_what_is_unknown_is_absent():
    """A call of which nothing is known has its operation and provider only."""
    assert emit.attributes(Call(operation="chat", provider="openai"), capture=True) == BARE


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (Usage(), {}),
        (Usage(input=0, output=0, cache_read=0), {"input_tokens": 0, "output_tokens": 0}),
        (
            Usage(input=300, cache_read=1500, cache_write=200, cache_write_1h=50, output=10, reasoning=30),
            {
                "input_tokens": 2050,
                "output_tokens": 40,
                "cache_read.input_tokens": 1500,
                "cache_write.input_tokens": 250,
                "reasoning.output_tokens": 30,
            },
        ),
    ],
)
def test_totals_include_their_parts(usage, tokens):
    """Cached tokens are in the input and reasoning in the output; parts of zero are left out, as util-genai does."""
    found = emit.attributes(Call(operation="chat", provider="openai", usage=usage), capture=False)
    assert {f"gen_ai.usage.{name}": count for name, count in tokens.items()} == {
        name: count for name, count in found.items() if name.startswith("gen_ai.usage.")
    }


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input=1, output=2),
        Usage(input=300, cache_read=1500, cache_write=200, cache_write_1h=50, output=10, reasoning=30, audio_in=5),
        Usage(input=3, output=4, audio_in=1, audio_out=2, image=6, image_out=7),
    ],
)
def test_usage_reads_back_as_it_was(usage):
    """Our own dialect finds the same buckets in what is written."""
    written = emit.attributes(Call(operation="chat", provider="openai", usage=usage), capture=True)
    read = GenAIDialect().read(FlatSpan("0" * 32, "0" * 16, "chat", 0, 1, attributes=written)).usage
    assert {name: getattr(usage, name) or None for name in usage.__slots__} == {
        name: getattr(read, name) or None for name in usage.__slots__
    }


def test_estimated_usage_is_marked():
    """Tokens that were counted here are not passed off as reported."""
    call = Call(operation="chat", provider="openai", usage=Usage(input=1), usage_estimated=True)
    assert emit.attributes(call, capture=True)["agentops.usage.estimated"] is True


def test_content_is_left_out_without_capture():
    """Messages, instructions and tools are content."""
    call = Call(
        operation="chat", provider="openai", input=TEXT, output=TEXT, system=[{"a": "secret"}], tools=["secret"]
    )
    assert emit.attributes(call, capture=False) == BARE
    assert set(emit.attributes(call, capture=True)) - set(BARE) == {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
    }


def test_parameters_of_the_wrong_type_are_left_out():
    """What a caller passed may be anything; an attribute has the type of the conventions."""
    params = {"temperature": "hot", "seed": 1.5, "max_tokens": True, "stop_sequences": "x", "top_p": 1, "choices": 2}
    assert emit.attributes(Call(operation="chat", provider="openai", params=params), capture=True) == {
        **BARE,
        "gen_ai.request.stop_sequences": ["x"],
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.choice.count": 2,
    }
