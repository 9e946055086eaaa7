"""Calls that leave through the exporter have their cost."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from agentops_otel.export import AgentOpsSpanExporter
from agentops_otel.pricing import available
from agentops_otel.records import LLMCall, Price
from agentops_otel.store import open_store

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 500,
    "session.id": "s",
}


def recorded(tmp_path: Path, attributes: dict[str, Any], **given: Any) -> LLMCall:
    """The call that the store has after a span with these attributes was exported."""
    file = tmp_path / "agentops.db"
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(AgentOpsSpanExporter(db=str(file), **given)))
    provider.get_tracer("t").start_span("chat", attributes=attributes).end()
    provider.shutdown()
    store = open_store(str(file))
    [event] = store.events("default", "s")
    store.close()
    assert isinstance(event, LLMCall)
    return event


def test_an_exported_call_has_its_cost_and_where_it_is_from(tmp_path: Path) -> None:
    """From the span of any instrumentor to the store: 1000 x 2.50 + 500 x 10 dollars per million."""
    call = recorded(tmp_path, CHAT)
    assert (call.cost, call.price) == (Decimal("0.0075"), Price("genai-prices", "openai:gpt-4o", available()))


def test_a_reported_zero_is_priced_by_the_tables(tmp_path: Path) -> None:
    """An instrumentor that writes 0 for lack of a price does not make the call free."""
    call = recorded(tmp_path, {**CHAT, "agentops.event.cost": "0"})
    assert call.cost == Decimal("0.0075")


def test_the_users_prices_are_those_of_the_setting(tmp_path: Path) -> None:
    """AGENTOPS_PRICES, or the option `prices`, names the file."""
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"version": "mine", "prices": [{"model": "gpt-*", "input": 1, "output": 1}]}))
    call = recorded(tmp_path, CHAT, prices=str(prices))
    assert (call.cost, call.price) == (Decimal("0.0015"), Price("override", "gpt-*", "mine"))


def test_a_bad_table_is_told_and_calls_are_recorded_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A typo in a file of prices costs no events."""
    prices = tmp_path / "prices.json"
    prices.write_text('{"prices": [{"model": "gpt-4o"}]}')
    with caplog.at_level(logging.WARNING, "agentops_otel"):
        call = recorded(tmp_path, CHAT, prices=str(prices))
    assert call.cost == Decimal("0.0075")
    assert caplog.messages == [
        f"prices file {prices}: entry 1 (gpt-4o) has no price; "
        'give "input" and "output" in US dollars per million tokens; calls are priced without it'
    ]
