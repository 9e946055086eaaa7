"""`quietly`: the one guard at the seams between this package and the program that hosts it.

Whatever goes wrong in here is logged once with its traceback and never raised into the host, unless the process runs
strictly (`AGENTOPS_STRICT=true`, as our own tests do).
"""

from __future__ import annotations

import logging
import os
from types import TracebackType

logger = logging.getLogger("agentops_otel")
"""The one logger. No handler is installed: the host decides; warnings reach stderr by Python's default."""

_told: set[str] = set()
_TOLD_AT_MOST = 1000


def strict() -> bool:
    """Whether our own failures are raised instead of logged."""
    return os.environ.get("AGENTOPS_STRICT", "").lower() == "true"


class quietly:
    """Run a block; log what it raises, once per `doing` and exception type, and go on after the block.

    Only `Exception` is held back: KeyboardInterrupt, SystemExit and cancellation always pass.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        if strict():
            return False
        told = error if _says_what_to_do(error) else type(error).__name__
        warn_once(f"{self._doing} failed: {told}", exc_info=error)
        return True


def warn_once(message: str, *, exc_info: BaseException | None = None) -> None:
    """Log a warning, the first time only; with the traceback of an error, unless its message says what to do."""
    if message in _told or len(_told) >= _TOLD_AT_MOST:
        return
    _told.add(message)
    logger.warning(message, exc_info=None if _says_what_to_do(exc_info) else exc_info)


def _says_what_to_do(error: BaseException | None) -> bool:
    return getattr(error, "says_what_to_do", False)
