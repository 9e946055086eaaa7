"""Budgets: which sessions of this process have one, asked before each model call. Light: most programs have none.

What a budget is, and when it is spent, is `ledger`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from agentops_otel import context
from agentops_otel.context import ActiveSession

MOST_ENDED = 1000
"""Sessions that were ended by their budget and go on refusing calls."""

REASON = "budget"
"""The reason of the end of a session that ran out of its budget."""


class Asked(NamedTuple):
    """Which model a call is about to be made to."""

    provider: str
    model: str | None


class Account(Protocol):
    """The budget of one session, as a `Ledger` keeps it."""

    @property
    def session(self) -> ActiveSession: ...
    @property
    def is_closed(self) -> bool:
        """Whether the budget has ended the session."""
        ...

    def admit(self, flight: object, asked: Callable[[], Asked]) -> None:
        """Let a call begin, or raise BudgetExceeded, or what the user's own function raises."""
        ...

    def departed(self, flight: object, span: Any) -> None:
        """A call that was let through has this span."""
        ...

    def done(self, flight: object, span: Any) -> None:
        """A call that was let through has ended; its span, if it had one, has been noted, if it is recorded."""
        ...

    def note(self, span: Any) -> None:
        """A span of the session has ended here and is about to be stored."""
        ...

    def stored(self, spans: Sequence[Any], by: object) -> None:
        """An exporter has stored these spans, on its thread."""
        ...

    def forked(self) -> None:
        """This is a forked child."""
        ...

    def variables(self) -> dict[str, str]:
        """The environment variables that give a child process the same budget."""
        ...


class Budgets:
    """The ledgers of this process, by session. Reads and writes are atomic; no lock is taken.

    A ledger that has ended its session stays and goes on refusing: in the context of that session, and outside of any
    session until the next one begins.
    """

    def __init__(self) -> None:
        self._ledgers: dict[str, Account] = {}
        self._last_closed: Account | None = None

    def __bool__(self) -> bool:
        return bool(self._ledgers)

    def put(self, ledger: Account) -> None:
        """Watch the calls of a session."""
        self._ledgers[ledger.session.key] = ledger

    def of(self, session_id: str) -> Account | None:
        """The ledger of a session."""
        return self._ledgers.get(session_id)

    def remove(self, session_id: str) -> None:
        """The session has no budget any more."""
        self._ledgers.pop(session_id, None)

    def ended(self, session_id: str) -> None:
        """The session has ended."""
        ledger = self._ledgers.get(session_id)
        if ledger is not None and ledger.is_closed:
            self._last_closed = ledger
            while len(self._ledgers) > MOST_ENDED and next(iter(self._ledgers.values())).is_closed:
                self._ledgers.pop(next(iter(self._ledgers)), None)
        else:
            self.remove(session_id)

    def began(self) -> None:
        """Another session has begun: calls outside of any are nobody's again."""
        self._last_closed = None

    def clear(self) -> None:
        """Forget all."""
        self._ledgers.clear()
        self._last_closed = None

    def admit(self, flight: object, asked: Callable[[], Asked]) -> Account | None:
        """Let a call begin in the current context, or raise; the ledger that is to be told of its end."""
        ledger = self._here()
        if ledger is not None:
            ledger.admit(flight, asked)
        return ledger

    def _here(self) -> Account | None:
        entered = context.entered()
        ledger = self._ledgers.get(entered.key) if entered is not None else None
        if ledger is not None:
            return ledger
        session = context.current()
        return self._last_closed if session is None else self._ledgers.get(session.key)

    def note(self, span: Any, session_id: str) -> bool:
        """A span of a session has ended; whether that session has a budget."""
        ledger = self._ledgers.get(session_id)
        if ledger is not None:
            ledger.note(span)
        return ledger is not None

    def stored(self, spans: Sequence[Any], by: object) -> None:
        """An exporter has stored these spans."""
        for ledger in list(self._ledgers.values()):
            ledger.stored(spans, by)


budgets = Budgets()
"""The budgets of this process. A fact about the process, as its active sessions are, hence a module's."""
