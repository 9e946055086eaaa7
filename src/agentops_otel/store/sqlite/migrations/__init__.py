"""The numbered steps that bring a SQLite file to the newest schema: `NNNN_name.sql`, applied in order, each once.

The number of the last applied step is the file's `PRAGMA user_version`. A step that has been released is never edited.
"""
