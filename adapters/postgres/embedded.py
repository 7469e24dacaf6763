"""A real PostgreSQL for people who have none: started on demand, stopped by its last user.

Every process that uses the server holds a share of a file lock. Whoever leaves and finds no
other share stops the server. The kernel drops the shares of a process that ends in any way, so
one that was killed keeps nothing alive; what it could not stop, the next one to leave does.

The server listens on a unix socket only, in a folder only its account (and root) can enter, so
the folder's permissions are its authentication.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from adapters.errors import DataDirUnusable, EmbeddedError, EmbeddedNotStarted
from adapters.postgres import file_locks
from adapters.postgres.embedded_cluster import DATABASE, START_TIMEOUT_SECONDS, Cluster

LOCK_TIMEOUT_SECONDS = START_TIMEOUT_SECONDS + 30


class EmbeddedServer:
    """A use of the server in `data_dir`: `start`, then `url`, then `release` (or a `with`).

    A use that is not released ends with the process. `settings` are PostgreSQL settings over
    the usual ones; they count only if this use is the one that starts the server.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self.cluster = Cluster(data_dir, settings or {})
        self._start_lock = data_dir / "postgres.start.lock"
        self._users_lock = data_dir / "postgres.users.lock"
        self._share: file_locks.SharedLock | None = None
        self._owner_pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    @property
    def url(self) -> str:
        """libpq URL of the server's database. Raises EmbeddedNotStarted if it is not running."""
        postmaster = self.cluster.postmaster()
        if postmaster is None or not postmaster.socket_dir:
            raise self._not_started("it is not running")
        return postmaster.url(DATABASE)

    def start(self) -> str:
        """Make sure that the server runs for as long as we use it. Returns its URL.

        Safe in several processes at once, and again after a crash of the server. Raises
        EmbeddedError in one of its forms.
        """
        data_dir = self.cluster.data_dir
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._take_share()
                self.cluster.ensure_running()
        except EmbeddedError:
            self._drop_share()
            raise
        except OSError as error:
            self._drop_share()
            raise DataDirUnusable(directory=data_dir, why=_reason(error)) from error
        return self.url

    def release(self) -> bool:
        """End our use, and stop the server if nobody else uses it; True if it was stopped.

        A database client that is no process of ours (psql, say) counts as a user as well.
        """
        if self._share is None or self._owner_pid != os.getpid():  # a fork is not the user
            return False
        try:
            with self._alone():
                self._drop_share()
                if not file_locks.is_shared_by_nobody(self._users_lock):
                    return False
                if self.cluster.has_guests():
                    return False
                self.cluster.stop()
        except OSError:  # the folder was removed under us; the server notices by itself
            self._drop_share()
            return False
        return True

    def _take_share(self) -> None:
        if self._share is None:
            self._share, self._owner_pid = file_locks.SharedLock(self._users_lock), os.getpid()
            atexit.register(self.release)

    def _drop_share(self) -> None:
        share, self._share = self._share, None
        if share is not None:
            share.drop()
            atexit.unregister(self.release)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with file_locks.exclusive(self._start_lock, LOCK_TIMEOUT_SECONDS):
                yield
        except file_locks.LockTimeout:
            why = f"another process has been starting it for {LOCK_TIMEOUT_SECONDS} s"
            raise self._not_started(why) from None

    def _not_started(self, why: str) -> EmbeddedNotStarted:
        return EmbeddedNotStarted(directory=self.cluster.folder, why=why, log=self.cluster.log)


def _reason(error: OSError) -> str:
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
