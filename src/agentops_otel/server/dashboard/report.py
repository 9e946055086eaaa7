"""A session as one HTML file: it is opened without a server, asks for nothing, and runs nothing.

It comes in pieces. Of a long session it has the first events and calls and says how many those are; of a long text its
beginning. Events are read three times, so that their texts are never all in memory.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from markupsafe import Markup

from agentops_otel.records import ApiCall, Event, Failure, LLMCall, Session
from agentops_otel.server.dashboard.agents import owners_of
from agentops_otel.server.dashboard.assets import assets
from agentops_otel.server.dashboard.conversation import Block, Turn, conversation, pretty
from agentops_otel.server.dashboard.costs import costs_of
from agentops_otel.server.dashboard.late import late_count
from agentops_otel.server.dashboard.pages import html
from agentops_otel.server.dashboard.view import View
from agentops_otel.server.dashboard.waterfall import Waterfall
from agentops_otel.store.base import EventQuery
from agentops_otel.text.tree import event_name

MOST_EVENTS = 5_000
MOST_CALLS = 500
LONGEST_TEXT = 20_000

EventsOf = Callable[[EventQuery], Iterator[Event]]


def report(session: Session, events_of: EventsOf) -> Iterator[str]:
    """The file, in pieces. `events_of` is asked for the events of the session, by start."""
    style = assets()["app.css"].content.decode()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    counts = session.statistics
    slim = list(islice(events_of(EventQuery(payloads=False)), MOST_EVENTS))
    included = len(slim)
    cut = counts.events + counts.apis - included
    yield html(
        "report_head.html",
        session=session,
        style=Markup(style),
        digest=digest,
        cut=cut,
        included=included,
        late=late_count(session, lambda: events_of(EventQuery(payloads=False))),
    )
    yield html(
        "report_waterfall.html", plan=Waterfall.of(slim, View(apis=True), session.end_timestamp), session=session
    )
    yield html("cost.html", session=session, costs=costs_of(slim, owners_of(slim)), cut=cut, included=included)
    del slim
    yield from _talk(session, events_of)
    yield from _steps(events_of, included)


def _talk(session: Session, events_of: EventsOf) -> Iterator[str]:
    """The model calls as one conversation."""
    calls = (event for event in events_of(EventQuery(types=("llms",))) if isinstance(event, LLMCall))
    said = min(session.statistics.llms, MOST_CALLS)
    yield html("report_section.html", title="Conversation", cut=session.statistics.llms - said, included=said)
    for one in islice(conversation(calls), MOST_CALLS):
        short = one._replace(asked=_shortened(one.asked), answered=_shortened(one.answered))
        yield html("report_exchange.html", one=short)
    yield html("report_section_end.html")


def _steps(events_of: EventsOf, count: int) -> Iterator[str]:
    """Every event with its texts beside the conversation."""
    yield html("report_section.html", title="Steps", cut=0, included=0)
    for event in islice(events_of(EventQuery()), count):
        texts = {title: shortened(text) for title, text in _texts(event) if text}
        yield html("report_step.html", event=event, name=event_name(event), texts=texts)
    yield html("report_section_end.html")
    yield "</main>\n</body>\n</html>\n"


def _texts(event: Event) -> Iterator[tuple[str, str]]:
    """What can be read of an event beside the conversation."""
    yield "Parameters" if isinstance(event, LLMCall) else "Arguments", pretty(event.params or None)
    yield "Result", pretty(event.returns)
    if isinstance(event, Failure):
        yield "Message", pretty(event.details)
    if not isinstance(event, (LLMCall, ApiCall)):
        yield "Stack" if isinstance(event, Failure) else "Logs", pretty(getattr(event, "logs", None))


def shortened(text: str) -> str:
    """The beginning of a text, and how much of it is missing."""
    left = len(text) - LONGEST_TEXT
    return text if left <= 0 else f"{text[:LONGEST_TEXT]}… ({left:,} characters more)"


def _shortened(turns: Sequence[Turn]) -> list[Turn]:
    return [
        Turn(turn.role, [Block(block.kind, block.title, shortened(block.text)) for block in turn.blocks])
        for turn in turns
    ]
