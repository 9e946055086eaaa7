"""`agentops-otel explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Cli

from agentops_otel.otlp import encode_traces, encode_traces_json
from agentops_otel.spans import STATUS_ERROR, FlatSpan

TRACE = "0af7651916cd43dd8448eb211c80319c"
OUTER = FlatSpan(
    TRACE,
    "b7ad6b7169203331",
    "chat gpt-4o-mini",
    1_795_352_675_000_000_000,
    1_795_352_676_000_000_000,
    attributes={
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 101,
        "llm.token_count.completion": 23,
        "colour": "red",
    },
    scope_name="framework",
)
INNER = FlatSpan(
    TRACE,
    "00f067aa0ba902b7",
    "chat gpt-4o-mini",
    1_795_352_675_100_000_000,
    1_795_352_675_900_000_000,
    parent_span_id="b7ad6b7169203331",
    attributes={
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 101,
        "gen_ai.usage.output_tokens": 23,
        "session.id": "chat-7",
    },
    scope_name="provider",
)
FAILED = FlatSpan(
    TRACE,
    "1" * 16,
    "step",
    1_795_352_675_000_000_000,
    1_795_352_676_000_000_000,
    attributes={"error.type": "ValueError"},
    status_code=STATUS_ERROR,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(encode_traces_json([OUTER, INNER, FAILED])), "utf-8")
    return path


def test_each_span_is_told_with_what_read_it(cli: Cli, file: Path) -> None:
    """The kind, the tokens, the price, the vocabularies by field, and what stays in extra."""
    ran = cli("explain", file)
    told = """
chat gpt-4o-mini  [framework]
  became   llms
  call     gpt-4o-mini: input 101, output 23; $0.00002895 (genai-prices)
  read by  openinference: kind, operation, model, usage
  kept     colour
chat gpt-4o-mini  [provider]
  became   llms
  call     gpt-4o-mini: input 101, output 23; $0.00002895 (genai-prices)
  read by  general: session_id
  read by  genai: kind, operation, provider, request_model, usage
step  [no scope]
  became   actions
  error    ValueError
  kept     error.type
"""
    assert (0, told.strip()) == (ran.code, ran.out.strip())


def test_a_span_that_repeats_another_names_it(cli: Cli, tmp_path: Path) -> None:
    """Of the two in one session, the inner counts."""
    path = tmp_path / "spans.binpb"
    together = [OUTER, FlatSpan(**{**as_dict(INNER), "attributes": without_session(INNER)})]
    path.write_bytes(encode_traces(together))
    outer, inner = json.loads(cli("explain", path, "--json").out)
    assert (inner["event_id"], None) == (outer["twin_of"], inner["twin_of"])


def as_dict(span: FlatSpan) -> dict[str, object]:
    return {name: getattr(span, name) for name in FlatSpan.__slots__}


def without_session(span: FlatSpan) -> dict[str, object]:
    return {key: value for key, value in span.attributes.items() if key != "session.id"}


def test_a_file_that_is_no_otlp_is_a_sentence(cli: Cli, tmp_path: Path) -> None:
    """One line on stderr, no traceback."""
    path = tmp_path / "notes.json"
    path.write_text('{"resourceSpans": 3}', "utf-8")
    ran = cli("explain", path)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
