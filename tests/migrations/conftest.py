"""Tests here run commands in their own process, too: its loggers are put back after each."""

from tests.adapters.cli.conftest import _loggers_as_before

__all__ = ["_loggers_as_before"]
