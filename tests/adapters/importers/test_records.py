"""Bytes to records, whatever the bytes are."""

from __future__ import annotations

import io
import json

import pytest

from adapters.importers.records import (
    BLANK,
    CUT_SHORT,
    MAX_DEPTH,
    TOO_LONG,
    UNREADABLE,
    Record,
    Remainder,
    lines,
    parse,
)
from domain.events.base import Json


def pieces(data: bytes, max_bytes: int = 10_000_000) -> list[Json | str]:
    """The bodies of records, and why the rest is none ("held: …" if it may become one)."""
    found = [piece for line in lines(io.BytesIO(data), max_bytes) for piece in parse(line)]
    return [
        piece.body if isinstance(piece, Record) else f"{'held: ' if piece.held else ''}{piece.why}"
        for piece in found
    ]


def test_one_record_a_line() -> None:
    assert pieces(b'{"a": 1}\n{"b": 2}\n') == [{"a": 1}, {"b": 2}]


def test_glued_records_are_counted_within_their_line() -> None:
    data = b'{"a": 1}{"b": 2} {"c": 3}\n{"d": 4}'
    found = [p for line in lines(io.BytesIO(data)) for p in parse(line)]
    places = [(p.line, p.part) for p in found if isinstance(p, Record)]
    assert places == [(1, 1), (1, 2), (1, 3), (2, 1)]


def test_a_last_line_without_its_newline_is_read() -> None:
    assert pieces(b'{"a": 1}') == [{"a": 1}]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_last_line_cut_short_is_held_back(cut: int) -> None:
    assert pieces(b'{"a": 1}\n' + b'{"b": "two"}'[:cut]) == [{"a": 1}, f"held: {CUT_SHORT}"]


def test_a_cut_behind_a_whole_record_holds_the_rest() -> None:
    assert pieces(b'{"a": 1}{"b"') == [{"a": 1}, f"held: {CUT_SHORT}"]


@pytest.mark.parametrize(
    "line", [b"not json", b"[1, 2]", b"12", b'"text"', b'{"a": 1', b"\xff\xfe"]
)
def test_other_lines_are_counted_as_unreadable(line: bytes) -> None:
    assert pieces(line + b"\n") == [UNREADABLE]


def test_blank_lines_are_counted() -> None:
    assert pieces(b"\n  \r\n\0\0\n") == [BLANK, BLANK, BLANK]


def test_what_follows_a_broken_record_on_its_line_is_found() -> None:
    broken = b'{"type":"user","message":{"text":"cut he'
    assert pieces(broken + b'{"type":"user","x":1}{"type":"user","x":2}\n') == [
        UNREADABLE,
        {"type": "user", "x": 1},
        {"type": "user", "x": 2},
    ]


def test_on_the_last_line_it_is_held_with_the_broken_one() -> None:
    assert pieces(b'{"type":"user","cut{"type":"user","x":1}') == [f"held: {CUT_SHORT}"]


def test_what_has_no_type_is_not_looked_for_behind_a_broken_record() -> None:
    assert pieces(b'{"type":"user","cut{"uuid":"x"}\n') == [UNREADABLE]


def test_what_lies_within_a_broken_record_is_not_taken_for_one() -> None:
    assert pieces(b'{"broken, "message": {"type":"user","x":1}}\n') == [UNREADABLE]


def test_windows_line_ends_marks_and_zeros_are_no_part_of_records() -> None:
    assert pieces(b'\xef\xbb\xbf{"a": 1}\r\n\0\0{"b": 2}\r\n') == [{"a": 1}, {"b": 2}]


def test_bad_utf_8_and_nul_survive_within_texts() -> None:
    (body,) = pieces(b'{"a": "x\xffy\\u0000"}\n')
    assert body == {"a": "x\udcffy\0"}


def test_numbers_nobody_can_hold_are_texts() -> None:
    digits = "9" * 5000
    (body,) = pieces(f'{{"a": {digits}, "b": 1e999, "c": NaN, "d": 1.5, "e": 7}}\n'.encode())
    assert body == {"a": digits, "b": "1e999", "c": "NaN", "d": 1.5, "e": 7}


def test_deep_nesting_is_cut_and_bottomless_nesting_is_unreadable() -> None:
    deep = '{"a":' * 500 + "1" + "}" * 500
    (body,) = pieces(deep.encode() + b"\n")
    assert isinstance(body, dict)
    assert len(json.dumps(body).split('{"a"')) == MAX_DEPTH + 2
    assert pieces(b'{"a":' * 100_000 + b"\n") == [UNREADABLE]


def test_a_line_too_long_is_counted_and_passed_over() -> None:
    long = b'{"a": "' + b"x" * 100 + b'"}\n'
    assert pieces(long + b'{"b": 2}\n', max_bytes=50) == [TOO_LONG, {"b": 2}]
    assert pieces(long[:-1], max_bytes=50) == [f"held: {TOO_LONG}"]


def test_the_digest_is_that_of_the_records_exact_bytes() -> None:
    def digests(data: bytes) -> list[str]:
        found = [p for line in lines(io.BytesIO(data)) for p in parse(line)]
        return [p.digest for p in found if isinstance(p, Record)]

    alone = digests(b'{"a": 1}\n')
    assert digests(b'{"a": 1}{"b": 2}\n')[:1] == alone
    assert digests(b'{"a":1}\n') != alone


def test_a_remainder_is_a_value() -> None:
    assert Remainder(BLANK) == Remainder(BLANK)
