"""Loggers: where they go, and what they are allowed to say.

Logger names are `turnlog` and what comes after a dot (`turnlog.runner`, `turnlog.follower`); they
are names of ours, not module paths. Records carry ids, numbers, types and states, never the text
of a prompt or of an item: logs are copied to places a conversation should not go.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Final

ROOT: Final = "turnlog"
LEVEL_VARIABLE: Final = "TURNLOG_LOG_LEVEL"
FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

# Builtin errors whose message speaks of the program. Others may quote a row or a text.
_HARMLESS: Final = (AttributeError, ImportError, NameError, OSError, TypeError)


class _CurrentStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what `sys.stderr` is at that moment, which tests and programs replace."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        if self.stream is not None:
            super().emit(record)


def set_up(level: str) -> None:
    """Send our records of `level` and above to stderr, and nobody else's. Safe to call again."""
    logger = logging.getLogger(ROOT)
    logger.setLevel(level.upper())
    if not any(isinstance(handler, _CurrentStderr) for handler in logger.handlers):
        handler = _CurrentStderr()
        handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(handler)
        logger.propagate = False
    # Without any handler Python prints warnings of every library to stderr.
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())


def debugging() -> bool:
    """Whether details were asked for; from the environment, for settings may be what failed."""
    return os.environ.get(LEVEL_VARIABLE, "").lower() == "debug"


def log_crash(error: BaseException) -> None:
    """Where an unexpected error came from, for `TURNLOG_LOG_LEVEL=debug`.

    Frames and class names, without messages that could quote what somebody wrote.
    """
    set_up("debug")
    lines = [
        f"  {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    what = f"{type(error).__name__}"
    if isinstance(error, _HARMLESS):
        what = f"{what}: {error}"
    logging.getLogger(f"{ROOT}.cli").debug("%s, raised at\n%s", what, "\n".join(lines))
