"""LISTEN, for all subscriptions of a process over one connection.

A notification is a hint that makes a reader look at once. Readers also look every second, so one
that is missed, while the connection is down or before LISTEN takes effect, costs time and no event.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Final

import psycopg

from adapters.errors import StoreError
from adapters.postgres.connection import Connection, connect
from adapters.postgres.database import Database
from adapters.postgres.errors import reason
from adapters.postgres.names import CHANNEL

RECONNECT_INTERVAL: Final = 1.0  # seconds
STOP_TIMEOUT: Final = 1.0  # seconds

logger = logging.getLogger("turnlog.notifications")


class Listener:
    """Sets the events it was given when the log has grown, or may have.

    Its thread and its connection last from the first event to the last one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.Lock()
        self._events: set[threading.Event] = set()
        self._thread: _ListenThread | None = None

    def add(self, event: threading.Event) -> None:
        """Set `event` from now on."""
        with self._mutex:
            self._events.add(event)
            if self._thread is None:
                self._thread = _ListenThread(self._database, self._notify)
                self._thread.start()

    def remove(self, event: threading.Event) -> None:
        """No longer set `event`."""
        with self._mutex:
            self._events.discard(event)
            if self._events or self._thread is None:
                return
            thread, self._thread = self._thread, None
        thread.stop()

    def close(self) -> None:
        """Stop, whoever still waits. They go on looking every second."""
        with self._mutex:
            self._events.clear()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def _notify(self) -> None:
        with self._mutex:
            events = list(self._events)
        for event in events:
            event.set()


class _ListenThread(threading.Thread):
    """Calls `notify` at every notification, and whenever it may have missed one."""

    def __init__(self, database: Database, notify: Callable[[], None]) -> None:
        # A daemon: what it does is never needed for anything to be right.
        super().__init__(name="turnlog-listen", daemon=True)
        self._database = database
        self._notify = notify
        self._is_reported = False
        self._stopping = threading.Event()
        self._wake_receiver, self._wake_sender = socket.socketpair()

    def stop(self) -> None:
        """End the thread. One that is just trying to connect ends a little later."""
        self._stopping.set()
        self._wake_sender.close()  # which makes the other end readable
        self.join(STOP_TIMEOUT)

    def run(self) -> None:
        with self._wake_receiver:
            while not self._stopping.is_set():
                try:
                    self._listen()
                except (StoreError, psycopg.Error) as error:
                    self._report(error)
                    self._stopping.wait(RECONNECT_INTERVAL)

    def _report(self, error: Exception) -> None:
        if not self._is_reported:
            logger.warning("no notifications for the time being: %s", reason(error))
        self._is_reported = True

    def _listen(self) -> None:
        with connect(self._database) as connection, selectors.DefaultSelector() as selector:
            connection.execute(f"LISTEN {CHANNEL}")
            # From here on none is missed; what was appended before is found by looking now.
            self._notify()
            self._is_reported = False
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                if _has_notification(connection):
                    self._notify()


def _has_notification(connection: Connection) -> bool:
    return len(list(connection.notifies(timeout=0))) > 0
