"""Prompts and completions as turns; what is new in each call."""

from __future__ import annotations

from typing import Any

import pytest

from agentops_otel.records import LLMCall
from agentops_otel.server.dashboard.conversation import Block, Turn, conversation, pretty, turns_of


def said(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


def call(prompt: Any, completion: Any) -> LLMCall:
    return LLMCall(event_id="e", session_id="s", name="chat", init_timestamp=0, prompt=prompt, completion=completion)


@pytest.mark.parametrize(
    ("value", "turns"),
    [
        (None, []),
        ("", []),
        ("Hello", [Turn("user", [Block("text", "", "Hello")])]),
        ({"a": 1}, [Turn("user", [Block("other", "", '{\n  "a": 1\n}')])]),
        ([1], [Turn("user", [Block("other", "", "[\n  1\n]")])]),
        ([said("system", "Be brief")], [Turn("system", [Block("text", "", "Be brief")])]),
        ([{"role": "user", "content": "Hi"}], [Turn("user", [Block("text", "", "Hi")])]),
        ([{"role": "user", "parts": None}], [Turn("user", [])]),
        (
            [{"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": '{"a":1}'}]}],
            [Turn("assistant", [Block("call", "f", '{\n  "a": 1\n}')])],
        ),
        (
            [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "21"}]}],
            [Turn("tool", [Block("result", "", "21")])],
        ),
        (
            [
                {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": {}}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "21"}]},
            ],
            [Turn("assistant", [Block("call", "f", "{}")]), Turn("tool", [Block("result", "f", "21")])],
        ),
        (
            [
                {
                    "role": "user",
                    "parts": [{"type": "uri", "modality": "image", "uri": "file:a"}, {"type": "new"}],
                }
            ],
            [Turn("user", [Block("other", "image", "file:a"), Block("other", "new", '{\n  "type": "new"\n}')])],
        ),
        (
            [{"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": "AAAA"}]}],
            [Turn("user", [Block("other", "image/png", "4 B of base64")])],
        ),
    ],
)
def test_any_value_becomes_turns(value: Any, turns: list[Turn]) -> None:
    """Messages with parts or content, plain text, unknown parts, and values that are no messages at all."""
    assert turns_of(value, "user") == turns


@pytest.mark.parametrize(
    ("value", "text"),
    [("[not json", "[not json"), ("12", "12"), ('{"b":[]}', '{\n  "b": []\n}'), ("[" * 9999, "[" * 9999), (None, "")],
)
def test_text_stays_what_it_is(value: Any, text: str) -> None:
    """Only objects and arrays are laid out."""
    assert pretty(value) == text


def test_a_growing_history_is_said_once() -> None:
    """The second call repeats the first whole; its reasoning is not sent back, and is not missed."""
    reasoned = {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}, *said("", "Hello")["parts"]]}
    first = call([said("user", "Hi")], [reasoned])
    second = call([said("user", "Hi"), said("assistant", "Hello"), said("user", "Bye")], [said("assistant", "See you")])

    assert [(one.continues, [turn.blocks[0].text for turn in one.asked]) for one in conversation([first, second])] == [
        (False, ["Hi"]),
        (True, ["Bye"]),
    ]


def test_the_same_question_twice_is_asked_twice() -> None:
    """A prompt that holds only a part of an earlier call is a new conversation."""
    again = call([said("user", "Hi")], [said("assistant", "Hello")])
    assert [len(one.asked) for one in conversation([again, again])] == [1, 1]


def test_two_conversations_do_not_mix() -> None:
    """Each call continues the one whose words it repeats, whatever came between."""
    one, other = [said("user", "A")], [said("user", "B")]
    calls = [
        call(one, [said("assistant", "a")]),
        call(other, [said("assistant", "b")]),
        call([*one, said("assistant", "a"), said("user", "A2")], "a2"),
        call([*other, said("assistant", "b"), said("user", "B2")], None),
    ]
    assert [[turn.blocks[0].text for turn in exchange.asked] for exchange in conversation(calls)] == [
        ["A"],
        ["B"],
        ["A2"],
        ["B2"],
    ]
