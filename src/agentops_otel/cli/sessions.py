"""`agentops-otel sessions`: list, show, add up, export and delete."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import click

from agentops_otel.cli.exporting import OUTPUT, PIECES, Export, format_option
from agentops_otel.cli.options import WHEN, moment
from agentops_otel.cli.output import json_array, remark, show, show_array, show_json, show_pieces, width
from agentops_otel.cli.stored import AS_JSON, Stored, on_store
from agentops_otel.records import EVENT_TYPES, Event, Failure, LLMCall, Session, Statistics, to_json
from agentops_otel.store.base import SESSION_SORTS, EventQuery, SessionQuery, SessionSort, model_of

STATES = ("success", "failure", "indeterminate", "running")
SHOWN_AT_MOST = 2000
"""Events that `sessions show` draws; more are told about."""

MODEL_STATISTICS = (
    *("llms", "prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("cost", "cost_is_lower_bound", "unpriced_llms"),
)
FIRST_STEPS = """
Record one:

    import agentops_otel as agentops
    from openai import OpenAI

    session = agentops.init(tags=["first"])
    OpenAI().chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}]
    )
    session.end_session("Success")
    print(session.summary())
"""


@click.group()
def sessions() -> None:
    """Look at recorded sessions. An ID may be shortened while it is unique."""


@sessions.command("list")
@click.option("--tag", help="Only sessions with this tag.")
@click.option("--state", type=click.Choice(STATES, case_sensitive=False), help="Only sessions in this state.")
@click.option("--since", callback=moment, metavar=WHEN, help="Only sessions started since: 2h, 3d, 2026-11-22.")
@click.option("--model", help="Only sessions that called this model.")
@click.option("--provider", help="Only sessions that called this provider.")
@click.option("--host", help="Only sessions with a process on this machine.")
@click.option("--text", help="Only sessions with these words in prompts, answers, arguments, errors, tags or the id.")
@click.option("--sort", type=click.Choice(SESSION_SORTS), default="start", show_default=True, help="Largest first, by.")
@click.option("--reverse", is_flag=True, help="The smallest first.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@AS_JSON
@on_store
def list_sessions(
    stored: Stored,
    tag: str | None,
    state: str | None,
    since: int | None,
    model: str | None,
    provider: str | None,
    host: str | None,
    text: str | None,
    sort: SessionSort,
    reverse: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List sessions, the newest first."""
    filters: dict[str, Any] = {"tag": tag, "since_ns": since, "model": model, "provider": provider, "host": host}
    filters |= {"text": text, **_state_filter(state)}
    query = SessionQuery(**filters, sort=sort, ascending=reverse, limit=limit + 1)
    found = stored.sessions(query)
    if as_json:
        show_array(to_json(session) for session in islice(found, limit))
        return
    listed = list(found)
    if not listed:
        _say_nothing_found(stored, filtered=any(value is not None for value in filters.values()))
        return
    from agentops_otel.text import sessions_table

    show(sessions_table(listed[:limit], width()))
    if len(listed) > limit:
        remark(f"There are more; --limit {limit * 10} shows them.")


def _state_filter(state: str | None) -> dict[str, Any]:
    if state is None:
        return {}
    if state == "running":
        return {"running": True}
    return {"end_state": state.capitalize(), "running": False}


def _say_nothing_found(stored: Stored, *, filtered: bool) -> None:
    if stored.store is None:
        remark(f"No sessions yet: there is no store at {stored.path}.")
    else:
        remark(f"No sessions {'like that ' if filtered else ''}in {stored.path}.")
    if not filtered and sys.stdout.isatty():
        remark(FIRST_STEPS)


@sessions.command("show")
@click.argument("session_id", metavar="ID")
@click.option("--apis", is_flag=True, help="Show infrastructure calls (HTTP, SQL, ...), too.")
@AS_JSON
@on_store
def show_session(stored: Stored, session_id: str, apis: bool, as_json: bool) -> None:
    """Show a session and its events as a tree."""
    session = stored.session(session_id)
    if as_json:
        show_pieces(_session_with_events(stored, session))
        return
    from agentops_otel.text import event_tree, session_table

    show(session_table(session, width()))
    tree = event_tree(_drawn_events(stored, session), width(), apis=apis)
    if tree:
        show(f"\n{tree}")
    count = session.statistics.events + session.statistics.apis
    if count > SHOWN_AT_MOST:
        remark(f"The first {SHOWN_AT_MOST:,} of {count:,} events; `sessions export {session_id}` has all of them.")


def _drawn_events(stored: Stored, session: Session) -> list[Event]:
    """The first events without their large fields, and the errors met in them, in their words.

    An error that passed through several steps counts once, and every one of these steps is drawn as failed.
    """
    steps = EventQuery(types=[kind for kind in EVENT_TYPES if kind != "errors"], payloads=False, limit=SHOWN_AT_MOST)
    errors = EventQuery(types=["errors"], limit=SHOWN_AT_MOST)
    where = (stored.project, session.session_id)
    drawn: list[Event] = list(stored.store.events(*where, steps))
    met = {error.event_id: error for error in stored.store.events(*where, errors)}
    ids = {event.event_id for event in drawn}
    if len(drawn) == SHOWN_AT_MOST:
        met = {one: error for one, error in met.items() if _is_met_in(error, ids)}
    told = stored.store.events(*where, replace(errors, told=True))
    return [*drawn, *({error.event_id: error for error in told if _is_met_in(error, ids)} | met).values()]


def _is_met_in(error: Event, ids: set[str]) -> bool:
    return isinstance(error, Failure) and error.trigger_event_id in ids


def _session_with_events(stored: Stored, session: Session) -> Iterator[str]:
    """The JSON of the session with its events, in pieces, under the key `events`."""
    text = json.dumps(to_json(session), ensure_ascii=False)
    yield f'{text[:-1]}, "events": '
    yield from json_array(to_json(event) for event in stored.store.events(stored.project, session.session_id))
    yield "}"


@sessions.command()
@click.argument("session_id", metavar="ID")
@AS_JSON
@on_store
def stats(stored: Stored, session_id: str, as_json: bool) -> None:
    """Add up a session: events, tokens, cost, and the same by model."""
    session = stored.session(session_id)
    by_model = _by_model(stored, session)
    if as_json:
        show_json({"session_id": session.session_id, **to_json(session)["statistics"], "models": _models(by_model)})
        return
    from agentops_otel.text import models_table, session_table

    show(session_table(session, width()))
    if by_model:
        show(f"\n{models_table(by_model, width())}")


def _by_model(stored: Stored, session: Session) -> dict[str, Statistics]:
    """From the store's own sums; from the calls where another session's id goes on from this one's."""
    session_id, sums = session.session_id, defaultdict[str, Statistics](Statistics)
    if stored.store.find_session_ids(stored.project, session_id, 2) == [session_id]:
        rows = stored.store.totals(stored.project, SessionQuery(id_prefix=session_id), "model")
        return {row.key or "unknown": row.statistics for row in rows}
    for call in stored.store.events(stored.project, session_id, EventQuery(types=["llms"])):
        if isinstance(call, LLMCall):
            sums[model_of(call) or "unknown"] += Statistics.of(call)
    return dict(sums)


def _models(by_model: dict[str, Statistics]) -> list[dict[str, Any]]:
    """The statistics of each model, in the shape of a session's."""
    rows = []
    for model in sorted(by_model):
        whole = to_json(Session(project_id="", session_id="", statistics=by_model[model]))["statistics"]
        rows.append({"model": model, **{key: whole[key] for key in MODEL_STATISTICS}})
    return rows


@sessions.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@AS_JSON
@on_store
def diff(stored: Stored, a: str, b: str, as_json: bool) -> None:
    """Compare two sessions: what B has more or less than A, and which steps changed."""
    from agentops_otel.comparison import compare

    first, second = stored.session(a), stored.session(b)
    events = [stored.store.events(stored.project, one.session_id) for one in (first, second)]
    comparison = compare(first, events[0], second, events[1])
    if as_json:
        show_json(comparison.to_json())
        return
    from agentops_otel.text import comparison_text

    show(comparison_text(comparison, width()))


@sessions.command()
@click.argument("session_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@AS_JSON
@on_store
def delete(stored: Stored, session_id: str, yes: bool, as_json: bool) -> None:
    """Delete a session with everything recorded in it."""
    session = stored.session(session_id)
    events = f"{session.statistics.events:,} events"
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("add --yes to delete without being asked", click.get_current_context())
        click.confirm(f"Delete session {session.session_id} with its {events}?", abort=True, err=True)
    stored.delete(session)
    if as_json:
        show_json({"deleted": session.session_id})
    else:
        show(f"Deleted session {session.session_id} with its {events}.")


@sessions.command()
@click.argument("session_id", metavar="ID")
@format_option("agentops", tuple(PIECES))
@OUTPUT
@on_store
def export(stored: Stored, session_id: str, form: str, output: str | None) -> None:
    """Write a session with all its events, at constant memory."""
    session, export = stored.session(session_id), Export(form, output)
    export.write(export.pieces(stored, session, shown=True))
