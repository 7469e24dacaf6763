"""Mirrors the packages; what is shared lies in `fixtures/`."""
