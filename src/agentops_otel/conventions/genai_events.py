"""The "events" form of the GenAI conventions, 1.27 to 1.36: messages as span events or log records.

Strands writes span events with JSON texts (and, with the latest conventions switched on, one event with all messages);
others write log records, which `messages_of_logs` reads for their span.
Source: semantic conventions 1.28 to 1.36, docs/gen-ai/gen-ai-events.md; strands-agents 1.62, telemetry/tracer.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentops_otel.conventions.genai import INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS
from agentops_otel.conventions.messages import completion_of, contents, message, messages, prompt_of, system_message
from agentops_otel.conventions.reading import Reading
from agentops_otel.conventions.wire import label, parsed
from agentops_otel.records import Json, Message
from agentops_otel.spans import AnyValue, FlatLog, FlatSpan

ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE = "gen_ai.choice"
DETAILS = "gen_ai.client.inference.operation.details"
OLD_PROMPT = "gen_ai.content.prompt"
OLD_COMPLETION = "gen_ai.content.completion"
NAMES = frozenset({*ROLES, CHOICE, DETAILS, OLD_PROMPT, OLD_COMPLETION})

Said = tuple[str, Mapping[str, AnyValue]]
"""The name of an event, and its attributes or body."""


@dataclass(frozen=True)
class GenAIEventsDialect:
    """Reads the messages that the events of a span carry."""

    name: str = "genai-events"
    roots: frozenset[str] = frozenset()

    def matches(self, span: FlatSpan) -> bool:
        """Spans with an event of this form."""
        return bool(span.events) and any(event.name in NAMES for event in span.events)

    def read(self, span: FlatSpan) -> Reading:
        """The prompt and the completion; of a tool its arguments and its result."""
        reading = Reading()
        said = [(event.name, event.attributes) for event in span.events if event.name in NAMES]
        if span.attributes.get("gen_ai.operation.name") == "execute_tool":
            _take_tool(said, reading)
        else:
            _take_messages(said, reading)
        return reading


def reading_of_logs(logs: Iterable[FlatLog]) -> Reading:
    """What the log records of one span say of it: its messages, in the order in which they were observed."""
    reading = Reading()
    ordered = sorted(logs, key=lambda log: log.time_ns or log.observed_ns)
    said = [(name, _body(log)) for log in ordered if (name := log_name(log)) in NAMES]
    _take_messages(said, reading)
    return reading


def log_name(log: FlatLog) -> str:
    """The name of an event that came as a log record, by the newer field or the older attribute."""
    return log.event_name or label(log.attributes.get("event.name")) or ""


def _body(log: FlatLog) -> Mapping[str, AnyValue]:
    return {**log.attributes, **log.body} if isinstance(log.body, Mapping) else log.attributes


def _take_messages(said: list[Said], reading: Reading) -> None:
    prompt: list[Message] = []
    completion: list[Message] = []
    for name, body in said:
        if name == DETAILS:
            prompt += _of_details(body, INPUT_MESSAGES, "user")
            completion += _of_details(body, OUTPUT_MESSAGES, "assistant")
            system = system_message(body.get(SYSTEM_INSTRUCTIONS))
            prompt = [system, *prompt] if system is not None else prompt
        elif name == OLD_PROMPT:
            prompt += _listed(prompt_of(body.get("gen_ai.prompt")), "user")
        elif name == OLD_COMPLETION:
            completion += _listed(completion_of(body.get("gen_ai.completion")), "assistant")
        elif name == CHOICE:
            completion.append(_choice(body))
        else:
            prompt.append(_message(body, ROLES[name]))
        reading.consumed[name] = "completion" if name in (CHOICE, OLD_COMPLETION) else "prompt"
    reading.prompt, reading.completion = prompt or None, completion or None


def _of_details(body: Mapping[str, AnyValue], name: str, role: str) -> list[Message]:
    return _listed(messages(body.get(name), role), role)


def _listed(found: Json, role: str) -> list[Message]:
    if found is None:
        return []
    return found if type(found) is list else [message(found, role)]


def _message(body: Mapping[str, AnyValue], role: str) -> Message:
    """`{role, content, tool_calls, id}`; the content may be JSON text. A body without content was not captured."""
    plain = {name: parsed(body[name]) for name in ("role", "content", "tool_calls", "name") if name in body}
    if role == "tool":
        response = {"type": "tool_call_response", "id": label(body.get("id")), "response": plain.get("content")}
        return {"role": "tool", "parts": [response]}
    return message(plain, role)


def _choice(body: Mapping[str, AnyValue]) -> Message:
    inner = parsed(body.get("message"))
    said = message(inner if inner is not None else {}, "assistant")
    reason = label(body.get("finish_reason"))
    if reason is not None:
        said["finish_reason"] = reason
    return said


def _take_tool(said: list[Said], reading: Reading) -> None:
    """Strands: the tool message holds the arguments, the choice the result."""
    for name, body in said:
        if name == "gen_ai.tool.message":
            reading.params = parsed(body.get("content"))
            reading.consumed[name] = "params"
        elif name == CHOICE:
            reading.returns = _result(parsed(body.get("message")))
            reading.consumed[name] = "returns"
        elif name == DETAILS:
            _take_tool_details(body, reading)


def _take_tool_details(body: Mapping[str, AnyValue], reading: Reading) -> None:
    for one in _of_details(body, INPUT_MESSAGES, "tool"):
        for part in one["parts"]:
            reading.params = part.get("arguments") if part.get("type") == "tool_call" else reading.params
    for one in _of_details(body, OUTPUT_MESSAGES, "tool"):
        for part in one["parts"]:
            if part.get("type") == "tool_call_response":
                reading.returns = _result(part.get("response"))
    reading.consumed[DETAILS] = "params"


def _result(value: Json) -> Json:
    """The text of a result that is one text part, else the value."""
    parts = contents(value) if type(value) is list else []
    return parts[0]["content"] if len(parts) == 1 and parts[0].get("type") == "text" else value
