"""OpenAI's older and smaller wires: completions of a prompt, images, and text of speech.

Source: openai 3.54, types/completion.py, types/images_response.py, types/audio.
"""

from __future__ import annotations

from typing import Any

from agentops_otel.instruments.shapes.openai_chat import Folded, FoldedChoice
from agentops_otel.paths import member
from agentops_otel.records import Json, Message


def completed(response: Any) -> list[Message] | None:
    """One message a choice, of a whole completion or of a folded one."""
    choices = member(response, "choices")
    return [_completed(choice) for choice in choices] if isinstance(choices, list) else None


def _completed(choice: Any) -> Message:
    folded = isinstance(choice, FoldedChoice)
    text = choice.message["content"] if folded else member(choice, "text")
    message: Message = {"role": "assistant", "parts": [{"type": "text", "content": text}]}
    finish = member(choice, "finish_reason")
    return {**message, "finish_reason": finish} if finish else message


def fold_completion(state: Folded | None, chunk: Any) -> Folded:
    """Take a chunk of a streamed completion."""
    if state is None:
        state = Folded()
        state.id, state.model = member(chunk, "id"), member(chunk, "model")
        state.system_fingerprint = member(chunk, "system_fingerprint")
    usage = member(chunk, "usage")
    if usage is not None:
        state.usage = usage
    for part in member(chunk, "choices") or ():
        choice = state.by_index.setdefault(part.index, FoldedChoice())
        if part.text:
            choice.pieces.append(part.text)
        choice.finish_reason = part.finish_reason or choice.finish_reason
    return state


def images(response: Any) -> list[Message] | None:
    """The images by reference; of inline ones that they are there, and how large."""
    data = member(response, "data")
    if not isinstance(data, list):
        return None
    return [{"role": "assistant", "parts": [_image(one) for one in data]}]


def _image(raw: Any) -> dict[str, Json]:
    url, inline = member(raw, "url"), member(raw, "b64_json")
    if url is not None:
        return {"type": "uri", "modality": "image", "uri": url}
    return {"type": "image", "bytes": len(inline) * 3 // 4 if isinstance(inline, str) else None}


def transcribed(response: Any) -> list[Message] | None:
    """What was said: an object with the text, or the text itself where that was asked for."""
    text = response if isinstance(response, str) else member(response, "text")
    if not isinstance(text, str):
        return None
    return [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]


def last_counted(state: Any, event: Any) -> Any:
    """The event with the usage, which is the last and holds the whole result."""
    return event if member(event, "usage") is not None else state
