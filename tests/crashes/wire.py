"""Everything one process sends to PostgreSQL, and what the server still gets of it when it dies."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, Protocol

from adapters.postgres.database import Database
from tests.crashes.effects import BEGIN, COMMIT, ROLLBACK, is_quiet, name_of
from tests.crashes.protocol import Piece, pieces
from tests.fixtures.patience import PATIENCE
from tests.fixtures.sockets import address_of, arriving, connected, shut, url_through

Fate = Literal["goes on", "before", "after", "late", "gone", "request lost", "answer lost"]
"""Of a process that is about to do something: it goes on; dies before it; dies when that is out of
its hands, and never learns what came of it; likewise, but it is done only when somebody else has
carried on; or it is dead already, and nothing more comes of it. Or it lives, and only loses the
connection that this was to go over, before or after the server had it."""

DEADLY: Final = ("before", "after", "late")
LOST: Final = ("request lost", "answer lost")


class Gate(Protocol):
    """Who is asked before anything leaves the process."""

    @property
    def is_over(self) -> bool:
        """Whether the process is dead."""
        ...

    def comes(self, name: str, *, inside: bool = False) -> Fate:
        """Something of that name is about to happen, perhaps inside of a transaction. Unless it
        goes on, everything is over from here on."""
        ...

    def see(self, name: str) -> None:
        """A statement of that name goes on that changes nothing."""
        ...

    def kill(self) -> None:
        """Let it be dead."""
        ...


class Wire:
    """One process's way to the server: `database`. Of use for the life of one process."""

    def __init__(self, database: Database, gate: Gate) -> None:
        self._server = address_of(database)
        self._gate = gate
        self._listener = socket.create_server(("127.0.0.1", 0))
        port: int = self._listener.getsockname()[1]
        self.database = replace(database, url=url_through(database, port))
        self._lines: list[_Line] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def settle(self) -> None:
        """The process is over: returns when the server knows, and holds nothing more for it."""
        shut(self._listener)
        self._accepting.join(PATIENCE)
        self._listener.close()
        # All of them first: one may wait in the server for a lock that another one has.
        for line in self._lines:
            line.wait_for_requests()
        for line in self._lines:
            if not line.is_late:
                line.wait_for_end()

    def deliver(self) -> None:
        """What was late comes now, and is done when this returns. Nothing if nothing is late."""
        for line in self._lines:
            if line.is_late:
                line.deliver()
                line.wait_for_end()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._lines.append(_Line(client, connected(self._server), self._gate))


class _Line:
    """A connection."""

    def __init__(self, client: socket.socket, server: socket.socket, gate: Gate) -> None:
        self._client, self._server, self._gate = client, server, gate
        self._transaction: list[str] | None = None  # its effects so far
        self._late = b""
        self.fate: Fate = "goes on"
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._requests, self._replies)
        ]
        for thread in self._threads:
            thread.start()

    def _requests(self) -> None:
        self._pass_on()
        if self.fate in DEADLY:
            self._gate.kill()
        self._end()

    def _pass_on(self) -> None:
        """Pass on what comes until the process ends, or is to die: then `fate` says how."""
        requests = pieces(arriving(self._client))
        for piece in requests:
            if self._gate.is_over:
                return
            self.fate = self._fate_at(piece)
            if self.fate in ("goes on", "after", "late", "answer lost"):
                data = piece.data
                if self.fate != "goes on" and not piece.asks:
                    data += _end_of_statement(requests)
                if self.fate == "late":
                    self._late = data
                else:
                    self._send(data)
            if self.fate == "answer lost":
                # Not before the server has done it: who looks the append up might be faster.
                self._end()
                self._threads[1].join(PATIENCE)
            if self.fate in LOST:
                shut(self._client)
            if self.fate != "goes on":
                return

    def deliver(self) -> None:
        """Send what is late, and nothing more."""
        self._send(self._late)
        self._late = b""
        self._end()

    def _end(self) -> None:
        """The server gets no more; what it has got it does, and then lets go."""
        if not self._late:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_WR)

    def wait_for_requests(self) -> None:
        """Until nothing more comes."""
        self._threads[0].join(PATIENCE)

    def wait_for_end(self) -> None:
        """Until the server has let go of it."""
        self._threads[1].join(PATIENCE)
        assert not self._threads[1].is_alive(), "the server does not let go of a dead process"
        self._server.close()
        self._client.close()

    @property
    def is_late(self) -> bool:
        """Whether the server is still to get its last statement."""
        return bool(self._late)

    def _fate_at(self, piece: Piece) -> Fate:
        if piece.text is None:
            return "goes on"
        name = name_of(piece.text)
        inside = self._transaction is not None
        if name == BEGIN:
            self._transaction = []
        elif name in (COMMIT, ROLLBACK):
            done, self._transaction = self._transaction, None
            if done and name == COMMIT:
                return self._gate.comes(f"{COMMIT} {done[-1]}")
        elif not is_quiet(name):
            if self._transaction is not None:
                self._transaction.append(name)
            return self._gate.comes(name, inside=inside)
        self._gate.see(name)
        return "goes on"

    def _replies(self) -> None:
        for data in arriving(self._server):
            if not self._gate.is_over and self.fate == "goes on":
                with contextlib.suppress(OSError):
                    self._client.sendall(data)
        shut(self._client)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._server.sendall(data)


def _end_of_statement(arriving: Iterator[Piece]) -> bytes:
    """The Sync that commits what was sent; nothing if a pipeline's next statement comes first."""
    piece = next(arriving, None)
    return piece.data if piece is not None and piece.text is None else b""
