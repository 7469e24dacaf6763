"""Advisory locks on files. The kernel drops them when their process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

POLL_SECONDS = 0.02


class LockTimeout(Exception):
    """Another process kept the lock for too long."""


class SharedLock:
    """A share of a lock, held until `drop`; any number of processes may hold one.

    The descriptor is closed on exec, so programs started meanwhile do not hold it.
    """

    def __init__(self, path: Path) -> None:
        self._fd = _open(path)
        fcntl.flock(self._fd, fcntl.LOCK_SH)

    def drop(self) -> None:
        """Give the share back. Call it once."""
        os.close(self._fd)


@contextlib.contextmanager
def exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock alone. Raises LockTimeout."""
    fd = _open(path)
    try:
        deadline = time.monotonic() + timeout_seconds
        while not _try_exclusive(fd):
            if time.monotonic() > deadline:
                raise LockTimeout
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(fd)


def is_shared_by_nobody(path: Path) -> bool:
    """Whether no process holds a share. True stays true only while newcomers are kept out."""
    fd = _open(path)
    try:
        return _try_exclusive(fd)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_exclusive(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
