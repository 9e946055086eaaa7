"""What each span becomes, and why: which vocabulary answered which field, what repeats what, at what price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from agentops_otel.conventions.reading import Reading
from agentops_otel.dedupe import twins, view_of
from agentops_otel.facts import EventFact
from agentops_otel.records import USAGE_BUCKETS, Event, Failure, Json, LLMCall, Usage, decimal_text
from agentops_otel.spans import FlatLog, FlatSpan
from agentops_otel.translate import Pricer, readings_of, translate

_FIELDS = tuple(f.name for f in fields(Reading) if f.name not in ("consumed", "marks"))


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One span. `events` are what it became, its errors last; none where it only told of its session, or repeats.

    `read_by` maps each field to the vocabulary that answered it, `kept` names the attributes that no field took, and
    `twin_of` is the event id that counts instead of this one.
    """

    span: FlatSpan
    session_id: str | None
    events: Sequence[Event]
    read_by: dict[str, str]
    kept: Sequence[str]
    marks: Sequence[str]
    twin_of: str | None

    @property
    def became(self) -> str:
        """In words: a kind of event, or what else."""
        if self.events:
            return self.events[0].event_type
        return "facts of the session" if self.session_id else "nothing, it announces another span"

    def to_json(self) -> dict[str, Json]:
        """All of it, with the events by id and kind."""
        first = self.events[0] if self.events else None
        call = first if isinstance(first, LLMCall) else None
        return {
            "span_id": self.span.span_id,
            "trace_id": self.span.trace_id,
            "name": self.span.name,
            "scope": self.span.scope_name,
            "became": self.became,
            "session_id": self.session_id,
            "event_id": first.event_id if first is not None else None,
            "event_name": first.name if first is not None else None,
            "twin_of": self.twin_of,
            "model": call.model if call is not None else None,
            "usage": _usage(call.usage) if call is not None else None,
            "cost": decimal_text(call.cost) if call is not None else None,
            "price": call.price.source if call is not None and call.price is not None else None,
            "errors": [one.error_type or "error" for one in self.events[1:] if isinstance(one, Failure)],
            "read_by": self.read_by,
            "kept_in_extra": list(self.kept),
            "marks": list(self.marks),
        }

    def text(self) -> str:
        """A few lines for a person."""
        said = self.to_json()
        lines = [f"{said['name']}  [{said['scope'] or 'no scope'}]", f"  became   {said['became']}"]
        if said["event_name"] not in (None, said["name"]):
            lines[-1] += f" {said['event_name']!r}"
        if self.twin_of is not None:
            lines.append(f"  repeats  {self.twin_of}, which counts instead")
        if said["model"] is not None:
            tokens = ", ".join(f"{name} {count}" for name, count in said["usage"].items()) or "unknown tokens"
            lines.append(f"  call     {said['model']}: {tokens}; {_money(said)}")
        lines += [f"  error    {name}" for name in said["errors"]]
        lines += [f"  read by  {name}: {', '.join(read)}" for name, read in _by_dialect(self.read_by).items()]
        if self.kept:
            lines.append(f"  kept     {', '.join(self.kept)}")
        lines += [f"  mark     {mark}" for mark in self.marks]
        return "\n".join(lines)


def explain(
    spans: Iterable[FlatSpan], logs: Iterable[FlatLog] = (), price: Pricer | None = None
) -> Iterator[Explained]:
    """Each span in its order. Twins are looked for among all of them, session by session."""
    told = list(spans)
    said: dict[tuple[str | None, str | None], list[FlatLog]] = defaultdict(list)
    for log in logs:
        said[log.trace_id, log.span_id].append(log)
    facts = [translate(span, logs=said[span.trace_id, span.span_id], price=price) for span in told]
    events = [[fact.event for fact in found if isinstance(fact, EventFact)] for found in facts]
    repeated = _twins([event for found in events for event in found])
    for span, found, became in zip(told, facts, events, strict=True):
        readings = readings_of(span, said[span.trace_id, span.span_id])
        yield Explained(
            span=span,
            session_id=found[0].session_id if found else None,
            events=became,
            read_by=_answered(readings),
            kept=[key for key in became[0].extra if key != "otel"] if became else [],
            marks=[mark for _, reading in readings for mark in reading.marks],
            twin_of=repeated.get(became[0].event_id) if became else None,
        )


def _twins(events: Iterable[Event]) -> dict[str, str]:
    by_session: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_session[event.session_id].append(event)
    return {twin: event for found in by_session.values() for twin, event in twins(map(view_of, found)).items()}


def _answered(readings: Iterable[tuple[str, Reading]]) -> dict[str, str]:
    """The first vocabulary that answers each field."""
    out: dict[str, str] = {}
    for name, reading in readings:
        for field in _FIELDS:
            if getattr(reading, field) is not None:
                out.setdefault(field, name)
    return out


def _by_dialect(read_by: dict[str, str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = defaultdict(list)
    for field, name in read_by.items():
        out[name].append(field)
    return out


def _usage(usage: Usage) -> dict[str, int]:
    return {bucket: getattr(usage, bucket) for bucket in USAGE_BUCKETS if getattr(usage, bucket) is not None}


def _money(said: dict[str, Json]) -> str:
    return "no known price" if said["cost"] is None else f"${said['cost']} ({said['price']})"
