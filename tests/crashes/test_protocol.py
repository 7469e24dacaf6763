"""What passes on the wire is read as what it is, however it is cut, and named."""

from __future__ import annotations

import struct

from adapters.postgres.queries import load_queries
from tests.crashes.effects import is_known, is_quiet, name_of
from tests.crashes.protocol import Piece, pieces

STARTUP = struct.pack("!ii", 8, 196_608)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


PARSE = message(b"P", b"s1\0SELECT 1\0\0\0")
BIND = message(b"B", b"\0s1\0\0\0\0\0\0\0")
DESCRIBE, EXECUTE = message(b"D", b"P\0"), message(b"E", b"\0\0\0\0\0")
SYNC, QUERY = message(b"S", b""), message(b"Q", b"COMMIT\0")


def test_pieces_end_where_the_server_has_something_to_do() -> None:
    sent = [
        STARTUP,
        PARSE + BIND + DESCRIBE + EXECUTE,
        SYNC,
        BIND + EXECUTE,  # prepared before, and in a pipeline
        BIND + EXECUTE,
        SYNC,
        QUERY,
    ]
    wanted = [
        Piece(sent[0]),
        Piece(sent[1], "SELECT 1", asks=False),
        Piece(SYNC),
        Piece(sent[3], "SELECT 1", asks=False),
        Piece(sent[4], "SELECT 1", asks=False),
        Piece(SYNC),
        Piece(QUERY, "COMMIT"),
    ]
    whole = b"".join(sent)
    for size in (1, 7, len(whole)):
        cut = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert list(pieces(cut)) == wanted


def test_what_is_cut_off_is_no_piece() -> None:
    assert list(pieces([STARTUP + PARSE + BIND + EXECUTE[:-1]])) == [Piece(STARTUP)]


def test_a_statement_has_the_name_of_its_file_however_its_parameters_are_written() -> None:
    query = load_queries("leases.sql")["release_lease"]
    sent = query.replace("%(turn_id)s", "$1").replace("%(token)s", "$2")
    assert name_of(query) == name_of(sent) == "release_lease"


def test_what_nobody_has_named_is_not_taken_for_a_read() -> None:
    for statement in ("SELECT append_v9($1)", "UPDATE leases SET token = 1", "TRUNCATE log", "x"):
        assert not is_known(name_of(statement))
        assert not is_quiet(name_of(statement))
