"""Sessions and events as plain text for terminals. Pure: no colours, no clock, no terminal is asked.

What is unknown is "–", never a made-up 0; times are UTC, as in the JSON. Text that came from outside cannot move the
cursor or change colours: control characters are shown escaped.
"""

from agentops_otel.text.comparison import comparison_text
from agentops_otel.text.sessions import models_table, session_table, sessions_table
from agentops_otel.text.tree import event_tree

__all__ = ["comparison_text", "event_tree", "models_table", "session_table", "sessions_table"]
