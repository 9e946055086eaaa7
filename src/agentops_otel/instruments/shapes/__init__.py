"""Readers that several providers share. A body that would stand in a second provider file moves here."""
