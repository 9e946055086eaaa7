"""Where records stay. `base` is the seam; each backend is a module beside it and passes tests/store/conformance.py."""
