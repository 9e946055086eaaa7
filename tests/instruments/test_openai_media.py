"""OpenAI's smaller wires: completions of a prompt, images, transcriptions and moderations are one span each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from agentops_otel.testing import Body, Reply, Tokens

PROMPT: dict[str, Any] = {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello there"}
SOUND = ("speech.wav", b"RIFF")


def told(span: Any) -> tuple[Any, ...]:
    """Name, tokens in and out, and what was asked and answered, of a span."""
    said = span.attributes
    messages = [json.loads(said.get(f"gen_ai.{way}.messages", "[]")) for way in ("input", "output")]
    parts = [[part for message in side for part in message["parts"]] for side in messages]
    return span.name, said.get("gen_ai.usage.input_tokens"), said.get("gen_ai.usage.output_tokens"), *parts


def text(content: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": content}]


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.base_url, api_key="offline") as one:
        yield one


def test_completions_are_one_span_each(client, server, spans, installed):
    """Plain and streamed: same text, same usage."""
    reply = Reply(text="Offline it is.", tokens=Tokens(1000, 50))
    server.script(reply, reply)
    whole = client.completions.create(**PROMPT)
    chunks = list(client.completions.create(**PROMPT, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    expected = ("text_completion gpt-3.5-turbo-instruct", 1000, 50, text("Hello there"), text("Offline it is."))
    assert [told(span) for span in spans()] == [expected, expected]
    assert {span.attributes["gen_ai.response.finish_reasons"] for span in spans()} == {("stop",)}


def test_async_completions_are_one_span_each(server, spans, installed):
    """As the sync ones."""

    async def ask() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="offline") as client:
            await client.completions.create(**PROMPT)
            async for _ in await client.completions.create(**PROMPT, stream=True):
                pass

    asyncio.run(ask())
    assert [told(span)[4] for span in spans()] == [text("Offline answer to: Hello there")] * 2


def test_images_have_their_usage_and_are_not_kept(client, server, spans, installed):
    """Those by reference are named, of the inline ones the size is told."""
    answered = {
        "created": 1,
        "data": [{"b64_json": "aGVsbG8h"}, {"url": "https://images.example/1.png"}],
        "usage": {
            "input_tokens": 40,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 40},
            "output_tokens": 4000,
            "total_tokens": 4040,
        },
    }
    server.script(Body(content=json.dumps(answered).encode()))
    client.images.generate(model="gpt-image-1", prompt="A house")
    images = [
        {"type": "image", "bytes": 6},
        {"type": "uri", "modality": "image", "uri": "https://images.example/1.png"},
    ]
    assert [told(span) for span in spans()] == [
        ("image_generation gpt-image-1", 40, 4000, text("A house"), images),
    ]


def test_transcriptions_are_one_span(client, server, spans, installed):
    """With what was said, and what it cost."""
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    server.script(Body(content=json.dumps({"text": "Hello there", "usage": usage}).encode()))
    assert client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND).text == "Hello there"
    assert [told(span) for span in spans()] == [("transcription gpt-4o-transcribe", 14, 5, [], text("Hello there"))]


def test_transcriptions_as_plain_text_are_one_span(client, server, spans, installed):
    """A client that asks for text gets text."""
    server.script(Body(content=b"Hello there", content_type="text/plain"))
    client.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format="text")
    assert [told(span) for span in spans()] == [("transcription whisper-1", None, None, [], text("Hello there"))]


def test_moderations_are_one_span(client, server, spans, installed):
    """They have a model and no usage."""
    server.script(Body(content=json.dumps({"id": "modr-1", "model": "omni-2026", "results": []}).encode()))
    client.moderations.create(model="omni-moderation-latest", input="Hello there")
    assert [told(span) for span in spans()] == [
        ("moderation omni-moderation-latest", None, None, text("Hello there"), []),
    ]
    assert spans()[0].attributes["gen_ai.response.model"] == "omni-2026"
