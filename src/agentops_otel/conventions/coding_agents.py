"""Telemetry of coding agents, which comes as log records: Claude Code (`claude_code.*`) and Codex (`codex.*`).

`span_of_log` makes a span of such a record, and this vocabulary reads it: a request to the model, a tool's result, what
the user asked, which tools were allowed. Claude Code counts cached tokens beside the input, Codex inside. A request of
Codex is told twice: of the two only the end of the answer has the tokens, so the other counts where it failed.
Source: Claude Code documentation, "Monitoring" (events), read 2026-11; openai/codex, docs/config.md, "otel", 0.128 and
receivers of 0.145, read 2026-11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agentops_otel.conventions.genai_events import log_name
from agentops_otel.conventions.reading import Kind, Reading
from agentops_otel.conventions.wire import cost, label, loaded, places, rules, session_id, take, take_usage, whole_text
from agentops_otel.spans import KIND_CLIENT, STATUS_ERROR, STATUS_UNSET, AnyValue, FlatLog, FlatSpan

EVENT_NAME = "event.name"
TIMESTAMP = "event.timestamp"
EVENT_KIND = "event.kind"
DURATION_MS = "duration_ms"
SUCCESS = "success"
CLAUDE_SESSION = "session.id"
CODEX_SESSION = "conversation.id"
CLAUDE_ERROR = "error"
CODEX_ERROR = "error.message"
PROMPT = "prompt"

ENDS = {"response.completed": False, "response.failed": True}
"""The last piece of an answer, and whether it says that there is none."""

KINDS: Mapping[str, Kind] = {
    "claude_code.api_request": "llms",
    "claude_code.api_error": "llms",
    "claude_code.tool_result": "tools",
    "claude_code.user_prompt": "actions",
    "claude_code.assistant_response": "actions",
    "claude_code.tool_decision": "actions",
    "codex.api_request": "llms",
    "codex.sse_event": "llms",
    "codex.tool_result": "tools",
    "codex.user_prompt": "actions",
    "codex.tool_decision": "actions",
    "codex.conversation_starts": "actions",
}
"""The records that become events. All others (plugins, connections, single pieces of an answer) are only counted."""

CALL = rules(
    ("model", label, ("model",)),
    ("response_id", label, ("request_id",)),
    ("cost", cost, ("cost_usd",)),
    ("code", whole_text, ("status_code", "http.response.status_code")),
)
TOOL = rules(
    ("name", label, ("tool_name",)),
    ("params", loaded, ("tool_input", "tool_parameters", "arguments")),
    ("returns", loaded, ("tool_output", "output")),
)
CLAUDE_USAGE = places(
    prompt=("input_tokens",),
    cache_read=("cache_read_tokens",),
    cache_write=("cache_creation_tokens",),
    completion=("output_tokens",),
)
CODEX_USAGE = places(
    prompt=("input_token_count",),
    cache_read=("cached_token_count",),
    completion=("output_token_count",),
    reasoning=("reasoning_token_count",),
)
HIDDEN = ("<REDACTED>", "[REDACTED]")
"""What stands for a prompt that the user did not allow to be told."""


@dataclass(frozen=True)
class CodingAgentsDialect:
    """Reads spans that `span_of_log` made."""

    name: str = "coding-agents"
    roots: frozenset[str] = frozenset({"event"})

    def matches(self, span: FlatSpan) -> bool:
        """By their name."""
        return span.name in KINDS and EVENT_NAME in span.attributes

    def read(self, span: FlatSpan) -> Reading:
        """A call with its tokens and its cost, a tool with what it was given, or a step."""
        reading = Reading(kind=KINDS[span.name])
        if reading.kind == "llms":
            _take_call(span, reading)
        elif reading.kind == "tools":
            take(span.attributes, TOOL, reading)
        else:
            _take_step(span, reading)
        return reading


def _take_call(span: FlatSpan, reading: Reading) -> None:
    take(span.attributes, CALL, reading)
    reading.operation = "chat"
    if span.name.startswith("claude_code."):
        reading.provider = "anthropic"
        take_usage(span.attributes, CLAUDE_USAGE, reading, cache="outside")
    else:
        reading.provider = "openai"
        take_usage(span.attributes, CODEX_USAGE, reading, cache="inside", thinking="inside")


def _take_step(span: FlatSpan, reading: Reading) -> None:
    reading.action_type = span.name.partition(".")[2]
    reading.name = reading.action_type
    said = span.attributes.get(PROMPT)
    if isinstance(said, str) and said not in HIDDEN:
        reading.params = loaded(said)
        reading.consumed[PROMPT] = "params"


# --- records to spans ------------------------------------------------------------------------------------------------


def span_of_log(log: FlatLog) -> FlatSpan | None:
    """The span that a record of a coding agent stands for; None for every other record.

    Its ids are made of what the record says, so that one that is sent again is no second one. It ends when the record
    was made, and took as long as that says.
    """
    name, attributes = _full_name(log), log.attributes
    session = session_id(attributes.get(CLAUDE_SESSION)) or session_id(attributes.get(CODEX_SESSION))
    if name not in KINDS or session is None or _is_told_elsewhere(name, attributes):
        return None
    end_ns, error = _time_ns(log), _error(attributes)
    return FlatSpan(
        trace_id=_digest(16, "session", session),
        span_id=_digest(8, name, session, end_ns, sorted(attributes.items(), key=lambda pair: pair[0])),
        name=name,
        start_ns=max(0, end_ns - _duration_ns(attributes)),
        end_ns=end_ns,
        kind=KIND_CLIENT,
        attributes={**attributes, EVENT_NAME: attributes.get(EVENT_NAME, name)},
        status_code=STATUS_UNSET if error is None else STATUS_ERROR,
        status_message=error,
        scope_name=log.scope_name,
        scope_version=log.scope_version,
        resource=log.resource,
        dropped_attributes=log.dropped_attributes,
        session_id=session,
    )


def _full_name(log: FlatLog) -> str:
    """Claude Code's attribute leaves the prefix out, which its body has."""
    name = log_name(log)
    return log.body if isinstance(log.body, str) and log.body == f"claude_code.{name}" else name


def _is_told_elsewhere(name: str, attributes: Mapping[str, AnyValue]) -> bool:
    if name == "codex.sse_event":
        return str(attributes.get(EVENT_KIND)) not in ENDS
    return name == "codex.api_request" and _error(attributes) is None


def _error(attributes: Mapping[str, AnyValue]) -> str | None:
    """What went wrong, if anything did."""
    told = label(attributes.get(CLAUDE_ERROR)) or label(attributes.get(CODEX_ERROR))
    if told is not None:
        return told
    failed = str(attributes.get(SUCCESS)).lower() == "false" or ENDS.get(str(attributes.get(EVENT_KIND)), False)
    return "failed" if failed else None


def _time_ns(log: FlatLog) -> int:
    if log.time_ns or log.observed_ns:
        return log.time_ns or log.observed_ns
    try:
        return int(datetime.fromisoformat(str(log.attributes.get(TIMESTAMP)).replace("Z", "+00:00")).timestamp() * 1e9)
    except (ValueError, OverflowError):
        return 0


def _duration_ns(attributes: Mapping[str, AnyValue]) -> int:
    """How long it took. Of a piece of an answer it is the wait for that piece, which says nothing of the call."""
    try:
        took_ms = float(0 if EVENT_KIND in attributes else attributes.get(DURATION_MS, 0))
    except (TypeError, ValueError):
        return 0
    return int(took_ms * 1e6) if 0 <= took_ms < 1e9 else 0


def _digest(size: int, *said: object) -> str:
    return hashlib.blake2b(repr(said).encode("utf-8", "replace"), digest_size=size).hexdigest()
