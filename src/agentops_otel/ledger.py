"""Ledger: what a session may cost, has cost, and whether one more call may begin.

What a session has cost is what the store holds, of all its processes, and what this process has not stored yet. That
sum is never too low: an event that repeats another is counted until the store has settled which of the two counts, and
one that is stored while the sum is made may be counted twice. So a call whose sum is within the budget is let through
at once. Where the sum is beyond it, or what is not stored yet is more than a tenth of what is left, the check waits for
the exporter, reads the exact cost of a moment at which nothing ended, and decides by that.

A call is refused once the cost that is recorded has reached the budget. What is under way then goes on; `reserve`
counts each such call at that price until it has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from agentops_otel.budget import REASON, Asked
from agentops_otel.context import ActiveSession
from agentops_otel.errors import BudgetExceeded, ConfigurationError, InvalidValueError
from agentops_otel.guard import quietly
from agentops_otel.records import Spent, decimal_text
from agentops_otel.settings import OPTIONS, read_option

OnExceed = Literal["raise", "end"] | Callable[[BudgetExceeded], Any]
Unpriced = Literal["allow", "refuse"] | Decimal

NEAR = 10
"""What this process has not stored yet may be this part of what is left; beyond it, others must be able to see it."""

MOST_LOOKS = 50
"""How often the exact cost is looked up while calls of other threads end; after that it may be told too high."""

MOST_UNSTORED = 1000
"""Spans that wait to be stored are kept up to this many; more are priced at once, so that they can be let go."""


class Terms(NamedTuple):
    """What was agreed: the budget in US dollars, what happens at a call beyond it, what a call without a known price
    counts for, and what a call under way does."""

    usd: Decimal
    on_exceed: OnExceed = "raise"
    unpriced: Unpriced = "allow"
    reserve: Decimal = Decimal(0)

    def counted(self, spent: Spent) -> Decimal:
        """The US dollars that these terms see in what was spent."""
        each = self.unpriced if isinstance(self.unpriced, Decimal) else Decimal(0)
        return spent.cost + spent.unpriced * each


def terms_of(usd: Any, on_exceed: Any, unpriced: Any, reserve: Any) -> Terms:
    """The terms of a budget, checked. Raises InvalidValueError naming the value and what is allowed."""
    if on_exceed not in ("raise", "end") and not callable(on_exceed):
        raise InvalidValueError(f"on_exceed={on_exceed!r} is not raise, end, or a function")
    try:
        max_cost, at_least = read_option("max_cost", usd), read_option("max_cost", reserve)
        return Terms(max_cost, on_exceed, read_option("max_cost_unpriced", unpriced), at_least or Decimal(0))
    except ConfigurationError as error:
        raise InvalidValueError(f"budget: {error}") from None


class _Standing(NamedTuple):
    """What was spent, and the US dollars that are reserved for what is under way."""

    spent: Spent
    reserved: Decimal


class Books(Protocol):
    """Where a ledger looks up what was spent."""

    def spent(self, session_id: str) -> Spent | None:
        """What is stored of all processes, as it was appended; None where that cannot be read at once. Never raises."""
        ...

    def spent_exactly(self, session_id: str) -> Spent | None:
        """The same without the events that repeat others."""
        ...

    def spent_by(self, span: Any) -> Spent:
        """What one finished span cost."""
        ...

    def has_price(self, provider: str, model: str | None) -> bool:
        """Whether a call of that model will have a price."""
        ...

    def stores_with(self, other: object) -> bool:
        """Whether what that exporter has stored is read here."""
        ...


class Budgeted(ActiveSession, Protocol):
    """What a ledger asks of its session."""

    @property
    def books(self) -> Books:
        """Where its cost can be looked up by now."""
        ...

    def flush(self) -> bool:
        """Deliver what is queued."""
        ...

    def failing(self, reason: str, error: BaseException | None = None) -> None:
        """Say that the session fails, without ending it."""
        ...

    def end_session(self, end_state: str = ..., end_state_reason: str | None = ...) -> str | None:
        """End it."""
        ...


class Ledger:
    """The budget of one session in this process. Threads may share it."""

    def __init__(self, session: Budgeted, terms: Terms) -> None:
        self.session = session
        self.terms = terms
        self.is_closed = False
        """Whether the budget has ended the session."""
        self._told = False
        self._stored_here = Spent()
        self.forked()

    @property
    def _books(self) -> Books:
        return self.session.books

    def forked(self) -> None:
        """This is a forked child: what the parent has not stored yet, the parent stores."""
        self._lock = threading.RLock()
        self._moving = threading.RLock()
        """Held for moments: a call is under way, not stored yet, or stored, and never none or two of these."""
        self._unstored: dict[_Key, Any] = {}
        self._under_way: set[int] = set()
        self._flights: dict[_Key, int] = {}
        self._ended = 0

    def variables(self) -> dict[str, str]:
        """The environment variables that give a child process the same budget."""
        options = {"max_cost": self.terms.usd, "max_cost_unpriced": self.terms.unpriced}
        return {OPTIONS[name].metadata["env"]: str(value) for name, value in options.items()}

    # --- what was spent ---------------------------------------------------------------------------------------------

    def note(self, span: Any) -> None:
        """A span of the session has ended here and is about to be stored."""
        key = _key(span)
        with self._moving:
            self._unstored[key] = span
            self._under_way.discard(self._flights.pop(key, 0))
            self._ended += 1
        if len(self._unstored) > MOST_UNSTORED:
            self._unstored_cost()

    def stored(self, spans: Sequence[Any], by: object) -> None:
        """An exporter has stored these spans, on its thread."""
        if not self._books.stores_with(by):
            return
        for key in map(_key, spans):
            noted = self._unstored.get(key)
            if noted is None:
                continue
            told = Spent() if self._books.spent(self.session.key) is not None else self._cost_of(noted)
            with self._moving:
                self._unstored.pop(key, None)
                self._stored_here += told

    def _cost_of(self, noted: Any) -> Spent:
        return noted if isinstance(noted, Spent) else self._books.spent_by(noted)

    def _unstored_cost(self) -> Spent:
        """What is not stored yet has cost. What costs nothing is forgotten."""
        whole = Spent()
        for key, noted in list(self._unstored.items()):
            spent = self._cost_of(noted)
            whole += spent
            with self._moving:
                if key in self._unstored:
                    self._unstored[key] = spent
                    if not spent:
                        self._unstored.pop(key)
        return whole

    def _standing(self) -> _Standing:
        """What the session has cost, and what is under way: quickly where that is clearly within the budget, else
        exactly."""
        under_way = len(self._under_way)  # first: what ends from now on is counted twice, and not never
        unstored, stored = self._unstored_cost(), self._books.spent(self.session.key)
        if stored is not None:
            quick = _Standing(stored + unstored, under_way * self.terms.reserve)
            left = self.terms.usd - self.terms.counted(quick.spent) - quick.reserved
            if left > NEAR * self.terms.counted(unstored) and not self._is_beyond(quick):
                return quick
        for _ in range(MOST_LOOKS):
            flushed = self.session.flush()
            with self._moving:
                under_way, ended = len(self._under_way), self._ended
            unstored, stored = self._unstored_cost(), self._books.spent_exactly(self.session.key)
            if not flushed or (ended == self._ended and not unstored):
                break
        spent = unstored + (self._stored_here if stored is None else stored)
        return _Standing(spent, under_way * self.terms.reserve)

    def _is_beyond(self, standing: _Standing) -> bool:
        if self.terms.unpriced == "refuse" and standing.spent.unpriced:
            return True
        return self.terms.counted(standing.spent) + standing.reserved >= self.terms.usd

    # --- deciding ---------------------------------------------------------------------------------------------------

    def admit(self, flight: object, asked: Callable[[], Asked]) -> None:
        """Let a call begin, or raise BudgetExceeded, or what the user's own function raises."""
        refusal: BudgetExceeded | None = None
        with quietly("checking the budget of a session"), self._lock:
            refusal = self._refusal(asked)
            if refusal is None:
                self._under_way.add(id(flight))
        if refusal is not None:
            self._refuse(refusal)
            self._under_way.add(id(flight))

    def departed(self, flight: object, span: Any) -> None:
        """A call that was let through has this span."""
        with self._moving:
            self._flights[_key(span)] = id(flight)

    def done(self, flight: object, span: Any) -> None:
        """A call that was let through has ended; its span, if it had one, has been noted, if it is recorded."""
        with self._moving:
            self._under_way.discard(id(flight))
            if span is not None:
                self._flights.pop(_key(span), None)

    def _refusal(self, asked: Callable[[], Asked]) -> BudgetExceeded | None:
        standing = self._standing()
        spent = standing.spent
        if self.is_closed or self._is_beyond(standing):
            paid, budget = decimal_text(self.terms.counted(spent)), decimal_text(self.terms.usd)
            return self._exceeded(spent, f"${paid} of its budget of ${budget} are spent")
        if self.terms.unpriced == "refuse":
            call = asked()
            if not self._books.has_price(*call):
                return self._exceeded(spent, f"{call.model!r} of {call.provider} has no known price")
        return None

    def _exceeded(self, spent: Spent, why: str) -> BudgetExceeded:
        if self.terms.unpriced == "refuse" and spent.unpriced:
            why = f"{spent.unpriced} of its calls have no known price"
        return BudgetExceeded(
            f"the model call was not made: session {self.session.key}: {why}; session.budget(usd=…) changes the budget",
            session_id=self.session.key,
            budget=self.terms.usd,
            spent=self.terms.counted(spent),
            unpriced=spent.unpriced,
        )

    def _refuse(self, refusal: BudgetExceeded) -> None:
        """Do what was agreed; where the user's function returns, the call is made."""
        on_exceed = self.terms.on_exceed
        if callable(on_exceed):
            on_exceed(refusal)
            return
        with quietly("ending a session that ran out of its budget"):
            self._tell(refusal, ends=on_exceed == "end")
        raise refusal

    def _tell(self, refusal: BudgetExceeded, *, ends: bool) -> None:
        with self._lock:
            told, self._told = self._told, True
        if told:
            return
        self.session.failing(REASON, refusal)
        if ends:
            self.is_closed = True
            self.session.end_session("Failure", REASON)


_Key = tuple[int, int]


def _key(span: Any) -> _Key:
    context = span.get_span_context()
    return context.trace_id, context.span_id
