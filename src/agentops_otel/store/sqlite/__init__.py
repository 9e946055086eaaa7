"""The embedded store: one SQLite file that any number of processes write and read at once, without a daemon.

A row of `sessions` holds the joined `SessionFacts` and the sum of the statistics, kept in the transaction that changes
an event, so the statistics of any session are one row read. Events are slim rows in reading order; their large fields
are in a table of their own. The fold's rules (`join`, `survivor`, `session_record`) are applied, never restated.

Foreign keys are not declared: all rows of a session are written and deleted in one transaction here, and a check per
event would cost without telling anything new.
"""

from agentops_otel.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
