"""Beside the monitoring that a program has already."""
