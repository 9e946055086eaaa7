"""What a test may expect of a recorded session: `assert_session`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agentops_otel import records
from agentops_otel.comparison import compare
from agentops_otel.records import EndState, Event, LLMCall, ToolCall
from agentops_otel.store.base import DEFAULT_PROJECT, EventQuery, SessionQuery, Store, model_of
from agentops_otel.text.comparison import changed_steps
from agentops_otel.text.values import counted, dollars, duration_text, short_cost, state_text

if TYPE_CHECKING:
    from uuid import UUID

    from agentops_otel.sessions import Session


class _Found(NamedTuple):
    """A session, and the store and project that have its events."""

    record: records.Session
    store: Store
    project: str

    def events(self, query: EventQuery) -> Iterator[Event]:
        return self.store.events(self.project, self.record.session_id, query)


def assert_session(
    session: Session | records.Session | UUID | str | Store,
    *,
    store: Store | None = None,
    project: str = DEFAULT_PROJECT,
    end_state: EndState | None = None,
    max_cost_usd: Decimal | float | str | None = None,
    max_tokens: int | None = None,
    max_llm_calls: int | None = None,
    max_duration_s: float | None = None,
    max_errors: int | None = None,
    tools: Collection[str] | None = None,
    models: Collection[str] | None = None,
    agents: Collection[str] | None = None,
    like: Session | records.Session | UUID | str | None = None,
) -> records.Session:
    """Raise AssertionError unless the session is as expected, naming all that is not; return its record.

    `session` is a live session, an id, a record, or a store with one session in it. Ids and live sessions are looked up
    in `store`, by default the one this process records into, else that of the environment.

    Limits are inclusive. `max_cost_usd` fails, too, where calls have no known price: such a cost is a lower bound.
    `tools`, `models` (as they were asked for) and `agents` are names: a list or tuple says which, in this order, each
    time they were used (agents: each time another one is next); a set says which at all. `like` is a session whose
    steps this one is to repeat, by kind and name.
    """
    with _opened(store) as opened:
        found = _found(session, opened, project)
        wrong = [
            *_state(found.record, end_state),
            *_limits(found.record, max_tokens, max_llm_calls, max_errors),
            *_cost(found, max_cost_usd),
            *_duration(found.record, max_duration_s),
            *_names(found, tools, models, agents),
            *(_steps(found, _found(like, opened, project)) if like is not None else ()),
        ]
    if wrong:
        lines = "\n".join(f"  {line}" for line in wrong)
        raise AssertionError(f"session {_summary(found.record)} is not as expected:\n{lines}")
    return found.record


def _summary(record: records.Session) -> str:
    sums = record.statistics
    return f"{record.session_id} ({state_text(record)}, {counted(sums.llms, 'model call')}, {short_cost(sums)})"


# --- which session ---------------------------------------------------------------------------------------------------


@contextmanager
def _opened(store: Store | None) -> Iterator[Store]:
    """The store that was given, or the one of this process, which is closed afterwards."""
    if store is not None:
        yield store
        return
    from agentops_otel import runtime
    from agentops_otel.host import liveness
    from agentops_otel.settings import from_environment
    from agentops_otel.store import open_store

    running = runtime.running()
    path = Path((running.settings if running else from_environment()).db_path())
    with closing(open_store(path, liveness=liveness)) as opened:
        yield opened


def _found(session: Any, store: Store, project: str) -> _Found:
    if hasattr(session, "sessions") and hasattr(session, "append"):
        return _Found(_only(session, project), session, project)
    if isinstance(session, records.Session):
        return _Found(session, store, session.project_id)
    if hasattr(session, "event_counts"):
        session.event_counts  # noqa: B018  delivers what is queued
        session = session.session_id
    record = store.session(project, str(session))
    if record is None:
        where = getattr(store, "path", "the store")
        raise AssertionError(f"there is no session {str(session)!r} in project {project!r} of {where}")
    return _Found(record, store, project)


def _only(store: Store, project: str) -> records.Session:
    ids = [one.session_id for one in store.sessions(project, SessionQuery(limit=10)).items]
    record = store.session(project, ids[0]) if len(ids) == 1 else None
    if record is None:
        raise AssertionError(
            f"the store has {len(ids)} sessions in project {project!r}, one is expected: name its id, with store="
            + "".join(f"\n  {one}" for one in ids)
        )
    return record


# --- what is wrong ---------------------------------------------------------------------------------------------------


def _state(record: records.Session, expected: str | None) -> Iterator[str]:
    if expected is not None and state_text(record) != expected:
        reason = f" ({record.end_state_reason})" if record.end_state_reason else ""
        yield f"end state: {state_text(record)}{reason}; expected {expected}"


def _limits(record: records.Session, tokens: int | None, llm_calls: int | None, errors: int | None) -> Iterator[str]:
    sums = record.statistics
    found = {
        "tokens": (sums.prompt_tokens + sums.completion_tokens, tokens),
        "model calls": (sums.llms, llm_calls),
        "errors": (sums.errors, errors),
    }
    for name, (count, most) in found.items():
        if most is not None and count > most:
            yield f"{name}: {count:,}; at most {most:,} expected"


def _cost(found: _Found, most: Decimal | float | str | None) -> Iterator[str]:
    if most is None:
        return
    sums, limit = found.record.statistics, Decimal(str(most))
    if sums.cost > limit:
        yield f"cost: {short_cost(sums)}; at most {dollars(limit)} expected"
    elif sums.unpriced_llms:
        calls = found.events(EventQuery(types=["llms"], payloads=False))
        names = {model_of(call) or call.name for call in calls if isinstance(call, LLMCall) and call.is_unpriced}
        yield f"cost: not known, {counted(sums.unpriced_llms, 'call')} without a price ({', '.join(sorted(names))})"


def _duration(record: records.Session, most: float | None) -> Iterator[str]:
    if most is not None and (record.duration_ns or 0) > most * 1e9:
        yield f"duration: {duration_text(record.duration_ns)}; at most {duration_text(int(most * 1e9))} expected"


def _names(
    found: _Found, tools: Collection[str] | None, models: Collection[str] | None, agents: Collection[str] | None
) -> Iterator[str]:
    if tools is None and models is None and agents is None:
        return
    events = list(found.events(EventQuery(payloads=False)))
    yield from _different("tools", [event.name for event in events if isinstance(event, ToolCall)], tools)
    called = [event.request_model or event.model or "unknown" for event in events if isinstance(event, LLMCall)]
    yield from _different("models", called, models)
    named = [event.agent_name for event in events if event.agent_name]
    turns = [name for at, name in enumerate(named) if not at or name != named[at - 1]]
    yield from _different("agents", turns, agents)


def _different(what: str, found: Sequence[str], expected: Collection[str] | None) -> Iterator[str]:
    if expected is None:
        return
    if isinstance(expected, str):
        raise TypeError(f"{what} is the text {expected!r}; give a list or a set of names")
    in_order = isinstance(expected, Sequence)
    if (list(found) != list(expected)) if in_order else (set(found) != set(expected)):
        said = found if in_order else sorted(set(found))
        wanted = expected if in_order else sorted(expected)
        yield f"{what}: {', '.join(said) or 'none'}; expected {', '.join(wanted) or 'none'}"


def _steps(found: _Found, like: _Found) -> Iterator[str]:
    comparison = compare(like.record, like.events(EventQuery()), found.record, found.events(EventQuery()))
    moved = [pair for pair in comparison.pairs if pair.a is None or pair.b is None]
    if moved:
        yield f"steps: {counted(len(moved), 'step')} not as in {like.record.session_id} (- missing, + new):"
        yield from (f"  {line}" for line in changed_steps(moved))
