"""The garbage collector, kept waiting while very many objects are made that all stay."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_waiting_for: set[object] = set()


@contextmanager
def no_collection() -> Iterator[None]:
    """No collection in this process while the block lasts, or that of another thread.

    Reading 50,000 events makes 200,000 objects, none of which is garbage; looking through them again and again takes a
    third of the time. A collector that somebody else turned off stays off.
    """
    me = object()
    with _lock:
        if gc.isenabled() or _waiting_for:
            _waiting_for.add(me)
            gc.disable()
    try:
        yield
    finally:
        with _lock:
            if me in _waiting_for:
                _waiting_for.remove(me)
                if not _waiting_for:
                    gc.enable()
