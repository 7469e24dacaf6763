"""What may be trusted of a record's body."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from adapters.importers.values import (
    as_json,
    content_text,
    count,
    difference,
    name,
    objects,
    parse_time,
    string,
)
from domain.events.base import Usage
from domain.options import MAX_INTEGER

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02T12:00:00.000Z", NOON),
        ("2026-01-02T13:00:00+01:00", NOON),
        ("2026-01-02 12:00:00", NOON),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("yesterday", None),
        ("", None),
        (1767355200, None),
        (None, None),
    ],
)
def test_times(value: JsonValue, time: datetime | None) -> None:
    assert parse_time(value) == time


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (-3, 0), (2**60, MAX_INTEGER), (True, 0), (1.5, 0), ("3", 0), (None, 0)],
)
def test_counts(value: JsonValue, number: int) -> None:
    assert count({"n": value}, "n") == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("gpt-5", "gpt-5"),
        (" a\nb ", "a\N{REPLACEMENT CHARACTER}b"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("x" * 500, "x" * 200),
        ("  ", None),
        (7, None),
    ],
)
def test_names(value: JsonValue, shown: str | None) -> None:
    assert name(value) == shown


def test_looking_for_what_is_not_there() -> None:
    assert string({"a": 1}, "a") is None
    assert list(objects("text")) == []
    assert list(objects([1, {"a": 1}, None])) == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, "b", {"type": "input_image"}], "a\nb\n[image]"),
        ({"content": "inner"}, "inner"),
        ([7, {}, None], "7\n[object]\nnull"),
        (None, ""),
    ],
)
def test_the_text_of_a_content(content: JsonValue, text: str) -> None:
    assert content_text(content) == text


def test_json_in_a_string() -> None:
    assert as_json('{"a": 1}') == {"a": 1}
    assert [as_json(text) for text in ("7", "x", "[" * 100_000)] == ["7", "x", "[" * 100_000]


def test_usage_after_a_reset_of_the_count_is_the_count() -> None:
    before = Usage(input_tokens=9, output_tokens=9, cached_input_tokens=9)
    reset = Usage(input_tokens=5, output_tokens=2)
    assert difference(reset, before) == reset
    more = Usage(input_tokens=10, output_tokens=9, cached_input_tokens=1)
    assert difference(more, before) == Usage(input_tokens=1)
