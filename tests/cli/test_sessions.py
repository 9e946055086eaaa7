"""`agentops-otel sessions`."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import DONE, FAILED, OPEN, Cli, session
from tests.text.examples import EVENTS, START_NS, error, step

from agentops_otel.exports import agentops_export, jsonl_lines
from agentops_otel.facts import EventFact
from agentops_otel.fold import Fold
from agentops_otel.otlp import decode_traces
from agentops_otel.records import Action, session_from_json, to_json
from agentops_otel.store import open_store
from agentops_otel.store.base import EVERY_EVENT, EventQuery
from agentops_otel.store.sqlite.keys import SqliteKeys
from agentops_otel.translate import translate


def ids(cli: Cli, *options: str) -> list[str]:
    ran = cli("sessions", "list", "--json", *options)
    assert (ran.code, ran.err) == (0, "")
    return [one["session_id"] for one in json.loads(ran.out)]


# --- list ------------------------------------------------------------------------------------------------------------


def test_two_sessions_are_compared(cli: Cli, db: Path) -> None:
    """Sums with their change and the steps that differ; the same as JSON."""
    ran = cli("sessions", "diff", FAILED[:6], DONE)
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"^state +Failure +Success$", ran.out, re.M)
    assert re.search(r"^model calls +\d +0 +-\d$", ran.out, re.M)
    assert "-  tool get_weather" in ran.out

    compared = json.loads(cli("sessions", "diff", DONE, FAILED, "--json").out)
    assert (compared["a"], compared["b"]) == (DONE, FAILED)
    assert compared["tools"] == {"get_weather": {"a": 0, "b": 1, "change": 1}}
    assert cli("sessions", "diff", DONE, "nobody").code == 3


def test_list_shows_the_newest_first(cli: Cli, db: Path) -> None:
    """A line for each session, as wide as the terminal."""
    assert cli("sessions", "list") == (
        0,
        "session   started (UTC)     state            time         cost  tags\n"
        "run-42    2026-11-22 14:02  Indeterminate  1m 07s        $0.00\n"
        "7d1c0000  2026-11-22 14:01  Success        1m 07s        $0.00  demo\n"
        "7d1c9f0e  2026-11-22 14:00  Failure        1m 07s  ≥ $0.002000  quickstart, demo\n",
        "",
    )


def test_list_json_is_an_array_of_session_records(cli: Cli, db: Path) -> None:
    """The one JSON shape, so that what is printed can be read back."""
    ran = cli("sessions", "list", "--json")
    store = open_store(db)
    listed = [json.loads(json.dumps(to_json(store.session("default", one)))) for one in (OPEN, DONE, FAILED)]  # type: ignore[arg-type]
    store.close()
    assert listed == json.loads(ran.out)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tag", "demo"], [DONE, FAILED]),
        (["--tag", "nowhere"], []),
        (["--provider", "nobody"], []),
        (["--host", "nowhere"], []),
        (["--state", "success"], [DONE]),
        (["--state", "FAILURE"], [FAILED]),
        (["--state", "indeterminate"], [OPEN]),
        (["--state", "running"], []),
        (["--since", "2026-11-22T14:01:00Z"], [OPEN, DONE]),
        (["--since", "2026-11-22T14:01:00"], [OPEN, DONE]),
        (["--since", "2026-11-22T16:01:00+02:00"], [OPEN, DONE]),
        (["--since", "2026-11-23"], []),
        (["--limit", "1"], [OPEN]),
        (["--limit", "1", "--tag", "quickstart"], [FAILED]),
        (["--project", "another"], []),
    ],
)
def test_list_filters(cli: Cli, db: Path, options: list[str], expected: list[str]) -> None:
    """Every filter that is given must hold."""
    assert expected == ids(cli, *options)


def test_list_sorts(cli: Cli, db: Path) -> None:
    """The largest first, or the smallest."""
    assert ids(cli, "--sort", "cost")[0] == FAILED
    assert ids(cli, "--sort", "cost", "--reverse")[-1] == FAILED


def test_since_takes_a_time_ago(cli: Cli, db: Path) -> None:
    """`2h` is two hours before now."""
    store = open_store(db)
    store.append("default", session("an hour old", time.time_ns() - 3600 * 10**9 - START_NS, ()))
    store.close()
    assert "an hour old" in ids(cli, "--since", "2h")
    assert "an hour old" not in ids(cli, "--since", "30m")


def test_list_says_that_there_are_more(cli: Cli, db: Path) -> None:
    """On stderr, so that the table stays a table."""
    ran = cli("sessions", "list", "--limit", "2")
    assert (len(ran.out.splitlines()), ran.err) == (3, "There are more; --limit 20 shows them.\n")


def test_many_sessions_are_read_page_by_page(cli: Cli, db: Path) -> None:
    """A limit beyond a page of the store is met exactly."""
    store = open_store(db)
    store.append("default", [fact for n in range(1200) for fact in session(f"s{n:04}", n, ("many",), "Success")])
    store.close()
    listed = ids(cli, "--tag", "many", "--limit", "1100")
    assert [f"s{n:04}" for n in range(1199, 99, -1)] == listed


def test_no_store_yet_is_no_error_and_makes_none(cli: Cli, home: Path) -> None:
    """Looking leaves nothing behind; JSON stays JSON."""
    path = home / "agentops.db"
    assert cli("sessions", "list") == (0, "", f"No sessions yet: there is no store at {path}.\n")
    assert cli("sessions", "list", "--json") == (0, "[]\n", "")
    assert not home.exists()


def test_nothing_found_is_said(cli: Cli, db: Path) -> None:
    """A filter that matches nothing is not an empty store."""
    assert cli("sessions", "list", "--tag", "x") == (0, "", f"No sessions like that in {db}.\n")


# --- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [FAILED, FAILED[:8], "7d1c9"])
def test_an_id_may_be_shortened(cli: Cli, db: Path, prefix: str) -> None:
    """While only one session begins so."""
    assert json.loads(cli("sessions", "show", prefix, "--json").out)["session_id"] == FAILED


def test_an_ambiguous_id_names_its_candidates(cli: Cli, db: Path) -> None:
    """Nothing is picked; the exit code is that of a session that is not there."""
    message = f"error: '7d1c' begins the ids of several sessions: {DONE}, {FAILED}; give more of it\n"
    assert cli("sessions", "show", "7d1c") == (3, "", message)


@pytest.mark.parametrize("command", ["show", "stats", "export", "delete"])
def test_an_unknown_id_is_exit_code_3(cli: Cli, db: Path, command: str) -> None:
    """With one line that names the id, the file and what to do."""
    message = f"error: no session id begins with 'zz' in {db}; `agentops-otel sessions list` shows what does\n"
    assert cli("sessions", command, "zz") == (3, "", message)


@pytest.mark.parametrize("command", ["show", "stats", "export", "delete"])
def test_without_a_store_no_session_is_found(cli: Cli, home: Path, command: str) -> None:
    """And none is made."""
    ran = cli("sessions", command, "zz")
    assert ran == (3, "", f"error: no session 'zz': there is no store at {home / 'agentops.db'} yet\n")
    assert not home.exists()


def test_an_exact_id_wins_over_longer_ones(cli: Cli, db: Path) -> None:
    """A session can be reached whose id begins those of others."""
    store = open_store(db)
    store.append("default", session("run-4", 1, ()))
    store.close()
    assert cli("sessions", "show", "run-4").out.splitlines()[0] == "session  run-4"


# --- show and stats --------------------------------------------------------------------------------------------------


def test_show_is_the_session_and_its_events(cli: Cli, db: Path) -> None:
    """The table, then the tree, with the words of errors."""
    assert cli("sessions", "show", FAILED) == (
        0,
        f"session  {FAILED}\n"
        "state    Failure\n"
        "reason   no such model\n"
        "started  2026-11-22 14:00:00 UTC\n"
        "duration 1m 07s\n"
        "cost     ≥ $0.002000 (1 call unpriced)\n"
        "tokens   200 in, 40 out\n"
        "events   7: 3 model calls, 1 tool, 2 actions, 1 error, and 1 API call\n"
        "tags     quickstart, demo\n"
        "\n"
        "event                           time    tokens        cost\n"
        "action forecast [Forecaster]   1.2 s\n"
        "├─ llm    gpt-4o-mini         340 ms  100 → 20   $0.002000\n"
        "├─ tool   get_weather         0.2 ms\n"
        "└─ llm    gpt-4o-mini         640 ms  100 → 20  <$0.000001\n"
        "action ask ✗                   12 ms\n"
        "└─ llm    no-such-model ✗     8.0 ms         –           –\n"
        "          NotFoundError: no such model\n",
        "",
    )


def test_show_json_has_every_event_whole(cli: Cli, db: Path) -> None:
    """The session record with its events, each in the one JSON shape."""
    session, events = stored(db)
    expected = {**to_json(session), "events": [to_json(event) for event in events]}
    assert json.loads(json.dumps(expected)) == json.loads(cli("sessions", "show", FAILED, "--json").out)


def test_show_draws_the_first_events_of_a_long_session(cli: Cli, db: Path) -> None:
    """Errors of events that are not drawn are not drawn either; what is left out is said on stderr."""
    long = [step(Action, f"s{n}", "step", n, 1) for n in range(2100)]
    late = [error(event) for event in long[2050:]]
    store = open_store(db)
    store.append("default", [EventFact(replace(event, session_id="long")) for event in [*long, *late]])
    store.close()
    ran = cli("sessions", "show", "long")
    assert ran.out.splitlines()[-1] == "action step ×2,000  2.0 s"
    assert ran.err == "The first 2,000 of 2,150 events; `sessions export long` has all of them.\n"


def test_stats_add_up_by_model(cli: Cli, db: Path) -> None:
    """The session as in `show`, and a line for each model."""
    assert cli("sessions", "stats", FAILED).out.splitlines()[-3:] == [
        "model          calls  tokens in  cached  out       cost",
        "gpt-4o-mini        2        200       0   40  $0.002000",
        "no-such-model      1          –       0    –          –",
    ]


def test_stats_json_is_the_statistics_of_the_record(cli: Cli, db: Path) -> None:
    """With the id, and the sums of each model."""
    whole = json.loads(cli("sessions", "show", FAILED, "--json").out)["statistics"]
    printed = json.loads(cli("sessions", "stats", FAILED, "--json").out)
    models = printed.pop("models")
    assert {"session_id": FAILED, **whole} == printed
    unknown = dict.fromkeys(["cache_read_tokens", "cache_write_tokens", "reasoning_tokens"], 0)
    assert models == [
        {
            "model": "gpt-4o-mini",
            "llms": 2,
            "prompt_tokens": 200,
            "completion_tokens": 40,
            "cost": "0.0020004",
            "cost_is_lower_bound": False,
            "unpriced_llms": 0,
            **unknown,
        },
        {
            "model": "no-such-model",
            "llms": 1,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "cost": "0",
            "cost_is_lower_bound": True,
            "unpriced_llms": 1,
            **unknown,
        },
    ]


def test_stats_of_a_session_whose_id_begins_others_are_its_own(cli: Cli, db: Path) -> None:
    """Sums by model are not those of all ids that begin so."""
    store = open_store(db)
    store.append("default", [EventFact(replace(event, session_id=FAILED + "-2")) for event in EVENTS])
    store.close()
    for session_id in (FAILED, FAILED + "-2"):
        models = json.loads(cli("sessions", "stats", session_id, "--json").out)["models"]
        assert [(one["model"], one["llms"]) for one in models] == [("gpt-4o-mini", 2), ("no-such-model", 1)]


# --- export and delete -----------------------------------------------------------------------------------------------


def stored(db: Path, query: EventQuery = EVERY_EVENT) -> tuple[Any, list[Any]]:
    store = open_store(db)
    try:
        return store.session("default", FAILED), list(store.events("default", FAILED, query))
    finally:
        store.close()


def test_export_is_the_answer_of_agentops(cli: Cli, db: Path) -> None:
    """By default: one JSON object, the same that the server answers."""
    assert json.loads(json.dumps(agentops_export(*stored(db)))) == json.loads(cli("sessions", "export", FAILED).out)


def test_export_as_lines(cli: Cli, db: Path) -> None:
    """The session, then an event a line, as it was told."""
    printed = cli("sessions", "export", FAILED, "--format", "jsonl").out
    session, events = stored(db, EventQuery(told=True))
    assert list(jsonl_lines(session, events)) == printed.splitlines()


def test_export_as_otlp_reads_back_as_the_same_session(cli: Cli, db: Path) -> None:
    """Spans and markers carry all that was recorded: translated again, they give the same record and events."""
    body = cli("sessions", "export", FAILED, "--format", "otlp-json").out.encode()
    fold = Fold()
    for span in decode_traces(body, "application/json"):
        fold.add(translate(span))
    before, events = stored(db)
    again = fold.session(FAILED, before.end_timestamp, "default")
    assert again is not None
    assert {**to_json(before), "agents": None} == {**to_json(again), "agents": None}
    assert sorted((event.event_type, event.name) for event in events) == sorted(
        (event.event_type, event.name) for event in fold.events(FAILED)
    )


def test_export_writes_a_file_as_a_whole(cli: Cli, db: Path, tmp_path: Path) -> None:
    """What was there is replaced at the end, and nothing else is left beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    file = folder / "session.jsonl"
    file.write_text("old")
    ran = cli("sessions", "export", FAILED, "--format", "jsonl", "-o", str(file))
    assert (ran, [one.name for one in folder.iterdir()]) == ((0, "", ""), ["session.jsonl"])
    assert session_from_json(json.loads(file.read_text("utf-8").splitlines()[0])).session_id == FAILED


def test_export_into_a_folder_that_is_not_there(cli: Cli, db: Path, tmp_path: Path) -> None:
    """One line that names the file."""
    file = tmp_path / "missing" / "session.json"
    ran = cli("sessions", "export", FAILED, "-o", str(file))
    assert ran == (1, "", f"error: {file}.part: No such file or directory\n")


def test_delete_wants_to_be_sure(cli: Cli, db: Path) -> None:
    """Where nobody can be asked, --yes is needed."""
    assert cli("sessions", "delete", DONE).code == 2
    assert cli("sessions", "delete", DONE[:6], "--yes") == (0, f"Deleted session {DONE} with its 0 events.\n", "")
    assert ids(cli) == [OPEN, FAILED]
    assert json.loads(cli("sessions", "delete", FAILED, "--yes", "--json").out) == {"deleted": FAILED}
    assert ids(cli) == [OPEN]


def test_deleting_leaves_nothing_that_a_server_kept(cli: Cli, db: Path) -> None:
    """What clients printed in the session goes, too; and an empty id is never "the only session"."""
    keys = SqliteKeys(db)
    keys.append_log("default", FAILED, "a secret was printed")
    assert cli("sessions", "delete", "", "--yes").code == 3
    assert cli("sessions", "delete", FAILED, "--yes").code == 0
    assert keys.log("default", FAILED) is None
    keys.close()


# --- stores ----------------------------------------------------------------------------------------------------------


def test_db_names_another_file(cli: Cli, home: Path, tmp_path: Path) -> None:
    """`--db` wins over $AGENTOPS_HOME."""
    other = tmp_path / "other.db"
    store = open_store(other)
    store.append("default", session("elsewhere", 0, ()))
    store.close()
    assert ids(cli, "--db", str(other)) == ["elsewhere"]
    assert "no store at" in cli("sessions", "list").err


def test_a_file_that_is_no_store_is_exit_code_4(cli: Cli, tmp_path: Path) -> None:
    """The line names the file and the remedy; the file is left as it was."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to be looked at " * 100)
    ran = cli("sessions", "list", "--db", str(file))
    assert (ran.code, ran.out, ran.err.count("\n"), str(file) in ran.err) == (4, "", 1, True)
    assert file.read_text().startswith("not a database")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sessions", "list", "--since", "soon"], "'soon' is neither a time ago"),
        (["sessions", "list", "--state", "great"], "'great' is not one of"),
        (["sessions", "list", "--limit", "0"], "0 is not in the range"),
        (["sessions", "lst"], "'lst'"),
        (["sessions", "show"], "'ID'"),
        (["sessions", "export", "x", "--format", "xml"], "'xml'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli: Cli, db: Path, arguments: list[str], message: str) -> None:
    """It names the value, and the help that tells what is allowed."""
    ran = cli(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err
    assert "--help`" in ran.err


def test_export_as_html_is_one_page(cli: Cli, db: Path) -> None:
    """It names the session and asks for nothing; several sessions are no page."""
    page = cli("sessions", "export", FAILED, "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert f"<title>Session {FAILED}</title>" in page
    assert cli("export", "--all", "--format", "html").code == 2
