"""Beside the monitoring that a program has already, and in surroundings that change Python itself."""
