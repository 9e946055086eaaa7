"""Every exception this package raises, and when.

    AgentOpsError
    ├── ConfigurationError        a setting has a value that cannot be used         (also a ValueError)
    ├── InvalidValueError         an argument of a call cannot be used              (also a ValueError)
    ├── DecodeError               bytes from outside are not what they claim to be  (also a ValueError)
    ├── DeliveryError             a server did not take records; they may be sent again
    ├── SessionNotFoundError      no session has that id, or several share a prefix (also a LookupError)
    └── StoreError                the store cannot be opened, read or written
        ├── StoreCorruptError     the file is not a database, or damaged
        ├── StoreReadOnlyError    the file or its folder cannot be written
        ├── StoreFullError        the disk is full
        └── StoreVersionError     the file was written by a newer version

Each message names the value and the remedy.
"""

from __future__ import annotations


class AgentOpsError(Exception):
    """Base of all exceptions of this package."""


class ConfigurationError(AgentOpsError, ValueError):
    """A setting has a value that cannot be used."""


class InvalidValueError(AgentOpsError, ValueError):
    """An argument of a call cannot be used."""


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
