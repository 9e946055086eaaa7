"""The overview: what the sessions of a project did, took and cost over time. Every mark leads to its sessions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from agentops_otel.records import LLMCall, Session, iso8601
from agentops_otel.server.dashboard.charts import Chart, Layer, chart
from agentops_otel.server.dashboard.filters import NO_REASON
from agentops_otel.server.dashboard.links import session_url, sessions_url
from agentops_otel.store.overview import (
    Group,
    Overview,
    OverviewQuery,
    costs_by_name,
    percentiles,
    unpriced_by_name,
)
from agentops_otel.text.tree import event_name
from agentops_otel.text.values import UNKNOWN, counted, dollars, duration_text

_MINUTE = 60_000_000_000
_HOUR, _DAY = 60 * _MINUTE, 24 * 60 * _MINUTE

SPANS = {
    "1h": ("Hour", _HOUR, 2 * _MINUTE),
    "24h": ("Day", _DAY, _HOUR),
    "7d": ("7 days", 7 * _DAY, 6 * _HOUR),
    "30d": ("30 days", 30 * _DAY, _DAY),
    "90d": ("90 days", 90 * _DAY, 3 * _DAY),
    "365d": ("Year", 364 * _DAY, 14 * _DAY),
}
"""What can be asked for as `since=`: words, how long, and the length of a step, of which there are about thirty."""

DEFAULT_SPAN = "7d"
NAMED = 5
"""How many models and tags have a colour of their own; the others share one."""

OTHERS = "others"
_STATES = {"Success": "success", "Failure": "failure", "Indeterminate": "indeterminate"}

T = TypeVar("T")


class Tile(NamedTuple):
    """A number that stands for all sessions of the span, where it leads, what to know of it, and where that leads."""

    label: str
    value: str
    url: str
    note: str = ""
    note_url: str | None = None


class Line(NamedTuple):
    """A line of a ranking: words, where they lead, the number, and its part of the first line's, 0 to 1."""

    name: str
    note: str
    url: str
    value: str
    part: float


def span_of(said: str | None) -> str:
    """The span that a URL asks for; the default one for any other text."""
    return said if said in SPANS else DEFAULT_SPAN


def query_of(span: str, now_ns: int) -> OverviewQuery:
    """From a whole step on, so that steps stay where they are, to the end of the one that is going on."""
    _, length, step = SPANS[span]
    until = -(-(now_ns + 1) // step) * step
    return OverviewQuery(until - length, until, step)


class OverviewPage:
    """The answer of a store, as tiles, charts and rankings. `foreign`: the list has sessions of other projects, too,
    which are not added up, and to which no mark leads."""

    def __init__(self, overview: Overview, query: OverviewQuery, *, foreign: bool = False) -> None:
        self._overview = overview
        self._query = query
        self._only: dict[str, str] = {"shared": "no"} if foreign else {}
        self._steps = [self._label(step) for step in range(query.steps)]

    @property
    def is_empty(self) -> bool:
        """Whether there is no session in the span."""
        return not self._overview.groups

    # --- tiles ---------------------------------------------------------------------------------------------------

    def tiles(self) -> list[Tile]:
        """The sums of the span."""
        groups = self._overview.groups
        count, states = sum(group.sessions for group in groups), _sum_by(groups, lambda group: group.end_state)
        cost, unpriced = sum(group.cost_usd for group in groups), sum(group.unpriced for group in groups)
        prompt, cached = sum(group.prompt_tokens for group in groups), sum(group.cache_read_tokens for group in groups)
        half, most = percentiles(groups, (0.5, 0.95)) or (None, None)
        good, failed = states.get("Success", 0), states.get("Failure", 0)
        by_tokens = self._link(sort="tokens")
        return [
            Tile("Sessions", f"{count:,}", self._link(), f"{failed:,} failed", self._state("Failure")),
            Tile("Success", _percent(good, good + failed), self._state("Success"), "of those with a verdict"),
            Tile(
                "Cost",
                ("≥ " if unpriced else "") + _money(cost),
                self._link(sort="cost"),
                counted(unpriced, "call") + " unpriced" if unpriced else "",
            ),
            Tile("Duration", duration_text(half), self._link(sort="duration"), f"p50; p95 {duration_text(most)}"),
            Tile("Tokens in", f"{prompt:,}", by_tokens, f"{_percent(cached, prompt)} from the cache"),
            Tile("Tokens out", f"{sum(group.completion_tokens for group in groups):,}", by_tokens),
        ]

    # --- charts --------------------------------------------------------------------------------------------------

    def charts(self) -> list[Chart]:
        """What happened in each step."""
        return [self._end_states(), self._durations(), self._costs("model"), self._costs("tag"), self._tokens()]

    def _end_states(self) -> Chart:
        layers = []
        for state, css in _STATES.items():
            values = _by_step([group for group in self._overview.groups if group.end_state == state], _sessions)
            layers.append(Layer(state, css, values, f"{sum(values.values()):,.0f}"))
        return chart("End states", self._steps, layers, _count, self._state)

    def _durations(self) -> Chart:
        by_step: defaultdict[int, list[Group]] = defaultdict(list)
        for group in self._overview.groups:
            by_step[group.step].append(group)
        found = {step: percentiles(groups, (0.5, 0.95)) for step, groups in by_step.items()}
        whole = percentiles(self._overview.groups, (0.5, 0.95))
        layers = [
            Layer(
                name,
                css,
                {step: float(both[at]) for step, both in found.items() if both},
                duration_text(whole[at] if whole else None),
            )
            for name, css, at in (("p95", "c5", 1), ("p50", "c0", 0))
        ]
        return chart("Duration", self._steps, layers, _duration, self._sorted("duration"), stacked=False)

    def _costs(self, kind: str) -> Chart:
        shares = self._overview.by_model if kind == "model" else self._overview.by_tag
        costs = {name: values for name, values in costs_by_name(shares).items() if sum(values.values()) > 0}
        named = dict(list(costs.items())[:NAMED])
        rest: defaultdict[int, float] = defaultdict(float)
        for values in list(costs.values())[NAMED:]:
            for step, value in values.items():
                rest[step] += value
        layers = [
            Layer(name, f"c{at}", values, _money(sum(values.values())))
            for at, (name, values) in enumerate(named.items())
        ]
        if rest:
            layers.append(Layer(OTHERS, "c5", dict(rest), _money(sum(rest.values()))))

        def url(name: str, step: int | None) -> str:
            named_one = {} if name == OTHERS and name not in named else {kind: name}
            return self._link(step, sort="cost", **named_one)

        return chart(f"Cost by {kind}", self._steps, layers, _money, url)

    def _tokens(self) -> Chart:
        groups = self._overview.groups
        parts = {
            "from the cache": ("c1", lambda group: group.cache_read_tokens),
            "other input": ("c0", lambda group: group.prompt_tokens - group.cache_read_tokens),
            "output": ("c2", lambda group: group.completion_tokens),
        }
        layers = []
        for name, (css, count) in parts.items():
            values = _by_step(groups, count)
            layers.append(Layer(name, css, values, f"{sum(values.values()):,.0f}"))
        return chart("Tokens", self._steps, layers, _count, self._sorted("tokens"))

    # --- rankings ------------------------------------------------------------------------------------------------

    def rankings(self) -> dict[str, list[Line]]:
        """Why sessions failed, the dearest sessions and calls, and models without a price; empty ones are left out."""
        found = {
            "Why sessions failed": _lines(self._overview.reasons, self._reason_line),
            "Dearest sessions": _lines(self._overview.dearest, _session_line),
            "Dearest model calls": _lines(self._overview.dearest_calls, _call_line),
            "Models without a price": _lines(list(unpriced_by_name(self._overview.by_model).items()), self._model_line),
        }
        return {title: lines for title, lines in found.items() if lines}

    def _reason_line(self, ranked: tuple[str, int]) -> tuple[Line, float]:
        reason, count = ranked
        url = self._link(state="failure", reason=reason or NO_REASON)
        return Line(reason or "No reason was given", "", url, f"{count:,}", 0), count

    def _model_line(self, ranked: tuple[str, int]) -> tuple[Line, float]:
        model, count = ranked
        return Line(model, "", self._link(model=model), counted(count, "call"), 0), count

    # --- links and words -----------------------------------------------------------------------------------------

    def _state(self, state: str, step: int | None = None) -> str:
        return self._link(step, state="undecided" if state == "Indeterminate" else state.lower())

    def _sorted(self, sort: str) -> Callable[[str, int | None], str]:
        """Where the marks of a chart lead: to the sessions of their step, the largest first."""
        return lambda _, step: self._link(step, sort=sort)

    def _link(self, step: int | None = None, **filters: str) -> str:
        """The sessions of a step, or of the whole span."""
        since, until = self._query.since_ns, self._query.until_ns
        if step is not None:
            since += step * self._query.step_ns
            until = min(until, since + self._query.step_ns)
        return sessions_url(since=_moment(since), until=_moment(until), **filters, **self._only)

    def _label(self, step: int) -> str:
        said = iso8601(self._query.since_ns + step * self._query.step_ns)
        return said[:10] if self._query.step_ns >= _DAY else f"{said[5:10]} {said[11:16]}"


def _moment(time_ns: int) -> str:
    return f"{iso8601(time_ns)[:19]}Z"


def _sum_by(groups: Iterable[Group], name_of: Callable[[Group], str]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[name_of(group)] += group.sessions
    return counts


def _sessions(group: Group) -> int:
    return group.sessions


def _by_step(groups: Iterable[Group], count: Callable[[Group], int]) -> dict[int, float]:
    sums: Counter[int] = Counter()
    for group in groups:
        sums[group.step] += count(group)
    return {step: float(value) for step, value in sums.items() if value}


def _lines(ranked: Sequence[T], line_of: Callable[[T], tuple[Line, float]]) -> list[Line]:
    """The lines, each with its part of the greatest."""
    made = [line_of(one) for one in ranked]
    most = max((value for _, value in made), default=0) or 1
    return [line._replace(part=value / most) for line, value in made]


def _session_line(session: Session) -> tuple[Line, float]:
    cost = session.statistics.cost
    note = ", ".join(session.tags) or iso8601(session.init_timestamp or 0)[:10]
    bound = "≥ " if session.statistics.cost_is_lower_bound else ""
    return Line(session.session_id, note, session_url(session.session_id), bound + dollars(cost), 0), float(cost)


def _call_line(call: LLMCall) -> tuple[Line, float]:
    cost = call.cost or Decimal(0)
    url = session_url(call.session_id, event=call.event_id)
    return Line(event_name(call), call.agent_name or call.session_id, url, dollars(cost), 0), float(cost)


def _money(cost_usd: float) -> str:
    return dollars(Decimal(f"{cost_usd:.9f}"))


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _duration(value: float) -> str:
    return duration_text(int(value)) if value else UNKNOWN


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else UNKNOWN
