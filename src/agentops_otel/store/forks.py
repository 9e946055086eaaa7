"""What stores do around `os.fork`.

The hooks are set when `store` is imported, long before a database is opened, because Python takes the list of hooks
when a fork begins and runs those that come before it in reverse order. So a thread that is just opening its first
store while another forks is waited for (by the hooks of the outbox, which come later and run first), and then its
connections are closed. Set with the first connection, the hook would miss that fork, and the child would share locks
that only its parent holds: SQLite then dies of SIGBUS.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forks(Protocol):
    """What must do something around a fork."""

    def before_fork(self) -> None:
        """In the parent, before."""

    def after_fork_in_parent(self) -> None:
        """In the parent, afterwards."""

    def after_fork_in_child(self) -> None:
        """In the child."""


everywhere: weakref.WeakSet[Forks] = weakref.WeakSet()
"""All that want to be told."""


def _before() -> None:
    for one in list(everywhere):
        one.before_fork()


def _in_parent() -> None:
    for one in list(everywhere):
        one.after_fork_in_parent()


def _in_child() -> None:
    for one in list(everywhere):
        one.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
