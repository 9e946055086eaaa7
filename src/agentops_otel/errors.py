"""Every exception this package raises, and when.

    AgentOpsError
    ├── ConfigurationError        a setting has a value that cannot be used         (also a ValueError)
    ├── InvalidValueError         an argument of a call cannot be used              (also a ValueError)
    ├── BudgetExceeded            a session has spent its budget: the model call was not made
    ├── DecodeError               bytes from outside are not what they claim to be  (also a ValueError)
    ├── DeliveryError             a server did not take records; they may be sent again
    ├── SessionNotFoundError      no session has that id, or several share a prefix (also a LookupError)
    └── StoreError                the store cannot be opened, read or written
        ├── StoreCorruptError     the file is not a database, or damaged
        ├── StoreReadOnlyError    the file or its folder cannot be written
        ├── StoreFullError        the disk is full
        └── StoreVersionError     the file was written by a newer version

Each message names the value and the remedy. `BudgetExceeded` is the one that reaches a program at a call of another
library: its user asked for it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal


class AgentOpsError(Exception):
    """Base of all exceptions of this package."""

    says_what_to_do = True
    """A log needs no traceback of it."""


class ConfigurationError(AgentOpsError, ValueError):
    """A setting has a value that cannot be used."""


class InvalidValueError(AgentOpsError, ValueError):
    """An argument of a call cannot be used."""


class BudgetExceeded(AgentOpsError):
    """A session has spent its budget, or nobody knows what a call will cost: the call was not made.

    `budget` and `spent` are US dollars; `unpriced` counts the calls of the session without a known price.
    """

    def __init__(self, message: str, *, session_id: str, budget: Decimal, spent: Decimal, unpriced: int) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.budget = budget
        self.spent = spent
        self.unpriced = unpriced

    def __reduce__(self) -> Any:
        return functools.partial(BudgetExceeded, **vars(self)), self.args


class DecodeError(AgentOpsError, ValueError):
    """Bytes from outside (a request, a file) are not what they claim to be; the message names the place."""


class DeliveryError(AgentOpsError):
    """A server did not take records; they may be sent again, after `retry_after_s` seconds where it asked for that."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SessionNotFoundError(AgentOpsError, LookupError):
    """No session has that id, or several share the prefix."""


class StoreError(AgentOpsError):
    """The store cannot be opened, read or written."""


class StoreCorruptError(StoreError):
    """The file is not a database, or it is damaged."""


class StoreReadOnlyError(StoreError):
    """The file or its folder cannot be written."""


class StoreFullError(StoreError):
    """The disk is full."""


class StoreVersionError(StoreError):
    """The file was written by a newer version of this package."""
