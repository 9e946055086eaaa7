"""`agentops-otel prices` and `agentops-otel reprice`."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.conftest import FAILED, Cli
from tests.text.examples import EVENTS

from agentops_otel.facts import EventFact
from agentops_otel.pricing import available
from agentops_otel.records import LLMCall, Price, Usage
from agentops_otel.store import open_store
from agentops_otel.store.base import EventQuery

AT = ("--at", "2026-11-18T11:06:40Z")
CALLS = [event for event in EVENTS if isinstance(event, LLMCall)]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of one's own, named by AGENTOPS_PRICES."""
    path = tmp_path / "prices.json"
    entries = [
        {"model": "gpt-4o", "provider": "openai", "input": 2, "cache_write": 2.5, "output": 10, "image": 2.5},
        {"model": "no-such-model", "input": 1, "output": 1},
        {"model": "our-*", "input": 1},
    ]
    path.write_text(json.dumps({"version": "mine", "prices": entries}))
    monkeypatch.setenv("AGENTOPS_PRICES", str(path))
    return path


def test_show_names_the_prices_and_where_they_are_from(cli: Cli) -> None:
    """A row for each kind of token, a column more for long prompts."""
    assert cli("prices", "show", "gpt-5.4", "--provider", "openai", *AT) == (
        0,
        f"gpt-5.4 of openai at 2026-11-18 11:06:40 UTC, by openai:gpt-5.4 of genai-prices {available()}\n"
        "\n"
        "tokens       $ per million tokens  over 272,000 in\n"
        "input                         2.5                5\n"
        "cache_read                   0.25              0.5\n"
        "cache_write                   2.5                5\n"
        "image                         2.5                5\n"
        "output                         15             22.5\n"
        "reasoning                      15             22.5\n"
        "image_out                      15             22.5\n",
        "",
    )


def test_show_of_a_model_that_nobody_knows_is_a_problem(cli: Cli) -> None:
    """So that scripts can ask whether a model has a price."""
    ran = cli("prices", "show", "gpt-99", *AT)
    assert ran == (1, "gpt-99: genai-prices has no price at 2026-11-18 11:06:40 UTC\n", "")


def test_show_has_ones_own_table_first(cli: Cli, own: Path) -> None:
    """Both are shown; the first wins."""
    ran = cli("prices", "show", "gpt-4o", "--provider", "openai", "--json", *AT)
    found = [(one["source"], one["version"], one["per_million_tokens"]["input"]) for one in json.loads(ran.out)]
    assert found == [("override", "mine", "2"), ("genai-prices", available(), "2.5")]


def test_show_takes_a_tier_and_a_moment(cli: Cli) -> None:
    """Flex of gpt-5 today, and o3 before its price was cut."""
    flex = cli("prices", "show", "gpt-5", "--tier", "flex", "--json", *AT)
    before = cli("prices", "show", "o3", "--at", "2025-06-01", "--json")
    prices = [json.loads(ran.out)[0]["per_million_tokens"]["input"] for ran in (flex, before)]
    assert prices == ["0.625", "10"]


def test_a_call_has_its_price_beside(cli: Cli) -> None:
    """Where requests are charged too."""
    assert cli("prices", "show", "sonar", "--provider", "perplexity", *AT).out.endswith("\nand $0.012000 a call\n")


def test_check_compares_ones_own_table(cli: Cli, own: Path) -> None:
    """Only what differs has a row."""
    assert cli("prices", "check", *AT) == (
        0,
        "entry  model          provider  verdict     tokens      yours  listed\n"
        "    1  gpt-4o         openai    differs     input           2     2.5\n"
        "                                            cache_read      2    1.25\n"
        "    2  no-such-model            not listed\n"
        "    3  our-*                    pattern\n",
        "",
    )


def test_check_without_a_table_tells_how_to_have_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was checked, which a script should notice."""
    monkeypatch.delenv("AGENTOPS_PRICES", raising=False)
    ran = cli("prices", "check")
    assert (ran.code, ran.out) == (1, "")
    assert "AGENTOPS_PRICES" in ran.err


def test_a_bad_table_is_told_with_the_remedy(cli: Cli, own: Path) -> None:
    """As wrong usage, in one line."""
    own.write_text('{"prices": [{"model": "m"}]}')
    ran = cli("prices", "check")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f"error: prices file {own}: entry 1 (m) has no price; "
        'give "input" and "output" in US dollars per million tokens\n'
    )


def stored_calls(db: Path) -> list[LLMCall]:
    store = open_store(db)
    calls = [
        event for event in store.events("default", FAILED, EventQuery(types=["llms"])) if isinstance(event, LLMCall)
    ]
    store.close()
    return calls


def test_reprice_prices_what_had_no_price(cli: Cli, db: Path, own: Path) -> None:
    """Calls that became known get their cost, and the sums follow; what was reported stays."""
    before = stored_calls(db)
    unpriced = [call for call in before if call.cost is None]
    ran = cli("reprice", "--json")
    after = stored_calls(db)
    assert ran.code == 0
    told = json.loads(ran.out)
    assert (told["calls"], told["changed"]) == (len(before), sum(a != b for a, b in zip(before, after, strict=True)))
    assert told["unpriced"] == sum(call.cost is None for call in after)
    assert [replace(call, cost=None, price=None) for call in before] == [
        replace(call, cost=None, price=None) for call in after
    ]
    assert unpriced != []


def test_a_dry_run_changes_nothing(cli: Cli, db: Path, own: Path) -> None:
    """It tells what would change."""
    before = stored_calls(db)
    dry, real = cli("reprice", "--dry-run", "--json"), cli("reprice", "--dry-run", "--json")
    assert (dry.out, before) == (real.out, stored_calls(db))
    assert "would change" in cli("reprice", "--dry-run").out


def test_reprice_is_done_once(cli: Cli, db: Path, own: Path) -> None:
    """A second run finds nothing to change."""
    cli("reprice")
    assert json.loads(cli("reprice", "--json").out)["changed"] == 0


def test_reprice_since_leaves_older_sessions(cli: Cli, db: Path, own: Path) -> None:
    """Sessions that started before are not looked at."""
    assert json.loads(cli("reprice", "--since", "2026-11-22T14:00:30Z", "--json").out)["calls"] == 0


def test_reprice_without_a_store_has_nothing_to_do(cli: Cli) -> None:
    """And makes none."""
    ran = cli("reprice")
    assert ran == (0, "0 model calls: 0 changed; 0 have no known price\n", "")


def test_many_calls_are_priced_page_by_page(cli: Cli, db: Path, own: Path) -> None:
    """More calls than a page, each of them once."""
    from agentops_otel.facts import EventFact

    call = replace(CALLS[0], session_id=FAILED, provider="openai", model="gpt-4o", cost=None, price=None)
    store = open_store(db)
    store.append("default", [EventFact(replace(call, event_id=f"many-{nth:04}")) for nth in range(1201)])
    store.close()
    cli("reprice")
    many = [call for call in stored_calls(db) if call.event_id.startswith("many-")]
    usage = call.usage
    cost = Decimal(2 * (usage.input or 0) + 2 * (usage.cache_read or 0) + 10 * (usage.output or 0)) / 10**6
    assert len(many) == 1201
    assert {(call.cost, call.price) for call in many} == {(cost, Price("override", "gpt-4o", "mine"))}


def test_a_call_told_twice_is_priced_once_and_stays_one(cli: Cli, db: Path, own: Path) -> None:
    """What is written back is the event as it was told, so that the other is still found to repeat it."""
    outer = LLMCall(
        **{"event_id": "outer", "session_id": "twice", "name": "chat", "init_timestamp": 1, "end_timestamp": 9},
        **{"trace_id": "t", "span_id": "outer", "parent_id": "agent", "model": "our-own", "usage": Usage(input=10**6)},
    )
    inner = replace(outer, event_id="inner", span_id="inner", parent_id="outer")
    store = open_store(db)
    store.append("default", [EventFact(outer), EventFact(inner)])
    assert cli("reprice").code == 0
    session, told = store.session("default", "twice"), store.events("default", "twice", EventQuery(told=True))
    assert session is not None
    assert (session.statistics.llms, session.statistics.cost) == (1, Decimal(1))
    assert [(event.event_id, event.parent_id) for event in told] == [("inner", "outer"), ("outer", "agent")]
    store.close()
