"""Sessions as a person reads them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.text.examples import SESSION

from agentops_otel.records import Process, Session, Statistics
from agentops_otel.text import models_table, session_table, sessions_table
from agentops_otel.text.layout import columns_of


def test_session_tells_state_duration_cost_tokens_and_events() -> None:
    """Every figure has a label, long values wrap, and a cost that misses calls is a lower bound."""
    assert session_table(SESSION) == (
        "session  7d1c9f0e-3c4b-4d8a-9a55-0e8f7c3a2b11\n"
        "state    Failure\n"
        "reason   the model does not exist, and this is told at such a length that it\n"
        "         takes two lines\n"
        "started  2026-11-22 14:00:00 UTC\n"
        "duration 1m 07s\n"
        "cost     ≥ $0.002000 (1 call unpriced)\n"
        "tokens   200 in, 40 out\n"
        "events   8: 3 model calls, 1 tool, 2 actions, 2 errors, and 1 API call\n"
        "agents   Forecaster\n"
        "tags     quickstart, demo"
    )


def test_unknown_is_a_dash_and_nothing_is_made_up() -> None:
    """A session of which only the id is known shows no time, and no tokens that nobody counted."""
    assert session_table(Session(project_id="default", session_id="run-1")) == (
        "session  run-1\nstate    Indeterminate\nstarted  –\nduration –\ncost     $0.00\ntokens   –\nevents   0"
    )


def test_losses_cached_tokens_and_several_processes_are_told() -> None:
    """What is missing from the record is said, and whose processes took part where there are several."""
    full = replace(
        SESSION,
        is_running=True,
        end_state_reason=None,
        statistics=Statistics(
            events=1,
            llms=1,
            prompt_tokens=1234,
            completion_tokens=99,
            cache_read_tokens=1000,
            cache_write_tokens=30,
            reasoning_tokens=7,
            cost=Decimal("12.3456"),
            truncated=1,
            dropped=2,
        ),
        processes=(Process(host="web-1", pid=41, started_at=1), Process(host="web-2", pid=7, started_at=1)),
    )
    assert session_table(full).splitlines()[1:] == [
        "state    running",
        "started  2026-11-22 14:00:00 UTC",
        "duration 1m 07s",
        "cost     $12.35",
        "tokens   1,234 in (1,000 cached, 30 written to the cache), 99 out (7 reasoning)",
        "events   1: 1 model call",
        "lost     2 spans dropped, 1 event with a value cut short",
        "agents   Forecaster",
        "tags     quickstart, demo",
        "process  41 on web-1, 7 on web-2",
    ]


def test_a_session_without_any_price_has_an_unknown_cost() -> None:
    """Nothing is known of the cost, which is not the same as no cost."""
    unpriced = replace(SESSION, statistics=Statistics(events=3, llms=3, unpriced_llms=3))
    assert "cost     – (3 calls unpriced)" in session_table(unpriced).splitlines()


TABLE = [
    SESSION,
    replace(SESSION, session_id="7d1c9f0e-9999", end_state="Indeterminate", statistics=Statistics(), tags=()),
    replace(SESSION, session_id="run-42", is_running=True, tags=("a tag that is long enough to be cut somewhere",)),
]


def test_sessions_line_up_in_80_columns() -> None:
    """Ids are shortened as far as they stay different, columns that matter less are left out, tags are cut."""
    assert sessions_table(TABLE, 80) == (
        "session     started (UTC)     state            time         cost  tags\n"
        "7d1c9f0e-3  2026-11-22 14:00  Failure        1m 07s  ≥ $0.002000  quickstart, d…\n"
        "7d1c9f0e-9  2026-11-22 14:00  Indeterminate  1m 07s        $0.00\n"
        "run-42      2026-11-22 14:00  running        1m 07s  ≥ $0.002000  a tag that is…"
    )


def test_a_wide_terminal_shows_every_column_and_whole_ids() -> None:
    """With room for it nothing is left out."""
    assert sessions_table(TABLE[:1], 160).splitlines() == [
        "session                               started (UTC)     state      time         cost  tokens  calls  errors"
        "  tags",
        "7d1c9f0e-3c4b-4d8a-9a55-0e8f7c3a2b11  2026-11-22 14:00  Failure  1m 07s  ≥ $0.002000     240      3       2"
        "  quickstart, demo",
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever the width, from 72 columns on the table fits; below it keeps the columns that matter."""
    lines = sessions_table(TABLE, width).splitlines()
    assert all(columns_of(line) <= max(width, 80) for line in lines)


def test_wide_characters_take_two_columns() -> None:
    """A tag in Chinese does not push the next column away: it is measured as the terminal draws it."""
    chinese = replace(SESSION, tags=("天气预报" * 10,))
    last = sessions_table([chinese], 80).splitlines()[-1]
    assert (last[-1], columns_of(last)) == ("…", 79)


def test_text_from_outside_cannot_drive_the_terminal() -> None:
    """Escape sequences, direction marks and lone surrogates are shown, not obeyed; lines stay lines."""
    hostile = replace(
        SESSION, tags=("red\x1b[31m", "back\u202eward", "half\ud83d", "two\nlines"), end_state_reason=None
    )
    assert session_table(hostile).splitlines()[-1] == r"tags     red\x1b[31m, back\u202eward, half\ud83d, two lines"


def test_models_are_listed_by_what_they_cost() -> None:
    """The most expensive model comes first; without a price there is a dash, not a zero."""
    by_model = {
        "cheap": Statistics(llms=1, prompt_tokens=10, completion_tokens=2, cost=Decimal("0.1")),
        "dear": Statistics(llms=2, prompt_tokens=1000, completion_tokens=20, cache_read_tokens=900, cost=Decimal(3)),
        "new": Statistics(llms=1, unpriced_llms=1),
    }
    assert models_table(by_model) == (
        "model  calls  tokens in  cached  out       cost\n"
        "dear       2      1,000     900   20      $3.00\n"
        "cheap      1         10       0    2  $0.100000\n"
        "new        1          –       0    –          –"
    )
