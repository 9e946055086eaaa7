"""Budgets: once a session has cost so much, no further model call begins; in any thread, task or process of it."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI
from opentelemetry import context as otel_context

import agentops_otel as agentops
from agentops_otel import Session, settings
from agentops_otel.errors import BudgetExceeded, ConfigurationError, InvalidValueError
from agentops_otel.records import Failure, LLMCall
from agentops_otel.testing import ModelServer, Reply, Tokens
from sessions.conftest import Recorded, Run

MODEL, PRICE = "gpt-4o-mini", Decimal("0.000210")
"""What `ANSWER` costs at that model."""
ANSWER = Reply(tokens=Tokens(1000, 100))
ASKED: Any = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def answering(server: ModelServer) -> ModelServer:
    """A server whose every answer costs `PRICE`."""
    server.script_model(MODEL, ANSWER)
    return server


def begin(**options: Any) -> Session:
    session = agentops.init(**options)
    assert session is not None
    return session


def client_of(server: ModelServer) -> OpenAI:
    return OpenAI(base_url=server.base_url, api_key="k", max_retries=0)


def calls_until_refused(client: OpenAI, most: int = 50) -> int:
    """How many calls are made until one is refused."""
    for made in range(most):
        try:
            client.chat.completions.create(**ASKED)
        except BudgetExceeded:
            return made
    return most


def test_no_call_begins_once_the_budget_is_spent(answering: ModelServer, recorded: Recorded) -> None:
    """Three calls reach the budget exactly; the fourth is not made, and says everything a program can act on."""
    session = begin(max_cost=3 * PRICE)
    with client_of(answering) as client:
        assert calls_until_refused(client) == 3
        with pytest.raises(BudgetExceeded) as refused:
            client.chat.completions.create(**ASKED)
    assert len(answering.requests) == 3
    error = refused.value
    assert (error.session_id, error.budget, error.spent, error.unpriced) == (session.key, 3 * PRICE, 3 * PRICE, 0)
    assert str(error) == (
        f"the model call was not made: session {session.key}: $0.00063 of its budget of $0.00063 are spent; "
        "session.budget(usd=…) changes the budget"
    )
    agentops.end_session("Failure", "ours")
    (told,) = [event for event in recorded.events() if isinstance(event, Failure)]
    assert told.error_type == "agentops_otel.errors.BudgetExceeded"
    assert sum(isinstance(event, LLMCall) for event in recorded.events()) == 3


def test_the_block_of_a_session_that_ran_out_of_its_budget_ends_failure(
    answering: ModelServer, recorded: Recorded
) -> None:
    """The reason is the word "budget", however the exception is worded."""
    with pytest.raises(BudgetExceeded), begin(max_cost=PRICE), client_of(answering) as client:
        calls_until_refused(client)
        client.chat.completions.create(**ASKED)
    session = recorded.session()
    assert (session.end_state, session.end_state_reason, session.statistics.cost) == ("Failure", "budget", PRICE)


def test_end_closes_the_session_and_goes_on_refusing(answering: ModelServer, recorded: Recorded) -> None:
    """The session is over at once; calls in its context, or in none until another begins, are refused."""
    session = begin()
    session.budget(PRICE, "end")
    inside = otel_context.get_current()
    with client_of(answering) as client:
        assert calls_until_refused(client) == 1
        assert (session.is_running, session.end_state, session.end_state_reason) == (False, "Failure", "budget")
        assert recorded.session().end_state == "Failure"
        assert calls_until_refused(client) == 0
        agentops.start_session()
        assert calls_until_refused(client, most=2) == 2
        otel_context.attach(inside)
        assert calls_until_refused(client) == 0


def test_a_function_decides_itself(answering: ModelServer) -> None:
    """It gets the exception: it may raise it, raise another, give more, or let the call be made."""
    session, told = begin(), list[Decimal]()

    def ask(refusal: BudgetExceeded) -> None:
        told.append(refusal.spent)
        if len(told) == 2:
            session.budget(10 * PRICE)
        elif len(told) > 2:
            raise RuntimeError("mine")

    session.budget(PRICE, ask)
    with client_of(answering) as client:
        for _ in range(4):
            client.chat.completions.create(**ASKED)
        assert told == [PRICE, 2 * PRICE]
        session.budget(PRICE, ask)
        with pytest.raises(RuntimeError, match="mine"):
            client.chat.completions.create(**ASKED)
    assert len(answering.requests) == 4


def test_every_kind_of_call_is_refused(answering: ModelServer) -> None:
    """Sync, async, streamed, raw, by a helper, of any client; coroutines and streams leave no warning behind."""
    begin(max_cost=0)
    hello: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": ASKED["messages"]}
    with client_of(answering) as client, Anthropic(base_url=answering.url, api_key="k") as claude:
        attempts = [
            lambda: client.chat.completions.create(**ASKED),
            lambda: client.chat.completions.create(**ASKED, stream=True),
            lambda: client.chat.completions.with_raw_response.create(**ASKED),
            lambda: client.embeddings.create(model="text-embedding-3-small", input="x"),
            lambda: client.beta.chat.completions.parse(**ASKED),
            lambda: claude.messages.create(**hello),
            lambda: claude.messages.stream(**hello).__enter__(),
        ]
        for attempt in attempts:
            with pytest.raises(BudgetExceeded):
                attempt()

    async def awaited() -> None:
        async with AsyncOpenAI(base_url=answering.base_url, api_key="k") as client:
            with pytest.raises(BudgetExceeded):
                await client.chat.completions.create(**ASKED)
            with pytest.raises(BudgetExceeded):
                await client.chat.completions.create(**ASKED, stream=True)
            with pytest.raises(BudgetExceeded):
                async with client.chat.completions.with_streaming_response.create(**ASKED):
                    pass

    asyncio.run(awaited())
    assert answering.requests == []


def test_a_budget_of_one_session_is_not_that_of_another(answering: ModelServer) -> None:
    """The session of the call's context is the one that pays."""
    poor = begin(max_cost=0)
    inside = otel_context.get_current()
    rich = agentops.start_session()
    assert rich is not None
    rich.budget(None)
    with client_of(answering) as client:
        assert calls_until_refused(client, most=2) == 2
        otel_context.attach(inside)
        assert agentops.get_session(poor.key) is poor
        assert calls_until_refused(client) == 0


def test_threads_share_the_budget(answering: ModelServer) -> None:
    """With a reserve of what a call costs not one call too many begins, however many threads ask at once."""
    session = begin()
    session.budget(10 * PRICE, reserve=PRICE)
    with client_of(answering) as client, ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(lambda _: calls_until_refused(client), range(8)))
    assert (made, len(answering.requests)) == (10, 10)
    assert agentops.end_session("Success") == str(10 * PRICE)


def test_tasks_share_the_budget(answering: ModelServer) -> None:
    """Coroutines are asked when they begin, not when they are made: of a hundred at once ten are admitted."""
    session = begin()
    session.budget(10 * PRICE, reserve=PRICE)

    async def all_at_once() -> list[Any]:
        async with AsyncOpenAI(base_url=answering.base_url, api_key="k", max_retries=0) as client:
            calls = [client.chat.completions.create(**ASKED) for _ in range(100)]
            return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert sum(isinstance(one, BudgetExceeded) for one in outcomes) == 90
    assert len(answering.requests) == 10


def test_calls_under_way_may_go_beyond_the_budget(answering: ModelServer) -> None:
    """Without a reserve what began within the budget is let end; what comes after is refused."""
    gate = threading.Event()
    answering.script_model(MODEL, Reply(tokens=Tokens(1000, 100), hold=gate))
    begin(max_cost=PRICE)
    with client_of(answering) as client, ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(client.chat.completions.create, **ASKED) for _ in range(4)]
        while len(answering.requests) < 4:
            time.sleep(0.001)
        gate.set()
        assert [one.exception() for one in under_way] == [None] * 4
        assert calls_until_refused(client) == 0
    assert agentops.end_session("Success") == str(4 * PRICE)


@pytest.mark.parametrize(
    ("unpriced", "made"), [("allow", 5), ("refuse", 0), (Decimal("0.0001"), 3), ("0.0001", 3)], ids=str
)
def test_what_a_call_without_a_known_price_counts_for_is_a_choice(
    unpriced: Any, made: int, answering: ModelServer
) -> None:
    """Nothing, a given price, or it is not made."""
    session = begin()
    session.budget("0.0003", unpriced=unpriced)
    asked = {**ASKED, "model": "nobody-knows-this"}
    count = 0
    with client_of(answering) as client:
        for _ in range(5):
            try:
                client.chat.completions.create(**asked)
                count += 1
            except BudgetExceeded:
                break
    assert (count, len(answering.requests)) == (made, made)


def test_refuse_also_means_no_call_after_one_whose_usage_nobody_told(answering: ModelServer) -> None:
    """A model with a price, an answer without usage: nobody knows what the session has cost."""
    answering.script_model(MODEL, Reply(tokens=None))
    begin(max_cost=1, max_cost_unpriced="refuse")
    with client_of(answering) as client:
        client.chat.completions.create(**ASKED)
        with pytest.raises(BudgetExceeded, match="1 of its calls have no known price"):
            client.chat.completions.create(**ASKED)


def test_events_made_by_hand_count(answering: ModelServer) -> None:
    """Whatever the session records costs what it says."""
    begin(max_cost=PRICE)
    agentops.record(agentops.LLMEvent(model=MODEL, prompt_tokens=1000, completion_tokens=100))
    with client_of(answering) as client:
        assert calls_until_refused(client) == 0


def test_a_budget_needs_no_store(answering: ModelServer, home: Path) -> None:
    """Where nothing is stored here, what this process has spent counts."""
    begin(exporter="none", max_cost=3 * PRICE)
    with client_of(answering) as client:
        assert calls_until_refused(client) == 3
    assert not (home / "agentops.db").exists()


def test_a_store_that_cannot_be_written_makes_no_call_free(
    answering: ModelServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be stored counts."""
    monkeypatch.delenv("AGENTOPS_STRICT")
    home.write_text("a file where the folder of the store should be")
    begin(max_cost=3 * PRICE, exit_timeout=0)
    with client_of(answering) as client:
        assert calls_until_refused(client) == 3


def test_a_budget_can_be_taken_away(answering: ModelServer) -> None:
    """None means: no budget."""
    session = begin(max_cost=0)
    session.budget(None)
    with client_of(answering) as client:
        assert calls_until_refused(client, most=2) == 2


def test_terms_that_make_no_sense_are_told_at_the_call() -> None:
    """The value and the remedy are named."""
    session = begin()
    with pytest.raises(InvalidValueError, match="max_cost=-1 is not a number of US dollars, 0 or more"):
        session.budget(-1)
    with pytest.raises(InvalidValueError, match="on_exceed='stop' is not raise, end, or a function"):
        session.budget(1, "stop")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_cost='a lot' is not a number of US dollars"):
        settings.Settings().replace(max_cost="a lot")
    with pytest.raises(ConfigurationError, match="max_cost_unpriced='maybe' is not allow, refuse, or the US dollars"):
        settings.Settings().replace(max_cost_unpriced="maybe")


def test_the_exception_travels_between_processes() -> None:
    """A worker's refusal can be pickled, with all it says."""
    error = BudgetExceeded("no", session_id="s", budget=Decimal(1), spent=Decimal(2), unpriced=3)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), vars(copy)) == ("no", vars(error))


SPEND = """
import sys, agentops_otel as agentops
from openai import OpenAI
agentops.init()
made = 0
with OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0) as client:
    for _ in range(60):
        try:
            client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}])
            made += 1
        except agentops.BudgetExceeded:
            break
print(made)
"""

SHARE = """
import os, subprocess, sys
import agentops_otel as agentops
with agentops.init() as session:
    session.budget(sys.argv[2])
    program = [sys.executable, "-c", os.environ["SPEND"], sys.argv[1]]
    workers = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    print(*[int(worker.communicate()[0]) for worker in workers])
    print(subprocess.run(program, stdout=subprocess.PIPE, text=True).stdout, end="")
"""


def test_processes_of_an_inherited_session_share_the_budget(
    answering: ModelServer, run: Run, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children that join learn the budget from their environment; together they overshoot by what was under way."""
    monkeypatch.setenv("SPEND", SPEND)
    together, afterwards = run(SHARE, answering.base_url, str(30 * PRICE)).stdout.splitlines()
    made = sum(map(int, together.split()))
    assert 30 <= made <= 32
    assert afterwards == "0"
    assert recorded.session().statistics.cost == made * PRICE


def test_a_forked_child_pays_from_the_same_budget(answering: ModelServer, run: Run, recorded: Recorded) -> None:
    """What the parent spent counts in the child, and what the child spent in the parent."""
    source = """
    import os, sys, agentops_otel as agentops
    from openai import OpenAI
    session = agentops.init(max_cost=sys.argv[2])
    def spend(most):
        made = 0
        with OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0) as client:
            for _ in range(most):
                try:
                    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}])
                    made += 1
                except agentops.BudgetExceeded:
                    break
        return made
    print("first", spend(3), flush=True)
    child = os.fork()
    if not child:
        print("child", spend(4), flush=True)
        sys.exit()
    os.waitpid(child, 0)
    print("parent", spend(60), flush=True)
    """
    done = run(source, answering.base_url, str(10 * PRICE))
    assert done.stdout.splitlines() == ["first 3", "child 4", "parent 3"]
    assert (recorded.session().end_state, recorded.session().end_state_reason) == ("Failure", "budget")
