"""Answers that took long to find, kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Answers that were given a moment ago: an answer is kept for twenty times as long as it took to find, and of
    several the last `most`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, most: int = 1000) -> None:
        self._clock = clock
        self._most = most
        self._kept: dict[Hashable, tuple[float, T]] = {}

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """The kept answer, or a new one."""
        now = self._clock()
        kept = self._kept.get(key)
        if kept is not None and now < kept[0]:
            return kept[1]
        answer = find()
        took = self._clock() - now
        fresh = [(one, old) for one, old in self._kept.items() if old[0] > now and one != key]
        self._kept = dict([*fresh, (key, (self._clock() + 20 * took, answer))][-self._most :])
        return answer
