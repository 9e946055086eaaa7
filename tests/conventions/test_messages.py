"""messages: what any provider or framework calls a message, in one shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentops_otel.conventions.messages import completion_of, message, messages, prompt_of


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


CALL = {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}
RESPONSE = {"type": "tool_call_response", "id": "c1", "response": {"ok": True}}
MESSAGES: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "parts, with the older name of a result": (
        {
            "role": "user",
            "parts": [
                {"type": "tool_call_response", "id": "c1", "result": {"ok": True}},
                {**CALL, "arguments": '{"a":1}'},
            ],
        },
        [RESPONSE, CALL],
    ),
    "OpenAI tool calls": (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
        [CALL],
    ),
    "OpenAI tool result": ({"role": "tool", "tool_call_id": "c1", "content": '{"ok": true}'}, [RESPONSE]),
    "OpenAI refusal": ({"role": "assistant", "content": None, "refusal": "no"}, [{"type": "refusal", "content": "no"}]),
    "OpenAI image by URL": (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/i.png"}}]},
        [{"type": "uri", "uri": "https://example.com/i.png", "modality": "image"}],
    ),
    "OpenAI image in the message": (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        [{"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"}],
    ),
    "OpenAI audio": (
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}]},
        [{"type": "blob", "mime_type": "audio/mp3", "modality": "audio", "content": "AAAA"}],
    ),
    "OpenAI file": (
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
        [{"type": "file", "file_id": "file-1"}],
    ),
    "Responses function call": (
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}', "id": "fc_1"},
        [CALL],
    ),
    "Responses function output": (
        {"type": "function_call_output", "call_id": "c1", "output": '{"ok": true}'},
        [RESPONSE],
    ),
    "Responses reasoning": (
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        [{"type": "reasoning", "content": "hm"}],
    ),
    "Anthropic blocks": (
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "text", "text": "hello"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
            ],
        },
        [{"type": "reasoning", "content": "hm"}, text("hello"), CALL],
    ),
    "Anthropic tool result": (
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": {"ok": True}}]},
        [RESPONSE],
    ),
    "Anthropic image": (
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}],
        },
        [{"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"}],
    ),
    "Google parts": (
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"text": "hello"},
                {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
            ],
        },
        [{"type": "reasoning", "content": "hm"}, text("hello"), CALL],
    ),
    "Google function response": (
        {"role": "user", "parts": [{"function_response": {"id": "c1", "name": "f", "response": {"ok": True}}}]},
        [RESPONSE],
    ),
    "Google data": (
        {"role": "user", "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]},
        [{"type": "blob", "mime_type": "audio/wav", "modality": "audio", "content": "AAAA"}],
    ),
    "Bedrock Converse": (
        {
            "role": "assistant",
            "content": [{"text": "hello"}, {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}}],
        },
        [text("hello"), CALL],
    ),
    "Bedrock tool result": (
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": {"ok": True}}}]},
        [RESPONSE],
    ),
    "LangChain constructor": (
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "messages", "AIMessage"],
            "kwargs": {"content": "hello", "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "c1"}]},
        },
        [text("hello"), CALL],
    ),
    "LangChain dict": ({"type": "human", "data": {"content": "hello"}}, [text("hello")]),
    "Haystack": (
        {
            "role": "assistant",
            "content": [{"text": "hello"}, {"tool_call": {"id": "c1", "tool_name": "f", "arguments": {"a": 1}}}],
        },
        [text("hello"), CALL],
    ),
    "Vercel": (
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "f", "input": {"a": 1}}],
        },
        [CALL],
    ),
    "a part nobody knows": (
        {"role": "user", "content": [{"type": "hologram", "x": 1}]},
        [{"type": "hologram", "x": 1}],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_any_kind_has_the_one_shape(name: str) -> None:
    """Its parts, whatever they were called; as a structure and as JSON text."""
    source, parts = MESSAGES[name]
    [found] = messages([source], "user")
    assert parts == found["parts"]
    assert messages(json.dumps([source]), "user") == [found]


@pytest.mark.parametrize(
    ("source", "role"),
    [
        ({"type": "ai", "content": "x"}, "assistant"),
        ({"role": "model", "parts": []}, "assistant"),
        ({"role": "human", "content": "x"}, "user"),
        ({"id": ["m", "ToolMessage"], "kwargs": {"content": "x", "tool_call_id": "c"}}, "tool"),
        ({"type": "function_call_output", "call_id": "c", "output": "x"}, "tool"),
        ({"content": "x"}, "user"),
        ("just text", "user"),
    ],
)
def test_roles_have_the_names_of_the_conventions(source: Any, role: str) -> None:
    """system, user, assistant, tool."""
    [found] = messages([source], "user")
    assert role == found["role"]


BODIES = {
    "OpenAI": {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]},
    "Anthropic": {"system": "be brief", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5},
    "Responses": {"instructions": "be brief", "input": "hello", "model": "m"},
    "Google": {
        "config": {"system_instruction": {"parts": [{"text": "be brief"}]}},
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
    },
}


@pytest.mark.parametrize("name", BODIES)
def test_a_request_body_gives_its_prompt(name: str) -> None:
    """The system's instructions stand first, wherever the body keeps them."""
    expected = [{"role": "system", "parts": [text("be brief")]}, {"role": "user", "parts": [text("hello")]}]
    assert expected == prompt_of(json.dumps(BODIES[name]))


ANSWERS: dict[str, tuple[Any, str | None]] = {
    "chat": ({"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}, "stop"),
    "completions": ({"choices": [{"text": "hello", "finish_reason": "length"}]}, "length"),
    "messages": (
        {"role": "assistant", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"},
        "end_turn",
    ),
    "responses": (
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}]},
        None,
    ),
    "generate_content": (
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}]},
        "STOP",
    ),
    "langchain": ({"generations": [[{"message": {"kwargs": {"content": "hello"}, "id": ["m", "AIMessage"]}}]]}, None),
    "ollama": ({"message": {"role": "assistant", "content": "hello"}, "done": True}, None),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_response_body_gives_its_answer(name: str) -> None:
    """With the finish reason in the provider's own words, where the body has one."""
    body, reason = ANSWERS[name]
    expected: dict[str, Any] = {"role": "assistant", "parts": [text("hello")]}
    if reason is not None:
        expected["finish_reason"] = reason
    assert [expected] == completion_of(body)


def test_an_answer_in_several_items_is_one_message() -> None:
    """Reasoning, text and calls of the Responses API are one answer."""
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'},
    ]
    [one] = completion_of({"output": items})
    assert [{"type": "reasoning", "content": "hm"}, text("hello"), CALL] == one["parts"]


@pytest.mark.parametrize("said", ["not json", "{", "[sic] hello", "[hello", "{x: 1", "['it' is]", "[1] and [2"])
def test_text_that_is_no_json_stays_text(said: str) -> None:
    """Brackets alone do not make it one."""
    assert said == messages(said, "user")


def test_messages_that_were_cut_are_read_as_far_as_they_go() -> None:
    """The limit for attributes strikes in the middle of the conversation; what stood before it is shown."""
    whole = [{"role": "user", "parts": [text("hello")]}, {"role": "assistant", "parts": [text("world")]}]
    cut = json.dumps(whole)[:-9]
    assert [whole[0], {"role": "assistant", "parts": [text("w")]}] == messages(cut, "user")


@pytest.mark.parametrize(
    "near",
    [
        {"role": "human", "parts": [text("x")]},
        {"role": "user", "parts": [text("x")], "name": "Ada"},
        {"role": "user", "parts": [text("x")], "id": "m1"},
        {"role": "user", "parts": [{"type": "text", "text": "x"}]},
        {"role": "user", "parts": [text("x")], "content": "y"},
        {"role": "user", "parts": [text("x"), {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "assistant", "parts": [text("x")], "finish_reason": ""},
        {"role": "assistant", "parts": [text("x")], "finish_reason": "stop"},
        {"role": "user", "parts": []},
        {"role": 1, "parts": [text("x")]},
    ],
)
def test_a_message_that_looks_finished_is_read_like_any_other(near: dict[str, Any]) -> None:
    """Messages of plain text are not taken apart again; what only looks like one of them is."""
    assert [message(near, "user")] == messages([near], "user")
